//! Sticky sessions: which account a client's session went to. A hint: who reads one checks that the account is still eligible.

use crate::error::StoreError;
use async_trait::async_trait;
use domain::{AccountId, Timestamp};
use std::time::Duration;

/// `sticky_session:{sessionHash}`: a hash over the scope (key or group) and the client's session identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AffinityKey(String);

impl AffinityKey {
    /// Takes 64 lower-case hex digits: the SHA-256 of scope and session.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (text.len() == 64 && plain).then(|| Self(text.to_owned()))
    }

    /// The hash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The port of sticky sessions.
///
/// * A binding is found until its TTL is over at `now`; it survives a restart.
/// * `bind` is atomic: with `expected`, it takes effect only while the binding is still that one (none: while there is none).
///   A binding that has ended or was removed stands in nobody's way: `bind` then takes effect whatever was expected.
#[async_trait]
pub trait Affinity: Send + Sync {
    /// The account bound to `key`; when there is one and `renew` is given, its TTL starts again.
    async fn get(
        &self,
        key: &AffinityKey,
        renew: Option<Duration>,
        now: Timestamp,
    ) -> Result<Option<AccountId>, StoreError>;

    /// Binds `key` to `account` if it is bound to `expected` now; returns the account that it is bound to afterwards.
    async fn bind(
        &self,
        key: &AffinityKey,
        expected: Option<&AccountId>,
        account: &AccountId,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<AccountId, StoreError>;

    /// Removes a binding; says whether there was one.
    async fn unbind(&self, key: &AffinityKey) -> Result<bool, StoreError>;

    /// Removes every binding to `account` (none: every one); says how many.
    async fn flush(&self, account: Option<&AccountId>) -> Result<u64, StoreError>;

    /// Removes up to `limit` bindings that have ended at `now`; says how many.
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError>;
}
