//! Reads `{"error":{"message":…,"type":…,"code":…}}` and the `error` events of both dialects.

use crate::{
    answer::{UpstreamError, UpstreamErrorKind},
    skim::{Fault, Members, Value},
};
use std::time::Duration;

/// Longest message that is unescaped, in bytes as written; a longer one is a document in disguise and left out.
const MESSAGE_READ_BYTES_MAX: usize = 64 << 10;

/// Longest word that is looked at.
const WORD_BYTES_MAX: usize = 128;

/// What a message says before the time to wait, `Please try again in 1.898s`.
const WAIT_WORDS: &str = "try again in ";

/// Reads the value of `error`: an object, or with some upstreams only a text.
pub(super) fn in_value(error: &Value<'_>) -> Result<UpstreamError, Fault> {
    let mut words = ErrorWords { message: error.short_text(MESSAGE_READ_BYTES_MAX), ..ErrorWords::default() };
    for member in error.members().into_iter().flatten() {
        let member = member?;
        words.take(&member.key, &member.value);
    }
    Ok(words.error())
}

/// Reads the text of such a value.
pub(crate) fn told_error(text: &[u8]) -> Result<UpstreamError, Fault> {
    in_value(&Value::whole(text))
}

/// Reads an event whose members are the error's: `{"type":"error","code":…,"message":…}`, or that holds it in `error`.
/// What cannot be read is an error without words: the stream has failed anyway.
pub(super) fn in_event(data: &[u8]) -> UpstreamError {
    let mut document = Document::default();
    for member in Members::of(data).map_while(Result::ok) {
        if document.take(&member.key, &member.value).is_err() {
            return UpstreamError::UNTOLD;
        }
    }
    document.error(false).unwrap_or(UpstreamError::UNTOLD)
}

/// What the members of a document say of an error: in `error`, in `detail` (ChatGPT's own API), or at the top (vLLM, API
/// gateways).
#[derive(Default)]
pub(super) struct Document {
    told: Option<UpstreamError>,
    top: ErrorWords,
}

impl Document {
    /// Takes one member of the document, if it tells of an error.
    pub(super) fn take(&mut self, key: &[u8], value: &Value<'_>) -> Result<(), Fault> {
        match key {
            b"error" | b"detail" if !value.is_null() => self.told = Some(in_value(value)?),
            key => self.top.take(key, value),
        }
        Ok(())
    }

    /// The error; none when there is none. What stands at the top is one only where there is no answer.
    pub(super) fn error(self, has_answer: bool) -> Option<UpstreamError> {
        let at_top = || (!has_answer && self.top.message.is_some()).then(|| self.top.error());
        self.told.or_else(at_top)
    }
}

/// What an error says of itself, by the names of its members.
#[derive(Default)]
pub(crate) struct ErrorWords {
    pub(crate) message: Option<String>,
    /// `type`.
    pub(crate) kind: Option<String>,
    pub(crate) code: Option<String>,
    /// A code that is a number is an HTTP status.
    pub(crate) status: Option<u64>,
    pub(crate) resets_in_secs: Option<u64>,
}

impl ErrorWords {
    fn take(&mut self, key: &[u8], value: &Value<'_>) {
        match key {
            b"message" => self.message = value.short_text(MESSAGE_READ_BYTES_MAX),
            b"type" => self.kind = value.short_text(WORD_BYTES_MAX),
            b"code" => (self.code, self.status) = (value.short_text(WORD_BYTES_MAX), value.count()),
            b"resets_in_seconds" => self.resets_in_secs = value.count(),
            _ => {}
        }
    }

    /// The error that they tell. A code says more than a type.
    pub(crate) fn error(self) -> UpstreamError {
        let message = self.message.unwrap_or_default();
        let words = [self.code.as_deref(), self.kind.as_deref()];
        let status = self.status.or_else(|| self.code.as_deref()?.parse().ok());
        let kind = words.into_iter().flatten().find_map(kind_of).or_else(|| status.and_then(kind_of_status));
        let mut error = UpstreamError::new(kind.unwrap_or(UpstreamErrorKind::Other), &message);
        error.retry_after = self.resets_in_secs.map(Duration::from_secs).or_else(|| wait_in(&message));
        error
    }
}

/// The kind by an HTTP status, where an upstream gives one in the place of a code.
const fn kind_of_status(status: u64) -> Option<UpstreamErrorKind> {
    Some(match status {
        400 | 422 => UpstreamErrorKind::InvalidRequest,
        401 => UpstreamErrorKind::Authentication,
        402 => UpstreamErrorKind::Billing,
        403 => UpstreamErrorKind::Permission,
        404 => UpstreamErrorKind::NotFound,
        408 | 504 => UpstreamErrorKind::Timeout,
        413 => UpstreamErrorKind::RequestTooLarge,
        429 => UpstreamErrorKind::RateLimit,
        503 | 529 => UpstreamErrorKind::Overloaded,
        500..=599 => UpstreamErrorKind::Api,
        _ => return None,
    })
}

/// The kind by a `code` or a `type`; the provider's own and what gateways that speak like it were seen to send.
fn kind_of(word: &str) -> Option<UpstreamErrorKind> {
    Some(match word {
        "insufficient_quota" | "billing_hard_limit_reached" | "billing_not_active" | "usage_not_included" => {
            UpstreamErrorKind::Billing
        }
        "invalid_api_key"
        | "invalid_authentication"
        | "authentication_error"
        | "account_deactivated"
        | "token_expired" => UpstreamErrorKind::Authentication,
        "permission_denied" | "permission_error" | "unsupported_country_region_territory" => {
            UpstreamErrorKind::Permission
        }
        // The last is what a ChatGPT plan says until its window ends.
        "rate_limit_exceeded" | "rate_limit_error" | "requests" | "tokens" | "usage_limit_reached" => {
            UpstreamErrorKind::RateLimit
        }
        "server_is_overloaded" | "slow_down" | "overloaded_error" | "engine_overloaded" => {
            UpstreamErrorKind::Overloaded
        }
        "model_not_found" | "not_found_error" | "DeploymentNotFound" => UpstreamErrorKind::NotFound,
        "request_too_large" => UpstreamErrorKind::RequestTooLarge,
        "timeout" | "timeout_error" | "request_timeout" => UpstreamErrorKind::Timeout,
        "server_error" | "internal_error" | "internal_server_error" | "api_error" => UpstreamErrorKind::Api,
        "invalid_request_error"
        | "invalid_request"
        | "invalid_prompt"
        | "context_length_exceeded"
        | "content_filter"
        | "content_policy_violation"
        | "string_above_max_length"
        | "unsupported_parameter"
        | "unsupported_value" => UpstreamErrorKind::InvalidRequest,
        _ => return None,
    })
}

/// The time in `… try again in 1.898s`, `… in 20ms`, `… in 6m0s`, `… in 20 seconds`.
fn wait_in(message: &str) -> Option<Duration> {
    let at = message.to_ascii_lowercase().find(WAIT_WORDS)? + WAIT_WORDS.len();
    span(message.get(at..)?)
}

/// The span of time that `text` begins with, written with its units: `1s`, `6m0.5s`, `20ms`. So the provider's limit
/// headers (`x-ratelimit-reset-requests`) and messages say it. None: it begins with none.
#[must_use]
pub fn span(text: &str) -> Option<Duration> {
    let (mut rest, mut total, mut any) = (text, Duration::ZERO, false);
    loop {
        let digits = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let Ok(number) = rest[..digits].parse::<f64>() else { break };
        let after = rest[digits..].trim_start_matches(' ');
        let (unit_s, length) = match after.as_bytes() {
            [b'm', b's', ..] => (0.001, 2),
            [b'h', ..] => (3600.0, 1),
            [b'm', ..] => (60.0, 1),
            [b's', ..] => (1.0, 1),
            _ => break,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * unit_s).ok()?)?;
        (rest, any) = (&after[length..], true);
    }
    any.then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(body: &str) -> UpstreamError {
        in_event(body.as_bytes())
    }

    #[test]
    fn a_code_says_more_than_a_type() {
        for (body, kind) in [
            (
                r#"{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}"#,
                UpstreamErrorKind::Billing,
            ),
            (
                r#"{"error":{"message":"m","type":"invalid_request_error","code":"invalid_api_key"}}"#,
                UpstreamErrorKind::Authentication,
            ),
            (
                r#"{"error":{"message":"m","type":"requests","code":"rate_limit_exceeded"}}"#,
                UpstreamErrorKind::RateLimit,
            ),
            (
                r#"{"error":{"message":"m","type":"invalid_request_error","code":null,"param":"x"}}"#,
                UpstreamErrorKind::InvalidRequest,
            ),
            (r#"{"error":{"message":"m","type":"server_error"}}"#, UpstreamErrorKind::Api),
            (r#"{"type":"error","code":"server_is_overloaded","message":"m"}"#, UpstreamErrorKind::Overloaded),
            (r#"{"error":{"code":"DeploymentNotFound","message":"m"}}"#, UpstreamErrorKind::NotFound),
            (r#"{"error":"m"}"#, UpstreamErrorKind::Other),
            (r#"{"error":{"message":"m","code":402}}"#, UpstreamErrorKind::Billing),
            (r#"{"error":{"message":"m","code":"429"}}"#, UpstreamErrorKind::RateLimit),
            (r#"{"error":{"message":"m","code":503}}"#, UpstreamErrorKind::Overloaded),
            (
                r#"{"object":"error","message":"m","type":"BadRequestError","code":400}"#,
                UpstreamErrorKind::InvalidRequest,
            ),
            (r#"{"detail":"m"}"#, UpstreamErrorKind::Other),
            (r#"{"detail":{"message":"m","code":"token_expired"}}"#, UpstreamErrorKind::Authentication),
            (
                r#"{"error":{"message":"m","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
                UpstreamErrorKind::InvalidRequest,
            ),
            (
                r#"{"type":"error","sequence_number":3,"error":{"type":"tokens","code":"rate_limit_exceeded","message":"m"}}"#,
                UpstreamErrorKind::RateLimit,
            ),
        ] {
            let read = error(body);
            assert_eq!((read.kind, read.message.as_str()), (kind, "m"), "{body}");
        }
    }

    #[test]
    fn a_plan_whose_window_is_used_up_waits_for_its_end_and_not_for_credit() {
        let read = error(
            r#"{"error":{"type":"usage_limit_reached","message":"The usage limit has been reached","plan_type":"pro",
                "resets_at":1764259200,"resets_in_seconds":5400}}"#,
        );
        assert_eq!((read.kind, read.retry_after), (UpstreamErrorKind::RateLimit, Some(Duration::from_secs(5400))));
    }

    #[test]
    fn the_time_to_wait_is_read_of_the_words() {
        for (words, ms) in [
            ("Rate limit reached. Please try again in 1.898s. Visit …", Some(1898)),
            ("Please try again in 20ms.", Some(20)),
            ("Rate limit is exceeded. Try again in 20 seconds.", Some(20_000)),
            ("Please try again in 1h2m3s.", Some(3_723_000)),
            ("please Try again in 6m0.5s", Some(360_500)),
            ("try again in a moment", None),
            ("no time", None),
        ] {
            assert_eq!(wait_in(words), ms.map(Duration::from_millis), "{words}");
        }
    }
}
