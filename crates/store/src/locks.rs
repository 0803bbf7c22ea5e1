//! Locks across nodes, with fencing: per-account message order, token refresh, one node per job.

use crate::error::StoreError;
use async_trait::async_trait;
use domain::Timestamp;
use std::time::Duration;

/// A number that grows with each new holder of a lock. Who writes under a lock states it, so that a late holder is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence(pub u64);

/// The port of locks.
///
/// * At most one holder at a time, as long as clocks of the nodes agree within the TTL.
/// * A fence is greater than every earlier one of that lock, also after the lock expired or the process restarted.
/// * Acquiring again as the same holder renews and keeps the fence.
#[async_trait]
pub trait Locks: Send + Sync {
    /// Takes the lock `name` for `holder` until `now + ttl`; none while another holds it.
    async fn acquire(
        &self,
        name: &str,
        holder: &str,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Option<Fence>, StoreError>;

    /// Frees the lock if `holder` holds it; says whether it did.
    async fn release(&self, name: &str, holder: &str) -> Result<bool, StoreError>;
}
