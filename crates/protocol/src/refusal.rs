//! The relay's own refusals. The one place where an error becomes a status; nothing here passes on an upstream's words.

use crate::{anthropic, gemini, openai};
use bytes::Bytes;
use domain::{Dialect, RequestId, Service};
use std::{borrow::Cow, time::Duration};

/// Longest `Retry-After` that is sent, in seconds. Claude Code waits for up to 60 and gives up at once at 61; other
/// clients come back after 60 seconds and are told again.
pub const RETRY_AFTER_SECS_MAX: u64 = 60;

/// The status for an overloaded provider that only Anthropic's clients know.
const STATUS_OVERLOADED: u16 = 529;

/// Why the relay does not answer a request with an upstream's answer.
///
/// The texts in it come from the relay itself: never an upstream's address, never a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The request itself is wrong, in the words given.
    InvalidRequest(String),
    /// No key, or one that is not known.
    UnknownKey,
    /// The key is switched off.
    KeyDisabled,
    /// The key has expired.
    KeyExpired,
    /// The key may not use this service.
    NotPermitted(Service),
    /// The key is restricted to other client programs.
    ClientNotAllowed,
    /// The key may not use this model.
    ModelNotAllowed(String),
    /// There is nothing at this path.
    NotFound,
    /// There is, but not for this method.
    MethodNotAllowed {
        /// The methods that there are, as the `Allow` header wants them (RFC 9110, 10.2.1).
        allow: &'static str,
    },
    /// The body is too large.
    TooLarge {
        /// The largest body there may be, in bytes, after decompression.
        limit_bytes: u64,
    },
    /// The body comes in a `Content-Encoding` that is not known.
    UnsupportedEncoding,
    /// The request did not arrive in time.
    RequestTimeout,
    /// There were too many wrong keys.
    TooManyGuesses {
        /// When another try is looked at.
        retry_after: Duration,
    },
    /// A limit of the key is reached.
    RateLimited {
        /// When another try may succeed.
        retry_after: Duration,
    },
    /// No account can serve the request.
    NoAccount {
        /// Why, for the caller to read: causes and numbers, `2 cooling down (rate_limit), 1 switched off`.
        reasons: String,
        /// When another try may succeed, if that is known.
        retry_after: Option<Duration>,
    },
    /// The provider is overloaded (529).
    Overloaded {
        /// When another try may succeed.
        retry_after: Duration,
    },
    /// The relay itself is full: buffers, or the place in its books.
    Busy {
        /// When another try may succeed.
        retry_after: Duration,
    },
    /// The upstream refused in words that cannot be passed on.
    UpstreamRefused {
        /// Its status, 400 to 599.
        status: u16,
        /// When another try may succeed, if it said so.
        retry_after: Option<Duration>,
    },
    /// The upstream could not be reached, answered with nonsense, or broke off.
    UpstreamFailed,
    /// The upstream did not answer in time, or went silent.
    UpstreamTimeout,
    /// A fault of the relay.
    Internal,
}

/// A refusal, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The HTTP status.
    pub status: u16,
    /// Headers in lower case; no `content-length`.
    pub headers: Vec<(&'static str, String)>,
    /// JSON in the client's dialect.
    pub body: Bytes,
}

/// What the dialects' shapes are filled with.
pub(crate) struct Facts<'a> {
    pub(crate) status: u16,
    pub(crate) message: Cow<'a, str>,
    pub(crate) retry_after_secs: Option<u64>,
    pub(crate) request_id: &'a RequestId,
}

impl Refusal {
    /// The whole answer for a client that has seen nothing yet.
    #[must_use]
    pub fn render(&self, dialect: Dialect, request_id: &RequestId) -> Rendered {
        let facts = self.facts(dialect, request_id);
        let mut headers = vec![("content-type", "application/json".to_owned())];
        headers.extend(facts.retry_after_secs.map(|secs| ("retry-after", secs.to_string())));
        if let Self::MethodNotAllowed { allow } = self {
            headers.push(("allow", (*allow).to_owned()));
        }
        if !self.another_try_may_help() {
            // Without it Claude Code repeats a 401 for three minutes.
            headers.push(("x-should-retry", "false".to_owned()));
        }
        let body = match dialect {
            Dialect::Anthropic => anthropic::refusal::body(&facts),
            Dialect::OpenAiChat | Dialect::OpenAiResponses => openai::refusal::body(&facts),
            Dialect::Gemini => gemini::refusal::body(&facts),
        };
        Rendered { status: facts.status, headers, body: body.into() }
    }

    /// The last event of a stream that has begun: the status is sent already.
    #[must_use]
    pub fn render_event(&self, dialect: Dialect, request_id: &RequestId) -> Bytes {
        let facts = self.facts(dialect, request_id);
        let event = match dialect {
            Dialect::Anthropic => anthropic::refusal::event(&facts),
            Dialect::OpenAiChat => openai::refusal::chat_event(&facts),
            Dialect::OpenAiResponses => openai::refusal::responses_event(&facts),
            Dialect::Gemini => gemini::refusal::event(&facts),
        };
        event.into()
    }

    /// The HTTP status in `dialect`.
    #[must_use]
    pub const fn status(&self, dialect: Dialect) -> u16 {
        match self {
            Self::InvalidRequest(_) => 400,
            Self::UnknownKey | Self::KeyDisabled | Self::KeyExpired => 401,
            Self::NotPermitted(_) | Self::ClientNotAllowed | Self::ModelNotAllowed(_) => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::RequestTimeout => 408,
            Self::TooLarge { .. } => 413,
            Self::UnsupportedEncoding => 415,
            Self::TooManyGuesses { .. } | Self::RateLimited { .. } => 429,
            Self::Internal => 500,
            Self::UpstreamRefused { status, .. } => *status,
            Self::UpstreamFailed => 502,
            Self::NoAccount { .. } | Self::Busy { .. } => 503,
            Self::UpstreamTimeout => 504,
            Self::Overloaded { .. } => match dialect {
                Dialect::Anthropic => STATUS_OVERLOADED,
                Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini => 503,
            },
        }
    }

    /// What the client's user reads: what is wrong, and what to do next.
    #[must_use]
    pub fn message(&self) -> Cow<'_, str> {
        match self {
            Self::InvalidRequest(message) => message.into(),
            Self::UnknownKey => "This API key is not known here. Check the key that your client is set up with, \
                or ask the relay's administrator for one."
                .into(),
            Self::KeyDisabled => "This API key is switched off. Ask the relay's administrator.".into(),
            Self::KeyExpired => "This API key has expired. Ask the relay's administrator for a new one.".into(),
            Self::NotPermitted(service) => {
                format!("This API key may not use {service}. Ask the relay's administrator to permit it.").into()
            }
            Self::ClientNotAllowed => "This API key is restricted to other client programs. Use one of those, \
                or ask the relay's administrator."
                .into(),
            Self::ModelNotAllowed(model) => {
                format!("This API key may not use the model {model}. Choose another model.").into()
            }
            Self::NotFound => {
                "There is nothing at this path. Check the base URL that your client is set up with.".into()
            }
            Self::MethodNotAllowed { allow } => format!("This path takes {allow} only.").into(),
            Self::TooLarge { limit_bytes } => {
                format!("The request is larger than {limit_bytes} bytes. Shorten the conversation or its attachments.")
                    .into()
            }
            Self::UnsupportedEncoding => {
                "The request's Content-Encoding is not supported. Send gzip, br, zstd, or no encoding.".into()
            }
            Self::RequestTimeout => "The request did not arrive in time. Send it again.".into(),
            Self::TooManyGuesses { .. } => "Too many requests came with a wrong API key. Check the key, wait, then try again.".into(),
            Self::RateLimited { .. } => "This API key has reached its limit. Wait, then send the request again.".into(),
            Self::NoAccount { reasons, .. } if reasons.is_empty() => {
                "No account can serve this request now. Try again later, or ask the relay's administrator.".into()
            }
            Self::NoAccount { reasons, .. } => format!(
                "No account can serve this request now: {reasons}. Try again later, or ask the relay's administrator."
            )
            .into(),
            Self::Overloaded { .. } => "The provider is overloaded. Try again later.".into(),
            Self::Busy { .. } => "The relay is busy. Try again in a moment.".into(),
            Self::UpstreamRefused { status, .. } if self.another_try_may_help() => format!(
                "The provider refused the request with status {status}. Send it again; if it stays, ask the relay's administrator."
            )
            .into(),
            Self::UpstreamRefused { status, .. } => format!(
                "The provider refused the request with status {status}. Change the request, or ask the relay's administrator."
            )
            .into(),
            Self::UpstreamFailed => "The provider's answer failed or broke off. Send the request again.".into(),
            Self::UpstreamTimeout => "The provider did not answer in time. Send the request again.".into(),
            Self::Internal => {
                "The relay failed at this request. Try again; if it stays, give the administrator the request id."
                    .into()
            }
        }
    }

    /// Whether the same request may succeed later without anybody's doing.
    #[must_use]
    pub const fn another_try_may_help(&self) -> bool {
        match self {
            Self::UpstreamRefused { status, .. } => matches!(status, 408 | 409 | 429 | 500..),
            Self::InvalidRequest(_)
            | Self::UnknownKey
            | Self::KeyDisabled
            | Self::KeyExpired
            | Self::NotPermitted(_)
            | Self::ClientNotAllowed
            | Self::ModelNotAllowed(_)
            | Self::NotFound
            | Self::MethodNotAllowed { .. }
            | Self::TooLarge { .. }
            | Self::UnsupportedEncoding => false,
            Self::RequestTimeout
            | Self::TooManyGuesses { .. }
            | Self::RateLimited { .. }
            | Self::NoAccount { .. }
            | Self::Overloaded { .. }
            | Self::Busy { .. }
            | Self::UpstreamFailed
            | Self::UpstreamTimeout
            | Self::Internal => true,
        }
    }

    const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyGuesses { retry_after }
            | Self::RateLimited { retry_after }
            | Self::Overloaded { retry_after }
            | Self::Busy { retry_after } => Some(*retry_after),
            Self::NoAccount { retry_after, .. } | Self::UpstreamRefused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    fn facts<'a>(&'a self, dialect: Dialect, request_id: &'a RequestId) -> Facts<'a> {
        Facts {
            status: self.status(dialect),
            message: self.message(),
            retry_after_secs: self.retry_after().map(whole_secs),
            request_id,
        }
    }
}

/// An upstream's error document as the last event of a stream that has begun. `document` is in `dialect`.
#[must_use]
pub fn error_event(dialect: Dialect, document: &[u8]) -> Bytes {
    match dialect {
        Dialect::Anthropic => as_event("error", document),
        Dialect::OpenAiChat | Dialect::Gemini => as_event("", document),
        Dialect::OpenAiResponses => as_event("error", &openai::refusal::as_responses_error(document)),
    }
}

/// `document` as an event: each of its lines a `data` field.
fn as_event(name: &str, document: &[u8]) -> Bytes {
    let mut event = if name.is_empty() { Vec::new() } else { format!("event: {name}\n").into_bytes() };
    for line in document.split(|&byte| byte == b'\n' || byte == b'\r').filter(|line| !line.is_empty()) {
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(line);
        event.push(b'\n');
    }
    event.push(b'\n');
    event.into()
}

/// Rounded up, so that nobody comes too early; from 1 to [`RETRY_AFTER_SECS_MAX`].
fn whole_secs(span: Duration) -> u64 {
    let rounded_up = span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0));
    rounded_up.clamp(1, RETRY_AFTER_SECS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_several_lines_is_one_event() {
        let document = b"{\r\n \"type\": \"error\"\n}\n";
        let event = error_event(Dialect::Anthropic, document);
        assert_eq!(&event[..], b"event: error\ndata: {\ndata:  \"type\": \"error\"\ndata: }\n\n");
        let event = error_event(Dialect::Gemini, b"{\"error\":{}}");
        assert_eq!(&event[..], b"data: {\"error\":{}}\n\n");
    }

    #[test]
    fn a_limit_told_within_a_responses_stream_says_when_to_come_back() {
        let id = RequestId::parse("req-1").expect("an id");
        let limited = Refusal::RateLimited { retry_after: Duration::from_millis(1500) };
        let event = limited.render_event(Dialect::OpenAiResponses, &id);
        assert!(String::from_utf8_lossy(&event).contains("Please try again in 2s."), "{event:?}");
    }

    #[test]
    fn a_responses_stream_s_error_stands_at_the_event_s_top() {
        let document =
            br#"{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded","param":null}}"#;
        let event = error_event(Dialect::OpenAiResponses, document);
        let expected = r#"{"type":"error","code":"rate_limit_exceeded","message":"slow down","param":null}"#;
        assert_eq!(String::from_utf8_lossy(&event), format!("event: error\ndata: {expected}\n\n"));
    }
}
