//! The reference: every port over the memory of one process, as short as its contract allows. Nothing outlives the process.
//!
//! The engines are compared with it call by call, and tests of other crates run on it.

mod affinity;
mod audit;
mod health;
mod idempotency;
mod ledger;
mod records;
mod sessions;

use crate::{
    Fence, Store,
    events::LocalEvents,
    local::{LocalLeases, LocalLimits, LocalLocks},
};
use std::sync::Arc;

/// A new, empty store.
#[must_use]
pub fn store() -> Store {
    let events = LocalEvents::default();
    let ledger = Arc::new(ledger::MemoryLedger::default());
    Store {
        records: Arc::new(records::MemoryRecords::new(events.clone())),
        limits: Arc::new(LocalLimits::default()),
        leases: Arc::new(LocalLeases::default()),
        affinity: Arc::new(affinity::MemoryAffinity::new(events.clone())),
        locks: Arc::new(LocalLocks::after(Fence(0))),
        health: Arc::new(health::MemoryHealth::new(events.clone())),
        ledger: Arc::clone(&ledger) as _,
        rankings: ledger,
        sessions: Arc::new(sessions::MemorySessions::default()),
        audit: Arc::new(audit::MemoryAudit::default()),
        idempotency: Arc::new(idempotency::MemoryIdempotency::default()),
        events: Arc::new(events),
    }
}
