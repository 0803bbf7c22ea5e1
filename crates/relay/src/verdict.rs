//! What an upstream's refusal means: who is to blame, whether another account may do better, and what the client is told if none does.

use crate::{
    forward::is_of_this_hop,
    opening::Unsent,
    refuse::{BUSY_RETRY_AFTER, PassedOn, Told},
};
use bytes::Bytes;
use credentials::OpeningError;
use domain::{FailureKind, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use protocol::{
    Refusal, UpstreamError, UpstreamErrorKind,
    convert::Inexpressible,
    headers::{Body, forwards_response_header},
    openai,
};
use scheduling::{Failure, ProviderReset, model_family};
use std::time::Duration;
use upstream::{Destination, SendError};

/// How the provider tells, with status 400 and no type of its own, that an account's credit is used up.
const CREDIT_SPENT: &str = "credit balance is too low";

/// Headers that say when to come back, whatever failed; the most exact first.
const RETRY_HEADERS: [(&str, ResetForm); 2] =
    [("retry-after-ms", ResetForm::Milliseconds), ("retry-after", ResetForm::Delay)];

/// Headers that say when one of the account's limits is whole again. They stand on every answer: what they say counts for a
/// 429, of the limits that are used up.
const LIMIT_HEADERS: [LimitHeader; 7] = [
    LimitHeader { reset: "anthropic-ratelimit-unified-reset", form: ResetForm::UnixSeconds, remaining: None },
    LimitHeader::of("anthropic-ratelimit-requests-reset", "anthropic-ratelimit-requests-remaining"),
    LimitHeader::of("anthropic-ratelimit-tokens-reset", "anthropic-ratelimit-tokens-remaining"),
    LimitHeader::of("anthropic-ratelimit-input-tokens-reset", "anthropic-ratelimit-input-tokens-remaining"),
    LimitHeader::of("anthropic-ratelimit-output-tokens-reset", "anthropic-ratelimit-output-tokens-remaining"),
    LimitHeader::in_units("x-ratelimit-reset-requests", "x-ratelimit-remaining-requests"),
    LimitHeader::in_units("x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens"),
];

/// The header that says which of a subscription's limits it is: `five_hour`, `seven_day`, or that of one family over seven days.
const LIMIT_CLAIM: &str = "anthropic-ratelimit-unified-representative-claim";
/// See [`LIMIT_CLAIM`].
const FAMILY_CLAIM: &str = "seven_day_";

/// What a client waits at least after a 429: Codex gives up, and Claude Code guesses, where one names no time.
const RATE_LIMIT_WAIT_MIN: Duration = Duration::from_secs(1);

/// When a client should come back after an overload that names no time.
const OVERLOAD_WAIT: Duration = Duration::from_secs(5);

/// A header about one limit.
struct LimitHeader {
    /// The header that says when it is whole again.
    reset: &'static str,
    form: ResetForm,
    /// The header that says what is left of it; not there, or `0`: it is used up.
    remaining: Option<&'static str>,
}

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
    /// A span from now with units, `1s`, `6m0s`, `120ms`: OpenAI's.
    Units,
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
    /// What the upstream said in it, if it said it in its dialect.
    pub(crate) error: Option<UpstreamError>,
    /// Whether the client can have the body as it is.
    pub(crate) is_in_dialect: bool,
    /// Where it came from: words that tell it are not passed on.
    pub(crate) destination: &'a Destination,
}

/// Judges an answer with a status other than 2xx.
pub(crate) fn judge_status(refused: Refused<'_>, now: Timestamp) -> Verdict {
    let error = refused.error.clone();
    let status = refused.status.as_u16();
    let kind = kind_of(status, error.as_ref());
    let told = error.as_ref().and_then(|error| error.retry_after);
    let reset = reset(kind, refused.headers, told, now);
    let failure = Failure { kind, status: Some(status), reset, family: limited_family(refused.headers) };
    let told = match kind {
        FailureKind::Credential | FailureKind::Quota | FailureKind::Broken => in_our_words(kind).into(),
        _ => pass_on(refused, &failure, now),
    };
    Verdict { failure, elsewhere: elsewhere(kind), told }
}

/// Judges a request that the account cannot be asked: another may take it as it is.
pub(crate) fn judge_inexpressible(error: &Inexpressible) -> Verdict {
    let failure = Failure { kind: FailureKind::Request, status: None, reset: None, family: None };
    let told = Refusal::InvalidRequest(error.to_string()).into();
    Verdict { failure, elsewhere: Elsewhere::MayServe, told }
}

/// Judges a call that was not made, or brought no answer.
pub(crate) fn judge_unsent(error: &Unsent) -> Verdict {
    let (kind, reason) = match error {
        Unsent::Sent(error) => return judge_silence(error),
        Unsent::Unopened(OpeningError::Token(error)) => match error.kind() {
            credentials::FailureKind::SignInNeeded | credentials::FailureKind::Settings => {
                (FailureKind::Credential, "the account is not signed in")
            }
            credentials::FailureKind::Network => (FailureKind::Connect, "the account's sign-in cannot be renewed now"),
            credentials::FailureKind::Store => (FailureKind::NoAccount, "the account's sign-in cannot be read now"),
        },
        Unsent::Unopened(OpeningError::Keys(_) | OpeningError::Unsigned(_) | OpeningError::Header(_)) => {
            (FailureKind::Credential, "the account's credential cannot be used")
        }
    };
    let failure = Failure { kind, status: None, reset: None, family: None };
    let told = Refusal::NoAccount { reasons: reason.to_owned(), retry_after: None }.into();
    Verdict { failure, elsewhere: Elsewhere::MayServe, told }
}

fn judge_silence(error: &SendError) -> Verdict {
    let (kind, refusal) = match error {
        SendError::Connect(_) | SendError::Proxy(_) if error.is_connect_timeout() => {
            (FailureKind::Connect, Refusal::UpstreamTimeout)
        }
        SendError::Connect(_) | SendError::Proxy(_) => (FailureKind::Connect, Refusal::UpstreamFailed),
        SendError::Broken(_) | SendError::Socket(_) => (FailureKind::Broken, Refusal::UpstreamFailed),
        SendError::HeadTimeout => (FailureKind::Timeout, Refusal::UpstreamTimeout),
    };
    let failure = Failure { kind, status: None, reset: None, family: None };
    Verdict { failure, elsewhere: Elsewhere::MayServe, told: refusal.into() }
}

/// Judges an answer that began with 200 and turned out to be none before its first content.
pub(crate) fn judge_content(status: StatusCode, kind: FailureKind) -> Verdict {
    let failure = Failure { kind, status: Some(status.as_u16()), reset: None, family: None };
    Verdict { failure, elsewhere: elsewhere(kind), told: in_our_words(kind).into() }
}

/// Judges an answer that the relay had no memory for: nobody's fault but its own, and paid for already.
pub(crate) fn judge_no_memory(status: StatusCode) -> Verdict {
    let failure = Failure { kind: FailureKind::NoAccount, status: Some(status.as_u16()), reset: None, family: None };
    let told = Refusal::Busy { retry_after: BUSY_RETRY_AFTER }.into();
    Verdict { failure, elsewhere: Elsewhere::WouldRefuseToo, told }
}

/// What a client is told of a failure where the provider's own words cannot be passed on.
pub(crate) fn in_our_words(kind: FailureKind) -> Refusal {
    let no_account = |reason: &str| Refusal::NoAccount { reasons: reason.to_owned(), retry_after: None };
    match kind {
        FailureKind::Credential => no_account("the provider refuses the account's credential"),
        FailureKind::Quota => no_account("the account's credit is used up"),
        FailureKind::Timeout => Refusal::UpstreamTimeout,
        FailureKind::Overloaded => Refusal::Overloaded { retry_after: OVERLOAD_WAIT },
        FailureKind::RateLimit => Refusal::UpstreamRefused { status: 429, retry_after: Some(RATE_LIMIT_WAIT_MIN) },
        FailureKind::Request => Refusal::UpstreamRefused { status: 400, retry_after: None },
        FailureKind::Connect | FailureKind::Broken | FailureKind::Upstream | FailureKind::NoAccount => {
            Refusal::UpstreamFailed
        }
    }
}

fn elsewhere(kind: FailureKind) -> Elsewhere {
    if kind == FailureKind::Request { Elsewhere::WouldRefuseToo } else { Elsewhere::MayServe }
}

fn kind_of(status: u16, error: Option<&UpstreamError>) -> FailureKind {
    let is_spent = |error: &UpstreamError| {
        error.kind == UpstreamErrorKind::Billing || error.message.to_ascii_lowercase().contains(CREDIT_SPENT)
    };
    let is = |kind: UpstreamErrorKind| error.is_some_and(|error| error.kind == kind);
    match status {
        401 | 403 => FailureKind::Credential,
        402 => FailureKind::Quota,
        400 | 429 if error.is_some_and(is_spent) => FailureKind::Quota,
        // Gemini tells a wrong key so.
        400 if is(UpstreamErrorKind::Authentication) => FailureKind::Credential,
        500..=599 if is(UpstreamErrorKind::Overloaded) && status != 503 => FailureKind::Overloaded,
        408 | 504 => FailureKind::Timeout,
        429 => FailureKind::RateLimit,
        529 => FailureKind::Overloaded,
        400..=499 => FailureKind::Request,
        500..=599 => FailureKind::Upstream,
        // A redirect would tell the client where the upstream is; anything else is no HTTP of ours.
        _ => FailureKind::Broken,
    }
}

/// When the provider says that the limit ends.
fn reset(kind: FailureKind, headers: &HeaderMap, told: Option<Duration>, now: Timestamp) -> Option<ProviderReset> {
    let read = |source: &'static str, form: ResetForm| {
        let at = form.read(text(headers, source)?, now)?;
        (at > now).then_some(ProviderReset { at, source })
    };
    let told = || told.map(|span| ProviderReset { at: now.plus(span), source: "error" });
    let retry = RETRY_HEADERS.into_iter().find_map(|(source, form)| read(source, form)).or_else(told);
    let used_up = || LIMIT_HEADERS.iter().filter(|limit| limit.is_used_up(headers));
    match kind {
        // Whole again is what has all its used up limits whole again.
        FailureKind::RateLimit => {
            retry.or_else(|| used_up().filter_map(|limit| read(limit.reset, limit.form)).max_by_key(|reset| reset.at))
        }
        _ => retry,
    }
}

/// The family whose weekly limit a subscription's answer speaks of, `seven_day_opus` → `opus`; none: a limit of all models.
fn limited_family(headers: &HeaderMap) -> Option<&'static str> {
    text(headers, LIMIT_CLAIM)?.strip_prefix(FAMILY_CLAIM).and_then(model_family)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

impl LimitHeader {
    const fn of(reset: &'static str, remaining: &'static str) -> Self {
        Self { reset, form: ResetForm::Rfc3339, remaining: Some(remaining) }
    }

    const fn in_units(reset: &'static str, remaining: &'static str) -> Self {
        Self { reset, form: ResetForm::Units, remaining: Some(remaining) }
    }

    fn is_used_up(&self, headers: &HeaderMap) -> bool {
        let remaining = self.remaining.and_then(|name| text(headers, name));
        remaining.is_none_or(|count| count == "0")
    }
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
            Self::Units => openai::span(value).map(|span| now.plus(span)),
        }
    }
}

/// The provider's own words, unless they are not in the client's dialect or tell where they come from.
fn pass_on(refused: Refused<'_>, failure: &Failure, now: Timestamp) -> Told {
    let wait_min = (failure.kind == FailureKind::RateLimit).then_some(RATE_LIMIT_WAIT_MIN);
    let retry_after = failure.reset.map(|reset| reset.at.since(now)).or(wait_min);
    let tells = |text: &[u8]| refused.destination.is_told_by(text);
    if !refused.is_in_dialect || refused.error.is_none() || tells(&refused.body) {
        let status = refused.status.as_u16();
        let message = refused.error.map(|error| error.message).filter(|message| !message.is_empty());
        return match message.filter(|message| failure.kind == FailureKind::Request && !tells(message.as_bytes())) {
            // In another dialect the provider's words are all that says what is wrong with the request.
            Some(message) if !refused.is_in_dialect && status == 400 => Refusal::InvalidRequest(message).into(),
            _ => Refusal::UpstreamRefused { status, retry_after }.into(),
        };
    }
    let mut headers = answer_headers(refused.headers, refused.destination);
    if failure.kind == FailureKind::RateLimit && !headers.contains_key(header::RETRY_AFTER) {
        let seconds = retry_after.map_or(1, |span| span.as_secs().clamp(1, protocol::refusal::RETRY_AFTER_SECS_MAX));
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Told::PassedOn(PassedOn { status: refused.status, headers, body: refused.body })
}

/// The headers of an upstream's answer that the client gets. Bodies go on decoded.
pub(crate) fn answer_headers(headers: &HeaderMap, from: &Destination) -> HeaderMap {
    let forwards =
        |name: &HeaderName| forwards_response_header(name.as_str(), Body::Changed) && !is_of_this_hop(headers, name);
    let kept = headers.iter().filter(|(name, value)| forwards(name) && !from.is_told_by(value.as_bytes()));
    let mut answer = HeaderMap::with_capacity(headers.len() + 2);
    answer.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{AccountSettings, AuthScheme, HttpEndpoint, Sealed};
    use protocol::{BodyReading, Operation};
    use secrecy::SecretString;

    const NOW: Timestamp = Timestamp::from_ms(1_795_427_400_000);

    fn judge(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Verdict {
        let map = headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let headers: HeaderMap = map.collect();
        let status = StatusCode::from_u16(status).expect("a status");
        let body = Bytes::from_static(body.as_bytes());
        let error = match protocol::read_body(Operation::Messages, &body) {
            BodyReading::Error(error) => Some(error),
            BodyReading::Answer(_) | BodyReading::Garbage => None,
        };
        let destination = &destination();
        judge_status(Refused { status, headers: &headers, body, error, is_in_dialect: true, destination }, NOW)
    }

    fn destination() -> Destination {
        let endpoint = HttpEndpoint {
            base_url: "https://up.example:8443".to_owned(),
            messages_path: None,
            api_key: Sealed::from_envelope(String::new()),
            auth: AuthScheme::ApiKeyHeader,
        };
        let open = |_: &'static str, _: &Sealed| Ok(SecretString::from("sk-up"));
        Destination::new(&AccountSettings::ClaudeConsole(endpoint), &open).expect("a destination")
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
            (504, FailureKind::Timeout, Elsewhere::MayServe),
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
    fn a_limit_of_one_family_is_known_by_its_claim() {
        let claims = [
            ("seven_day_opus", Some("opus")),
            ("seven_day_sonnet", Some("sonnet")),
            ("seven_day", None),
            ("five_hour", None),
            ("seven_day_", None),
            ("opus", None),
        ];
        for (claim, family) in claims {
            let headers = [(LIMIT_CLAIM, claim), ("anthropic-ratelimit-unified-reset", "1795427460")];
            assert_eq!(judge(429, &headers, "{}").failure.family, family, "{claim}");
        }
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
    fn of_several_limits_the_used_up_one_that_lasts_longest_counts() {
        let limits = [
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-requests-reset", "2026-11-23T10:50:00Z"),
            ("anthropic-ratelimit-tokens-remaining", "0"),
            ("anthropic-ratelimit-tokens-reset", "2026-11-23T09:50:20Z"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            ("anthropic-ratelimit-input-tokens-reset", "2026-11-23T09:50:05Z"),
        ];
        let expected = Some((20, "anthropic-ratelimit-tokens-reset"));
        assert_eq!(seconds(&judge(429, &limits, "{}")), expected);
        assert_eq!(seconds(&judge(503, &limits, "{}")), None, "limits have nothing to do with an outage");
        assert_eq!(seconds(&judge(503, &[("retry-after", "7")], "{}")), Some((7, "retry-after")));
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
