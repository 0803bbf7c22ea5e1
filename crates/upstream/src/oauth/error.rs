//! Why an authorisation server gave no token: what it refused, or how far the request came. No secret stands in any of them.

use crate::SendError;
use http::StatusCode;
use std::{fmt, time::Duration};

/// What the server refused, by its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCode {
    /// The code, device code or refresh token is not valid, or no longer: used, expired, revoked.
    InvalidGrant,
    /// The server does not know the client, or its secret is wrong.
    InvalidClient,
    /// The client may not do this, or the server does not know the way.
    Unauthorized,
    /// The scopes are not granted.
    InvalidScope,
    /// A parameter is missing or wrong.
    InvalidRequest,
    /// A person has said no.
    AccessDenied,
    /// The device was not confirmed yet (RFC 8628).
    AuthorizationPending,
    /// The device asks too often (RFC 8628).
    SlowDown,
    /// The device code has expired (RFC 8628).
    ExpiredToken,
    /// A word that no standard has.
    Other,
}

/// No token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OAuthError {
    /// The server said no.
    #[error("the authorisation server refused: {}", Said(code, description))]
    Refused {
        /// Which of the words it used.
        code: RefusalCode,
        /// Its word and description, cut and without secrets.
        description: String,
    },
    /// The server cannot answer for now: 429, 5xx, or its own word for it.
    #[error("the authorisation server answers {status} for now")]
    Unavailable {
        /// Its status.
        status: StatusCode,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// No connection: the request was not sent.
    #[error("there is no connection to the authorisation server")]
    NotSent,
    /// The request was sent, and no whole answer came: whether it was carried out is not known.
    #[error("the authorisation server's answer did not come, or not whole")]
    Lost,
    /// An answer that is none of OAuth, by its status.
    #[error("the authorisation server's answer ({status}) is not one of OAuth")]
    NotOAuth {
        /// Its status.
        status: StatusCode,
    },
    /// The settings do not make a request.
    #[error("the OAuth client's settings make no request: {0}")]
    Settings(&'static str),
}

/// A refusal for people.
struct Said<'a>(&'a RefusalCode, &'a str);

impl RefusalCode {
    /// Reads the word of RFC 6749 (5.2, 4.1.2.1) or 8628 (3.5); what a provider says instead of `invalid_grant` counts as that.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "invalid_grant" | "refresh_token_expired" | "refresh_token_reused" | "refresh_token_invalidated" => {
                Self::InvalidGrant
            }
            "invalid_client" => Self::InvalidClient,
            "unauthorized_client" | "unsupported_grant_type" | "unsupported_response_type" => Self::Unauthorized,
            "invalid_scope" => Self::InvalidScope,
            "invalid_request" => Self::InvalidRequest,
            "access_denied" => Self::AccessDenied,
            "authorization_pending" => Self::AuthorizationPending,
            "slow_down" => Self::SlowDown,
            "expired_token" => Self::ExpiredToken,
            _ => Self::Other,
        }
    }
}

impl OAuthError {
    /// Whether the grant is gone for good: only a new sign-in helps.
    #[must_use]
    pub const fn is_revoked(&self) -> bool {
        matches!(self, Self::Refused { code: RefusalCode::InvalidGrant | RefusalCode::AccessDenied, .. })
    }

    /// Whether the server may have carried the request out, so that what was sent may be spent.
    #[must_use]
    pub fn may_have_been_taken(&self) -> bool {
        match self {
            Self::Lost => true,
            // A gateway in front of the server may have given up on an answer that was under way.
            Self::Unavailable { status, .. } => status.is_server_error(),
            Self::NotOAuth { status } => status.is_success() || status.is_server_error(),
            Self::Refused { .. } | Self::NotSent | Self::Settings(_) => false,
        }
    }

    /// How long the server asks to wait, where it does.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        if let Self::Unavailable { retry_after, .. } = self { *retry_after } else { None }
    }

    pub(super) const fn from_send(error: &SendError) -> Self {
        match error {
            SendError::Connect(_) | SendError::Proxy(_) => Self::NotSent,
            SendError::Broken(_) | SendError::Socket(_) | SendError::HeadTimeout => Self::Lost,
        }
    }
}

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(code, description) = self;
        let meaning = match code {
            RefusalCode::InvalidGrant => "the code or token is not valid, or no longer",
            RefusalCode::InvalidClient => "it does not take the client's id or secret",
            RefusalCode::Unauthorized => "the client may not sign in this way",
            RefusalCode::InvalidScope => "it does not grant the scopes",
            RefusalCode::InvalidRequest => "a parameter is missing or wrong",
            RefusalCode::AccessDenied => "the sign-in was declined",
            RefusalCode::AuthorizationPending => "the sign-in was not confirmed yet",
            RefusalCode::SlowDown => "it is asked too often",
            RefusalCode::ExpiredToken => "the code has expired",
            RefusalCode::Other => "for a reason of its own",
        };
        write!(f, "{meaning} ({description})")
    }
}
