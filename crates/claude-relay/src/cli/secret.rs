//! Where a secret comes from: a file, standard input, or the person at the terminal. Never an argument.

use crate::cli::{
    CommandError,
    console::{ask_secret, read_secret},
    fields::Draft,
};
use secrecy::SecretString;
use std::{
    fs::File,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

/// Where the secret of a command is.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct SecretFlags {
    /// Read the secret from this file; `-` is standard input. One line's end behind it is not part of it
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl SecretFlags {
    /// Whether a place is named.
    pub(crate) const fn is_given(&self) -> bool {
        self.secret_file.is_some()
    }

    /// The secret; asked for with `question` where no place is named.
    pub(crate) fn read(&self, question: &str) -> Result<SecretString, CommandError> {
        match &self.secret_file {
            Some(path) => read_file(path),
            None => ask(question, "--secret-file FILE"),
        }
    }
}

/// The secret in the file at `path`; `-` is standard input.
pub(crate) fn read_file(path: &Path) -> Result<SecretString, CommandError> {
    if path.as_os_str() == "-" {
        return read_secret(io::stdin().lock());
    }
    let file = File::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    read_secret(file)
}

/// The secret that the person at the terminal types; `flag` is how it is given where nobody is there.
pub(crate) fn ask(question: &str, flag: &str) -> Result<SecretString, CommandError> {
    if io::stdin().is_terminal() {
        return ask_secret(question);
    }
    let help = format!("nobody is here to type it; give it with {flag}, or `-` for standard input");
    Err(format!("{question}: {help}").into())
}

/// The password of somebody who signs in: made by the relay, unless one is given.
#[derive(Debug, clap::Args)]
pub(crate) struct PasswordFlags {
    /// Ask for the password instead of making one
    #[arg(long)]
    password: bool,
    #[command(flatten)]
    source: SecretFlags,
}

impl PasswordFlags {
    /// Writes the password for `name`, if one is given.
    pub(crate) fn write(&self, name: &str, draft: &mut Draft) -> Result<(), CommandError> {
        if self.password || self.source.is_given() {
            draft.put_secret("password", &self.source.read(&format!("Password of `{name}` (not shown)"))?);
        }
        Ok(())
    }
}
