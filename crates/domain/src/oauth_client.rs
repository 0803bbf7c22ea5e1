//! How the relay signs in at a platform's authorisation server: the operator's registration there. Nothing is built in.

use crate::{platform::Platform, platform::named, secret::Sealed, time::Timestamp};
use std::collections::BTreeMap;

named!(
    /// How the parameters of a token request are written.
    TokenBody {
        /// `application/x-www-form-urlencoded`, as RFC 6749 has it.
        Form = "form",
        /// A JSON object, as some providers want it.
        Json = "json",
    }
);

named!(
    /// Where the client's secret stands in a token request (RFC 6749, 2.3.1).
    ClientAuth {
        /// Among the parameters.
        Body = "body",
        /// In the header `Authorization: Basic`.
        Basic = "basic",
    }
);

/// The operator's OAuth client for the accounts of one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthClient {
    /// Whose accounts sign in with it: one that [signs in by OAuth](Platform::signs_in_by_oauth).
    pub platform: Platform,
    /// Where people agree; none: no sign-in by authorisation code.
    pub authorize_url: Option<String>,
    /// Where codes and refresh tokens become access tokens.
    pub token_url: String,
    /// Where a device code is had (RFC 8628); none: no sign-in by device.
    pub device_url: Option<String>,
    /// Where tokens are revoked (RFC 7009); none: a sign-out only forgets them.
    pub revoke_url: Option<String>,
    /// Where the authorisation server sends people back to; it must be registered there.
    pub redirect_uri: Option<String>,
    /// The client's id.
    pub client_id: String,
    /// The client's secret, encrypted; none: a public client.
    pub client_secret: Option<Sealed>,
    /// How the client proves itself where it has a secret.
    pub client_auth: ClientAuth,
    /// What is asked for; separated by spaces.
    pub scopes: String,
    /// How token requests are written.
    pub token_body: TokenBody,
    /// Parameters that the authorisation URL carries beside the standard's own.
    pub authorize_parameters: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Platform {
    /// Whether accounts of this platform may sign in by OAuth.
    #[must_use]
    pub const fn signs_in_by_oauth(self) -> bool {
        match self {
            Self::Claude | Self::Gemini | Self::OpenAi | Self::Droid => true,
            Self::ClaudeConsole | Self::OpenAiResponses | Self::Bedrock | Self::AzureOpenAi | Self::Ccr => false,
        }
    }
}
