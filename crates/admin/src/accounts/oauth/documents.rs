//! What comes in and goes out while an account signs in. No token goes out.

use crate::{
    faults::{Faults, Reason},
    refusal::Refusal,
    wire::{ClearText, Instant},
};
use credentials::PastedTokens;
use domain::{AccountId, OAuthGrant, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use upstream::oauth::DeviceStart;
use utoipa::ToSchema;

/// Longest token, in bytes: JWTs with many claims have a few thousand.
const TOKEN_BYTES_MAX: usize = 16 << 10;

/// How an account signs in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SignInMethod)]
pub(crate) enum MethodWord {
    /// Somebody opens a URL and brings a code back.
    #[default]
    Code,
    /// Somebody types a code elsewhere.
    Device,
}

/// A sign-in to be begun.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"method": "code"}))]
pub(crate) struct StartDocument {
    /// Left out: `code`.
    #[schema(inline)]
    method: Option<MethodWord>,
}

/// How to go on with a sign-in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignInStart {
    #[schema(inline)]
    method: MethodWord,
    /// The URL to open, for `code`.
    url: Option<String>,
    /// The code to type, for `device`.
    user_code: Option<String>,
    /// Where to type it, for `device`.
    verification_url: Option<String>,
    /// The same with the code in it, where the provider gives one.
    verification_url_complete: Option<String>,
    /// Seconds to wait between two questions, for `device`.
    interval_s: Option<u64>,
    /// Until when it can be finished.
    expires_at: Instant,
}

/// A sign-in to be finished.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"code": "https://relay.example.com/oauth/callback?code=EXAMPLE&state=EXAMPLE"}))]
pub(crate) struct FinishDocument {
    /// The code, `code#state`, or the whole URL that the browser was sent to; left out for `device`.
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 8192)]
    pub(super) code: Option<ClearText>,
}

/// Tokens that were made elsewhere; at least one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"access_token": "EXAMPLE", "expires_at": "2027-11-23T00:00:00Z"}))]
pub(crate) struct TokensDocument {
    /// The access token, or a long-lived set-up token; left out: the refresh token gives one at once.
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 16384)]
    access_token: Option<ClearText>,
    /// The refresh token; left out: the access token is used until its end.
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 16384)]
    refresh_token: Option<ClearText>,
    /// When the access token ends; left out: that is not known, and it is used until it is refused.
    expires_at: Option<Instant>,
}

/// How an account is signed in. Its tokens are never shown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OAuthStanding {
    account: String,
    /// Whether requests can be sent with it.
    signed_in: bool,
    /// Why a new sign-in is needed; none: it is not.
    sign_in_needed: Option<String>,
    /// Whom the provider calls its owner.
    email: Option<String>,
    /// The provider's id of the account or organisation behind it.
    provider_account_id: Option<String>,
    /// What it may be used for; separated by spaces.
    scopes: String,
    /// When the access token ends; none: that is not known.
    access_expires_at: Option<Instant>,
    /// Whether the access token can be refreshed.
    has_refresh_token: bool,
    /// When the last refresh or sign-in succeeded.
    refreshed_at: Option<Instant>,
}

/// How a sign-out went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignOutResult {
    /// Whether the provider has revoked the tokens. They are forgotten in any case.
    pub(super) revoked: bool,
    /// Why it has not.
    pub(super) reason: Option<String>,
}

impl StartDocument {
    pub(super) fn method(&self) -> MethodWord {
        self.method.unwrap_or_default()
    }
}

impl SignInStart {
    pub(super) fn code(url: String, expires_at: Instant) -> Self {
        Self {
            method: MethodWord::Code,
            url: Some(url),
            user_code: None,
            verification_url: None,
            verification_url_complete: None,
            interval_s: None,
            expires_at,
        }
    }

    pub(super) fn device(begun: DeviceStart, expires_at: Instant) -> Self {
        Self {
            method: MethodWord::Device,
            url: None,
            user_code: Some(begun.user_code),
            verification_url: Some(begun.verification_url),
            verification_url_complete: begun.verification_url_complete,
            interval_s: Some(begun.interval.as_secs()),
            expires_at,
        }
    }
}

impl TokensDocument {
    /// The tokens, fit for a header.
    pub(super) fn parse(&self, now: Timestamp) -> Result<PastedTokens, Refusal> {
        let mut faults = Faults::default();
        let mut read =
            |name: &'static str, given: Option<&ClearText>| given.map(|given| faults.check(name, token(&given.0)));
        let access_token = read("access_token", self.access_token.as_ref());
        let refresh_token = read("refresh_token", self.refresh_token.as_ref());
        if access_token.is_none() && refresh_token.is_none() {
            faults.add("access_token", "is missing, and so is `refresh_token`; paste one of them");
        }
        if self.expires_at.as_ref().is_some_and(|at| at.0 <= now) {
            faults.add("expires_at", "is over; paste tokens that are valid");
        }
        let expires_at = self.expires_at.as_ref().map(|at| at.0).filter(|_| access_token.is_some());
        faults.settle().map(|()| PastedTokens { access_token, expires_at, refresh_token })
    }
}

impl OAuthStanding {
    pub(super) fn new(account: &AccountId, grant: &OAuthGrant) -> Self {
        Self {
            account: account.to_string(),
            signed_in: !grant.needs_sign_in(),
            sign_in_needed: grant.sign_in_needed.clone(),
            email: grant.email.clone(),
            provider_account_id: grant.provider_account_id.clone(),
            scopes: grant.scopes.clone(),
            access_expires_at: grant.access_expires_at.map(Instant),
            has_refresh_token: grant.refresh_token.is_some(),
            refreshed_at: grant.refreshed_at.map(Instant),
        }
    }
}

/// A token as it was pasted: trimmed, and fit for a header.
fn token(clear: &SecretString) -> Result<SecretString, Reason> {
    let text = clear.expose_secret().trim();
    if text.is_empty() || text.len() > TOKEN_BYTES_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("is empty, too long, or has a space or another character that no token has; paste it again".into());
    }
    Ok(SecretString::from(text))
}
