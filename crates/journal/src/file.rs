//! The journal's SQLite file: its schema, and everything that is ever written to it. Only whoever holds the writer is here.
//!
//! | table | holds |
//! |---|---|
//! | `journal` | one row: the epoch, a counter that a write can be tried on, and the ledger's lineage as last seen |
//! | `opening` | attempts that have begun and not ended |
//! | `chunk` | ended attempts, in groups as they were written: per record its length (four bytes, little-endian) and [`store::packed`] |
//! | `batch` | which records are which batch. Number 0 holds what belongs to no batch of this epoch. The last row always stays |
//!
//! Records are numbered by place, without gaps. Chunks are whole in one batch.

use crate::{error::JournalError, inbox::Closing};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use std::{fs::OpenOptions, io, path::Path};
use store::{Epoch, Lineage, ledger::BATCH_RECORDS_MAX};

/// The schema that this version writes, in `user_version`.
const SCHEMA: i64 = 2;

/// From the schema before.
const FROM_1: &str = "ALTER TABLE journal ADD COLUMN lineage TEXT; PRAGMA user_version = 2;";

/// Records in one chunk: several make a batch, so that batches can be filled well.
const CHUNK_RECORDS_MAX: usize = 512;

/// Records that one step of forgetting removes: well below a millisecond, because answers wait for the writer.
pub(crate) const FORGET_RECORDS_MAX: i64 = 1024;

/// Statements kept prepared: all that are used here.
const STATEMENTS_MAX: usize = 32;

/// SQLite's page size here, its default.
const PAGE_BYTES: u64 = 4096;

const TABLES: &str = "
    CREATE TABLE journal (epoch TEXT NOT NULL, writes INTEGER NOT NULL, lineage TEXT) STRICT;
    CREATE TABLE opening (id INTEGER PRIMARY KEY, record BLOB NOT NULL) STRICT;
    CREATE TABLE chunk (last_seq INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, records BLOB NOT NULL) STRICT;
    CREATE TABLE batch (number INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL) STRICT;
    INSERT INTO batch VALUES (0, 0, 0);
";

/// A batch's place in the log, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchRange {
    pub(crate) number: i64,
    pub(crate) first_seq: i64,
    pub(crate) last_seq: i64,
}

/// A new epoch, and its batch 0.
pub(crate) struct EpochStart {
    pub(crate) epoch: Epoch,
    pub(crate) batch: BatchRange,
}

/// One step of forgetting.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Forgetting {
    /// Records up to this one.
    Records(i64),
    /// Records up to the end of this batch, and its row if it is not the last.
    Batch(BatchRange),
}

/// The open file, to be written.
pub(crate) struct LogFile {
    connection: Connection,
    last_seq: i64,
    last_batch: BatchRange,
    /// Room for the next chunk.
    chunk: Vec<u8>,
}

impl BatchRange {
    pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { number: row.get(0)?, first_seq: row.get(1)?, last_seq: row.get(2)? })
    }
}

impl LogFile {
    /// Opens the file, makes it (mode 0600) if there is none, and closes what a crash left open.
    pub(crate) fn open(path: &Path, bytes_max: u64) -> Result<(Self, Epoch), JournalError> {
        let failed = |source| JournalError::File { path: path.to_owned(), source };
        create_private(path).map_err(|source| JournalError::System { operation: "make its file", source })?;
        let connection = Connection::open(path).map_err(failed)?;
        configure(&connection, bytes_max).map_err(failed)?;
        let found = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
        match found {
            SCHEMA => {}
            1 => connection.execute_batch(&format!("BEGIN IMMEDIATE; {FROM_1} COMMIT;")).map_err(failed)?,
            0 => create(&connection).map_err(failed)?,
            _ => return Err(JournalError::Newer { path: path.to_owned(), found, known: SCHEMA }),
        }
        let (last_seq, last_batch) = last(&connection).map_err(failed)?;
        let mut file = Self { connection, last_seq, last_batch, chunk: Vec::new() };
        file.close_openings().map_err(failed)?;
        let epoch: String =
            file.connection.query_row("SELECT epoch FROM journal", [], |row| row.get(0)).map_err(failed)?;
        Ok((file, Epoch(epoch.into())))
    }

    pub(crate) fn last_seq(&self) -> i64 {
        self.last_seq
    }

    /// Writes beginnings and ends in one transaction. On an error nothing of it is written.
    pub(crate) fn write<'a>(
        &mut self,
        openings: impl Iterator<Item = (u64, &'a [u8])>,
        closings: &[Closing],
    ) -> rusqlite::Result<()> {
        self.transaction(|file| {
            for (id, record) in openings {
                file.statement("INSERT INTO opening VALUES (?, ?)")?.execute(params![opening_id(id), record])?;
            }
            let mut next_seq = file.last_seq + 1;
            for group in closings.chunks(CHUNK_RECORDS_MAX) {
                next_seq = file.write_chunk(next_seq, group)?;
            }
            Ok(next_seq - 1)
        })
        .map(|last_seq| self.last_seq = last_seq)
    }

    /// Writes something of no consequence.
    pub(crate) fn probe(&mut self) -> rusqlite::Result<()> {
        self.transaction(|file| file.statement("UPDATE journal SET writes = writes + 1")?.execute([]).map(|_| ()))
    }

    /// Makes the next batch of what is in none; none when everything is in one.
    pub(crate) fn cut(&mut self) -> rusqlite::Result<Option<BatchRange>> {
        const WHOLE_CHUNKS: &str = "SELECT max(last_seq) FROM chunk WHERE last_seq > ? AND last_seq <= ?";
        let after = self.last_batch.last_seq;
        let batch = self.transaction(|file| {
            let most = after + i64::try_from(BATCH_RECORDS_MAX).expect("a few thousand");
            let last_seq: Option<i64> = file.statement(WHOLE_CHUNKS)?.query_row([after, most], |row| row.get(0))?;
            let Some(last_seq) = last_seq else { return Ok(None) };
            let batch = BatchRange { number: file.last_batch.number + 1, first_seq: after + 1, last_seq };
            file.write_batch(batch)?;
            Ok(Some(batch))
        })?;
        self.last_batch = batch.unwrap_or(self.last_batch);
        Ok(batch)
    }

    /// Removes what is delivered and old.
    pub(crate) fn forget(&mut self, what: Forgetting) -> rusqlite::Result<()> {
        self.transaction(|file| {
            let (last_seq, number) = match what {
                Forgetting::Records(last_seq) => (last_seq, -1),
                Forgetting::Batch(batch) => (batch.last_seq, batch.number),
            };
            file.statement("DELETE FROM chunk WHERE last_seq <= ?")?.execute([last_seq])?;
            let but_the_last = [number, file.last_batch.number];
            file.statement("DELETE FROM batch WHERE number <= ? AND number < ?")?.execute(but_the_last)?;
            Ok(())
        })
    }

    /// Begins a new epoch: what comes after `after_seq` will be cut into batches anew, what lies before is gone.
    pub(crate) fn new_epoch(&mut self, after_seq: i64) -> rusqlite::Result<EpochStart> {
        let epoch = random_epoch(&self.connection)?;
        let batch = self.transaction(|file| {
            file.statement("DELETE FROM chunk WHERE last_seq <= ?")?.execute([after_seq])?;
            file.statement("DELETE FROM batch")?.execute([])?;
            let first: Option<i64> =
                file.statement("SELECT min(first_seq) FROM chunk")?.query_row([], |row| row.get(0))?;
            let floor = first.map_or(file.last_seq, |first_seq| first_seq - 1);
            let batch = BatchRange { number: 0, first_seq: floor, last_seq: floor };
            file.write_batch(batch)?;
            file.statement("UPDATE journal SET epoch = ?")?.execute([&*epoch.0])?;
            Ok(batch)
        })?;
        self.last_batch = batch;
        Ok(EpochStart { epoch, batch })
    }

    /// Notes the history that the ledger carries on: everything that is delivered from now on goes into it.
    pub(crate) fn note_lineage(&mut self, lineage: &Lineage) -> rusqlite::Result<()> {
        self.transaction(|file| file.statement("UPDATE journal SET lineage = ?")?.execute([&*lineage.0]).map(|_| ()))
    }

    fn write_batch(&self, batch: BatchRange) -> rusqlite::Result<()> {
        let row = [batch.number, batch.first_seq, batch.last_seq];
        self.statement("INSERT INTO batch VALUES (?, ?, ?)")?.execute(row).map(|_| ())
    }

    /// Writes a chunk from `first_seq` on; answers the number after its last record.
    fn write_chunk(&mut self, first_seq: i64, closings: &[Closing]) -> rusqlite::Result<i64> {
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.clear();
        for closing in closings {
            match &closing.record {
                Some(record) => push_record(&mut chunk, record),
                None => push_record(&mut chunk, &self.opening(closing)?),
            }
            if let Some(id) = closing.opening {
                self.statement("DELETE FROM opening WHERE id = ?")?.execute([opening_id(id)])?;
            }
        }
        let next_seq = first_seq + i64::try_from(closings.len()).expect("a chunk is small");
        self.statement("INSERT INTO chunk VALUES (?, ?, ?)")?.execute(params![next_seq - 1, first_seq, chunk])?;
        self.chunk = chunk;
        Ok(next_seq)
    }

    fn opening(&self, closing: &Closing) -> rusqlite::Result<Vec<u8>> {
        let id = closing.opening.map(opening_id);
        self.statement("SELECT record FROM opening WHERE id = ?")?.query_row([id], |row| row.get(0))
    }

    /// Turns what is open into ended attempts, in the order in which they began.
    fn close_openings(&mut self) -> rusqlite::Result<()> {
        const AFTER: &str = "SELECT id, record FROM opening WHERE id > ? ORDER BY id LIMIT 1";
        self.transaction(|file| {
            let (mut seq, mut id) = (file.last_seq, -1_i64);
            let row = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?));
            while let Some((next, record)) = file.statement(AFTER)?.query_row([id], row).optional()? {
                let mut chunk = Vec::new();
                push_record(&mut chunk, &record);
                (seq, id) = (seq + 1, next);
                file.statement("INSERT INTO chunk VALUES (?, ?, ?)")?.execute(params![seq, seq, chunk])?;
            }
            file.statement("DELETE FROM opening")?.execute([])?;
            Ok(seq)
        })
        .map(|last_seq| self.last_seq = last_seq)
    }

    fn transaction<T>(&mut self, write: impl FnOnce(&mut Self) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        self.statement("BEGIN IMMEDIATE")?.execute([])?;
        let written = write(self).and_then(|written| {
            self.statement("COMMIT")?.execute([])?;
            Ok(written)
        });
        // SQLite has rolled back by itself after some errors; a rollback that fails changes nothing then.
        if written.is_err() && !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        written
    }

    fn statement(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.connection.prepare_cached(sql)
    }
}

/// Settings of the writer's connection. `NORMAL`: a commit is not synced; what would tear the file apart is.
fn configure(connection: &Connection, bytes_max: u64) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "max_page_count", i64::try_from(bytes_max / PAGE_BYTES).unwrap_or(i64::MAX))?;
    Ok(())
}

fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    connection.execute_batch(TABLES)?;
    connection.execute("INSERT INTO journal VALUES (?, 0, NULL)", [&*random_epoch(connection)?.0])?;
    connection.pragma_update(None, "user_version", SCHEMA)?;
    connection.execute_batch("COMMIT")
}

/// Makes an empty file that only its owner may read, unless there is a file. SQLite's own files beside it get its mode.
fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn last(connection: &Connection) -> rusqlite::Result<(i64, BatchRange)> {
    let last_batch = "SELECT number, first_seq, last_seq FROM batch ORDER BY number DESC LIMIT 1";
    let last_batch = connection.query_row(last_batch, [], BatchRange::from_row)?;
    let last_seq: Option<i64> = connection.query_row("SELECT max(last_seq) FROM chunk", [], |row| row.get(0))?;
    Ok((last_seq.unwrap_or(0).max(last_batch.last_seq), last_batch))
}

/// 128 random bits; SQLite seeds its generator from the operating system's.
fn random_epoch(connection: &Connection) -> rusqlite::Result<Epoch> {
    let text: String = connection.query_row("SELECT lower(hex(randomblob(16)))", [], |row| row.get(0))?;
    Ok(Epoch(text.into()))
}

fn push_record(chunk: &mut Vec<u8>, record: &[u8]) {
    let bytes = u32::try_from(record.len()).expect("a record has some hundred bytes");
    chunk.extend_from_slice(&bytes.to_le_bytes());
    chunk.extend_from_slice(record);
}

fn opening_id(number: u64) -> i64 {
    i64::try_from(number).expect("nobody opens 2^63 attempts")
}
