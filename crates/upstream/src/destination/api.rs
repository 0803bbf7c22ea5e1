//! The URLs of each platform's API.

use super::{Call, DestinationError, Envelope};
use domain::AzureEndpoint;
use http::{Uri, uri::PathAndQuery};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use protocol::{Operation, bedrock};

const MESSAGES_PATH: &str = "/v1/messages";

/// The version of the Gemini API for clients whose path names none.
const GEMINI_VERSION: &str = "v1beta";

/// Versions of Azure's API that are not dated stand beside `/openai/v1`.
const AZURE_UNDATED: [&str; 3] = ["v1", "preview", "latest"];

/// All but the unreserved characters (RFC 3986, 2.3).
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Calls that a base URL may end in, by being copied from a provider's example.
const OPENAI_CALLS: [&str; 5] = ["/responses/compact", "/responses", "/chat/completions", "/embeddings", "/models"];

/// An API, with what its URLs are made of.
#[derive(Debug, Clone)]
pub(super) enum Api {
    Anthropic { messages: Uri, count_tokens: Uri, models: Uri },
    Gemini { base: Base },
    CodeAssist { base: Base, project: String },
    OpenAi { base: Base },
    ChatGpt { base: Base },
    Azure { base: Base, version: Option<String> },
    Bedrock { base: Base },
    Droid { base: Base },
}

/// Origin and path prefix, without a trailing slash.
#[derive(Debug, Clone)]
pub(super) struct Base {
    text: String,
    host: String,
}

impl Api {
    pub(super) fn anthropic(base_url: &str, messages_path: Option<&str>) -> Result<Self, DestinationError> {
        let path = messages_path.unwrap_or(MESSAGES_PATH);
        let version = if path.starts_with("/v1/") { "/v1" } else { "" };
        let base = Base::parse(base_url, &[path, version])?;
        let models = match path.strip_suffix("/messages") {
            Some(parent) => format!("{parent}/models"),
            None => "/v1/models".to_owned(),
        };
        Ok(Self::Anthropic {
            messages: base.join(path)?,
            count_tokens: base.join(&format!("{path}/count_tokens"))?,
            models: base.join(&models)?,
        })
    }

    pub(super) fn gemini(base_url: &str) -> Result<Self, DestinationError> {
        Ok(Self::Gemini { base: Base::parse(base_url, &["/models", "/v1beta", "/v1"])? })
    }

    pub(super) fn code_assist(base_url: &str, project: &str) -> Result<Self, DestinationError> {
        Ok(Self::CodeAssist { base: Base::parse(base_url, &["/v1internal"])?, project: project.to_owned() })
    }

    /// A base that ends in a version, `https://host/api/v3`, keeps it; any other gets `/v1`.
    pub(super) fn openai(base_url: &str) -> Result<Self, DestinationError> {
        let mut base = Base::parse(base_url, &OPENAI_CALLS)?;
        let last = base.text.rsplit('/').next().unwrap_or_default();
        let is_version = last.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if !is_version {
            base.text.push_str("/v1");
        }
        Ok(Self::OpenAi { base })
    }

    pub(super) fn chatgpt(base_url: &str) -> Result<Self, DestinationError> {
        Ok(Self::ChatGpt { base: Base::parse(base_url, &OPENAI_CALLS)? })
    }

    pub(super) fn azure(endpoint: &AzureEndpoint) -> Result<Self, DestinationError> {
        let base = Base::parse(&endpoint.base_url, &["/openai/v1", "/openai"])?;
        Ok(Self::Azure { base, version: endpoint.api_version.clone() })
    }

    pub(super) fn bedrock(region: &str, base_url: Option<&str>) -> Result<Self, DestinationError> {
        let usual = || format!("https://bedrock-runtime.{region}.amazonaws.com");
        Ok(Self::Bedrock { base: Base::parse(&base_url.map_or_else(usual, str::to_owned), &[])? })
    }

    pub(super) fn droid(base_url: &str) -> Result<Self, DestinationError> {
        Ok(Self::Droid { base: Base::parse(base_url, &[])? })
    }

    pub(super) fn host(&self) -> &str {
        match self {
            Self::Anthropic { messages, .. } => messages.host().unwrap_or_default(),
            Self::Gemini { base }
            | Self::CodeAssist { base, .. }
            | Self::OpenAi { base }
            | Self::ChatGpt { base }
            | Self::Azure { base, .. }
            | Self::Bedrock { base }
            | Self::Droid { base } => &base.host,
        }
    }

    pub(super) fn envelope(&self) -> Envelope<'_> {
        match self {
            Self::CodeAssist { project, .. } => Envelope::CodeAssist { project },
            Self::Bedrock { .. } => Envelope::Bedrock,
            _ => Envelope::None,
        }
    }

    pub(super) const fn serves(&self, operation: Operation) -> bool {
        use domain::Dialect::{Anthropic, Gemini, OpenAiChat, OpenAiResponses};
        match self {
            Self::Anthropic { .. } => {
                matches!(operation, Operation::Messages | Operation::CountTokens | Operation::Models(Anthropic))
            }
            Self::Gemini { .. } => matches!(
                operation,
                Operation::GenerateContent | Operation::CountContentTokens | Operation::Models(Gemini)
            ),
            Self::CodeAssist { .. } => matches!(operation, Operation::GenerateContent | Operation::CountContentTokens),
            Self::OpenAi { .. } => matches!(
                operation,
                Operation::Responses
                    | Operation::CompactResponse
                    | Operation::ChatCompletions
                    | Operation::Embeddings
                    | Operation::Models(OpenAiChat | OpenAiResponses)
            ),
            Self::ChatGpt { .. } => matches!(operation, Operation::Responses | Operation::CompactResponse),
            Self::Azure { .. } => {
                matches!(operation, Operation::Responses | Operation::ChatCompletions | Operation::Embeddings)
            }
            Self::Bedrock { .. } => matches!(operation, Operation::Messages),
            Self::Droid { .. } => {
                matches!(operation, Operation::Messages | Operation::Responses | Operation::ChatCompletions)
            }
        }
    }

    pub(super) const fn has_socket(&self, operation: Operation) -> bool {
        matches!(self, Self::OpenAi { .. } | Self::ChatGpt { .. }) && matches!(operation, Operation::Responses)
    }

    /// ChatGPT's own clients ask for nothing but streams, and it refuses anything else.
    pub(super) const fn only_streams(&self, operation: Operation) -> bool {
        matches!((self, operation), (Self::ChatGpt { .. }, Operation::Responses))
    }

    pub(super) fn uri(&self, call: &Call<'_>) -> Result<Uri, http::Error> {
        match self {
            Self::Anthropic { messages, count_tokens, models } => with_query(
                match call.operation {
                    Operation::CountTokens => count_tokens,
                    Operation::Models(_) => models,
                    _ => messages,
                },
                call.query,
            ),
            Self::Gemini { base } => base.uri(&gemini_path(call), &gemini_query(call)),
            Self::CodeAssist { base, .. } => {
                base.uri(&format!("/v1internal:{}", gemini_verb(call)), if call.streamed { "alt=sse" } else { "" })
            }
            Self::OpenAi { base } | Self::ChatGpt { base } => {
                base.uri(openai_path(call.operation), call.query.unwrap_or_default())
            }
            Self::Azure { base, version } => azure_uri(base, version.as_deref(), call),
            Self::Bedrock { base } => {
                let invoke = if call.streamed { bedrock::Call::InvokeStream } else { bedrock::Call::Invoke };
                base.uri(&invoke.path(call.model), "")
            }
            Self::Droid { base } => {
                let path = match call.operation {
                    Operation::Messages => "/a/v1/messages",
                    Operation::ChatCompletions => "/o/v1/chat/completions",
                    _ => "/o/v1/responses",
                };
                base.uri(path, call.query.unwrap_or_default())
            }
        }
    }
}

const fn openai_path(operation: Operation) -> &'static str {
    match operation {
        Operation::CompactResponse => "/responses/compact",
        Operation::ChatCompletions => "/chat/completions",
        Operation::Embeddings => "/embeddings",
        Operation::Models(_) => "/models",
        _ => "/responses",
    }
}

const fn gemini_verb(call: &Call<'_>) -> &'static str {
    match (call.operation, call.streamed) {
        (Operation::CountContentTokens, _) => "countTokens",
        (_, true) => "streamGenerateContent",
        (_, false) => "generateContent",
    }
}

fn gemini_path(call: &Call<'_>) -> String {
    let version = call.version.unwrap_or(GEMINI_VERSION);
    match call.operation {
        Operation::Models(_) => format!("/{version}/models"),
        _ => format!("/{version}/models/{}:{}", path_segment(call.model), gemini_verb(call)),
    }
}

/// A stream is always asked for as server-sent events: how the client gets it is the relay's matter.
fn gemini_query(call: &Call<'_>) -> String {
    let pairs = call.query.unwrap_or_default().split('&');
    let mut query: Vec<_> = pairs.filter(|pair| !pair.is_empty() && !pair.starts_with("alt=")).collect();
    if call.streamed {
        query.push("alt=sse");
    }
    query.join("&")
}

/// Dated versions call a deployment by its name in the path; the others stand below `/openai/v1` and name it in the body. The
/// version is the account's, else the client's.
fn azure_uri(base: &Base, version: Option<&str>, call: &Call<'_>) -> Result<Uri, http::Error> {
    let pairs = || call.query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let asked = pairs().find_map(|pair| pair.strip_prefix("api-version="));
    let version = version.or(asked).unwrap_or("v1");
    let mut query: Vec<_> = pairs().filter(|pair| !pair.starts_with("api-version=")).map(str::to_owned).collect();
    if version != "v1" {
        query.push(format!("api-version={version}"));
    }
    let call_path = openai_path(call.operation);
    let path = if AZURE_UNDATED.contains(&version) {
        format!("/openai/v1{call_path}")
    } else if call.operation == Operation::Responses {
        format!("/openai{call_path}")
    } else {
        format!("/openai/deployments/{}{call_path}", path_segment(call.model))
    };
    base.uri(&path, &query.join("&"))
}

fn with_query(uri: &Uri, query: Option<&str>) -> Result<Uri, http::Error> {
    let Some(query) = query else { return Ok(uri.clone()) };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{}?{query}", uri.path()))?);
    Ok(Uri::from_parts(parts)?)
}

/// `text` as one segment of a path.
fn path_segment(text: &str) -> String {
    utf8_percent_encode(text, &RESERVED).to_string()
}

impl Base {
    /// Reads a base URL; what of `tails` it ends in is taken off, each once, in their order.
    fn parse(base_url: &str, tails: &[&str]) -> Result<Self, DestinationError> {
        let trimmed = base_url.trim().trim_end_matches('/');
        let text = tails.iter().fold(trimmed, |text, tail| text.strip_suffix(tail).unwrap_or(text));
        let uri: Uri = text.parse().map_err(|_| DestinationError::BaseUrl)?;
        let schemed = matches!(uri.scheme_str(), Some("http" | "https"));
        let host = uri.host().filter(|host| !host.is_empty());
        let plain = uri.query().is_none() && !text.contains('#');
        let userless = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        match host {
            Some(host) if schemed && plain && userless => {
                Ok(Self { text: text.trim_end_matches('/').to_owned(), host: host.to_owned() })
            }
            _ => Err(DestinationError::BaseUrl),
        }
    }

    fn join(&self, path: &str) -> Result<Uri, DestinationError> {
        let plain = path.starts_with('/') && !path.contains(['?', '#']);
        let uri = plain.then(|| format!("{}{path}", self.text).parse().ok()).flatten();
        uri.ok_or(DestinationError::Path)
    }

    fn uri(&self, path: &str, query: &str) -> Result<Uri, http::Error> {
        let mark = if query.is_empty() { "" } else { "?" };
        Ok(Uri::try_from(format!("{}{path}{mark}{query}", self.text))?)
    }
}
