//! The shape of a refusal in this dialect: `google.rpc.Status` as JSON, with the wait as `RetryInfo`, which the
//! command line reads instead of the header.

use crate::refusal::Facts;
use serde::Serialize;

#[derive(Serialize)]
struct Envelope<'a> {
    error: Failure<'a>,
}

#[derive(Serialize)]
struct Failure<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
    details: Vec<Detail<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "@type")]
enum Detail<'a> {
    #[serde(rename = "type.googleapis.com/google.rpc.RequestInfo", rename_all = "camelCase")]
    RequestInfo { request_id: &'a str },
    #[serde(rename = "type.googleapis.com/google.rpc.RetryInfo", rename_all = "camelCase")]
    RetryInfo { retry_delay: String },
}

/// The body.
pub(crate) fn body(facts: &Facts<'_>) -> String {
    let mut details = vec![Detail::RequestInfo { request_id: facts.request_id.as_str() }];
    details.extend(facts.retry_after_secs.map(|secs| Detail::RetryInfo { retry_delay: format!("{secs}s") }));
    let error = Failure { code: facts.status, message: &facts.message, status: status_name(facts.status), details };
    serde_json::to_string(&Envelope { error }).expect("texts and numbers are always JSON")
}

/// The last chunk of a stream.
pub(crate) fn event(facts: &Facts<'_>) -> String {
    format!("data: {}\r\n\r\n", body(facts))
}

const fn status_name(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        405 => "UNIMPLEMENTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        400..=428 => "INVALID_ARGUMENT",
        502 | 503 => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}
