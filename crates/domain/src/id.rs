//! Names of things: opaque texts that never change once given.

use crate::time::Timestamp;
use std::{fmt, sync::Arc};

/// Longest id, in bytes.
pub const ID_BYTES_MAX: usize = 64;

/// A text that is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to 64 characters out of A-Z, a-z, 0-9, `_` and `-`")]
pub struct IdError;

fn parse(text: &str) -> Result<Arc<str>, IdError> {
    let fits = (1..=ID_BYTES_MAX).contains(&text.len());
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if fits && plain { Ok(Arc::from(text)) } else { Err(IdError) }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Opaque, `[A-Za-z0-9_-]{1,64}`; cheap to clone.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes over an id that exists already.
            ///
            /// # Errors
            ///
            /// When `text` is empty, too long, or has another character.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                parse(text).map(Self)
            }

            /// Makes an id from a fresh UUID, version 7 (RFC 9562): ids made later sort later.
            #[must_use]
            pub fn from_uuid(uuid: uuid::Uuid) -> Self {
                let mut buffer = uuid::Uuid::encode_buffer();
                Self(Arc::from(&*uuid.as_hyphenated().encode_lower(&mut buffer)))
            }

            /// The id's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }
    };
}

id!(
    /// One relayed request; its attempts share it.
    RequestId
);
id!(
    /// One key that the relay issued.
    KeyId
);
id!(
    /// One account at a provider.
    AccountId
);
id!(
    /// One group of accounts.
    GroupId
);
id!(
    /// One person who owns keys.
    UserId
);
id!(
    /// One administrator.
    AdminId
);
id!(
    /// One sign-in session: the `jti` of its token (RFC 7519, 4.1.7), never the token.
    SessionId
);
id!(
    /// One API token of an administrator: never the token itself.
    TokenId
);
id!(
    /// One entry of the audit log: a UUID, version 7, of its instant, so that entries are ordered by their ids.
    AuditId
);

impl AuditId {
    /// When the entry was made; none where the id is no UUID, version 7.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        let uuid = uuid::Uuid::try_parse(&self.0).ok().filter(|uuid| uuid.get_version_num() == 7)?;
        let (seconds, nanos) = uuid.get_timestamp()?.to_unix();
        i64::try_from(seconds)
            .ok()?
            .checked_mul(1000)?
            .checked_add(i64::from(nanos / 1_000_000))
            .map(Timestamp::from_ms)
    }

    /// The id before which all entries stand that were made before `at`.
    #[must_use]
    pub fn first_of(at: Timestamp) -> Self {
        // RFC 9562, 5.7: 48 bits of milliseconds in front.
        let ms = u64::try_from(at.as_ms()).unwrap_or(0).min((1 << 48) - 1);
        let (high, low) = (ms >> 16, ms & 0xffff);
        Self(Arc::from(format!("{high:08x}-{low:04x}-7000-8000-000000000000")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_earlier_service_are_ids() {
        for text in ["6f1f1c0e-7d0f-4a57-9d3c-0c6b3a5f7d11", "0123456789abcdef0123456789abcdef", "a"] {
            assert_eq!(KeyId::parse(text).map(|id| id.as_str().to_owned()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn an_audit_id_tells_its_instant_and_stands_behind_the_first_of_it() {
        let at = Timestamp::from_ms(1_795_392_000_123);
        let uuid = uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, 1_795_392_000, 123_000_000));
        let id = AuditId::from_uuid(uuid);
        assert_eq!((id.at(), AuditId::first_of(at).at()), (Some(at), Some(at)));
        assert!(AuditId::first_of(at) <= id && id < AuditId::first_of(Timestamp::from_ms(at.as_ms() + 1)));
        assert_eq!(AuditId::parse("a1").expect("an id").at(), None);
    }

    #[test]
    fn what_could_break_out_of_a_key_name_is_no_id() {
        for text in ["", "a:b", "a{b}", "ä", "a b", "a/b", &"x".repeat(65)] {
            assert_eq!(KeyId::parse(text), Err(IdError), "{text:?}");
        }
    }
}
