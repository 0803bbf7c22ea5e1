//! A field of a partial change: left out, `null`, or a value (JSON Merge Patch, RFC 7396).

use serde::{Deserialize, Deserializer};

/// What a partial change says of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Patch<T> {
    /// Left out: it stays as it is.
    #[default]
    Keep,
    /// `null`: back to what it is when nobody sets it.
    Clear,
    /// A new value.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether there is a new value.
    pub(crate) const fn is_set(&self) -> bool {
        matches!(self, Self::Set(_))
    }

    /// The new value, which is `unset` where the field is to be cleared; none: it stays.
    pub(crate) fn or_cleared(self, unset: T) -> Option<T> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(unset),
            Self::Set(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    /// Left-out fields do not come here: they need `#[serde(default)]`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(|value| value.map_or(Self::Clear, Self::Set))
    }
}
