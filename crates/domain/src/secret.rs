//! Ciphertext as a type, so that a clear secret cannot be stored by mistake.

use std::fmt;

/// A secret encrypted at rest: `v1:<key id>:<nonce>:<ciphertext and tag>`. Only `vault` makes and opens one.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(String);

impl Sealed {
    /// Wraps an envelope as it stands in the store. Whether it opens is found when it is opened.
    #[must_use]
    pub const fn from_envelope(envelope: String) -> Self {
        Self(envelope)
    }

    /// The envelope's text.
    #[must_use]
    pub fn as_envelope(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}
