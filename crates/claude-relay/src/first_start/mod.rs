//! The first start: secrets and the first administrator are made, once, and never written over.
//!
//! `setup` does it and stops; `serve` does it when there was no `setup`. What is made is told in a [`SetupReport`],
//! with the password that nobody can see again. Knows no store: whether one has been here is the directory's to say.

mod administrator;
#[cfg(test)]
mod fixture;
mod init_file;
mod key_fit;
mod secrets_file;
mod setup;

pub use administrator::{AdministratorError, TakenOver, take_over, write_back};
pub use init_file::{Decision, InitFile, InitFileError, StoredAdminCredentials, decide};
pub use key_fit::{KeyCheckError, KeyChecked, check_key};
pub use secrets_file::{Secrets, SecretsError};
pub use setup::{Created, FirstStartError, Prepared, SetupReport, is_set_up, prepare, setup};

use std::path::{Path, PathBuf};

/// A file of the data directory that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}", path.display())]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub cause: std::io::Error,
}

/// Longest of these files in bytes: a hundred times what they hold.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The text of a small file; none when there is no such file.
fn read_small(path: &Path) -> Result<Option<String>, ReadError> {
    let too_large = || std::io::Error::other("it is larger than 64 KB, which no such file is");
    let text = std::fs::metadata(path)
        .and_then(|found| if found.len() > FILE_BYTES_MAX { Err(too_large()) } else { std::fs::read_to_string(path) });
    match text {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(ReadError { path: path.to_owned(), cause }),
    }
}
