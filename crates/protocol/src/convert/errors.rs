//! What upstreams call their errors within a stream, by the kinds that all dialects share.

use super::fields::{Field, Fields};
use crate::answer::{UpstreamError, UpstreamErrorKind};

/// Reads OpenAI's `{message, type, code}`. What cannot be read is an error without words: the stream has failed anyway.
pub(super) fn of_openai(error: Field<'_>) -> UpstreamError {
    if let Ok(message) = error.text() {
        return UpstreamError::new(UpstreamErrorKind::Other, &message);
    }
    error.object().map_or(UpstreamError::UNTOLD, of_openai_fields)
}

/// The same, of its members.
pub(super) fn of_openai_fields(mut fields: Fields<'_>) -> UpstreamError {
    let message = fields.text("message").ok().flatten().unwrap_or_default();
    let words = ["code", "type"].map(|name| fields.text(name).ok().flatten().unwrap_or_default());
    let kind = words.iter().map(|word| openai_kind(word)).find(|kind| *kind != UpstreamErrorKind::Other);
    UpstreamError::new(kind.unwrap_or(UpstreamErrorKind::Other), &message)
}

fn openai_kind(word: &str) -> UpstreamErrorKind {
    match word {
        "rate_limit_exceeded" => UpstreamErrorKind::RateLimit,
        "insufficient_quota" | "billing_hard_limit_reached" => UpstreamErrorKind::Billing,
        "invalid_api_key" => UpstreamErrorKind::Authentication,
        "permission_denied" => UpstreamErrorKind::Permission,
        "model_not_found" => UpstreamErrorKind::NotFound,
        "server_is_overloaded" | "slow_down" => UpstreamErrorKind::Overloaded,
        "context_length_exceeded" | "invalid_prompt" => UpstreamErrorKind::InvalidRequest,
        "server_error" => UpstreamErrorKind::Api,
        name => UpstreamErrorKind::from_name(name),
    }
}

/// Reads Google's `{code, message, status}`.
pub(super) fn of_google(error: Field<'_>) -> UpstreamError {
    let Ok(mut fields) = error.object() else { return UpstreamError::UNTOLD };
    let message = fields.text("message").ok().flatten().unwrap_or_default();
    let status = fields.text("status").ok().flatten().unwrap_or_default();
    let kind = match &*status {
        "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => UpstreamErrorKind::InvalidRequest,
        "UNAUTHENTICATED" => UpstreamErrorKind::Authentication,
        "PERMISSION_DENIED" => UpstreamErrorKind::Permission,
        "NOT_FOUND" => UpstreamErrorKind::NotFound,
        "RESOURCE_EXHAUSTED" => UpstreamErrorKind::RateLimit,
        "DEADLINE_EXCEEDED" => UpstreamErrorKind::Timeout,
        "UNAVAILABLE" => UpstreamErrorKind::Overloaded,
        "INTERNAL" | "UNKNOWN" => UpstreamErrorKind::Api,
        _ => UpstreamErrorKind::Other,
    };
    UpstreamError::new(kind, &message)
}
