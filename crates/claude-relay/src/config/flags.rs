//! The flags of the command line that are settings. No secret has one: process lists show flags to everybody.

use super::setting::Spec;
use std::path::PathBuf;

/// Settings on the command line; they win over the environment and the file.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// Configuration file [default: claude-relay.toml in the data directory, if it is there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Directory that everything lasting is kept in [default: ./data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Where records are kept: sqlite, redis [default: redis if the environment says where it is, else sqlite]
    #[arg(long, value_name = "KIND")]
    pub store: Option<String>,
    /// Address and port to listen on [default: 127.0.0.1:3000]
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
    /// Directory of the log files [default: logs beside the data directory]
    #[arg(long, value_name = "DIR")]
    pub log_dir: Option<String>,
    /// What is logged: error, warn, info, debug, trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// How lines look on the terminal: text, json, auto [default: auto]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
}

impl Flags {
    /// The text that the setting's flag was given.
    pub(super) fn get(&self, spec: &Spec) -> Option<&str> {
        let given = match spec.flag? {
            "--data-dir" => &self.data_dir,
            "--store" => &self.store,
            "--listen" => &self.listen,
            "--log-dir" => &self.log_dir,
            "--log-level" => &self.log_level,
            "--log-format" => &self.log_format,
            _ => return None,
        };
        given.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table;
    use clap::{Args, Command};

    #[test]
    fn the_command_line_has_the_flags_of_the_table_and_each_reaches_its_setting() {
        let command = Flags::augment_args(Command::new("relay"));
        let on_command_line: Vec<String> =
            command.get_arguments().filter_map(|arg| arg.get_long().map(|long| format!("--{long}"))).collect();
        let mut in_table = vec!["--config"];
        in_table.extend(table::ALL.iter().filter_map(|spec| spec.flag));
        in_table.sort_unstable();
        let mut sorted = on_command_line;
        sorted.sort_unstable();
        assert_eq!(sorted, in_table);
        let given = || Some("x".to_owned());
        let all = Flags {
            config: None,
            data_dir: given(),
            store: given(),
            listen: given(),
            log_dir: given(),
            log_level: given(),
            log_format: given(),
        };
        for spec in table::ALL.iter().filter(|spec| spec.flag.is_some()) {
            assert_eq!(all.get(spec), Some("x"), "{}", spec.name);
        }
    }
}
