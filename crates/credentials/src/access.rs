//! An access token in the clear, for the header of one request. It is never shown.

use domain::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use std::{fmt, sync::Arc};

/// An access token. Cheap to clone.
#[derive(Clone)]
pub struct AccessToken {
    secret: Arc<SecretString>,
    expires_at: Option<Timestamp>,
}

impl AccessToken {
    pub(crate) fn new(secret: SecretString, expires_at: Option<Timestamp>) -> Self {
        Self { secret: Arc::new(secret), expires_at }
    }

    /// The token itself: printable ASCII.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    /// When it ends; none: the provider does not say.
    #[must_use]
    pub const fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// Whether it can still be sent at `now`.
    pub(crate) fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

impl PartialEq for AccessToken {
    /// By the token alone.
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for AccessToken {}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
