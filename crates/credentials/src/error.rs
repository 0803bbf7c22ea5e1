//! Why an account has no usable credential: whose turn it is, the operator's, the network's or the store's.

use domain::{Platform, Timestamp};
use std::fmt;
use store::{RecordError, StoreError};
use upstream::oauth::OAuthError;
use vault::keyring::OpenError;

/// No credential.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CredentialError {
    /// The account does not sign in by OAuth.
    #[error("the account does not sign in by OAuth")]
    NotOAuth,
    /// There is no such account any more.
    #[error("there is no such account")]
    Missing,
    /// Somebody has to sign in anew.
    #[error("the account needs a new sign-in: {reason}")]
    SignInNeeded {
        /// Why, for people.
        reason: String,
    },
    /// A refresh was asked for, and the account has no refresh token.
    #[error("the account has no refresh token")]
    NoRefreshToken,
    /// The operator has set up no OAuth client for the platform.
    #[error("there is no OAuth client for {platform}: set one up first")]
    NotConfigured {
        /// The platform.
        platform: Platform,
    },
    /// The authorisation server refuses the client, not the account.
    #[error("the OAuth client does not work")]
    Client(#[source] OAuthError),
    /// The authorisation server cannot be reached, or not just now.
    #[error("a token cannot be had for now")]
    Unreachable {
        /// What happened.
        #[source]
        cause: OAuthError,
        /// When it is tried again.
        retry_at: Timestamp,
    },
    /// The account's calls cannot be sent on their way.
    #[error("the account's calls have no way out: {0}")]
    NoWay(String),
    /// Another node refreshes the token, and takes too long.
    #[error("another node is refreshing the token")]
    Busy,
    /// The relay is about to end, and begins nothing new.
    #[error("the relay is stopping")]
    Stopping,
    /// A stored secret does not open.
    #[error(transparent)]
    Unreadable(#[from] OpenError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What kind of failure, for logs and notifications: a closed set of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// A person has to sign in.
    SignInNeeded,
    /// The operator's settings.
    Settings,
    /// The way there, or the server at its end.
    Network,
    /// The relay's own store or keys.
    Store,
}

/// Why an account needs a new sign-in. What is stored is the sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInReason {
    /// Nobody has signed in yet.
    Never,
    /// The provider no longer takes the refresh token.
    Revoked,
    /// A refresh was cut off, and the provider no longer takes the token that was sent then.
    AnswerLost,
    /// The provider refuses an access token that it gave just before, or one that cannot be refreshed.
    Refused,
    /// The access token has ended, and there is no refresh token.
    Ended,
    /// An administrator has signed it out.
    SignedOut,
}

impl CredentialError {
    /// What kind of failure it is.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        match self {
            Self::SignInNeeded { .. } | Self::NoRefreshToken => FailureKind::SignInNeeded,
            Self::NotOAuth | Self::Missing | Self::NotConfigured { .. } | Self::Client(_) | Self::NoWay(_) => {
                FailureKind::Settings
            }
            Self::Unreachable { .. } | Self::Busy | Self::Stopping => FailureKind::Network,
            Self::Unreadable(_) | Self::Store(_) => FailureKind::Store,
        }
    }

    pub(crate) fn sign_in(reason: SignInReason) -> Self {
        Self::SignInNeeded { reason: reason.to_string() }
    }
}

impl From<RecordError> for CredentialError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Missing => Self::Missing,
            RecordError::Store(error) => Self::Store(error),
            // The caller tries again where others write too; who gives up has been overtaken all the time.
            RecordError::Conflict { .. } | RecordError::Duplicate { .. } => Self::Busy,
        }
    }
}

impl FailureKind {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignInNeeded => "sign-in-needed",
            Self::Settings => "settings",
            Self::Network => "network",
            Self::Store => "store",
        }
    }
}

impl fmt::Display for SignInReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Never => "nobody has signed in yet",
            Self::Revoked => "the provider no longer takes the refresh token: it was revoked, or has expired",
            Self::AnswerLost => {
                "a refresh was cut off before its answer was stored, and the provider no longer takes the token from before"
            }
            Self::Refused => "the provider refuses the access token",
            Self::Ended => "the access token has ended, and there is no refresh token",
            Self::SignedOut => "it was signed out",
        })
    }
}
