//! Opens connections: one that writes, one that keeps the file, several that read. No statement of a port stands here.

use rusqlite::{Connection, OpenFlags, Result};
use std::{path::Path, time::Duration};

/// How long a connection waits for another process's lock, such as a backup tool's. Our own threads never wait for it.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Bytes that the log file keeps after it was reset.
const LOG_KEPT_BYTES: u64 = 8 << 20;

/// Page cache of the writer in KiB: the pages that a batch of 4,096 records touches.
const WRITER_CACHE_KIB: u32 = 8192;

/// Page cache of each other connection in KiB. The operating system's cache stands behind it.
const READER_CACHE_KIB: u32 = 512;

/// Prepared statements kept by a connection: all that the ports use, and room for lists with various filters.
const STATEMENTS_MAX: usize = 96;

/// Opens the connection that writes, and makes the file a WAL store if it is new.
pub(crate) fn writer(path: &Path) -> Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, WRITER_CACHE_KIB)?;
    // Only takes effect on a new file: pages that were freed can be given back in bounded steps.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    write_pragmas(&connection)?;
    Ok(connection)
}

/// Opens the connection that checkpoints. It does not wait for readers.
pub(crate) fn keeper(path: &Path) -> Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, READER_CACHE_KIB)?;
    write_pragmas(&connection)?;
    connection.busy_timeout(Duration::ZERO)?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(crate) fn reader(path: &Path) -> Result<Connection> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, READER_CACHE_KIB)
}

fn open(path: &Path, access: OpenFlags, cache_kib: u32) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.pragma_update(None, "cache_size", -i64::from(cache_kib))?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // Not mapped: a mapped file counts as this process's memory, and an I/O error in it would be a signal instead of an error.
    connection.pragma_update(None, "mmap_size", 0)?;
    Ok(connection)
}

/// `synchronous = NORMAL` hands a commit to the operating system and syncs only around checkpoints (and the 32-byte head of a
/// log that begins anew, which guards against torn restarts); the keeper syncs once a second. `secure_delete = FAST` zeroes
/// what is deleted wherever that costs no further write, so that revoked secrets do not linger in pages that are still used.
fn write_pragmas(connection: &Connection) -> Result<()> {
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_KEPT_BYTES, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "secure_delete", "FAST", |_| Ok(()))
}
