//! Cooldowns of accounts, with typed causes and stated ends, and the windows of their subscriptions. Whether one excludes an account
//! is decided in `scheduling`.

use crate::error::StoreError;
use async_trait::async_trait;
use domain::{AccountId, Cooldown, CooldownScope, Timestamp, UsageWindow};

/// The port of account health (`rate_limit_state:{accountId}`, `overload:{accountId}`, `session_window:{accountId}`).
///
/// * There is at most one cooldown per account and scope.
/// * `begin` replaces an older cooldown of that scope unless the older one outweighs it ([`Cooldown::outweighs`]): an
///   exclusion is not hidden by a guess that ends later. Either way it is atomic.
/// * There is at most one window per account and name: the one that was told last.
/// * A cooldown is not returned once `now` has reached its end, nor is a window.
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

    /// Keeps what a provider told of an account's windows. Windows that are not named stay as they are.
    async fn tell_windows(&self, account: &AccountId, windows: &[UsageWindow]) -> Result<(), StoreError>;

    /// The windows of these accounts at `now`, in the order of the accounts, each account's by name.
    async fn windows(
        &self,
        accounts: &[AccountId],
        now: Timestamp,
    ) -> Result<Vec<(AccountId, UsageWindow)>, StoreError>;

    /// Removes up to `limit` cooldowns and windows that have ended at `now`, as far as they do not go by themselves; says how many.
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError>;
}
