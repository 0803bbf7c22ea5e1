//! The shapes of a refusal in these dialects (the provider's API reference, "Error codes" and "Streaming events").

use crate::{refusal::Facts, skim::Members};
use serde::Serialize;
use std::borrow::Cow;

#[derive(Serialize)]
struct Envelope<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    message: &'a str,
    r#type: &'static str,
    param: Option<&'a str>,
    code: &'static str,
    request_id: &'a str,
}

#[derive(Serialize)]
struct ErrorEvent<'a> {
    r#type: &'static str,
    code: &'static str,
    message: &'a str,
    param: Option<&'a str>,
    request_id: &'a str,
}

/// The body of both dialects.
pub(crate) fn body(facts: &Facts<'_>) -> String {
    let (r#type, code) = words(facts.status);
    let request_id = facts.request_id.as_str();
    let envelope = Envelope { error: Error { message: &facts.message, r#type, param: None, code, request_id } };
    serde_json::to_string(&envelope).expect("texts and numbers are always JSON")
}

/// The last chunk of a Chat stream. No `[DONE]` follows: it would call the answer whole.
pub(crate) fn chat_event(facts: &Facts<'_>) -> String {
    format!("data: {}\n\n", body(facts))
}

/// The last event of a Responses stream. Its text says how long to wait: Codex reads it there, as no header can come.
pub(crate) fn responses_event(facts: &Facts<'_>) -> String {
    let (_, code) = words(facts.status);
    let request_id = facts.request_id.as_str();
    let wait = facts.retry_after_secs.filter(|_| facts.status == 429);
    let message = wait.map_or(Cow::Borrowed(&*facts.message), |secs| {
        format!("{} Please try again in {secs}s.", facts.message).into()
    });
    let event = ErrorEvent { r#type: "error", code, message: &message, param: None, request_id };
    let json = serde_json::to_string(&event).expect("texts and numbers are always JSON");
    format!("event: error\ndata: {json}\n\n")
}

/// An error document as the data of a Responses stream's `error` event, whose members are the error's own. Its texts stay
/// as they are written.
pub(crate) fn as_responses_error(document: &[u8]) -> Vec<u8> {
    let [mut code, mut message, mut param] = [&b"null"[..]; 3];
    let error = Members::of(document).map_while(Result::ok).find(|member| *member.key == *b"error");
    if let Some(error) = error {
        if error.value.is_string() {
            message = error.value.raw();
        }
        for member in error.value.members().into_iter().flatten().map_while(Result::ok) {
            let slot = match &*member.key {
                b"code" => &mut code,
                b"message" => &mut message,
                b"param" => &mut param,
                _ => continue,
            };
            if member.value.is_string() {
                *slot = member.value.raw();
            }
        }
    }
    let names = [&b"{\"type\":\"error\",\"code\":"[..], b",\"message\":", b",\"param\":"];
    [names[0], code, names[1], message, names[2], param, b"}"].concat()
}

/// Type and code. Never `server_is_overloaded`, which Codex takes for fatal.
const fn words(status: u16) -> (&'static str, &'static str) {
    match status {
        401 => ("invalid_request_error", "invalid_api_key"),
        403 => ("invalid_request_error", "permission_denied"),
        404 => ("invalid_request_error", "not_found"),
        413 => ("invalid_request_error", "request_too_large"),
        400..=428 => ("invalid_request_error", "invalid_request"),
        429 => ("rate_limit_error", "rate_limit_exceeded"),
        _ => ("server_error", "server_error"),
    }
}
