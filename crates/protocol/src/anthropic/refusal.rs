//! The shape of a refusal in this dialect (the provider's API reference, "Errors").

use crate::refusal::Facts;
use serde::Serialize;

#[derive(Serialize)]
struct Envelope<'a> {
    r#type: &'static str,
    error: Error<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct Error<'a> {
    r#type: &'static str,
    message: &'a str,
}

/// The body.
pub(crate) fn body(facts: &Facts<'_>) -> String {
    let error = Error { r#type: error_type(facts.status), message: &facts.message };
    let envelope = Envelope { r#type: "error", error, request_id: facts.request_id.as_str() };
    serde_json::to_string(&envelope).expect("texts and numbers are always JSON")
}

/// The event.
pub(crate) fn event(facts: &Facts<'_>) -> String {
    format!("event: error\ndata: {}\n\n", body(facts))
}

const fn error_type(status: u16) -> &'static str {
    match status {
        400 | 405 | 408 | 409 | 415 | 422 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    }
}
