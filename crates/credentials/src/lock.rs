//! The lock under which an account's token is refreshed: one node at a time, each refresh with time enough left for its call.

use crate::error::CredentialError;
use domain::AccountId;
use std::{sync::Arc, time::Duration};
use store::{Clock, Locks, Store};
use tokio::time::Instant;
use upstream::oauth::TOKEN_CALL_MAX;

/// How long the lock is held without renewal: a call, what is read and written around it, and a margin for clocks that differ.
const LOCK_TTL: Duration = Duration::from_secs(75);

/// How long another node is waited for: longer than a refresh takes while all is well.
const WAIT_MAX: Duration = Duration::from_secs(40);

/// How often the lock is asked for.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// What must be left of the lock when the call begins: the call, and the time to store its answer.
const LEFT_MIN: Duration = TOKEN_CALL_MAX.saturating_add(Duration::from_secs(10));

/// A held lock. It is given back by [`release`](Self::release), or ends with its time.
pub(crate) struct Held {
    locks: Arc<dyn Locks>,
    name: String,
    holder: Arc<str>,
    until: Instant,
}

/// An attempt to get it.
pub(crate) enum Attempt {
    Held(Held),
    /// Another node has it.
    Taken,
}

impl Held {
    /// Asks for the lock of an account once.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub(crate) async fn ask(
        store: &Store,
        clock: &dyn Clock,
        id: &AccountId,
        holder: &Arc<str>,
    ) -> Result<Attempt, CredentialError> {
        let name = format!("token_refresh:{id}");
        let until = Instant::now() + LOCK_TTL;
        let fence = store.locks.acquire(&name, holder, LOCK_TTL, clock.now()).await?;
        let Some(fence) = fence else { return Ok(Attempt::Taken) };
        tracing::debug!(account.id = %id, fence = fence.0, "the lock of a token refresh is held");
        Ok(Attempt::Held(Self { locks: Arc::clone(&store.locks), name, holder: Arc::clone(holder), until }))
    }

    /// Whether a call that begins now ends, and its answer is stored, before another node may begin one.
    pub(crate) fn has_time_for_a_call(&self) -> bool {
        Instant::now() + LEFT_MIN <= self.until
    }

    /// Gives it back.
    pub(crate) async fn release(self) {
        if let Err(error) = self.locks.release(&self.name, &self.holder).await {
            tracing::debug!(error = %error, lock = self.name, "a lock is left to end by itself");
        }
    }
}

/// The turns of who waits for a lock.
pub(crate) struct Turns(Instant);

impl Turns {
    pub(crate) fn begin() -> Self {
        Self(Instant::now() + WAIT_MAX)
    }

    /// Waits for the next turn.
    ///
    /// # Errors
    ///
    /// When it has waited long enough.
    pub(crate) async fn next(&self) -> Result<(), CredentialError> {
        if Instant::now() >= self.0 {
            return Err(CredentialError::Busy);
        }
        tokio::time::sleep(ASK_EVERY).await;
        Ok(())
    }
}
