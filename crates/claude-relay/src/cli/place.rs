//! Which installation a command is about, and in which form it answers: the flags that every command has.

use crate::{
    cli::{CommandError, console::Form, read_settings},
    config::{Flags, Loaded},
};
use std::path::PathBuf;

/// Flags of every command that looks at an installation.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Place {
    /// Configuration file [default: claude-relay.toml in the data directory, if it is there]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Installation")]
    config: Option<PathBuf>,
    /// Data directory of the relay [default: ./data]
    #[arg(long, value_name = "DIR", global = true, help_heading = "Installation")]
    data_dir: Option<String>,
    /// Where records are kept: sqlite, redis [default: redis if the environment says where it is, else sqlite]
    #[arg(long, value_name = "KIND", global = true, help_heading = "Installation")]
    store: Option<String>,
    /// Answer with the API's JSON document, as it is
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,
}

impl Place {
    /// In which form answers are shown.
    pub(crate) const fn form(&self) -> Form {
        if self.json { Form::Json } else { Form::People }
    }

    /// The settings of the installation.
    pub(crate) fn settings(&self) -> Result<Loaded, CommandError> {
        let Self { config, data_dir, store, .. } = self.clone();
        read_settings(Flags { config, data_dir, store, ..Flags::default() })
    }
}
