//! Reads `{"error":{"code":…,"message":…,"status":…,"details":[…]}}` (google.rpc.Status).

use crate::{
    answer::{UpstreamError, UpstreamErrorKind},
    skim::{Fault, Value},
};
use std::time::Duration;

/// Longest message that is unescaped, in bytes as written.
const MESSAGE_READ_BYTES_MAX: usize = 64 << 10;

/// Longest word that is looked at.
const WORD_BYTES_MAX: usize = 128;

/// What a detail says of a key that is not one: the API tells it with status 400.
const KEY_REASONS: [&str; 3] = ["API_KEY_INVALID", "ACCESS_TOKEN_EXPIRED", "API_KEY_SERVICE_BLOCKED"];

/// Reads the value of `error`.
pub(super) fn in_value(error: &Value<'_>) -> Result<UpstreamError, Fault> {
    let mut kind = UpstreamErrorKind::Other;
    let mut message = error.short_text(MESSAGE_READ_BYTES_MAX);
    let mut details = Details::default();
    for member in error.members().into_iter().flatten() {
        let member = member?;
        match &*member.key {
            b"status" => {
                kind = member.value.short_text(WORD_BYTES_MAX).map_or(kind, |status| kind_of(&status));
            }
            b"message" => message = member.value.short_text(MESSAGE_READ_BYTES_MAX),
            b"details" => details = Details::read(&member.value)?,
            _ => {}
        }
    }
    let kind = if details.is_about_key { UpstreamErrorKind::Authentication } else { kind };
    let mut error = UpstreamError::new(kind, &message.unwrap_or_default());
    error.retry_after = details.retry_after;
    Ok(error)
}

/// The kind by a canonical code (google/rpc/code.proto).
fn kind_of(status: &str) -> UpstreamErrorKind {
    match status {
        "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => UpstreamErrorKind::InvalidRequest,
        "UNAUTHENTICATED" => UpstreamErrorKind::Authentication,
        "PERMISSION_DENIED" => UpstreamErrorKind::Permission,
        "NOT_FOUND" => UpstreamErrorKind::NotFound,
        "RESOURCE_EXHAUSTED" => UpstreamErrorKind::RateLimit,
        "UNAVAILABLE" => UpstreamErrorKind::Overloaded,
        "DEADLINE_EXCEEDED" => UpstreamErrorKind::Timeout,
        "INTERNAL" | "UNKNOWN" | "DATA_LOSS" => UpstreamErrorKind::Api,
        _ => UpstreamErrorKind::Other,
    }
}

#[derive(Default)]
struct Details {
    retry_after: Option<Duration>,
    is_about_key: bool,
}

impl Details {
    /// `google.rpc.RetryInfo` has a `retryDelay` (`3.5s`), `google.rpc.ErrorInfo` a `reason`.
    fn read(details: &Value<'_>) -> Result<Self, Fault> {
        let mut read = Self::default();
        for detail in details.elements().into_iter().flatten() {
            for member in detail?.members().into_iter().flatten() {
                let member = member?;
                let text = || member.value.short_text(WORD_BYTES_MAX);
                match &*member.key {
                    b"retryDelay" => read.retry_after = text().as_deref().and_then(seconds).or(read.retry_after),
                    b"reason" => read.is_about_key |= text().is_some_and(|text| KEY_REASONS.contains(&text.as_str())),
                    _ => {}
                }
            }
        }
        Ok(read)
    }
}

/// A duration as JSON has it (google.protobuf.Duration): `3.5s`.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}
