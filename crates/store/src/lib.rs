//! The ports: what the relay needs of a store, as capabilities with an atomic contract each. No engine is named here.
//!
//! Every sentence of a contract is tested on every engine by the conformance suite. [`memory`] is the reference:
//! the shortest code that keeps the contracts, and what the engines are compared with.

pub mod affinity;
pub mod audit;
pub mod checks;
pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod error;
pub mod events;
pub mod health;
pub mod idempotency;
pub mod keyspace;
pub mod leases;
pub mod ledger;
pub mod limits;
pub mod listing;
pub mod local;
pub mod locks;
pub mod memory;
pub mod nouns;
pub mod packed;
pub mod rankings;
pub mod records;
pub mod sessions;

pub use affinity::{Affinity, AffinityKey, AffinityScope, Bindings};
pub use audit::{Audit, AuditEntry};
pub use clock::Clock;
pub use error::StoreError;
pub use events::{Event, Events, Notice, Subscription};
pub use health::Health;
pub use idempotency::Idempotency;
pub use keyspace::Family;
pub use leases::{Acquired, LeaseId, LeaseSubject, Leases, QueuePlace};
pub use ledger::{Batch, Epoch, Ledger, Lineage};
pub use limits::{Limits, Reserved};
pub use locks::{Fence, Locks};
pub use rankings::Rankings;
pub use records::{Record, RecordError, Records, Version};
pub use sessions::{Session, Sessions};

use std::sync::Arc;

/// All ports of one store.
#[derive(Clone)]
pub struct Store {
    /// Typed records.
    pub records: Arc<dyn Records>,
    /// Windows and budgets.
    pub limits: Arc<dyn Limits>,
    /// Concurrency slots and queue places.
    pub leases: Arc<dyn Leases>,
    /// Sticky sessions.
    pub affinity: Arc<dyn Affinity>,
    /// Locks with fencing.
    pub locks: Arc<dyn Locks>,
    /// Cooldowns of accounts.
    pub health: Arc<dyn Health>,
    /// The books.
    pub ledger: Arc<dyn Ledger>,
    /// What the books say of every key at once.
    pub rankings: Arc<dyn Rankings>,
    /// Sign-in sessions.
    pub sessions: Arc<dyn Sessions>,
    /// What was changed through the control plane.
    pub audit: Arc<dyn Audit>,
    /// Answers to requests that may be sent again.
    pub idempotency: Arc<dyn Idempotency>,
    /// Change notices.
    pub events: Arc<dyn Events>,
}
