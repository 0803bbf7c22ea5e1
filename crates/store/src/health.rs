//! Cooldowns of accounts: typed causes, stated ends. Whether one excludes an account is decided in `scheduling`.

use crate::error::StoreError;
use async_trait::async_trait;
use domain::{AccountId, Cooldown, CooldownScope, Timestamp};

/// The port of account health (`rate_limit_state:{accountId}`, `overload:{accountId}`).
///
/// * There is at most one cooldown per account and scope.
/// * `begin` replaces an older cooldown of that scope unless the older one outweighs it ([`Cooldown::outweighs`]): an
///   exclusion is not hidden by a guess that ends later. Either way it is atomic.
/// * A cooldown is not returned once `now` has reached its end.
/// * Every change is announced as [`Notice::Health`](crate::Notice::Health). State survives a restart.
#[async_trait]
pub trait Health: Send + Sync {
    /// Begins or prolongs a cooldown; returns the one that holds now.
    async fn begin(&self, account: &AccountId, cooldown: &Cooldown) -> Result<Cooldown, StoreError>;

    /// Ends one cooldown, or all of the account; says how many there were.
    async fn end(&self, account: &AccountId, scope: Option<&CooldownScope>) -> Result<u64, StoreError>;

    /// The account's cooldowns at `now`.
    async fn of(&self, account: &AccountId, now: Timestamp) -> Result<Vec<Cooldown>, StoreError>;

    /// All cooldowns at `now`: what a node reads once at its start.
    async fn all(&self, now: Timestamp) -> Result<Vec<(AccountId, Cooldown)>, StoreError>;

    /// Removes up to `limit` cooldowns that have ended at `now`; says how many.
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError>;
}
