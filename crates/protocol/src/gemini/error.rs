//! Reads `{"error":{"code":…,"message":…,"status":…,"details":[…]}}` (google.rpc.Status).

use crate::{
    answer::{UpstreamError, UpstreamErrorKind},
    openai::span,
    skim::{Fault, Value},
};
use std::time::Duration;

/// Longest message that is unescaped, in bytes as written; a longer one is a document in disguise and left out.
const MESSAGE_READ_BYTES_MAX: usize = 64 << 10;

/// Longest word that is looked at.
const WORD_BYTES_MAX: usize = 128;

/// The kind by the `reason` of a `google.rpc.ErrorInfo`, where that says more than the status: a key that is not one comes
/// with status 400.
fn kind_of_reason(reason: &str) -> Option<UpstreamErrorKind> {
    Some(match reason {
        "API_KEY_INVALID" | "ACCESS_TOKEN_EXPIRED" | "API_KEY_SERVICE_BLOCKED" => UpstreamErrorKind::Authentication,
        "BILLING_DISABLED" => UpstreamErrorKind::Billing,
        "MODEL_CAPACITY_EXHAUSTED" => UpstreamErrorKind::Overloaded,
        _ => return None,
    })
}

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
    let mut error = UpstreamError::new(details.kind.unwrap_or(kind), &message.unwrap_or_default());
    error.retry_after = details.retry_after;
    Ok(error)
}

/// Reads the text of such a value.
pub(crate) fn told_error(text: &[u8]) -> Result<UpstreamError, Fault> {
    in_value(&Value::whole(text))
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

/// What the `details` tell.
#[derive(Default)]
struct Details {
    retry_after: Option<Duration>,
    kind: Option<UpstreamErrorKind>,
}

impl Details {
    /// `google.rpc.RetryInfo` has a `retryDelay` (`3.5s`), `google.rpc.ErrorInfo` a `reason`, and with Code Assist a
    /// `quotaResetDelay` in its `metadata`.
    fn read(details: &Value<'_>) -> Result<Self, Fault> {
        let (mut read, mut quota_resets_in) = (Self::default(), None);
        for detail in details.elements().into_iter().flatten() {
            for member in detail?.members().into_iter().flatten() {
                let member = member?;
                let text = || member.value.short_text(WORD_BYTES_MAX);
                match &*member.key {
                    b"retryDelay" => read.retry_after = text().as_deref().and_then(seconds).or(read.retry_after),
                    b"reason" => read.kind = text().as_deref().and_then(kind_of_reason).or(read.kind),
                    b"metadata" => quota_resets_in = quota_reset(&member.value)?.or(quota_resets_in),
                    _ => {}
                }
            }
        }
        read.retry_after = read.retry_after.or(quota_resets_in);
        Ok(read)
    }
}

fn quota_reset(metadata: &Value<'_>) -> Result<Option<Duration>, Fault> {
    let mut delay = None;
    for member in metadata.members().into_iter().flatten() {
        let member = member?;
        if *member.key == *b"quotaResetDelay" {
            delay = member.value.short_text(WORD_BYTES_MAX);
        }
    }
    Ok(delay.as_deref().and_then(span))
}

/// A duration as JSON has it (google.protobuf.Duration): `3.5s`.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skim::Members;

    fn error(body: &str) -> UpstreamError {
        let member = Members::of(body.as_bytes()).next().expect("a member").expect("JSON");
        in_value(&member.value).expect("JSON")
    }

    #[test]
    fn the_kind_is_told_by_the_status_and_better_by_a_reason() {
        for (body, kind) in [
            (r#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#, UpstreamErrorKind::Overloaded),
            (r#"{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}"#, UpstreamErrorKind::InvalidRequest),
            (
                r#"{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT","details":[
                    {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID",
                     "domain":"googleapis.com","metadata":{"service":"generativelanguage.googleapis.com"}}]}}"#,
                UpstreamErrorKind::Authentication,
            ),
            (
                r#"{"error":{"details":[{"reason":"MODEL_CAPACITY_EXHAUSTED"}],"status":"RESOURCE_EXHAUSTED","message":"m"}}"#,
                UpstreamErrorKind::Overloaded,
            ),
            (r#"{"error":{"code":418,"message":"m"}}"#, UpstreamErrorKind::Other),
            (r#"{"error":"m"}"#, UpstreamErrorKind::Other),
        ] {
            let read = error(body);
            assert_eq!((read.kind, read.message.as_str()), (kind, "m"), "{body}");
        }
    }

    #[test]
    fn the_time_to_wait_stands_in_the_details() {
        for (details, ms) in [
            (r#"[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.074824224s"}]"#, Some(34_074)),
            (r#"[{"metadata":{"quotaResetDelay":"1h2m3.5s"}}]"#, Some(3_723_500)),
            (r#"[{"metadata":{"quotaResetDelay":"9s"}},{"retryDelay":"3s"}]"#, Some(3000)),
            (r#"[{"retryDelay":"soon"}]"#, None),
            (r#"[{"retryDelay":"-1s"}]"#, None),
            ("[]", None),
            ("null", None),
        ] {
            let body = format!(r#"{{"error":{{"status":"RESOURCE_EXHAUSTED","details":{details}}}}}"#);
            assert_eq!(error(&body).retry_after.map(|span| span.as_millis()), ms, "{details}");
        }
    }
}
