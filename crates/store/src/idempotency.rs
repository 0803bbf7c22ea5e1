//! Requests that may be sent again: who works on one now, and what it was answered.

use crate::error::StoreError;
use async_trait::async_trait;
use domain::Timestamp;

/// Somebody who works on a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who, by a name that nobody else has.
    pub holder: String,
    /// What tells the request from another with the same key; opaque here.
    pub request: String,
    /// When somebody else may work on it, if there is no answer by then.
    pub until: Timestamp,
}

/// What a claim found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// Nobody worked on it: the claim holds.
    Yours,
    /// Somebody did, or does.
    Taken {
        /// What they said of the request.
        request: String,
        /// The answer; none while they work on it.
        answer: Option<String>,
    },
}

/// The port of requests that may be sent again.
///
/// * Of parallel claims of one key one holds, on whichever node. The same holder may claim again.
/// * A claim or an answer is found until its end is reached, also after a restart, and not from then on.
/// * Only the holder of a claim that has not ended gives the answer, or gives the claim up.
#[async_trait]
pub trait Idempotency: Send + Sync {
    /// Claims `key` at `now`.
    async fn claim(&self, key: &str, claim: &Claim, now: Timestamp) -> Result<Claimed, StoreError>;

    /// Keeps the answer to what `holder` works on, until `until`; says whether `holder` did.
    async fn answer(
        &self,
        key: &str,
        holder: &str,
        answer: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Gives up what `holder` works on; says whether `holder` did.
    async fn release(&self, key: &str, holder: &str) -> Result<bool, StoreError>;

    /// Removes up to `limit` of those that have ended at `now`; says how many. Where servers do so by themselves: none.
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError>;
}
