//! Sticky sessions: which account a client's session went to. A hint: who reads one checks that the account is still eligible.

use crate::error::StoreError;
use async_trait::async_trait;
use domain::{AccountId, GroupId, KeyId, Service, Timestamp};
use sha2::{Digest, Sha256};
use std::{fmt::Write, sync::Arc, time::Duration};

/// Bytes of a hash that tell its scope, so that the bindings of one scope stand together and can be removed together.
const SCOPE_BYTES: usize = 8;

/// Whose sessions are told apart by their names alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AffinityScope {
    /// Those of one key.
    Key(KeyId),
    /// Those of all keys that are bound to one group.
    Group(GroupId),
}

/// `sticky_session:{sessionHash}`: a hash over the scope (key or group) and the client's session identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AffinityKey(Arc<str>);

/// Bindings that are removed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bindings<'a> {
    /// Every one.
    All,
    /// Those to an account.
    To(&'a AccountId),
    /// Those of a scope.
    In(&'a AffinityScope),
}

impl AffinityKey {
    /// The key of `session`, which is any text of a client's, for calls of `service`. The text itself stands nowhere in it.
    #[must_use]
    pub fn of(scope: &AffinityScope, service: Service, session: &[u8]) -> Self {
        let (scope, session) = (
            scope.digest(),
            Sha256::new()
                .chain_update(scope.text())
                .chain_update([0])
                .chain_update(service.as_str())
                .chain_update([0])
                .chain_update(session)
                .finalize(),
        );
        let bytes = scope.iter().chain(&session).take(session.len());
        Self(hex(bytes).into())
    }

    /// Takes 64 lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (text.len() == 64 && plain).then(|| Self(text.into()))
    }

    /// The hash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AffinityScope {
    /// What the hashes of all its sessions begin with, and no other scope's.
    #[must_use]
    pub fn prefix(&self) -> String {
        hex(&self.digest())
    }

    fn digest(&self) -> [u8; SCOPE_BYTES] {
        let whole = Sha256::digest(self.text());
        std::array::from_fn(|place| whole[place])
    }

    fn text(&self) -> String {
        match self {
            Self::Key(id) => format!("key:{id}"),
            Self::Group(id) => format!("group:{id}"),
        }
    }
}

fn hex<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> String {
    bytes.into_iter().fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The port of sticky sessions.
///
/// * A binding is found until its TTL is over at `now`; it survives a restart.
/// * `bind` is atomic: with `expected`, it takes effect only while the binding is still that one (none: while there is none).
///   A binding that has ended or was removed stands in nobody's way: `bind` then takes effect whatever was expected.
/// * A binding that moves to another account, and one that is removed before its end, is announced as
///   [`Notice::Affinity`](crate::Notice::Affinity): of one session, or, where several are removed, of all.
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

    /// Removes these bindings; says how many there were.
    async fn flush(&self, which: Bindings<'_>) -> Result<u64, StoreError>;

    /// Removes up to `limit` bindings that have ended at `now`; says how many.
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_differ_by_scope_service_and_session_and_begin_with_their_scope() {
        let key = |id| AffinityScope::Key(KeyId::parse(id).expect("an id"));
        let group = AffinityScope::Group(GroupId::parse("k1").expect("an id"));
        let cases = [
            (key("k1"), Service::Claude, "s1"),
            (key("k1"), Service::Claude, "s2"),
            (key("k1"), Service::OpenAi, "s1"),
            (key("k2"), Service::Claude, "s1"),
            (group, Service::Claude, "s1"),
        ];
        let mut seen = std::collections::BTreeSet::new();
        for (scope, service, session) in cases {
            let hash = AffinityKey::of(&scope, service, session.as_bytes());
            assert_eq!(AffinityKey::parse(hash.as_str()).as_ref(), Some(&hash));
            assert!(hash.as_str().starts_with(&scope.prefix()), "{hash:?}");
            assert!(seen.insert(hash), "{scope:?} {service} {session}");
        }
    }
}
