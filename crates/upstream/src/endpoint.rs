//! Where the calls of an HTTP account go, and how it is told the credential. Worked out once per account, not per request.

use domain::{AuthScheme, HttpEndpoint};
use http::{HeaderName, HeaderValue, Uri, header::AUTHORIZATION, uri::PathAndQuery};
use secrecy::{ExposeSecret, SecretString};

const MESSAGES_PATH: &str = "/v1/messages";

/// A call of the Anthropic API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `POST /v1/messages`.
    Messages,
    /// `POST /v1/messages/count_tokens`.
    CountTokens,
    /// `GET /v1/models`.
    Models,
}

/// An account whose calls cannot be made as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// The base URL is no absolute http or https URL, or has a user, query or fragment in it.
    #[error("the base URL is not of the form https://host[:port][/path]")]
    BaseUrl,
    /// The path does not begin with `/`, or has a character that no path has.
    #[error("the path is not of the form /v1/messages")]
    Path,
    /// The credential has a character that no header value has.
    #[error("the API key has a character that cannot be sent in a header")]
    Credential,
}

/// Where an account's calls go and what they carry.
#[derive(Debug, Clone)]
pub struct Destination {
    messages: Uri,
    count_tokens: Uri,
    models: Uri,
    credential: (HeaderName, HeaderValue),
    api_key: SecretString,
}

impl Destination {
    /// Works out the destination of `endpoint` with the opened `api_key`.
    ///
    /// A base URL that ends in `/v1`, or in the path of the Messages call itself, is understood.
    ///
    /// # Errors
    ///
    /// When the endpoint's parts do not make URLs and a header.
    pub fn new(endpoint: &HttpEndpoint, api_key: &SecretString) -> Result<Self, DestinationError> {
        let path = endpoint.messages_path.as_deref().unwrap_or(MESSAGES_PATH);
        let base = parse_base(&endpoint.base_url, path)?;
        let models = match path.strip_suffix("/messages") {
            Some(parent) => format!("{parent}/models"),
            None => "/v1/models".to_owned(),
        };
        Ok(Self {
            messages: join(&base, path)?,
            count_tokens: join(&base, &format!("{path}/count_tokens"))?,
            models: join(&base, &models)?,
            credential: credential(endpoint.auth, api_key)?,
            api_key: api_key.clone(),
        })
    }

    /// The URL of `operation` with the client's query string.
    ///
    /// # Errors
    ///
    /// When the query has a character that no query has.
    pub fn uri(&self, operation: Operation, query: Option<&str>) -> Result<Uri, http::Error> {
        let uri = match operation {
            Operation::Messages => &self.messages,
            Operation::CountTokens => &self.count_tokens,
            Operation::Models => &self.models,
        };
        let Some(query) = query else { return Ok(uri.clone()) };
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(format!("{}?{query}", uri.path()))?);
        Ok(Uri::from_parts(parts)?)
    }

    /// The header that carries the credential; its value is marked sensitive.
    #[must_use]
    pub const fn credential(&self) -> &(HeaderName, HeaderValue) {
        &self.credential
    }

    /// Whether `bytes` tell the upstream's host, in any case of its letters, or the credential: what must not stand in an
    /// answer to a client.
    #[must_use]
    pub fn is_told_by(&self, bytes: &[u8]) -> bool {
        let host = self.messages.host().unwrap_or_default().as_bytes();
        let key = self.api_key.expose_secret().as_bytes();
        names_host(bytes, host) || memchr::memmem::find(bytes, key).is_some_and(|_| !key.is_empty())
    }
}

/// Whether `host` stands in `bytes` as a name of its own, in any case of its letters. A name without a dot (`app`, a service
/// of a compose file) is a word of many texts: it counts only where a port or a URL's slashes stand beside it.
fn names_host(bytes: &[u8], host: &[u8]) -> bool {
    let Some(first) = host.first() else { return false };
    let mut starts = memchr::memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), bytes);
    starts.any(|at| {
        let (before, rest) = bytes.split_at(at);
        let is_host = rest.get(..host.len()).is_some_and(|found| found.eq_ignore_ascii_case(host));
        is_host && stands_alone(before, &rest[host.len()..], host.contains(&b'.'))
    })
}

fn stands_alone(before: &[u8], after: &[u8], is_dotted: bool) -> bool {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    let has_port = matches!(after, [b':', digit, ..] if digit.is_ascii_digit());
    let is_free = !is_part(before.last()) && !is_part(after.first());
    is_free && (is_dotted || has_port || before.ends_with(b"//"))
}

fn parse_base(base_url: &str, messages_path: &str) -> Result<String, DestinationError> {
    let trimmed = base_url.trim().trim_end_matches('/');
    let trimmed = trimmed.strip_suffix(messages_path).unwrap_or(trimmed);
    let version = if messages_path.starts_with("/v1/") { "/v1" } else { "" };
    let trimmed = trimmed.strip_suffix(version).unwrap_or(trimmed);
    let uri: Uri = trimmed.parse().map_err(|_| DestinationError::BaseUrl)?;
    let schemed = matches!(uri.scheme_str(), Some("http" | "https"));
    let plain = uri.host().is_some_and(|host| !host.is_empty()) && uri.query().is_none();
    let userless = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if schemed && plain && userless && !trimmed.contains('#') {
        Ok(trimmed.trim_end_matches('/').to_owned())
    } else {
        Err(DestinationError::BaseUrl)
    }
}

fn join(base: &str, path: &str) -> Result<Uri, DestinationError> {
    let plain = path.starts_with('/') && !path.contains(['?', '#']);
    let uri = plain.then(|| format!("{base}{path}").parse().ok()).flatten();
    uri.ok_or(DestinationError::Path)
}

fn credential(auth: AuthScheme, api_key: &SecretString) -> Result<(HeaderName, HeaderValue), DestinationError> {
    let key = api_key.expose_secret();
    let (name, value) = match auth {
        AuthScheme::ApiKeyHeader => (HeaderName::from_static("x-api-key"), HeaderValue::from_str(key)),
        AuthScheme::GoogleHeader => (HeaderName::from_static("x-goog-api-key"), HeaderValue::from_str(key)),
        AuthScheme::AzureHeader => (HeaderName::from_static("api-key"), HeaderValue::from_str(key)),
        AuthScheme::Bearer => (AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}"))),
    };
    let mut value = value.map_err(|_| DestinationError::Credential)?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Sealed;

    fn destination(base_url: &str, path: Option<&str>, auth: AuthScheme) -> Result<Destination, DestinationError> {
        let endpoint = HttpEndpoint {
            base_url: base_url.to_owned(),
            messages_path: path.map(str::to_owned),
            api_key: Sealed::from_envelope(String::new()),
            auth,
        };
        Destination::new(&endpoint, &SecretString::from("sk-test"))
    }

    #[test]
    fn each_way_to_write_a_base_url_leads_to_the_same_call() {
        let bases = [
            "https://h.example/p",
            "https://h.example/p/",
            "https://h.example/p/v1",
            "https://h.example/p/v1/messages",
        ];
        for base in bases {
            let to = destination(base, None, AuthScheme::Bearer).expect("a destination");
            let uri = |operation| to.uri(operation, None).expect("a URL").to_string();
            assert_eq!(uri(Operation::Messages), "https://h.example/p/v1/messages", "{base}");
            assert_eq!(uri(Operation::CountTokens), "https://h.example/p/v1/messages/count_tokens", "{base}");
            assert_eq!(uri(Operation::Models), "https://h.example/p/v1/models", "{base}");
        }
    }

    #[test]
    fn a_custom_path_and_the_client_s_query_are_kept() {
        let to = destination("http://127.0.0.1:9/x", Some("/anthropic/messages"), AuthScheme::Bearer)
            .expect("a destination");
        let uri = to.uri(Operation::Messages, Some("beta=true")).expect("a URL");
        assert_eq!(uri.to_string(), "http://127.0.0.1:9/x/anthropic/messages?beta=true");
        assert_eq!(to.uri(Operation::Models, None).expect("a URL").path(), "/x/anthropic/models");
    }

    #[test]
    fn the_credential_goes_where_the_upstream_wants_it_and_into_no_log() {
        let (name, value) =
            destination("https://h.example", None, AuthScheme::ApiKeyHeader).expect("ok").credential().clone();
        assert_eq!((name.as_str(), value.as_bytes()), ("x-api-key", b"sk-test".as_slice()));
        assert!(!format!("{value:?}").contains("sk-test"));
        let (name, value) =
            destination("https://h.example", None, AuthScheme::Bearer).expect("ok").credential().clone();
        assert_eq!((name.as_str(), value.as_bytes()), ("authorization", b"Bearer sk-test".as_slice()));
    }

    #[test]
    fn host_and_credential_are_found_wherever_they_stand() {
        let to = destination("https://h.example:8443/p", None, AuthScheme::Bearer).expect("a destination");
        for text in ["h.example", "no route to H.Example:8443", "key sk-test is wrong"] {
            assert!(to.is_told_by(text.as_bytes()), "{text}");
        }
        for text in ["", "h.exampl", "SK-TEST", "example.h", "hh.example"] {
            assert!(!to.is_told_by(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_host_is_told_by_its_name_and_not_by_a_word_that_holds_it() {
        let told = |base: &str, text: &str| {
            destination(base, None, AuthScheme::Bearer).expect("a destination").is_told_by(text.as_bytes())
        };
        assert!(told("https://api.h.example", "no route to API.h.example"));
        assert!(!told("https://h.example", "oh.example.org is another"));
        assert!(!told("http://app:3000", "application/json, an app"));
        assert!(told("http://app:3000", "dial tcp app:3000: refused") && told("http://app", "see http://app/v1"));
        assert!(told("http://app", "the key sk-test is wrong"));
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        for base in [
            "",
            "h.example",
            "ftp://h.example",
            "https://u:p@h.example",
            "https://h.example?x=1",
            "https://h.example/#f",
            "https://",
        ] {
            assert!(matches!(destination(base, None, AuthScheme::Bearer), Err(DestinationError::BaseUrl)), "{base:?}");
        }
        assert!(matches!(destination("https://h.example", Some("x"), AuthScheme::Bearer), Err(DestinationError::Path)));
    }
}
