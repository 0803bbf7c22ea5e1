//! Concurrency slots and queue places: each with an identity and an expiry, so that none is lost when a process dies.

use crate::error::StoreError;
use async_trait::async_trait;
use domain::{AccountId, KeyId, Timestamp};
use std::{num::NonZeroU32, time::Duration};

/// Whose slots.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LeaseSubject {
    /// An account's (`concurrency:{accountId}`).
    Account(AccountId),
    /// An API key's own (`concurrency:key:{keyId}`).
    Key(KeyId),
}

/// Identity of one slot or place: unique per attempt, `<request id>.<attempt>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseId(pub std::sync::Arc<str>);

/// The answer to a request for a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquired {
    /// It is held now.
    Granted,
    /// All slots are held.
    Full {
        /// How many are held.
        held: u32,
    },
}

/// The answer to a request for a place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueuePlace {
    /// Waiting; so many are in front.
    Waiting {
        /// Places in front of this one.
        ahead: u32,
    },
    /// The queue is at its length.
    Full,
}

/// The port of slots and places.
///
/// * A slot is granted only while fewer than `ceiling` unexpired slots of the subject are held; the test and the taking are one step.
/// * Acquiring an id that is held renews it and counts once.
/// * An expired slot or place counts no longer, whether or not it was swept.
/// * Places are served in the order in which they were entered; renewing does not move one back.
/// * `acquire` and `enter` are cancel-safe: what is taken for a caller that no longer waits is given back soon, and long before it expires.
/// * `release` and `leave` do not wait: they are called from `drop`. On a shared engine they are sent, and the expiry backs them.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes a slot until `now + ttl`.
    async fn acquire(
        &self,
        subject: &LeaseSubject,
        id: &LeaseId,
        ceiling: NonZeroU32,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Acquired, StoreError>;

    /// Prolongs slots that are held until `now + ttl`; those that had expired, or were released before, are taken again without a test
    /// of the ceiling. So may be those that are released while this is under way: they are to be released once more afterwards.
    async fn renew(&self, slots: &[(LeaseSubject, LeaseId)], ttl: Duration, now: Timestamp) -> Result<(), StoreError>;

    /// Gives a slot back. Giving back what is not held does nothing.
    fn release(&self, subject: &LeaseSubject, id: &LeaseId);

    /// Slots held at `now`.
    async fn held(&self, subject: &LeaseSubject, now: Timestamp) -> Result<u32, StoreError>;

    /// Enters the queue of `key` (`concurrency:queue:{apiKeyId}`), or renews the place until `now + ttl`.
    async fn enter(
        &self,
        key: &KeyId,
        place: &LeaseId,
        length_max: NonZeroU32,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<QueuePlace, StoreError>;

    /// Leaves the queue. Leaving what was not entered does nothing.
    fn leave(&self, key: &KeyId, place: &LeaseId);

    /// Removes expired slots and places; says how many.
    async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError>;
}
