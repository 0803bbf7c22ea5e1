//! Opens the store and closes it: file, schema, threads. Nothing is read or written for a port here.

use crate::{
    affinity::SqliteAffinity,
    audit::SqliteAudit,
    connection,
    health::SqliteHealth,
    idempotency::SqliteIdempotency,
    keeper::{self, Keeper},
    ledger::{SqliteLedger, index},
    readers::Readers,
    records::SqliteRecords,
    schema::{self, Identity, MIGRATIONS},
    sessions::SqliteSessions,
    writer::{Turn, Writer},
};
use domain::Timestamp;
use parking_lot::Mutex;
use rusqlite::Connection;
use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};
use store::{
    Fence, Store, StoreError,
    events::LocalEvents,
    local::{LocalLeases, LocalLimits, LocalLocks},
};

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file, or one beside it, could not be created, read or synced, or a thread could not be started.
    #[error("{} could not be opened", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `SQLite` refused.
    #[error("the store could not {operation}")]
    Sqlite {
        /// What.
        operation: &'static str,
        /// Why.
        source: rusqlite::Error,
    },
    /// It is a database, but not one of ours.
    #[error("the file is a database of another program")]
    Foreign,
    /// A newer release has written it.
    #[error(
        "the store has schema version {found}, and this release knows versions up to {known}: \
         start the newer release, or put back the copy that it made (`relay.db.before-v{}`)", known + 1
    )]
    Newer {
        /// The version that it has.
        found: usize,
        /// The newest that this release knows.
        known: usize,
    },
    /// A step of the schema failed; the store is as it was.
    #[error("the store's schema could not be brought to version {version}; it is unchanged")]
    Migration {
        /// Which.
        version: usize,
        /// Why.
        source: rusqlite::Error,
    },
}

/// An open store: its threads and its identity. The ports are had from [`store`](Self::store).
pub struct SqliteStore {
    identity: Identity,
    ports: Store,
    limits: Arc<LocalLimits>,
    writer: Writer,
    readers: Arc<Readers>,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    writer: JoinHandle<()>,
    keeper: JoinHandle<()>,
    stop_keeper: Keeper,
}

/// What the ports work with.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) writer: Writer,
    pub(crate) readers: Arc<Readers>,
    /// The log, for who cannot wait for the keeper's next sync.
    pub(crate) log: Arc<File>,
}

impl SqliteStore {
    /// Opens the store at `path`, or makes it there (mode 0600), and starts its two threads. `now` dates a new store.
    ///
    /// Blocks: for the start of a process, before anything is served. What an earlier process left in the log is moved into the
    /// file and synced. The caller owns the data directory: two processes on one file are slow, and their notices do not meet.
    ///
    /// # Errors
    ///
    /// When the file is not ours, has a newer schema, cannot be brought up to date, or cannot be read or written.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, OpenError> {
        let failed = |source| OpenError::File { path: path.to_owned(), source };
        create_private(path).map_err(failed)?;
        let mut connection = connection::writer(path).map_err(OpenError::sqlite("open the file"))?;
        let identity = schema::bring_up_to_date(&mut connection, path, MIGRATIONS, now)?;
        let last_fence = count_start(&connection).map_err(OpenError::sqlite("count the start"))?;
        sync_directory(path).map_err(failed)?;
        Self::start(path, connection, identity, last_fence)
    }

    fn start(path: &Path, connection: Connection, identity: Identity, last_fence: Fence) -> Result<Self, OpenError> {
        let failed = |source| OpenError::File { path: path.to_owned(), source };
        let (events, turn) = (LocalEvents::default(), Arc::new(Turn::default()));
        let keeper = connection::keeper(path).map_err(OpenError::sqlite("open the file again"))?;
        let (stop_keeper, keeper) = Keeper::start(path, keeper, Arc::clone(&turn)).map_err(failed)?;
        let (writer, thread) = Writer::start(connection, events.clone(), turn, index::build).map_err(failed)?;
        let log = Arc::new(File::open(keeper::log_path(path)).map_err(failed)?);
        let engine = Engine { writer, readers: Readers::new(path.to_owned()), log };
        let limits = Arc::new(LocalLimits::default());
        let ports = Store {
            records: Arc::new(SqliteRecords(engine.clone())),
            limits: Arc::clone(&limits) as _,
            leases: Arc::new(LocalLeases::default()),
            affinity: Arc::new(SqliteAffinity(engine.clone())),
            locks: Arc::new(LocalLocks::after(last_fence)),
            health: Arc::new(SqliteHealth(engine.clone())),
            ledger: Arc::new(SqliteLedger(engine.clone())),
            rankings: Arc::new(SqliteLedger(engine.clone())),
            sessions: Arc::new(SqliteSessions(engine.clone())),
            audit: Arc::new(SqliteAudit(engine.clone())),
            idempotency: Arc::new(SqliteIdempotency(engine.clone())),
            events: Arc::new(events),
        };
        let threads = Mutex::new(Some(Threads { writer: thread, keeper, stop_keeper }));
        Ok(Self { identity, ports, limits, writer: engine.writer, readers: engine.readers, threads })
    }

    /// The ports.
    #[must_use]
    pub fn store(&self) -> Store {
        self.ports.clone()
    }

    /// The counters of open windows, to be [restored](LocalLimits::restore) before the first request is admitted.
    #[must_use]
    pub fn limits(&self) -> &LocalLimits {
        &self.limits
    }

    /// The store's own random id, made with the file: 32 hex digits.
    #[must_use]
    pub fn store_id(&self) -> &str {
        &self.identity.store_id
    }

    /// The version of the schema.
    #[must_use]
    pub const fn schema_version(&self) -> u32 {
        schema::VERSION
    }

    /// Whether nothing had ever been written to it, no record and no batch, when it was opened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.identity.is_empty
    }

    /// Records of the books that the filter indexes lack: they are found all the same, by reading them. A metric.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn unindexed_records(&self) -> Result<u64, StoreError> {
        self.readers.read(index::lag).await
    }

    /// Commits what waits, moves the log into the file, syncs it, and ends the threads. Calls that come later fail as
    /// out of reach. Once is enough; a second call does nothing.
    ///
    /// Not cancel-safe: dropped in between, the threads end when the last port is dropped, and the log is moved at the next start.
    pub async fn shutdown(&self) {
        let Some(threads) = self.threads.lock().take() else { return };
        self.writer.stop().await;
        join(threads.writer, "writer").await;
        self.readers.close().await;
        threads.stop_keeper.stop();
        join(threads.keeper, "keeper").await;
    }
}

impl OpenError {
    /// A refusal of `operation` by `SQLite`.
    pub(crate) fn sqlite(operation: &'static str) -> impl Fn(rusqlite::Error) -> Self {
        move |source| Self::Sqlite { operation, source }
    }
}

async fn join(thread: JoinHandle<()>, name: &'static str) {
    let joined = tokio::task::spawn_blocking(move || thread.join()).await;
    if !matches!(joined, Ok(Ok(()))) {
        tracing::error!(thread = name, "a thread of the store has panicked");
    }
}

/// Counts one more start of the store and syncs it; returns the fence that every fence of this run is greater than.
fn count_start(connection: &Connection) -> rusqlite::Result<Fence> {
    let starts: u32 =
        connection.query_row("UPDATE lock SET starts = starts + 1 RETURNING starts", [], |row| row.get(0))?;
    keeper::checkpoint(connection, "TRUNCATE")?;
    // Four billion fences a run, and as many runs; both stay below 2^63, which every engine can hold.
    Ok(Fence(u64::from(starts) << 32))
}

/// Makes an empty file that only its owner may read, unless there is a file.
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Makes the name of a new file last.
pub(crate) fn sync_directory(file: &Path) -> io::Result<()> {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}
