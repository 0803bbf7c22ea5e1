//! The thread that syncs the log once a second and moves it into the file. It answers no call.
//!
//! A commit is handed to the operating system by the writer and synced here: `kill -9` loses nothing, a power cut the last
//! second or so.

use crate::writer::Turn;
use rusqlite::Connection;
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering, mpsc},
    thread::{Builder, JoinHandle},
    time::Duration,
};

/// Time between syncs: what a power cut may cost.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Bytes of log from which on it is moved into the file: reads stay quick, and the writer's stall at the end short.
const LOG_BYTES_MOVED: u64 = 8 << 20;

/// Bytes of log from which on the keeper waits for readers, and the writer with it. Only a read of many seconds lets it grow so.
const LOG_BYTES_MAX: u64 = 256 << 20;

/// How long the keeper waits for readers once the log is over its bound.
const READERS_WAIT: Duration = Duration::from_secs(1);

/// The way to the thread. Dropping it ends the thread as well.
#[derive(Debug)]
pub(crate) struct Keeper(mpsc::SyncSender<()>);

struct Work {
    connection: Connection,
    log: File,
    turn: Arc<Turn>,
}

impl Keeper {
    /// Starts the thread. The log file must exist.
    pub(crate) fn start(path: &Path, connection: Connection, turn: Arc<Turn>) -> io::Result<(Self, JoinHandle<()>)> {
        let work = Work { connection, log: File::open(log_path(path))?, turn };
        let (sender, stopped) = mpsc::sync_channel(1);
        let thread = Builder::new().name("sqlite-keeper".to_owned()).spawn(move || work.run(&stopped))?;
        Ok((Self(sender), thread))
    }

    /// Tells the thread to sync and empty the log, and to end.
    pub(crate) fn stop(self) {
        // It has ended already.
        let _ = self.0.send(());
    }
}

impl Work {
    fn run(&self, stopped: &mpsc::Receiver<()>) {
        while stopped.recv_timeout(SYNC_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
            if self.turn.is_dirty.swap(false, Ordering::AcqRel) {
                self.sync();
                self.move_log();
            }
        }
        self.sync();
        self.empty_log(READERS_WAIT);
    }

    fn sync(&self) {
        if let Err(error) = self.log.sync_data() {
            tracing::error!(error = %error, "the store's log could not be synced: a power cut may now lose more than a second");
        }
    }

    fn move_log(&self) {
        let bytes = self.log.metadata().map_or(0, |metadata| metadata.len());
        if bytes < LOG_BYTES_MOVED {
            return;
        }
        // Most of it beside the writer, the rest while it waits; a reader in the log postpones the rest.
        if let Err(error) = checkpoint(&self.connection, "PASSIVE") {
            tracing::warn!(error = %error, "the store's log could not be moved into the file");
            return;
        }
        self.empty_log(if bytes < LOG_BYTES_MAX { Duration::ZERO } else { READERS_WAIT });
    }

    fn empty_log(&self, wait: Duration) {
        let _turn = self.turn.turn.lock();
        let emptied = self.connection.busy_timeout(wait).and_then(|()| checkpoint(&self.connection, "TRUNCATE"));
        if let Err(error) = emptied {
            tracing::warn!(error = %error, "the store's log could not be emptied");
        }
    }
}

/// Moves the log into the file; false when a reader kept it from moving all.
pub(crate) fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<bool> {
    connection
        .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get::<_, i64>(0))
        .map(|busy| busy == 0)
}

/// The log beside the file at `path`.
pub(crate) fn log_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection;

    /// A store with a log of a little over `bytes`, and the keeper's work on it.
    fn with_log(directory: &Path, bytes: u64) -> (Connection, Work) {
        let path = directory.join("relay.db");
        File::create(&path).expect("a file");
        let writer = connection::writer(&path).expect("a store");
        writer.execute_batch("CREATE TABLE filled (bytes BLOB)").expect("a table");
        writer.execute("INSERT INTO filled VALUES (zeroblob(?1))", [bytes]).expect("a row");
        let log = File::open(log_path(&path)).expect("the log");
        let work = Work { connection: connection::keeper(&path).expect("a store"), log, turn: Arc::default() };
        (writer, work)
    }

    fn log_bytes(work: &Work) -> u64 {
        work.log.metadata().expect("the log").len()
    }

    #[test]
    fn a_short_log_is_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let (_writer, work) = with_log(directory.path(), LOG_BYTES_MOVED / 2);
        work.move_log();
        assert!(log_bytes(&work) > LOG_BYTES_MOVED / 2);
    }

    #[test]
    fn a_long_log_is_emptied_while_nobody_reads() {
        let directory = tempfile::tempdir().expect("a directory");
        let (_writer, work) = with_log(directory.path(), LOG_BYTES_MOVED);
        work.move_log();
        assert_eq!(log_bytes(&work), 0);
    }

    #[test]
    fn a_log_that_is_read_is_emptied_once_the_reader_has_gone() {
        let directory = tempfile::tempdir().expect("a directory");
        let (writer, work) = with_log(directory.path(), LOG_BYTES_MOVED);
        let reader = connection::reader(&directory.path().join("relay.db")).expect("a reader");
        let reading = reader.unchecked_transaction().expect("a snapshot");
        let count = |connection: &Connection| connection.query_row("SELECT count(*) FROM filled", [], |row| row.get(0));
        assert_eq!(count(&reading), Ok(1));
        writer.execute("INSERT INTO filled VALUES (NULL)", []).expect("the writer does not wait for the reader");
        work.move_log();
        assert!(log_bytes(&work) > 0);
        assert_eq!(count(&reading), Ok(1));
        drop(reading);
        work.move_log();
        assert_eq!(log_bytes(&work), 0);
        assert_eq!(count(&reader), Ok(2));
    }
}
