//! The store, whichever engine keeps it: opened, told apart, closed. What is kept there is not known here.

use crate::{
    cli::CommandError,
    config::{RedisSettings, StoreEngine},
    data_dir::{DataDir, LockedDataDir, StoreContent, StoreIdentity},
};
use admin::FileSize;
use domain::Timestamp;
use std::{path::PathBuf, sync::Arc, time::Duration};
use store::{Clock, Store};
use store_redis::{RedisOptions, RedisStore, Repeat, TlsOptions};
use store_sqlite::SqliteStore;
use tokio::time::{Instant, sleep};

/// How long the journal keeps what the embedded store has taken: longer than that store's sync is apart.
const SQLITE_KEPT_DELIVERED: Duration = Duration::from_secs(10);

/// How long it keeps what Redis has taken: longer than a failover that loses the last of it may take to be found out.
const REDIS_KEPT_DELIVERED: Duration = Duration::from_secs(10 * 60);

/// How long a start waits for Redis: it may be started at the same time, and read a large file first.
pub(crate) const REDIS_START_MAX: Duration = Duration::from_secs(60);

/// How often a start asks whether Redis is there.
const REDIS_ASK_EVERY: Duration = Duration::from_millis(500);

/// An open store.
pub(crate) enum OpenStore {
    /// In a file of the data directory.
    Sqlite(Box<SqliteStore>),
    /// On servers that other nodes use, too.
    Redis(Box<RedisStore>),
}

/// The store's file is there and cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the store {}; put the right file back, or restore a backup", path.display())]
struct FileUnusable {
    path: PathBuf,
    source: store_sqlite::OpenError,
}

/// The servers are not there, or cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use Redis at {addresses}")]
struct RedisUnusable {
    addresses: String,
    source: store_redis::OpenError,
}

impl OpenStore {
    /// Opens the file in the data directory, or makes it there.
    pub(crate) fn open_embedded(dir: &DataDir, now: Timestamp) -> Result<Self, CommandError> {
        let path = dir.store_file();
        let opened = SqliteStore::open(&path, now);
        Ok(Self::Sqlite(Box::new(opened.map_err(|source| FileUnusable { path, source })?)))
    }

    /// Opens the servers that the settings name, if they name some; they are waited for up to `patience`. A store that is there
    /// already is compared with what the data directory says, and noted there.
    pub(crate) async fn open_shared(
        engine: &StoreEngine,
        dir: &LockedDataDir,
        patience: Duration,
        now: Timestamp,
    ) -> Result<Option<Self>, CommandError> {
        let StoreEngine::Redis(settings) = engine else { return Ok(None) };
        let store = open_redis(settings, patience, now).await?;
        for warning in store.warnings() {
            tracing::warn!("{warning}");
        }
        let store = Self::Redis(Box::new(store));
        if store.identity().content == StoreContent::Filled {
            dir.check_store(store.identity())?;
        }
        Ok(Some(store))
    }

    /// The ports.
    pub(crate) fn store(&self) -> Store {
        match self {
            Self::Sqlite(store) => store.store(),
            Self::Redis(store) => store.store(),
        }
    }

    /// Which store it is, to be compared with what the data directory says.
    pub(crate) fn identity(&self) -> StoreIdentity<'_> {
        let (store_id, is_empty) = match self {
            Self::Sqlite(store) => (store.store_id(), store.is_empty()),
            Self::Redis(store) => (store.store_id(), store.is_empty()),
        };
        StoreIdentity { store_id, content: if is_empty { StoreContent::Empty } else { StoreContent::Filled } }
    }

    /// The engine's name.
    pub(crate) const fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Redis(_) => "redis",
        }
    }

    /// The version of what is stored.
    pub(crate) const fn schema_version(&self) -> u32 {
        match self {
            Self::Sqlite(store) => store.schema_version(),
            Self::Redis(store) => store.schema_version(),
        }
    }

    /// How long the journal keeps what this store has taken.
    pub(crate) const fn kept_delivered(&self) -> Duration {
        match self {
            Self::Sqlite(_) => SQLITE_KEPT_DELIVERED,
            Self::Redis(_) => REDIS_KEPT_DELIVERED,
        }
    }

    /// What an operator should change about its servers; a sentence each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        match self {
            Self::Sqlite(_) => Vec::new(),
            Self::Redis(store) => store.warnings().iter().map(ToString::to_string).collect(),
        }
    }

    /// The clock that all nodes of the store go by.
    pub(crate) fn clock(&self, node_clock: Arc<dyn Clock>) -> Arc<dyn Clock> {
        match self {
            Self::Sqlite(_) => node_clock,
            Self::Redis(store) => store.clock(node_clock),
        }
    }

    /// Waits of requests and of people for the store's servers so far; the embedded store has none.
    pub(crate) fn round_trips(&self) -> u64 {
        match self {
            Self::Sqlite(_) => 0,
            Self::Redis(store) => store.round_trips(),
        }
    }

    /// What the store and the journal take in the data directory.
    pub(crate) fn files(&self, dir: &DataDir) -> Vec<FileSize> {
        let names: &[&str] = match self {
            Self::Sqlite(_) => &["relay.db", "relay.db-wal", "journal.db", "journal.db-wal"],
            Self::Redis(_) => &["journal.db", "journal.db-wal"],
        };
        let size = |name: &&str| FileSize {
            name: (*name).to_owned(),
            bytes: std::fs::metadata(dir.path().join(name)).map_or(0, |found| found.len()),
        };
        names.iter().map(size).collect()
    }

    /// Ends what of it runs.
    pub(crate) async fn shutdown(&self) {
        match self {
            Self::Sqlite(store) => store.shutdown().await,
            Self::Redis(store) => store.shutdown().await,
        }
    }
}

async fn open_redis(settings: &RedisSettings, patience: Duration, now: Timestamp) -> Result<RedisStore, CommandError> {
    let options = redis_options(settings)?;
    let addresses =
        settings.addresses.iter().map(|(host, port)| format!("{host}:{port}")).collect::<Vec<_>>().join(", ");
    let deadline = Instant::now() + patience;
    let mut is_first = true;
    loop {
        let source = match RedisStore::open(&options, now).await {
            Ok(store) => return Ok(store),
            Err(error) if error.may_pass() && Instant::now() < deadline => error,
            Err(source) => return Err(RedisUnusable { addresses, source }.into()),
        };
        if is_first {
            tracing::warn!(addresses, error = %source, "Redis is not there yet; waiting up to {} s", patience.as_secs());
            is_first = false;
        }
        sleep(REDIS_ASK_EVERY).await;
    }
}

fn redis_options(settings: &RedisSettings) -> Result<RedisOptions, CommandError> {
    let roots = |path: &PathBuf| {
        std::fs::read(path).map_err(|error| format!("cannot read the certificates {}: {error}", path.display()))
    };
    let tls = match &settings.tls {
        None => None,
        Some(tls) => Some(TlsOptions { roots_pem: tls.ca_file.as_ref().map(roots).transpose()? }),
    };
    Ok(RedisOptions {
        addresses: settings.addresses.clone(),
        topology: settings.topology.clone(),
        tls,
        username: settings.username.clone(),
        password: settings.password.clone(),
        database: settings.database,
        key_prefix: settings.key_prefix.clone(),
        timeout: settings.timeout,
        repeat: Repeat::Once,
    })
}
