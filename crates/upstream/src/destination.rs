//! Where an account's calls go and what opens them, platform by platform. Worked out once per account, not per request.

mod api;
mod told;

use crate::sigv4::AwsKeys;
use api::Api;
use domain::{
    AccountSettings, AuthScheme, AwsCredential, AzureEndpoint, BedrockAccess, DroidAccess, GeminiAccess, HttpEndpoint,
    OAuthAccess, Sealed,
};
use http::{HeaderName, HeaderValue, Uri, header::AUTHORIZATION};
use protocol::Operation;
use secrecy::{ExposeSecret, SecretString};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use told::Untold;

/// The beta by which Anthropic's API takes OAuth tokens.
const ANTHROPIC_OAUTH_BETA: &str = "oauth-2025-04-20";

/// The header in which ChatGPT's API is told the account.
const CHATGPT_ACCOUNT: HeaderName = HeaderName::from_static("chatgpt-account-id");

/// A header and its value.
pub type HeaderPair = (HeaderName, HeaderValue);

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
    /// A stored credential does not open, in the words given.
    #[error("a stored credential does not open: {0}")]
    Sealed(String),
}

/// One call, as far as its URL goes.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What is called.
    pub operation: Operation,
    /// The model by the upstream's name; empty for calls that name none.
    pub model: &'a str,
    /// Whether the answer is to be a stream.
    pub streamed: bool,
    /// The version of the API that the client's path names (`v1`, `v1beta`); none: it named none.
    pub version: Option<&'a str>,
    /// The client's query string, without a key of the relay's.
    pub query: Option<&'a str>,
}

/// What opens an account's API.
#[derive(Debug, Clone)]
pub enum Opening {
    /// A header; its value is marked sensitive.
    Header(HeaderPair),
    /// One of several headers, in turn.
    InTurn(Arc<InTurn>),
    /// A bearer token that is kept fresh by whoever calls.
    OAuth,
    /// An AWS signature over the whole request, made by whoever calls.
    AwsSignature {
        /// The region that is signed for.
        region: Arc<str>,
        /// With what; none: with what the environment gives.
        keys: Option<AwsKeys>,
    },
}

/// Headers that are used in turn.
#[derive(Debug)]
pub struct InTurn {
    headers: Vec<HeaderPair>,
    next: AtomicUsize,
}

/// What a platform wraps around the body of a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope<'a> {
    /// Nothing.
    None,
    /// Gemini Code Assist: the request stands in `request`, the answer in `response`.
    CodeAssist {
        /// The project that is asked for; empty until it is known.
        project: &'a str,
    },
    /// Bedrock: the model stands in the path, the version in the body, and the stream is AWS's.
    Bedrock,
}

/// Where an account's calls go and what they carry.
#[derive(Debug, Clone)]
pub struct Destination {
    api: Api,
    opening: Opening,
    required: Vec<HeaderPair>,
    untold: Untold,
}

impl Destination {
    /// Works out the destination of an account with `settings`; `open` opens its sealed credentials by their fields' names.
    ///
    /// Base URLs that end in the version or in a call's own path are understood.
    ///
    /// # Errors
    ///
    /// When the parts do not make URLs and headers, or a credential does not open.
    pub fn new(
        settings: &AccountSettings,
        open: &dyn Fn(&'static str, &Sealed) -> Result<SecretString, String>,
    ) -> Result<Self, DestinationError> {
        let open = |field, sealed: &Sealed| open(field, sealed).map_err(DestinationError::Sealed);
        match settings {
            AccountSettings::ClaudeConsole(endpoint) | AccountSettings::Ccr(endpoint) => {
                let api = Api::anthropic(&endpoint.base_url, endpoint.messages_path.as_deref())?;
                Self::keyed(api, endpoint, &open("api_key", &endpoint.api_key)?)
            }
            AccountSettings::Claude(access) => {
                let beta = HeaderValue::from_static(ANTHROPIC_OAUTH_BETA);
                let required = vec![(HeaderName::from_static("anthropic-beta"), beta)];
                Ok(Self::by_oauth(Api::anthropic(&access.base_url, None)?, required))
            }
            AccountSettings::Gemini(GeminiAccess::ApiKey(endpoint)) => {
                Self::keyed(Api::gemini(&endpoint.base_url)?, endpoint, &open("api_key", &endpoint.api_key)?)
            }
            AccountSettings::Gemini(GeminiAccess::OAuth { access, project_id }) => {
                let api = Api::code_assist(&access.base_url, project_id.as_deref().unwrap_or_default())?;
                Ok(Self::by_oauth(api, Vec::new()))
            }
            AccountSettings::OpenAi(access) => Self::chatgpt(access),
            AccountSettings::OpenAiResponses(endpoint) => {
                Self::keyed(Api::openai(&endpoint.base_url)?, endpoint, &open("api_key", &endpoint.api_key)?)
            }
            AccountSettings::AzureOpenAi(endpoint) => Self::azure(endpoint, open("api_key", &endpoint.api_key)?),
            AccountSettings::Bedrock(access) => Self::bedrock(access, &open),
            AccountSettings::Droid(DroidAccess::ApiKeys { base_url, api_keys }) => {
                Self::droid(base_url, &open("api_keys", api_keys)?)
            }
            AccountSettings::Droid(DroidAccess::OAuth(access)) => {
                Ok(Self::by_oauth(Api::droid(&access.base_url)?, Vec::new()))
            }
        }
    }

    /// Whether the account can be asked `operation` in its own dialect.
    #[must_use]
    pub const fn serves(&self, operation: Operation) -> bool {
        self.api.serves(operation)
    }

    /// Whether `operation` may be asked over a WebSocket: the API has one, though not every server that speaks like it does.
    #[must_use]
    pub const fn has_socket(&self, operation: Operation) -> bool {
        self.api.has_socket(operation)
    }

    /// Whether it answers `operation` by a stream alone: who wants a document must be given one that was put together.
    #[must_use]
    pub const fn only_streams(&self, operation: Operation) -> bool {
        self.api.only_streams(operation)
    }

    /// The URL of `call`.
    ///
    /// # Errors
    ///
    /// When the query or the model has a character that no URL has, or the API has no such call.
    pub fn uri(&self, call: &Call<'_>) -> Result<Uri, http::Error> {
        self.api.uri(call)
    }

    /// What opens it.
    #[must_use]
    pub const fn opening(&self) -> &Opening {
        &self.opening
    }

    /// Headers that the provider requires beside the credential. Where the client sent one of the name, the values are joined by a
    /// comma if that header is a list (`anthropic-beta`), and else take its place.
    #[must_use]
    pub fn required_headers(&self) -> &[HeaderPair] {
        &self.required
    }

    /// What is wrapped around bodies.
    #[must_use]
    pub fn envelope(&self) -> Envelope<'_> {
        self.api.envelope()
    }

    /// Whether `bytes` tell the upstream's host, in any case of its letters, or a stored credential: what must not stand in an
    /// answer to a client.
    #[must_use]
    pub fn is_told_by(&self, bytes: &[u8]) -> bool {
        self.untold.is_told_by(bytes)
    }

    fn keyed(api: Api, endpoint: &HttpEndpoint, api_key: &SecretString) -> Result<Self, DestinationError> {
        let opening = Opening::Header(credential(endpoint.auth, api_key)?);
        Ok(Self::assemble(api, opening, Vec::new(), vec![api_key.clone()]))
    }

    fn by_oauth(api: Api, required: Vec<HeaderPair>) -> Self {
        Self::assemble(api, Opening::OAuth, required, Vec::new())
    }

    fn chatgpt(access: &OAuthAccess) -> Result<Self, DestinationError> {
        let account = access.grant.provider_account_id.as_deref().map(HeaderValue::from_str);
        let account = account.transpose().map_err(|_| DestinationError::Credential)?;
        let required = account.map(|value| (CHATGPT_ACCOUNT, value)).into_iter().collect();
        Ok(Self::by_oauth(Api::chatgpt(&access.base_url)?, required))
    }

    fn azure(endpoint: &AzureEndpoint, api_key: SecretString) -> Result<Self, DestinationError> {
        let opening = Opening::Header(credential(endpoint.auth, &api_key)?);
        Ok(Self::assemble(Api::azure(endpoint)?, opening, Vec::new(), vec![api_key]))
    }

    fn bedrock(
        access: &BedrockAccess,
        open: &dyn Fn(&'static str, &Sealed) -> Result<SecretString, DestinationError>,
    ) -> Result<Self, DestinationError> {
        let api = Api::bedrock(&access.region, access.base_url.as_deref())?;
        let region: Arc<str> = access.region.as_str().into();
        let (opening, secrets) = match &access.credential {
            AwsCredential::BearerToken(sealed) => {
                let token = open("bearer_token", sealed)?;
                (Opening::Header(credential(AuthScheme::Bearer, &token)?), vec![token])
            }
            AwsCredential::Environment => (Opening::AwsSignature { region, keys: None }, Vec::new()),
            AwsCredential::AccessKey { access_key_id, secret_access_key, session_token } => {
                let secret_access_key = open("secret_access_key", secret_access_key)?;
                let session_token = session_token.as_ref().map(|sealed| open("session_token", sealed)).transpose()?;
                let secrets = [Some(secret_access_key.clone()), session_token.clone()].into_iter().flatten().collect();
                let keys = AwsKeys { access_key_id: access_key_id.clone(), secret_access_key, session_token };
                (Opening::AwsSignature { region, keys: Some(keys) }, secrets)
            }
        };
        Ok(Self::assemble(api, opening, Vec::new(), secrets))
    }

    fn droid(base_url: &str, api_keys: &SecretString) -> Result<Self, DestinationError> {
        let not_a_list = || DestinationError::Sealed("it is no JSON list of API keys".to_owned());
        let keys: Vec<String> = serde_json::from_str(api_keys.expose_secret()).map_err(|_| not_a_list())?;
        let keys: Vec<_> = keys.into_iter().map(SecretString::from).collect();
        let headers: Vec<_> = keys.iter().map(|key| credential(AuthScheme::Bearer, key)).collect::<Result<_, _>>()?;
        if headers.is_empty() {
            return Err(not_a_list());
        }
        let opening = Opening::InTurn(Arc::new(InTurn { headers, next: AtomicUsize::new(0) }));
        Ok(Self::assemble(Api::droid(base_url)?, opening, Vec::new(), keys))
    }

    fn assemble(api: Api, opening: Opening, required: Vec<HeaderPair>, secrets: Vec<SecretString>) -> Self {
        let untold = Untold::new(api.host(), secrets);
        Self { api, opening, required, untold }
    }
}

impl InTurn {
    /// The next one.
    #[must_use]
    pub fn next(&self) -> &HeaderPair {
        &self.headers[self.next.fetch_add(1, Ordering::Relaxed) % self.headers.len()]
    }
}

/// The header in which `auth` wants `key`; its value is marked sensitive.
///
/// # Errors
///
/// When the key has a character that no header value has.
pub fn credential(auth: AuthScheme, key: &SecretString) -> Result<HeaderPair, DestinationError> {
    let key = key.expose_secret();
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
mod tests;
