//! What an upstream's refusal means: who is to blame, whether another account may do better, and what the client is told if none does.

use crate::refuse::{PassedOn, Told};
use bytes::Bytes;
use domain::{FailureKind, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use protocol::{
    BodyReading, Refusal, UpstreamError, UpstreamErrorKind, anthropic,
    headers::{Body, forwards_response_header, is_connection_option},
};
use scheduling::{Failure, ProviderReset};
use std::time::Duration;
use upstream::SendError;

/// How the provider tells, with status 400 and no type of its own, that an account's credit is used up.
const CREDIT_SPENT: &str = "credit balance is too low";

/// Headers that may say when a limit ends, the most exact first.
const RESET_HEADERS: [(&str, ResetForm); 7] = [
    ("retry-after-ms", ResetForm::Milliseconds),
    ("retry-after", ResetForm::Delay),
    ("anthropic-ratelimit-unified-reset", ResetForm::UnixSeconds),
    ("anthropic-ratelimit-requests-reset", ResetForm::Rfc3339),
    ("anthropic-ratelimit-tokens-reset", ResetForm::Rfc3339),
    ("anthropic-ratelimit-input-tokens-reset", ResetForm::Rfc3339),
    ("anthropic-ratelimit-output-tokens-reset", ResetForm::Rfc3339),
];

/// How a header states an instant.
#[derive(Debug, Clone, Copy)]
enum ResetForm {
    /// Milliseconds from now.
    Milliseconds,
    /// Seconds from now, or an HTTP date (RFC 9110, 10.2.3).
    Delay,
    /// Seconds since 1970.
    UnixSeconds,
    /// As it says.
    Rfc3339,
}

/// Whether another account may do better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Elsewhere {
    /// It may.
    MayServe,
    /// The request itself is refused: no account would serve it.
    WouldRefuseToo,
}

/// What is to be done about a failed attempt.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) failure: Failure,
    pub(crate) elsewhere: Elsewhere,
    pub(crate) told: Told,
}

/// An upstream's answer that is no answer.
pub(crate) struct Refused<'a> {
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Bytes,
    /// The upstream's host: a body that names it is not passed on.
    pub(crate) host: &'a str,
}

/// Judges an answer with a status other than 2xx.
pub(crate) fn judge_status(refused: Refused<'_>, now: Timestamp) -> Verdict {
    let error = match anthropic::read_body(&refused.body) {
        BodyReading::Error(error) => Some(error),
        BodyReading::Answer(_) | BodyReading::Garbage => None,
    };
    let status = refused.status.as_u16();
    let kind = kind_of(status, error.as_ref());
    let failure = Failure { kind, status: Some(status), reset: reset(refused.headers, now) };
    let elsewhere = match kind {
        FailureKind::Request => Elsewhere::WouldRefuseToo,
        _ => Elsewhere::MayServe,
    };
    let told = match kind {
        FailureKind::Credential => no_account("the provider refuses the account's credential", None),
        FailureKind::Quota => no_account("the account's credit is used up", None),
        FailureKind::Broken => Refusal::UpstreamFailed.into(),
        _ => pass_on(refused, error.is_some(), &failure, now),
    };
    Verdict { failure, elsewhere, told }
}

/// Judges a call that brought no answer.
pub(crate) fn judge_silence(error: &SendError) -> Verdict {
    let (kind, refusal) = match error {
        SendError::Connect(_) if error.is_connect_timeout() => (FailureKind::Connect, Refusal::UpstreamTimeout),
        SendError::Connect(_) => (FailureKind::Connect, Refusal::UpstreamFailed),
        SendError::Broken(_) => (FailureKind::Broken, Refusal::UpstreamFailed),
        SendError::HeadTimeout => (FailureKind::Timeout, Refusal::UpstreamTimeout),
    };
    let failure = Failure { kind, status: None, reset: None };
    Verdict { failure, elsewhere: Elsewhere::MayServe, told: refusal.into() }
}

/// Judges an answer that began with 200 and turned out to be none before its first content.
pub(crate) fn judge_content(status: StatusCode, kind: FailureKind) -> Verdict {
    let failure = Failure { kind, status: Some(status.as_u16()), reset: None };
    let told = match kind {
        FailureKind::Timeout => Refusal::UpstreamTimeout,
        FailureKind::Overloaded => Refusal::Overloaded { retry_after: Duration::from_secs(5) },
        _ => Refusal::UpstreamFailed,
    };
    Verdict { failure, elsewhere: Elsewhere::MayServe, told: told.into() }
}

fn kind_of(status: u16, error: Option<&UpstreamError>) -> FailureKind {
    let is_spent = |error: &UpstreamError| {
        error.kind == UpstreamErrorKind::Billing || error.message.to_ascii_lowercase().contains(CREDIT_SPENT)
    };
    match status {
        401 | 403 => FailureKind::Credential,
        402 => FailureKind::Quota,
        400 if error.is_some_and(is_spent) => FailureKind::Quota,
        408 => FailureKind::Timeout,
        429 => FailureKind::RateLimit,
        529 => FailureKind::Overloaded,
        400..=499 => FailureKind::Request,
        500..=599 => FailureKind::Upstream,
        // A redirect would tell the client where the upstream is; anything else is no HTTP of ours.
        _ => FailureKind::Broken,
    }
}

/// When the provider says that the limit ends.
fn reset(headers: &HeaderMap, now: Timestamp) -> Option<ProviderReset> {
    RESET_HEADERS.into_iter().find_map(|(source, form)| {
        let value = headers.get(source)?.to_str().ok()?.trim();
        form.read(value, now).map(|at| ProviderReset { at, source })
    })
}

impl ResetForm {
    fn read(self, value: &str, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Milliseconds => value.parse().ok().map(|ms| now.plus(Duration::from_millis(ms))),
            Self::Delay => match value.parse() {
                Ok(seconds) => Some(now.plus(Duration::from_secs(seconds))),
                Err(_) => domain::time::parse_http_date(value),
            },
            Self::UnixSeconds => value.parse::<i64>().ok()?.checked_mul(1000).map(Timestamp::from_ms),
            Self::Rfc3339 => Timestamp::parse_rfc3339(value),
        }
    }
}

/// The provider's own words, unless they are not in the client's dialect or tell where they come from.
fn pass_on(refused: Refused<'_>, is_in_dialect: bool, failure: &Failure, now: Timestamp) -> Told {
    let retry_after = failure.reset.map(|reset| reset.at.since(now));
    if !is_in_dialect || names(&refused.body, refused.host) {
        let status = refused.status.as_u16();
        return Refusal::UpstreamRefused { status, retry_after }.into();
    }
    let mut headers = answer_headers(refused.headers, Body::Changed);
    if failure.kind == FailureKind::RateLimit && !headers.contains_key(header::RETRY_AFTER) {
        // Codex gives up, and Claude Code guesses, where a 429 names no time.
        let seconds = retry_after.map_or(1, |span| span.as_secs().clamp(1, protocol::refusal::RETRY_AFTER_SECS_MAX));
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Told::PassedOn(PassedOn { status: refused.status, headers, body: refused.body })
}

/// The headers of an upstream's answer that the client gets.
pub(crate) fn answer_headers(headers: &HeaderMap, body: Body) -> HeaderMap {
    let connection = headers.get(header::CONNECTION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let forwards = |name: &HeaderName| {
        forwards_response_header(name.as_str(), body) && !is_connection_option(connection, name.as_str())
    };
    let kept = headers.iter().filter(|(name, _)| forwards(name));
    let mut answer = HeaderMap::with_capacity(headers.len() + 2);
    answer.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    answer
}

fn names(body: &[u8], host: &str) -> bool {
    !host.is_empty() && body.windows(host.len()).any(|window| window.eq_ignore_ascii_case(host.as_bytes()))
}

fn no_account(reason: &str, retry_after: Option<Duration>) -> Told {
    Refusal::NoAccount { reasons: reason.to_owned(), retry_after }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_795_427_400_000);

    fn judge(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Verdict {
        let map = headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let headers: HeaderMap = map.collect();
        let status = StatusCode::from_u16(status).expect("a status");
        judge_status(
            Refused { status, headers: &headers, body: Bytes::from_static(body.as_bytes()), host: "up.example" },
            NOW,
        )
    }

    fn seconds(verdict: &Verdict) -> Option<(u64, &'static str)> {
        verdict.failure.reset.map(|reset| (reset.at.since(NOW).as_secs(), reset.source))
    }

    #[test]
    fn each_status_has_its_blame() {
        for (status, kind, elsewhere) in [
            (400, FailureKind::Request, Elsewhere::WouldRefuseToo),
            (401, FailureKind::Credential, Elsewhere::MayServe),
            (402, FailureKind::Quota, Elsewhere::MayServe),
            (403, FailureKind::Credential, Elsewhere::MayServe),
            (404, FailureKind::Request, Elsewhere::WouldRefuseToo),
            (413, FailureKind::Request, Elsewhere::WouldRefuseToo),
            (429, FailureKind::RateLimit, Elsewhere::MayServe),
            (500, FailureKind::Upstream, Elsewhere::MayServe),
            (503, FailureKind::Upstream, Elsewhere::MayServe),
            (529, FailureKind::Overloaded, Elsewhere::MayServe),
            (302, FailureKind::Broken, Elsewhere::MayServe),
        ] {
            let verdict = judge(status, &[], "{}");
            assert_eq!((verdict.failure.kind, verdict.elsewhere), (kind, elsewhere), "{status}");
        }
    }

    #[test]
    fn spent_credit_is_the_account_s_fault_although_it_is_told_as_400() {
        let body = r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#;
        let verdict = judge(400, &[], body);
        assert_eq!((verdict.failure.kind, verdict.elsewhere), (FailureKind::Quota, Elsewhere::MayServe));
    }

    #[test]
    fn the_end_of_a_limit_is_read_in_every_form() {
        for (name, value, expected) in [
            ("retry-after", "7", 7),
            ("retry-after", "Mon, 23 Nov 2026 09:50:30 GMT", 30),
            ("retry-after-ms", "2500", 2),
            ("anthropic-ratelimit-unified-reset", "1795427460", 60),
            ("anthropic-ratelimit-requests-reset", "2026-11-23T09:50:10Z", 10),
        ] {
            assert_eq!(seconds(&judge(429, &[(name, value)], "{}")), Some((expected, name)), "{value}");
        }
        assert_eq!(seconds(&judge(429, &[("retry-after", "soon")], "{}")), None);
    }

    #[test]
    fn the_provider_s_words_are_passed_on_unless_they_tell_its_address() {
        let words = r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#;
        let Told::PassedOn(passed_on) = judge(429, &[("server", "up")], words).told else { panic!("passed on") };
        assert_eq!(passed_on.body, words);
        assert_eq!(passed_on.headers.get("retry-after").map(HeaderValue::as_bytes), Some(b"1".as_slice()));
        assert!(!passed_on.headers.contains_key("server"));
        let address = r#"{"type":"error","error":{"type":"api_error","message":"no route to UP.example:8443"}}"#;
        assert!(matches!(judge(500, &[], address).told, Told::Refusal(Refusal::UpstreamRefused { status: 500, .. })));
        assert!(matches!(judge(502, &[], "<html>").told, Told::Refusal(Refusal::UpstreamRefused { status: 502, .. })));
    }

    #[test]
    fn a_refused_credential_is_never_told_as_401() {
        let words = r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#;
        assert!(matches!(judge(401, &[], words).told, Told::Refusal(Refusal::NoAccount { .. })));
    }
}
