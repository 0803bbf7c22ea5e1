//! What other programs read of the command line: completions of shells, and pages of the manual. Both are made from it.

use crate::cli::{Cli, CommandError};
use clap::CommandFactory;
use clap_complete::Shell;
use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

/// The program's name.
const PROGRAM: &str = "claude-relay";

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// The directory, which is made if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Writes the completions of a shell to standard output.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), PROGRAM, &mut script);
    let mut out = io::stdout().lock();
    out.write_all(&script)?;
    out.flush()?;
    Ok(())
}

/// Writes a page for each command.
pub(crate) fn pages(args: &ManArgs) -> Result<(), CommandError> {
    let out = &args.out;
    fs::create_dir_all(out).map_err(|error| format!("cannot make the directory {}: {error}", out.display()))?;
    clap_mangen::generate_to(Cli::command(), out)
        .map_err(|error| format!("cannot write the pages into {}: {error}", out.display()))?;
    Ok(())
}
