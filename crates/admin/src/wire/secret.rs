//! A secret that a client sends. It is never sent back: there is no way to serialise it.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

/// A secret in clear text, wiped from memory on drop; `Debug` does not show it.
#[derive(Debug, Clone)]
pub(crate) struct ClearText(pub(crate) SecretString);

impl<'de> Deserialize<'de> for ClearText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretString::from(text)))
    }
}
