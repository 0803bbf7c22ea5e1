//! Reads batches back, for the delivery. Nothing is written here.

use crate::{checkpoint::Files, file::BatchRange, inbox::Core};
use domain::Attempt;
use rusqlite::{Connection, OpenFlags, params};
use std::{io, path::Path};
use store::{
    Lineage,
    packed::{self, PackedError},
};

/// A connection of its own: reading never waits for the writer, nor the writer for it.
pub(crate) struct Reader {
    connection: Connection,
    files: Files,
}

/// Why a batch cannot be read now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the journal could not be read")]
    File(#[from] rusqlite::Error),
    #[error("the journal could not be synced")]
    Sync(#[from] io::Error),
    #[error("a later version of the relay wrote the journal")]
    Newer(#[source] PackedError),
}

impl Reader {
    pub(crate) fn open(path: &Path, files: Files) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Self { connection: Connection::open_with_flags(path, flags)?, files })
    }

    /// Every batch that has a row, in order; never empty.
    pub(crate) fn batches(&self) -> rusqlite::Result<Vec<BatchRange>> {
        let all = "SELECT number, first_seq, last_seq FROM batch ORDER BY number";
        self.connection.prepare_cached(all)?.query_map([], BatchRange::from_row)?.collect()
    }

    /// The ledger's lineage as last noted; none at first.
    pub(crate) fn lineage(&self) -> rusqlite::Result<Option<Lineage>> {
        let noted =
            self.connection.query_row("SELECT lineage FROM journal", [], |row| row.get::<_, Option<String>>(0))?;
        Ok(noted.map(|text| Lineage(text.into())))
    }

    /// The records of a batch, synced to disk with its boundaries: only then may its number be told to anyone. None when they
    /// are no longer kept.
    pub(crate) fn attempts(&self, core: &Core, batch: BatchRange) -> Result<Option<Vec<Attempt>>, ReadError> {
        const CHUNKS: &str =
            "SELECT records, last_seq - first_seq + 1 FROM chunk WHERE last_seq BETWEEN ? AND ? ORDER BY last_seq";
        self.files.sync_wal(core)?;
        let records = usize::try_from(batch.last_seq - batch.first_seq + 1).unwrap_or(0);
        let (mut attempts, mut kept) = (Vec::with_capacity(records), 0);
        let mut chunks = self.connection.prepare_cached(CHUNKS)?;
        let mut rows = chunks.query(params![batch.first_seq, batch.last_seq])?;
        while let Some(row) = rows.next()? {
            let chunk = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
            unpack_chunk(chunk, &mut attempts).map_err(ReadError::Newer)?;
            kept += row.get::<_, usize>(1)?;
        }
        if kept == records && attempts.len() < records {
            let damaged = records - attempts.len();
            tracing::error!(batch = batch.number, records = damaged, "damaged records in the journal are left out");
        }
        Ok((kept == records).then_some(attempts))
    }
}

/// A damaged record is left out; one of a later version stops everything, because that version can read it.
fn unpack_chunk(mut chunk: &[u8], attempts: &mut Vec<Attempt>) -> Result<(), PackedError> {
    while let Some(record) = next_record(&mut chunk) {
        match packed::unpack(record) {
            Ok(attempt) => attempts.push(attempt),
            Err(PackedError::Damaged(_)) => {}
            Err(newer @ PackedError::Newer(_)) => return Err(newer),
        }
    }
    Ok(())
}

fn next_record<'a>(chunk: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (bytes, rest) = chunk.split_first_chunk()?;
    let bytes = usize::try_from(u32::from_le_bytes(*bytes)).ok()?;
    let (record, rest) = rest.split_at_checked(bytes)?;
    *chunk = rest;
    Some(record)
}
