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
    let mut words = Words { message: error.short_text(MESSAGE_READ_BYTES_MAX), ..Words::default() };
    for member in error.members().into_iter().flatten() {
        let member = member?;
        words.take(&member.key, &member.value);
    }
    Ok(words.error())
}

/// Reads an event whose members are the error's: `{"type":"error","code":…,"message":…}`, or that holds it in `error`.
pub(super) fn in_event(data: &[u8]) -> UpstreamError {
    let mut words = Words::default();
    for member in Members::of(data).flatten() {
        match &*member.key {
            b"error" if !member.value.is_null() => return in_value(&member.value).unwrap_or(UpstreamError::UNTOLD),
            b"type" => {}
            key => words.take(key, &member.value),
        }
    }
    words.error()
}

#[derive(Default)]
struct Words {
    message: Option<String>,
    kind: Option<String>,
    code: Option<String>,
}

impl Words {
    fn take(&mut self, key: &[u8], value: &Value<'_>) {
        match key {
            b"message" => self.message = value.short_text(MESSAGE_READ_BYTES_MAX),
            b"type" => self.kind = value.short_text(WORD_BYTES_MAX),
            b"code" => self.code = value.short_text(WORD_BYTES_MAX),
            _ => {}
        }
    }

    fn error(self) -> UpstreamError {
        let message = self.message.unwrap_or_default();
        let kind = self.code.as_deref().and_then(kind_of).or_else(|| self.kind.as_deref().and_then(kind_of));
        let mut error = UpstreamError::new(kind.unwrap_or(UpstreamErrorKind::Other), &message);
        error.retry_after = wait_in(&message);
        error
    }
}

/// The kind by a `code` or a `type`; the provider's own and what gateways that speak like it were seen to send.
fn kind_of(word: &str) -> Option<UpstreamErrorKind> {
    Some(match word {
        "insufficient_quota" | "billing_hard_limit_reached" | "usage_limit_reached" | "billing_not_active" => {
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
        "rate_limit_exceeded" | "rate_limit_error" | "requests" | "tokens" | "429" => UpstreamErrorKind::RateLimit,
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

/// The time in `… try again in 1.898s`, `… in 20ms`, `… in 6m0s`.
fn wait_in(message: &str) -> Option<Duration> {
    let at = message.to_ascii_lowercase().find(WAIT_WORDS)? + WAIT_WORDS.len();
    span(message.get(at..)?)
}

/// The span of time that `text` begins with, written with its units: `1s`, `6m0.5s`, `20ms`. So the provider's limit headers
/// (`x-ratelimit-reset-requests`) and messages say it. None: it begins with none.
#[must_use]
pub fn span(text: &str) -> Option<Duration> {
    let (mut rest, mut total, mut any) = (text, Duration::ZERO, false);
    loop {
        let digits = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let Ok(number) = rest[..digits].parse::<f64>() else { break };
        let after = &rest[digits..];
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
        ] {
            let read = error(body);
            assert_eq!((read.kind, read.message.as_str()), (kind, "m"), "{body}");
        }
    }

    #[test]
    fn the_time_to_wait_is_read_of_the_words() {
        for (words, ms) in [
            ("Rate limit reached. Please try again in 1.898s. Visit …", Some(1898)),
            ("Please try again in 20ms.", Some(20)),
            ("please Try again in 6m0.5s", Some(360_500)),
            ("try again in a moment", None),
            ("no time", None),
        ] {
            assert_eq!(wait_in(words), ms.map(Duration::from_millis), "{words}");
        }
    }
}
