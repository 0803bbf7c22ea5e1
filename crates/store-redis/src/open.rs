//! Opens the store: servers, identity, ports, and the task that listens to the other nodes. Nothing is read or written for a
//! port here.

use crate::{
    affinity::RedisAffinity,
    announce::Announcer,
    audit::RedisAudit,
    engine::Engine,
    health::RedisHealth,
    idempotency::RedisIdempotency,
    leases::RedisLeases,
    ledger::RedisLedger,
    limits::RedisLimits,
    listen::Listener,
    locks::RedisLocks,
    options::RedisOptions,
    records::{RedisRecords, log::Deadlines},
    schema::{self, Identity, SchemaError},
    server::{self, ServerError, ServerWarning},
    sessions::RedisSessions,
};
use domain::Timestamp;
use redis::RedisError;
use std::sync::Arc;
use store::{Clock, Store, StoreError, events::LocalEvents};

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The settings contradict each other, or a certificate cannot be read.
    #[error("the settings of Redis cannot be used")]
    Options(#[source] RedisError),
    /// The server is not one that can keep the relay's records.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// What is stored there is not ours, or a later release's.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// It could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OpenError {
    /// Whether the same attempt may succeed in a moment: the servers are out of reach.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        use store::error::StoreFailure::Unavailable;
        match self {
            Self::Store(error) => error.kind == Unavailable,
            Self::Server(error) => error.may_pass(),
            Self::Options(_) | Self::Schema(_) => false,
        }
    }
}

/// An open store: its identity, its ports, its task.
pub struct RedisStore {
    engine: Engine,
    identity: Identity,
    warnings: Vec<ServerWarning>,
    ports: Store,
    listener: Listener,
}

impl RedisStore {
    /// Connects, checks the servers, and makes the store there if there is none; `now` dates a new one.
    ///
    /// # Errors
    ///
    /// When the servers are out of reach ([`OpenError::may_pass`]), too old, or hold a later release's store.
    pub async fn open(options: &RedisOptions, now: Timestamp) -> Result<Self, OpenError> {
        let engine = Engine::new(options).map_err(OpenError::Options)?;
        let warnings = server::check(&engine).await?;
        let identity = schema::identify(&engine, now).await?;
        let announcer = Announcer::new(LocalEvents::default(), engine.names());
        let listener = Listener::start(engine.clone(), announcer.clone()).await?;
        let ports = ports(&engine, &announcer);
        Ok(Self { engine, identity, warnings, ports, listener })
    }

    /// The ports.
    #[must_use]
    pub fn store(&self) -> Store {
        self.ports.clone()
    }

    /// The store's own random id, made with it: 32 hex digits.
    #[must_use]
    pub fn store_id(&self) -> &str {
        &self.identity.store_id
    }

    /// The version of what is stored.
    #[must_use]
    pub const fn schema_version(&self) -> u32 {
        schema::VERSION
    }

    /// Whether nothing had ever been written to it, no record and no batch, when it was opened.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.identity.is_empty
    }

    /// What an operator should change about the servers.
    #[must_use]
    pub fn warnings(&self) -> &[ServerWarning] {
        &self.warnings
    }

    /// `node_clock`, corrected to the servers' clock as last heard, so that all nodes agree about windows and days.
    #[must_use]
    pub fn clock(&self, node_clock: Arc<dyn Clock>) -> Arc<dyn Clock> {
        self.listener.clock(node_clock)
    }

    /// Waits of requests and of people for the servers since the start; calls that were sent together count once.
    #[must_use]
    pub fn round_trips(&self) -> u64 {
        self.engine.round_trips()
    }

    /// Ends the task. What is stored is where it is; calls that come later still work.
    pub async fn shutdown(&self) {
        self.listener.stop().await;
    }
}

fn ports(engine: &Engine, announcer: &Announcer) -> Store {
    let (engine, announcer) = (engine.clone(), announcer.clone());
    Store {
        records: Arc::new(RedisRecords::new(engine.clone(), announcer.clone(), Deadlines::DEFAULT)),
        limits: Arc::new(RedisLimits::new(engine.clone())),
        leases: Arc::new(RedisLeases::new(engine.clone())),
        affinity: Arc::new(RedisAffinity { engine: engine.clone(), announcer: announcer.clone() }),
        locks: Arc::new(RedisLocks(engine.clone())),
        ledger: Arc::new(RedisLedger(engine.clone())),
        rankings: Arc::new(RedisLedger(engine.clone())),
        sessions: Arc::new(RedisSessions(engine.clone())),
        audit: Arc::new(RedisAudit(engine.clone())),
        idempotency: Arc::new(RedisIdempotency(engine.clone())),
        events: Arc::new(announcer.local().clone()),
        health: Arc::new(RedisHealth { engine, announcer }),
    }
}
