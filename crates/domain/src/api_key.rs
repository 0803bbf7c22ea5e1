//! The keys that the relay issues to its clients.

use crate::{
    binding::Binding,
    id::{KeyId, UserId},
    platform::{Service, named},
    rates::RateMultipliers,
    time::Timestamp,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

/// SHA-256 of a whole key: what the store knows of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash(pub [u8; 32]);

named!(
    /// How a stored hash was made.
    HashScheme {
        /// SHA-256 of the key.
        Plain = "sha256",
        /// SHA-256 of the key with the earlier service's encryption key behind it.
        Peppered = "sha256-peppered",
    }
);

named!(
    /// A client program that a key may be restricted to.
    ClientKind {
        /// Anthropic's command line.
        ClaudeCode = "claude_code",
        /// Google's command line.
        GeminiCli = "gemini_cli",
        /// OpenAI's command line.
        CodexCli = "codex_cli",
        /// Factory's command line.
        DroidCli = "droid_cli",
    }
);

/// When a key stops to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// It does not.
    Never,
    /// At an instant.
    At(Timestamp),
    /// A span after its first use.
    AfterFirstUse {
        /// How long the key lives once used.
        lifetime: Duration,
        /// When it was first used, if it was.
        first_used_at: Option<Timestamp>,
    },
}

/// Which services a key may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permissions {
    /// Every service, also those that come later.
    All,
    /// These.
    Only(BTreeSet<Service>),
}

/// Whether a key works, apart from its expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It does.
    Active,
    /// Switched off by an administrator.
    Disabled,
    /// Deleted: kept for the books, refused and not listed.
    Deleted {
        /// When.
        at: Timestamp,
    },
}

/// A key that the relay issued. The key itself is known to its holder only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// What people call it; not unique.
    pub name: String,
    /// A note.
    pub description: String,
    /// Hash of the key.
    pub hash: KeyHash,
    /// How the hash was made.
    pub hash_scheme: HashScheme,
    /// First and last characters of the key, `cr_1a2b…9f`, for people to recognise it; empty when taken over.
    pub hint: String,
    /// What it may use.
    pub permissions: Permissions,
    /// Clients it is restricted to; empty: any.
    pub allowed_clients: Vec<ClientKind>,
    /// Models it may not use, by the name that the client sends.
    pub restricted_models: Vec<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// Whose it is, if a user's.
    pub owner: Option<UserId>,
    /// Who alone serves it, by service; for a service that is not here, the pool that all keys share.
    pub bindings: BTreeMap<Service, Binding>,
    /// Its own factors of the rated cost, in the place of the relay's.
    pub rate_multipliers: RateMultipliers,
    /// What it is recognised by at a glance: an emoji, a name, or a small image as a `data:` URI.
    pub icon: Option<String>,
    /// When it stops to work.
    pub expiry: Expiry,
    /// Whether it works.
    pub state: KeyState,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it: an administrator's or user's name.
    pub created_by: String,
    /// When the record last changed.
    pub updated_at: Timestamp,
}

impl Expiry {
    /// When a key with this expiry ends; none while that is not known or never.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        match *self {
            Self::Never | Self::AfterFirstUse { first_used_at: None, .. } => None,
            Self::At(at) => Some(at),
            Self::AfterFirstUse { lifetime, first_used_at: Some(first) } => Some(first.plus(lifetime)),
        }
    }

    /// Whether it has ended at `now`: the instant itself counts as ended.
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.ends_at().is_some_and(|end| end <= now)
    }
}

impl Permissions {
    /// Whether `service` is among them.
    #[must_use]
    pub fn allow(&self, service: Service) -> bool {
        match self {
            Self::All => true,
            Self::Only(services) => services.contains(&service),
        }
    }
}

impl KeyHash {
    /// Reads 64 hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let mut hash = [0; 32];
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = u8::try_from(high * 16 + low).ok()?;
        }
        Some(Self(hash))
    }
}

impl fmt::Display for KeyHash {
    /// 64 lower-case hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_counted_from_first_use_does_not_end_before_it_is_used() {
        let lifetime = Duration::from_secs(60);
        let unused = Expiry::AfterFirstUse { lifetime, first_used_at: None };
        assert!(!unused.has_ended(Timestamp::from_ms(i64::MAX)));
        let used = Expiry::AfterFirstUse { lifetime, first_used_at: Some(Timestamp::from_ms(1000)) };
        assert!(!used.has_ended(Timestamp::from_ms(60_999)));
        assert!(used.has_ended(Timestamp::from_ms(61_000)));
    }

    #[test]
    fn a_hash_reads_as_it_prints() {
        let hash = KeyHash([0xa5; 32]);
        assert_eq!(KeyHash::parse(&hash.to_string()), Some(hash));
        assert_eq!(KeyHash::parse("zz"), None);
        assert!(!format!("{hash:?}").contains("a5"));
    }
}
