//! The syncing thread: once a second what was written reaches the disk, and now and then moves from the WAL into the file.
//!
//! A checkpoint copies while the writer goes on; only the rest that came meanwhile is copied with the writer held, because
//! otherwise a busy WAL would never be empty and grow without end.

use crate::{error::JournalError, inbox::Core, reader::Reader};
use parking_lot::Mutex;
use rusqlite::Connection;
use std::{
    error::Error,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

/// The promise for the case that the operating system dies: about a second is lost.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// A WAL longer than this is checkpointed: some seconds of full load, and read in a tenth of a second after a crash.
const WAL_BYTES_MAX: u64 = 32 << 20;

/// Copies beside the writer before the last one, which it waits for: the second has only what came during the first.
const ROUNDS: usize = 2;

/// The thread's state.
pub(crate) struct Checkpointer {
    core: Arc<Core>,
    connection: Connection,
    files: Files,
    reader: Arc<Mutex<Reader>>,
    synced_commits: usize,
    /// The last sync failed, and that was logged.
    failing: bool,
}

/// The files themselves. Closing one drops SQLite's own locks on it (POSIX), so they are declared last wherever a connection
/// stands beside them.
pub(crate) struct Files {
    main: File,
    wal: File,
}

impl Files {
    /// Opens both; they exist.
    pub(crate) fn open(path: &Path) -> Result<Self, JournalError> {
        let failed = |source| JournalError::System { operation: "open its own file for syncing", source };
        let mut wal = path.as_os_str().to_owned();
        wal.push("-wal");
        Ok(Self { main: File::open(path).map_err(failed)?, wal: File::open(PathBuf::from(wal)).map_err(failed)? })
    }

    /// What was committed is on the disk afterwards.
    pub(crate) fn sync_wal(&self, core: &Core) -> io::Result<()> {
        core.syncing(|| self.wal.sync_data())
    }
}

impl Checkpointer {
    pub(crate) fn new(core: Arc<Core>, connection: Connection, files: Files, reader: Arc<Mutex<Reader>>) -> Self {
        Self { core, connection, files, reader, synced_commits: 0, failing: false }
    }

    /// Runs until the other end of `stop` is gone, then syncs a last time.
    pub(crate) fn run(mut self, stop: &Receiver<()>) {
        loop {
            let stopping = stop.recv_timeout(SYNC_INTERVAL) != Err(RecvTimeoutError::Timeout);
            let synced = self.sync();
            if synced.is_err() != self.failing {
                self.failing = synced.is_err();
                match synced {
                    Ok(()) => tracing::info!("the journal is synced again"),
                    Err(error) => tracing::error!(error = %error, "the journal cannot be synced"),
                }
            }
            if stopping {
                return;
            }
        }
    }

    fn sync(&mut self) -> Result<(), Box<dyn Error>> {
        let commits = self.core.progress.commits.load(Ordering::Relaxed);
        if commits != self.synced_commits {
            self.files.sync_wal(&self.core)?;
            self.synced_commits = commits;
        }
        // When the disk is full, an emptied WAL is room to write.
        if self.files.wal.metadata()?.len() > WAL_BYTES_MAX || self.core.slots.refusing.load(Ordering::Relaxed) {
            self.core.syncing(|| self.checkpoint())?;
        }
        Ok(())
    }

    fn checkpoint(&self) -> Result<(), Box<dyn Error>> {
        for _ in 0..ROUNDS {
            self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
            // Synced here, so that little is left to sync while the writer waits.
            self.files.main.sync_data()?;
        }
        // A reader's snapshot would keep the WAL from starting over.
        let _reader = self.reader.lock();
        let _writer = self.core.writer.lock();
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Journal, JournalOptions};
    use std::fs;

    #[test]
    fn a_checkpoint_moves_everything_from_the_wal_into_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.db");
        let kept_delivered = Duration::ZERO;
        let options = JournalOptions { path: path.clone(), slots_max: 1, kept_delivered, bytes_max: 1 << 20 };
        let journal = Journal::open(&options).unwrap();
        let shared = &journal.0;
        let (core, reader) = (Arc::clone(&shared.core), Arc::clone(&shared.reader));
        let connection = Connection::open(&path).unwrap();
        let checkpointer = Checkpointer::new(core, connection, Files::open(&path).unwrap(), reader);
        assert!(checkpointer.files.wal.metadata().unwrap().len() > 0);
        checkpointer.checkpoint().unwrap();
        assert_eq!(checkpointer.files.wal.metadata().unwrap().len(), 0);
        let copy = directory.path().join("copy.db");
        fs::copy(&path, &copy).unwrap();
        let copied = Journal::open(&JournalOptions { path: copy, ..options }).unwrap();
        assert_eq!(copied.epoch(), journal.epoch());
    }
}
