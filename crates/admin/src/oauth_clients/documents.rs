//! The document that sets an OAuth client, and what it comes to.

use crate::{
    faults::{Faults, Reason},
    refusal::Refusal,
    texts,
    wire::{ClearText, ClientAuthWord, Patch, TokenBodyWord},
};
use credentials::OpenedClient;
use domain::{ClientAuth, OAuthClient, Platform, Timestamp, TokenBody};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::collections::BTreeMap;
use url::Url;
use utoipa::ToSchema;
use vault::Keyring;

/// Longest URL, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// Longest id, in characters.
const CLIENT_ID_CHARS_MAX: usize = 500;

/// Longest secret, in bytes.
const SECRET_BYTES_MAX: usize = 2048;

/// Longest scopes, in bytes: providers' own have some hundred.
const SCOPES_BYTES_MAX: usize = 2000;

/// Parameters of the operator's own at most.
pub(crate) const PARAMETERS_MAX: usize = 20;

/// Longest name of a parameter.
const PARAMETER_NAME_BYTES_MAX: usize = 64;

/// Longest value of a parameter, in characters.
pub(crate) const PARAMETER_CHARS_MAX: usize = 500;

/// What the standard has in an authorisation URL, and the relay writes itself.
const STANDARD: [&str; 7] =
    ["response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"];

/// How the relay signs in at the authorisation server of a platform.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"authorize_url": "https://auth.example.com/authorize",
    "token_url": "https://auth.example.com/token", "redirect_uri": "https://relay.example.com/oauth/callback",
    "client_id": "EXAMPLE", "scopes": "profile inference"}))]
pub(crate) struct OAuthClientDocument {
    /// Where people agree (https); left out: no sign-in by authorisation code.
    #[schema(pattern = "^https?://", max_length = 2048)]
    authorize_url: Option<String>,
    /// Where codes and refresh tokens become access tokens (https).
    #[schema(pattern = "^https?://", max_length = 2048)]
    token_url: String,
    /// Where a device code is had (https); left out: no sign-in by device.
    #[schema(pattern = "^https?://", max_length = 2048)]
    device_url: Option<String>,
    /// Where tokens are revoked (https); left out: a sign-out only forgets them.
    #[schema(pattern = "^https?://", max_length = 2048)]
    revoke_url: Option<String>,
    /// Where the server sends people back to, exactly as it is registered there.
    #[schema(min_length = 1, max_length = 2048)]
    redirect_uri: Option<String>,
    /// The client's id.
    #[schema(min_length = 1, max_length = 500)]
    client_id: String,
    /// The client's secret; left out: the one that is there stays, `null`: there is none. It is never shown again.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 2048)]
    client_secret: Patch<ClearText>,
    /// Where the secret stands in a token request; left out: `body`.
    client_auth: Option<ClientAuthWord>,
    /// What is asked for, separated by spaces; left out: nothing by name.
    #[schema(max_length = 2000)]
    scopes: Option<String>,
    /// How token requests are written; left out: `form`.
    token_body: Option<TokenBodyWord>,
    /// Parameters that the authorisation URL carries beside the standard's own, 20 at most.
    authorize_parameters: Option<BTreeMap<String, String>>,
}

impl OAuthClientDocument {
    /// The client of `platform` that this makes of the one before.
    pub(super) fn apply(
        &self,
        platform: Platform,
        before: Option<&OAuthClient>,
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<OAuthClient, Refusal> {
        let mut faults = Faults::default();
        let mut endpoint =
            |name: &'static str, text: Option<&String>| faults.check(name, text.map(|text| endpoint(text)).transpose());
        let authorize_url = endpoint("authorize_url", self.authorize_url.as_ref());
        let device_url = endpoint("device_url", self.device_url.as_ref());
        let revoke_url = endpoint("revoke_url", self.revoke_url.as_ref());
        let token_url = endpoint("token_url", Some(&self.token_url)).unwrap_or_default();
        let client_secret = match &self.client_secret {
            Patch::Keep => before.and_then(|client| client.client_secret.clone()),
            Patch::Clear => None,
            Patch::Set(given) => {
                let clear = faults.check("client_secret", secret(&given.0));
                Some(keyring.seal(OpenedClient::place(platform), &clear))
            }
        };
        let client = OAuthClient {
            platform,
            authorize_url,
            token_url,
            device_url,
            revoke_url,
            redirect_uri: faults.check("redirect_uri", self.redirect_uri.as_deref().map(redirect).transpose()),
            client_id: faults.check("client_id", texts::line(&self.client_id, CLIENT_ID_CHARS_MAX)),
            client_secret,
            client_auth: self.client_auth.map_or(ClientAuth::Body, |word| word.0),
            scopes: faults.check("scopes", scopes(self.scopes.as_deref().unwrap_or_default())),
            token_body: self.token_body.map_or(TokenBody::Form, |word| word.0),
            authorize_parameters: faults
                .check("authorize_parameters", parameters(self.authorize_parameters.clone().unwrap_or_default())),
            created_at: before.map_or(now, |client| client.created_at),
            updated_at: now,
        };
        if client.authorize_url.is_some() && client.redirect_uri.is_none() && self.redirect_uri.is_none() {
            faults.add("redirect_uri", "is missing: a sign-in by `authorize_url` comes back to it");
        }
        faults.settle().map(|()| client)
    }
}

/// A URL that tokens and codes are sent to: https, but on this machine.
fn endpoint(text: &str) -> Result<String, Reason> {
    let text = text.trim();
    let url = Url::parse(text).ok().filter(|_| text.len() <= URL_BYTES_MAX);
    let Some(url) = url.filter(|url| url.has_host() && url.fragment().is_none()) else {
        return Err("is no URL; write it such as https://auth.example.com/token".into());
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user in it; the client's id and secret have fields of their own".into());
    }
    match url.scheme() {
        "https" => Ok(text.to_owned()),
        "http" if is_this_machine(&url) => Ok(text.to_owned()),
        _ => Err("has to begin with https://, because tokens are sent there".into()),
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A redirect URI: absolute, without a fragment (RFC 6749, 3.1.2). Its scheme may be an application's own.
fn redirect(text: &str) -> Result<String, Reason> {
    let text = text.trim();
    let url = Url::parse(text).ok().filter(|_| text.len() <= URL_BYTES_MAX);
    match url.filter(|url| url.fragment().is_none()) {
        Some(_) => Ok(text.to_owned()),
        None => Err("is no absolute URI without a fragment; write it as it is registered".into()),
    }
}

fn secret(clear: &SecretString) -> Result<SecretString, Reason> {
    let text = clear.expose_secret().trim();
    if text.is_empty() || text.len() > SECRET_BYTES_MAX || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err("is empty, too long, or has a character that no secret has; paste it again".into());
    }
    Ok(SecretString::from(text))
}

/// Scopes, one space between two (RFC 6749, 3.3).
fn scopes(text: &str) -> Result<String, Reason> {
    let words = text.split_whitespace().collect::<Vec<_>>();
    let fits = |word: &&str| word.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    let joined = words.join(" ");
    if joined.len() > SCOPES_BYTES_MAX || !words.iter().all(fits) {
        return Err("is too long, or has a character that no scope has; write words with spaces between them".into());
    }
    Ok(joined)
}

fn parameters(given: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Reason> {
    if given.len() > PARAMETERS_MAX {
        return Err(format!("are too many; keep at most {PARAMETERS_MAX}").into());
    }
    for (name, value) in &given {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if name.is_empty() || name.len() > PARAMETER_NAME_BYTES_MAX || !name.bytes().all(is_name) {
            return Err("has a name that is none; write letters, digits, `_`, `-` or `.`".into());
        }
        if STANDARD.contains(&name.as_str()) {
            return Err(format!("has `{name}`, which the relay writes itself; take it out").into());
        }
        if value.is_empty() || value.chars().count() > PARAMETER_CHARS_MAX || value.chars().any(char::is_control) {
            return Err(format!("has a value of `{name}` that is empty, too long or of several lines").into());
        }
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_sent_over_tls_but_on_this_machine() {
        for fits in [
            "https://a.example/token",
            " https://a.example/t?x=1 ",
            "http://localhost:9/t",
            "http://127.0.0.1:9/t",
            "http://[::1]/t",
        ] {
            assert!(endpoint(fits).is_ok(), "{fits}");
        }
        let long = format!("https://a.example/{}", "x".repeat(URL_BYTES_MAX));
        for wrong in [
            "",
            "a.example",
            "http://a.example/t",
            "ftp://a.example",
            "https://u:p@a.example/t",
            "https://a.example/#x",
            &long,
        ] {
            assert!(endpoint(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_redirect_may_have_a_scheme_of_its_own() {
        for fits in
            ["http://localhost:54545/callback", "https://relay.example/oauth/callback", "urn:ietf:wg:oauth:2.0:oob"]
        {
            assert!(redirect(fits).is_ok(), "{fits}");
        }
        assert!(redirect("/callback").is_err() && redirect("https://a.example/#x").is_err());
    }

    #[test]
    fn scopes_and_parameters_hold_what_they_may() {
        assert_eq!(scopes("  a:b \n c ").as_deref(), Ok("a:b c"));
        assert!(scopes("a\"b").is_err());
        let one = |name: &str, value: &str| parameters(BTreeMap::from([(name.to_owned(), value.to_owned())]));
        assert!(one("prompt", "consent").is_ok());
        assert!(
            one("state", "x").is_err() && one("a b", "x").is_err() && one("a", "").is_err() && one("a", "x\n").is_err()
        );
    }
}
