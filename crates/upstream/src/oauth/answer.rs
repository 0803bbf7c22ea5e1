//! The answers of a token endpoint: a grant, or a refusal in one of the forms that providers use.

use super::{
    claims,
    error::{OAuthError, RefusalCode},
};
use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// Characters of a token at most: JWTs with many claims have a few thousand.
const TOKEN_CHARS_MAX: usize = 16 << 10;

/// Characters of a server's description that are kept.
const DESCRIPTION_CHARS_MAX: usize = 200;

/// Characters of an e-mail address, an id or the scopes at most.
const TEXT_CHARS_MAX: usize = 4096;

/// The longest that a server may ask to wait, and the longest life of an access token: ten years, so that sums do not overflow.
const SECONDS_MAX: u64 = 10 * 366 * 24 * 3600;

/// What a token endpoint has granted.
#[derive(Debug, Clone)]
pub struct TokenGrant {
    /// The access token.
    pub access_token: SecretString,
    /// How long it is valid; none: the server does not say.
    pub expires_in: Option<Duration>,
    /// The refresh token that is valid from now on; none: the one before goes on.
    pub refresh_token: Option<SecretString>,
    /// What it may be used for; none: what was asked for.
    pub scopes: Option<String>,
    /// Whom the server calls its owner.
    pub email: Option<String>,
    /// The provider's id of the account or organisation, where the answer names it.
    pub provider_account_id: Option<String>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    token_type: Option<String>,
    expires_in: Option<Value>,
    refresh_token: Option<SecretString>,
    scope: Option<Value>,
    id_token: Option<SecretString>,
    /// Anthropic names the owner beside the token.
    account: Option<Value>,
    organization: Option<Value>,
}

/// A server's refusal: a word (RFC 6749), or an object with a word in it.
#[derive(Deserialize)]
struct Refused {
    error: Value,
    error_description: Option<Value>,
}

impl TokenGrant {
    /// Reads the answer to a request in which `secrets` were sent.
    ///
    /// # Errors
    ///
    /// When it is no grant.
    pub(super) fn read(
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        secrets: &[&SecretString],
    ) -> Result<Self, OAuthError> {
        if let Some(refusal) = refusal(status, headers, body, secrets) {
            return Err(refusal);
        }
        let granted: Granted = serde_json::from_slice(body).map_err(|_| OAuthError::NotOAuth { status })?;
        granted.check().ok_or(OAuthError::NotOAuth { status })
    }
}

impl Granted {
    /// The grant, if it can be used as a bearer token.
    fn check(self) -> Option<TokenGrant> {
        let is_bearer = self.token_type.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
        let refresh_token = self.refresh_token.filter(|token| !token.expose_secret().is_empty());
        let fits = is_token(&self.access_token) && refresh_token.as_ref().is_none_or(is_token);
        if !is_bearer || !fits {
            return None;
        }
        let claims = self.id_token.map(|token| claims::read(token.expose_secret())).unwrap_or_default();
        let named = |object: Option<&Value>, name: &str| Some(object?.get(name)?.as_str()?.to_owned());
        Some(TokenGrant {
            access_token: self.access_token,
            expires_in: self.expires_in.as_ref().and_then(seconds),
            refresh_token,
            scopes: self.scope.as_ref().and_then(scopes).filter(|scopes| fits_a_field(scopes)),
            email: named(self.account.as_ref(), "email_address").or(claims.email).filter(|text| fits_a_field(text)),
            provider_account_id: named(self.organization.as_ref(), "uuid")
                .or(claims.chatgpt_account_id)
                .filter(|text| fits_a_field(text)),
        })
    }
}

/// What the server says instead of what was asked for; none where it says neither in status nor in word that it refuses.
pub(super) fn refusal(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    secrets: &[&SecretString],
) -> Option<OAuthError> {
    let unavailable = || OAuthError::Unavailable { status, retry_after: retry_after(headers) };
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return Some(unavailable());
    }
    let refused = serde_json::from_slice::<Refused>(body).ok().filter(|refused| !refused.error.is_null());
    let Some(refused) = refused else {
        return (!status.is_success()).then_some(OAuthError::NotOAuth { status });
    };
    let said = refused.said();
    if said.words.iter().any(|word| matches!(word.as_str(), "temporarily_unavailable" | "server_error")) {
        return Some(unavailable());
    }
    let codes = said.words.iter().map(|word| RefusalCode::parse(word));
    let code = codes.into_iter().find(|code| *code != RefusalCode::Other).unwrap_or(RefusalCode::Other);
    Some(OAuthError::Refused { code, description: shown(&said.text(), secrets) })
}

/// What stands in a refusal.
struct SaidWords {
    words: Vec<String>,
    description: Option<String>,
}

impl Refused {
    fn said(&self) -> SaidWords {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let description = text(self.error_description.as_ref());
        match &self.error {
            Value::String(word) => SaidWords { words: vec![word.clone()], description },
            object => SaidWords {
                // `code` says more than `type`, which is often `invalid_request_error`.
                words: ["code", "type"].into_iter().filter_map(|name| text(object.get(name))).collect(),
                description: description.or_else(|| text(object.get("message"))),
            },
        }
    }
}

impl SaidWords {
    fn text(&self) -> String {
        let word = self.words.first().map_or("no word", String::as_str);
        match &self.description {
            Some(description) => format!("{word}: {description}"),
            None => word.to_owned(),
        }
    }
}

/// A server's text as it may be shown: in one line, cut, and without what was sent in secret.
fn shown(text: &str, secrets: &[&SecretString]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().map(|secret| secret.expose_secret()).filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "***");
    }
    text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).take(DESCRIPTION_CHARS_MAX).collect()
}

/// A bearer token goes into a header: printable ASCII.
fn is_token(token: &SecretString) -> bool {
    let token = token.expose_secret();
    !token.is_empty() && token.len() <= TOKEN_CHARS_MAX && token.bytes().all(|byte| byte.is_ascii_graphic())
}

fn fits_a_field(text: &str) -> bool {
    !text.is_empty() && text.len() <= TEXT_CHARS_MAX && !text.chars().any(char::is_control)
}

/// A number of seconds; some servers write it as a text.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    seconds.map(|seconds| Duration::from_secs(seconds.min(SECONDS_MAX)))
}

/// Scopes are one text; some servers write a list.
fn scopes(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            Some(items.iter().map(Value::as_str).collect::<Option<Vec<_>>>().unwrap_or_default().join(" "))
        }
        _ => None,
    }
}

/// `Retry-After` in seconds; the date form is rare here, and passed over.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse::<u64>().ok()?;
    Some(Duration::from_secs(seconds.min(SECONDS_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Result<TokenGrant, OAuthError> {
        let status = StatusCode::from_u16(status).expect("a status");
        TokenGrant::read(status, &HeaderMap::new(), body.as_bytes(), &[&SecretString::from("sent-secret")])
    }

    #[test]
    fn a_grant_is_read_in_each_form_that_servers_give_it() {
        let full = r#"{"access_token":"at","token_type":"Bearer","expires_in":3600,"refresh_token":"rt","scope":"a b",
            "account":{"uuid":"u","email_address":"a@b.example"},"organization":{"uuid":"org","name":"x"}}"#;
        let grant = read(200, full).expect("a grant");
        assert_eq!(grant.access_token.expose_secret(), "at");
        assert_eq!(grant.refresh_token.expect("rotated").expose_secret(), "rt");
        assert_eq!(grant.expires_in, Some(Duration::from_secs(3600)));
        assert_eq!((grant.scopes.as_deref(), grant.email.as_deref()), (Some("a b"), Some("a@b.example")));
        assert_eq!(grant.provider_account_id.as_deref(), Some("org"));
        let bare = read(200, r#"{"access_token":"at"}"#).expect("a grant");
        assert!(bare.expires_in.is_none() && bare.refresh_token.is_none() && bare.scopes.is_none());
        let odd = r#"{"access_token":"at","expires_in":"60","scope":["a","b"],"refresh_token":""}"#;
        let odd = read(200, odd).expect("a grant");
        assert_eq!((odd.expires_in, odd.scopes.as_deref()), (Some(Duration::from_secs(60)), Some("a b")));
        assert!(odd.refresh_token.is_none(), "an empty token is none");
    }

    #[test]
    fn what_is_no_bearer_token_is_not_taken_for_one() {
        let long = "x".repeat(TOKEN_CHARS_MAX + 1);
        for body in [
            "",
            "{}",
            "<html>",
            r#"{"access_token":""}"#,
            r#"{"access_token":"a b"}"#,
            r#"{"access_token":"a\nb"}"#,
            r#"{"access_token":"a","token_type":"mac"}"#,
            r#"{"access_token":"a","refresh_token":"ü"}"#,
            &format!(r#"{{"access_token":"{long}"}}"#),
        ] {
            assert!(matches!(read(200, body), Err(OAuthError::NotOAuth { .. })), "{body}");
        }
    }

    #[test]
    fn refusals_are_told_apart_by_the_server_s_word() {
        let code = |status, body: &str| match read(status, body) {
            Err(OAuthError::Refused { code, .. }) => Some(code),
            _ => None,
        };
        assert_eq!(code(400, r#"{"error":"invalid_grant"}"#), Some(RefusalCode::InvalidGrant));
        assert_eq!(code(200, r#"{"error":"invalid_grant"}"#), Some(RefusalCode::InvalidGrant));
        assert_eq!(code(401, r#"{"error":"invalid_client"}"#), Some(RefusalCode::InvalidClient));
        let nested = r#"{"error":{"message":"m","type":"invalid_request_error","code":"refresh_token_reused"}}"#;
        assert_eq!(code(401, nested), Some(RefusalCode::InvalidGrant));
        let typed = r#"{"type":"error","error":{"type":"invalid_grant","message":"m"}}"#;
        assert_eq!(code(400, typed), Some(RefusalCode::InvalidGrant));
        assert_eq!(code(400, r#"{"error":"whatever"}"#), Some(RefusalCode::Other));
    }

    #[test]
    fn a_server_in_trouble_is_no_refusal() {
        for (status, body) in [
            (429, r#"{"error":"invalid_grant"}"#),
            (500, ""),
            (503, "<html>"),
            (400, r#"{"error":"temporarily_unavailable"}"#),
        ] {
            assert!(matches!(read(status, body), Err(OAuthError::Unavailable { .. })), "{status} {body}");
        }
        assert!(matches!(read(403, "<html>"), Err(OAuthError::NotOAuth { .. })));
        let headers = HeaderMap::from_iter([(RETRY_AFTER, "30".parse().expect("a value"))]);
        let error = TokenGrant::read(StatusCode::TOO_MANY_REQUESTS, &headers, b"", &[]).expect_err("refused");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
    }

    #[test]
    fn what_was_sent_in_secret_stands_in_no_error() {
        let body = r#"{"error":"invalid_grant","error_description":"token sent-secret\nis unknown"}"#;
        let error = read(400, body).expect_err("refused");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("sent-secret") && shown.contains("token *** is unknown"), "{shown}");
        let long = format!(r#"{{"error":"invalid_grant","error_description":"{}"}}"#, "x".repeat(1000));
        assert!(read(400, &long).expect_err("refused").to_string().len() < 400);
    }
}
