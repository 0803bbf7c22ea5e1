//! What is read of an upstream's answer, in the words of all dialects. Filled by the readers of each dialect.

use crate::tariff::Tariff;
use domain::{FailureKind, TokenUsage, UsageSource};
use std::time::Duration;

/// What an event of a stream means to the one who forwards it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing of the answer itself: a greeting, a keep-alive, an event that is not known. Before the first content
    /// it may be held back, so that another account can still be tried.
    Aside,
    /// A part of the answer.
    Content,
    /// A part of the answer, and its last unless more follows: what Gemini, which has no terminal event, and Chat, whose
    /// `[DONE]` some upstreams leave out, end their answers with. A forwarder holds it and what comes behind it back until
    /// content, the end, or the end of the transport makes it sure.
    Finish,
    /// Chat's extra chunk of numbers alone, which a client gets only when it has asked for it; nothing of the answer. It
    /// comes behind [`Finish`](Self::Finish) and before [`End`](Self::End), with some upstreams between contents too.
    UsageOnly,
    /// The answer is whole. Clients count it as done when they see this event.
    End,
    /// The upstream gives up; why is in [`Ending::Failed`].
    Failure,
    /// An event that should carry numbers cannot be read. Clients may fail at it; the stream may still go on.
    Garbage,
}

/// How a stream ended in its own words. A stream that stops without one was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With its terminal event.
    Whole,
    /// With an error event.
    Failed(UpstreamError),
}

/// What an answer says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The provider's id of the message.
    pub id: Option<String>,
    /// The model that answered, by the provider's name.
    pub model: Option<String>,
    /// Why it stopped.
    pub stop_reason: Option<String>,
    /// What besides the model chose the price.
    pub tariff: Tariff,
}

/// Longest text of an [`Answer`] that is kept, in bytes: a model's name is the longest (an ARN, about 130).
pub(crate) const ANSWER_TEXT_BYTES_MAX: usize = 256;

/// What is known of an answer's usage, now or at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Tokens by class.
    pub usage: TokenUsage,
    /// Where the numbers come from.
    pub source: UsageSource,
    /// What the answer says about itself.
    pub answer: Answer,
}

/// What a body that is no stream turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyReading {
    /// An answer.
    Answer(Reading),
    /// An error in the dialect's shape.
    Error(UpstreamError),
    /// Neither: cut, no JSON, or JSON of another kind.
    Garbage,
}

/// An error that an upstream told in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamError {
    /// What kind of error.
    pub kind: UpstreamErrorKind,
    /// The upstream's text, at most [`ERROR_MESSAGE_BYTES_MAX`]. It may name the upstream: for the operator's eyes.
    pub message: String,
    /// When another try may succeed, where the error itself says so.
    pub retry_after: Option<Duration>,
}

/// Longest message of an upstream's error that is kept, in bytes; the rest is cut.
pub const ERROR_MESSAGE_BYTES_MAX: usize = 1024;

/// Kinds of upstream errors, by Anthropic's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UpstreamErrorKind {
    /// `invalid_request_error`.
    InvalidRequest,
    /// `authentication_error`.
    Authentication,
    /// `billing_error`.
    Billing,
    /// `permission_error`.
    Permission,
    /// `not_found_error`.
    NotFound,
    /// `request_too_large`.
    RequestTooLarge,
    /// `rate_limit_error`.
    RateLimit,
    /// `api_error`.
    Api,
    /// `timeout_error`.
    Timeout,
    /// `overloaded_error`.
    Overloaded,
    /// Another name, or none.
    Other,
}

impl Meaning {
    /// Whether the answer ends with this event, whichever way.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::End | Self::Failure)
    }
}

impl UpstreamErrorKind {
    /// Reads the provider's name.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "invalid_request_error" => Self::InvalidRequest,
            "authentication_error" => Self::Authentication,
            "billing_error" => Self::Billing,
            "permission_error" => Self::Permission,
            "not_found_error" => Self::NotFound,
            "request_too_large" => Self::RequestTooLarge,
            "rate_limit_error" => Self::RateLimit,
            "api_error" => Self::Api,
            "timeout_error" => Self::Timeout,
            "overloaded_error" => Self::Overloaded,
            _ => Self::Other,
        }
    }

    /// The provider's name; `api_error` for [`Other`](Self::Other), which has none.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request_error",
            Self::Authentication => "authentication_error",
            Self::Billing => "billing_error",
            Self::Permission => "permission_error",
            Self::NotFound => "not_found_error",
            Self::RequestTooLarge => "request_too_large",
            Self::RateLimit => "rate_limit_error",
            Self::Timeout => "timeout_error",
            Self::Overloaded => "overloaded_error",
            Self::Api | Self::Other => "api_error",
        }
    }

    /// The ledger's word for it.
    #[must_use]
    pub const fn failure(self) -> FailureKind {
        match self {
            Self::InvalidRequest | Self::NotFound | Self::RequestTooLarge => FailureKind::Request,
            Self::Authentication | Self::Permission => FailureKind::Credential,
            Self::Billing => FailureKind::Quota,
            Self::RateLimit => FailureKind::RateLimit,
            Self::Timeout => FailureKind::Timeout,
            Self::Overloaded => FailureKind::Overloaded,
            Self::Api | Self::Other => FailureKind::Upstream,
        }
    }
}

impl UpstreamError {
    /// An error without words.
    pub(crate) const UNTOLD: Self = Self { kind: UpstreamErrorKind::Other, message: String::new(), retry_after: None };

    /// Cuts `message` at a character.
    pub(crate) fn new(kind: UpstreamErrorKind, message: &str) -> Self {
        let longest = ERROR_MESSAGE_BYTES_MAX.min(message.len());
        let end = (0..=longest).rev().find(|&at| message.is_char_boundary(at)).unwrap_or(0);
        Self { kind, message: message[..end].to_owned(), retry_after: None }
    }
}
