//! The browser's half of a sign-in by authorisation code: the URL that people open, and what they bring back. Nothing is sent here.

use super::error::RefusalCode;
use base64ct::{Base64UrlUnpadded, Encoding};
use domain::OAuthClient;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use url::Url;
use zeroize::Zeroizing;

/// Random bytes of a verifier and of a state: 43 characters each, the least that RFC 7636 (4.1) takes.
const RANDOM_BYTES: usize = 32;

/// Characters of what people paste at most: a callback URL with a long code.
pub const PASTED_CHARS_MAX: usize = 8192;

/// What a sign-in that was begun has to remember until it is finished.
#[derive(Debug, Clone)]
pub struct Authorization {
    /// Comes back with the code, and shows that it belongs to this sign-in. No secret towards who signs in.
    pub state: String,
    /// The PKCE verifier, sent with the code.
    pub verifier: SecretString,
}

/// A sign-in that cannot begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeError {
    /// The client has no authorisation URL, or one that is none.
    #[error("the OAuth client has no `authorize_url`")]
    NoUrl,
    /// The client has no redirect URI.
    #[error("the OAuth client has no `redirect_uri`")]
    NoRedirect,
}

/// A code as it was brought back.
#[derive(Debug, Clone)]
pub struct PastedCode {
    /// The code.
    pub code: SecretString,
    /// The state that stood beside it.
    pub state: Option<String>,
}

/// What was brought back holds no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PastedError {
    /// There is none in it.
    #[error("there is no code in it: paste the code, or the whole URL that the browser was sent to")]
    NoCode,
    /// The server has refused the sign-in.
    #[error("the authorisation server refused the sign-in ({0})")]
    Refused(String),
}

impl Authorization {
    /// A new one, from the operating system's randomness.
    #[must_use]
    pub fn new() -> Self {
        Self { state: random_text().expose_secret().to_owned(), verifier: random_text() }
    }

    /// The S256 challenge to the verifier (RFC 7636, 4.2).
    #[must_use]
    pub fn challenge(&self) -> String {
        Base64UrlUnpadded::encode_string(&Sha256::digest(self.verifier.expose_secret().as_bytes()))
    }
}

impl Default for Authorization {
    fn default() -> Self {
        Self::new()
    }
}

/// # Panics
///
/// When the operating system has no randomness: then no sign-in can be made safe, and none must be pretended.
fn random_text() -> SecretString {
    let mut bytes = Zeroizing::new([0; RANDOM_BYTES]);
    getrandom::fill(bytes.as_mut_slice()).expect("every supported system has randomness once it has booted");
    Base64UrlUnpadded::encode_string(bytes.as_slice()).into()
}

/// The URL that people open to agree (RFC 6749, 4.1.1). What the operator adds does not replace what the standard has.
///
/// # Errors
///
/// When the client has no authorisation URL or no redirect URI.
pub fn authorize_url(client: &OAuthClient, authorization: &Authorization) -> Result<String, AuthorizeError> {
    let mut url = client.authorize_url.as_deref().and_then(|url| Url::parse(url).ok()).ok_or(AuthorizeError::NoUrl)?;
    let redirect = client.redirect_uri.as_deref().ok_or(AuthorizeError::NoRedirect)?;
    let challenge = authorization.challenge();
    let own = [
        ("response_type", "code"),
        ("client_id", &client.client_id),
        ("redirect_uri", redirect),
        ("scope", &client.scopes),
        ("state", &authorization.state),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let own: Vec<_> = own.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let added = client.authorize_parameters.iter().filter(|(name, _)| !own.iter().any(|(known, _)| known == name));
    url.query_pairs_mut().extend_pairs(own.iter()).extend_pairs(added);
    Ok(url.into())
}

impl PastedCode {
    /// Reads a code, `code#state` as some providers show it, a query, or the whole URL that the browser was sent to.
    ///
    /// # Errors
    ///
    /// When no code is in it, or the server's refusal.
    pub fn parse(pasted: &str) -> Result<Self, PastedError> {
        let pasted = pasted.trim();
        if pasted.is_empty() || pasted.len() > PASTED_CHARS_MAX {
            return Err(PastedError::NoCode);
        }
        let query = match Url::parse(pasted) {
            Ok(url) if url.has_host() => url.query().map(str::to_owned).ok_or(PastedError::NoCode)?,
            _ if pasted.contains("code=") || pasted.contains("error=") => pasted.trim_start_matches('?').to_owned(),
            _ => return Self::bare(pasted),
        };
        Self::from_query(&query)
    }

    /// Reads the query of a callback (RFC 6749, 4.1.2).
    ///
    /// # Errors
    ///
    /// When no code is in it, or the server's refusal.
    pub fn from_query(query: &str) -> Result<Self, PastedError> {
        let query = query.split('#').next().unwrap_or_default();
        let parameter = |wanted: &str| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        if let Some(error) = parameter("error") {
            // Only words of the standard are shown: the text comes from outside.
            let known = RefusalCode::parse(&error) != RefusalCode::Other;
            return Err(PastedError::Refused(if known { error } else { "for a reason of its own".to_owned() }));
        }
        let state = parameter("state");
        let mut found = Self::bare(&parameter("code").ok_or(PastedError::NoCode)?)?;
        found.state = state.or(found.state);
        Ok(found)
    }

    fn bare(text: &str) -> Result<Self, PastedError> {
        let (code, state) = match text.split_once('#') {
            Some((code, state)) => (code, Some(state.to_owned())),
            None => (text, None),
        };
        let is_code = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_graphic());
        if is_code { Ok(Self { code: code.into(), state }) } else { Err(PastedError::NoCode) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{ClientAuth, Platform, Timestamp, TokenBody};
    use std::collections::BTreeMap;

    fn client() -> OAuthClient {
        OAuthClient {
            platform: Platform::Claude,
            authorize_url: Some("https://a.example/authorize?tenant=t".to_owned()),
            token_url: "https://a.example/token".to_owned(),
            device_url: None,
            revoke_url: None,
            redirect_uri: Some("http://localhost/cb".to_owned()),
            client_id: "the client".to_owned(),
            client_secret: None,
            client_auth: ClientAuth::Body,
            scopes: "a b".to_owned(),
            token_body: TokenBody::Form,
            authorize_parameters: BTreeMap::from([
                ("prompt".to_owned(), "consent".to_owned()),
                ("state".to_owned(), "forged".to_owned()),
            ]),
            created_at: Timestamp::from_ms(0),
            updated_at: Timestamp::from_ms(0),
        }
    }

    #[test]
    fn the_challenge_is_that_of_the_standard_s_example() {
        // RFC 7636, appendix B.
        let authorization =
            Authorization { state: String::new(), verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into() };
        assert_eq!(authorization.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn no_two_sign_ins_share_a_state_or_a_verifier() {
        let (one, other) = (Authorization::new(), Authorization::new());
        assert_ne!(one.state, other.state);
        assert_ne!(one.verifier.expose_secret(), other.verifier.expose_secret());
        assert_ne!(one.state, one.verifier.expose_secret());
        assert_eq!((one.state.len(), one.verifier.expose_secret().len()), (43, 43));
    }

    #[test]
    fn the_url_carries_what_the_standard_asks_for_and_the_operator_s_own() {
        let authorization = Authorization { state: "s".to_owned(), verifier: "v".into() };
        let url = Url::parse(&authorize_url(&client(), &authorization).expect("a URL")).expect("a URL");
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let all = |name: &str| pairs.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect::<Vec<_>>();
        assert_eq!((all("tenant"), all("prompt")), (vec!["t"], vec!["consent"]));
        assert_eq!((all("state"), all("client_id"), all("scope")), (vec!["s"], vec!["the client"], vec!["a b"]));
        assert_eq!((all("response_type"), all("code_challenge_method")), (vec!["code"], vec!["S256"]));
        assert_eq!(all("code_challenge"), [authorization.challenge()]);
        let bare = OAuthClient { redirect_uri: None, ..client() };
        assert_eq!(authorize_url(&bare, &authorization), Err(AuthorizeError::NoRedirect));
        let bare = OAuthClient { authorize_url: None, ..client() };
        assert_eq!(authorize_url(&bare, &authorization), Err(AuthorizeError::NoUrl));
    }

    #[test]
    fn a_code_is_found_in_each_form_that_people_bring_it() {
        let found = |text: &str| {
            let pasted = PastedCode::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            (pasted.code.expose_secret().to_owned(), pasted.state)
        };
        let both = ("c/1".to_owned(), Some("s".to_owned()));
        assert_eq!(found(" c/1\n"), ("c/1".to_owned(), None));
        for text in [
            "c/1#s",
            "https://a.example/cb?code=c%2F1&state=s",
            "http://localhost:1455/cb?state=s&code=c%2F1#_",
            "?code=c%2F1&state=s",
            "code=c%2F1&state=s",
            "https://a.example/cb?code=c%2F1%23s",
        ] {
            assert_eq!(found(text), both, "{text}");
        }
    }

    #[test]
    fn what_holds_no_code_is_told_from_a_refusal() {
        for text in ["", "  ", "https://a.example/cb", "https://a.example/cb?state=s", "two words", "#s", "code="] {
            assert!(matches!(PastedCode::parse(text), Err(PastedError::NoCode)), "{text}");
        }
        assert!(PastedCode::parse(&"x".repeat(PASTED_CHARS_MAX + 1)).is_err());
        let refused = PastedCode::parse("https://a.example/cb?error=access_denied").expect_err("refused");
        assert_eq!(refused, PastedError::Refused("access_denied".to_owned()));
        let own = PastedCode::parse("https://a.example/cb?error=<script>").expect_err("refused");
        assert!(!own.to_string().contains("script"), "{own}");
    }
}
