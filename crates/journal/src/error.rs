//! What can go wrong with the journal, and for whom.

use std::{io, path::PathBuf};

/// The journal cannot be used. Said at start and at shutdown only.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be opened, read or written.
    #[error("the journal {path} cannot be used")]
    File {
        /// Which file.
        path: PathBuf,
        /// SQLite's own error.
        #[source]
        source: rusqlite::Error,
    },
    /// A later version of the relay made the file.
    #[error("the journal {path} has schema {found}; this version of the relay knows {known}: start the later version")]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The file's schema.
        found: i64,
        /// The latest schema that is known here.
        known: i64,
    },
    /// The operating system refused a file or a thread.
    #[error("the journal could not {operation}")]
    System {
        /// What was tried.
        operation: &'static str,
        /// Its own error.
        #[source]
        source: io::Error,
    },
    /// At shutdown, records could not be written any more: the disk is full or gone.
    #[error("the journal ended with {0} records unwritten")]
    Unwritten(usize),
}

/// Why no attempt can be taken on now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JournalRefusal {
    /// As many attempts are open as the journal has slots.
    #[error("as many attempts are open as the journal has slots")]
    Full,
    /// The last write failed, or the journal is closed. It is tried again several times a second.
    #[error("the journal cannot be written now")]
    Unavailable,
}

/// A record is not on the disk yet. It is kept in memory and tried again, but would not survive the end of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal could not write the record")]
pub struct NotWritten;

/// Not everything was applied in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ledger has not taken everything in time")]
pub struct NotDelivered;
