//! Responses over a WebSocket: what a client's messages ask, and what messages it is told in.
//!
//! Source: the provider's guide "WebSocket Mode" and what Codex was seen to send and to take. A client's message is a request
//! with `type` in it; it hears the events of a stream, one a message. What goes wrong is a message too, with the `status` and
//! `headers` that it would have over HTTP.

use super::{ResponseCollector, error, responses::kind_of};
use crate::{
    answer::UpstreamErrorKind,
    scan::{ScanError, pick},
    skim::{Fault, Members, Value},
    sse::Event,
};
use bytes::Bytes;
use domain::RequestId;
use serde_json::{Value as Json, json};
use std::{borrow::Cow, ops::Range};

/// Longest id of a response that is looked at, in bytes as written; the provider's have about 60.
const RESPONSE_ID_BYTES_MAX: usize = 256;

/// Longest `type` of a message that is looked at, in bytes as written.
const TYPE_BYTES_MAX: usize = 128;

/// What a client waits after a rate limit that names no time: at one without any, Codex gives up.
const RETRY_AFTER_SECS: u64 = 1;

/// What a client hears while nothing comes: an event restarts Codex's clock, which a ping does not.
pub const KEEPALIVE: &[u8] = b"{\"type\":\"keepalive\"}";

/// Members of a message that say how it is transported, and are none of a request's.
const TRANSPORT: [&[u8]; 4] = [b"type", b"generate", b"stream", b"background"];

/// A message from a client.
#[derive(Debug)]
pub enum ClientMessage<'a> {
    /// It asks for a response.
    Create(Create<'a>),
    /// It says something that needs no answer: that a response has been read.
    Aside,
}

/// A message that asks for a response.
#[derive(Debug)]
pub struct Create<'a> {
    text: &'a [u8],
    previous: Option<String>,
    /// Whether the model is to answer, or the request only to be made ready (`generate: false`).
    pub generation: Generation,
    /// Whether the provider keeps what came before, so that it may know a response that this connection does not.
    pub storage: Storage,
    input: Option<Value<'a>>,
}

/// Whether the model is to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// It is.
    Wanted,
    /// The request is only to be made ready: its response is empty, and others go on from it.
    WarmUp,
}

/// Whether the provider keeps responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// It does, unless told not to.
    Stored,
    /// It does not: `store: false`.
    Unstored,
}

/// What a request goes on from.
#[derive(Debug, Clone, Copy)]
pub enum History<'a> {
    /// From what its message says: nothing, or a response that the provider may know.
    AsSent,
    /// From these items, in the place of the response that it names.
    Items(&'a [u8]),
}

/// A request as it is sent over HTTP.
#[derive(Debug)]
pub struct HttpRequest {
    /// Its body, which asks for a stream.
    pub body: Bytes,
    /// Where in it the items of its input stand, commas between them, brackets not counted.
    pub items: Range<usize>,
}

/// Whether an answer ends with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageEnd {
    /// It does not.
    GoesOn,
    /// It is whole: a response of this id, where it tells one.
    Whole(Option<String>),
    /// It has failed.
    Failed,
}

/// A refusal that came as a message, as it would be over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedMessage {
    /// The status, 400 to 599.
    pub status: u16,
    /// Headers, as far as their values are texts, numbers or booleans.
    pub headers: Vec<(String, String)>,
    /// The error document.
    pub document: Bytes,
    /// The error's code.
    pub code: Option<String>,
}

/// The items of an answer, gathered while its events go by.
#[derive(Debug, Default)]
pub struct AnswerItems {
    response: ResponseCollector,
    read_bytes: usize,
    bytes_max: usize,
}

/// Reads a message.
///
/// # Errors
///
/// When it is no JSON object, has a member that is read here twice or of a kind that cannot be used, or asks for something
/// else.
pub fn read_message(text: &[u8]) -> Result<ClientMessage<'_>, ScanError> {
    let [kind, previous, generate, store, input, stream_id] =
        pick(Members::of(text), ["type", "previous_response_id", "generate", "store", "input", "stream_id"])?;
    match kind.and_then(|kind| kind.short_text(TYPE_BYTES_MAX)).as_deref() {
        Some("response.create") => {}
        Some("response.processed") => return Ok(ClientMessage::Aside),
        _ => return Err(ScanError::Unfit { field: "type", expected: "response.create" }),
    }
    if stream_id.is_some_and(|id| !id.is_null()) {
        return Err(ScanError::Unfit { field: "stream_id", expected: "one response at a time, and no stream_id," });
    }
    let is_off = |value: Option<Value<'_>>, field| match value {
        Some(value) if !value.is_null() => {
            value.boolean().map(|is_on| !is_on).ok_or(ScanError::Unfit { field, expected: "a boolean" })
        }
        _ => Ok(false),
    };
    let generation = if is_off(generate, "generate")? { Generation::WarmUp } else { Generation::Wanted };
    let storage = if is_off(store, "store")? { Storage::Unstored } else { Storage::Stored };
    let unfit = ScanError::Unfit { field: "previous_response_id", expected: "the id of a response" };
    let previous = previous.filter(|id| !id.is_null());
    let previous = previous.map(|id| id.short_text(RESPONSE_ID_BYTES_MAX).ok_or(unfit)).transpose()?;
    let input = input.filter(|input| !input.is_null());
    Ok(ClientMessage::Create(Create { text, previous, generation, storage, input }))
}

impl Create<'_> {
    /// The response that it goes on from.
    #[must_use]
    pub fn previous(&self) -> Option<&str> {
        self.previous.as_deref()
    }

    /// The request over HTTP: the message's members as they are written, but for those of its transport, and with `history`
    /// before its input.
    ///
    /// # Errors
    ///
    /// When the input is neither a text nor an array.
    pub fn request(&self, history: History<'_>) -> Result<HttpRequest, ScanError> {
        let own = self.items()?;
        let (before, names_previous) = match history {
            History::AsSent => (&b""[..], true),
            History::Items(items) => (items, false),
        };
        let mut body = Vec::with_capacity(self.text.len() + before.len() + 64);
        body.extend_from_slice(b"{\"stream\":true");
        for member in Members::of(self.text) {
            let member = member?;
            let key = &*member.key;
            if TRANSPORT.contains(&key) || key == b"input" || (key == b"previous_response_id" && !names_previous) {
                continue;
            }
            body.push(b',');
            body.extend_from_slice(&self.text[member.start..member.value.range().end]);
        }
        body.extend_from_slice(b",\"input\":[");
        let start = body.len();
        body.extend_from_slice(before);
        append(&mut body, start, &own);
        let items = start..body.len();
        body.extend_from_slice(b"]}");
        Ok(HttpRequest { body: body.into(), items })
    }

    /// The items of its own input, commas between them.
    fn items(&self) -> Result<Cow<'_, [u8]>, ScanError> {
        let Some(input) = &self.input else { return Ok(Cow::Borrowed(b"")) };
        if input.is_string() {
            return Ok([&b"{\"role\":\"user\",\"content\":"[..], input.raw(), b"}"].concat().into());
        }
        let elements = input.elements().ok_or(ScanError::Unfit { field: "input", expected: "a string or an array" })?;
        // They are put beside others: each must end where it seems to.
        elements.into_iter().try_for_each(|element| element.map(drop))?;
        let raw = input.raw();
        Ok(raw[1..raw.len() - 1].trim_ascii().into())
    }
}

impl AnswerItems {
    /// Gathers items of `bytes_max` bytes at most; of a longer answer nothing.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, ..Self::default() }
    }

    /// Takes the next event of the answer.
    pub fn read(&mut self, event: &Event<'_>) {
        if kind_of(event).is_ok_and(|kind| *kind == *b"response.output_item.done") {
            self.read_bytes += event.data.len();
        }
        if self.read_bytes <= self.bytes_max {
            self.response.take(event);
        } else {
            self.response = ResponseCollector::default();
        }
    }

    /// The id of the response and its items, commas between them; none when it has not ended well, or could not be kept.
    #[must_use]
    pub fn finish(self) -> Option<(String, Vec<u8>)> {
        let response = self.response.document().filter(|_| self.read_bytes <= self.bytes_max)?;
        let [id, output] = pick(Members::of(&response), ["id", "output"]).ok()?;
        let mut items = Vec::new();
        for item in output.and_then(|output| output.elements()).into_iter().flatten() {
            let item = item.ok()?;
            if !is_thought_without_its_seal(&item).ok()? {
                append(&mut items, 0, item.raw());
            }
        }
        let id = id?.short_text(RESPONSE_ID_BYTES_MAX)?;
        (items.len() <= self.bytes_max).then_some((id, items))
    }
}

/// The id of the response that an event ends.
fn ended_id(data: &[u8]) -> Option<String> {
    let response = Members::of(data).map_while(Result::ok).find(|member| *member.key == *b"response")?;
    let id = response.value.members()?.map_while(Result::ok).find(|member| *member.key == *b"id")?;
    id.value.short_text(RESPONSE_ID_BYTES_MAX)
}

/// Whether an item is one of reasoning that only its id tells: nobody knows it where nothing is stored.
fn is_thought_without_its_seal(item: &Value<'_>) -> Result<bool, Fault> {
    let (mut is_thought, mut is_sealed) = (false, false);
    for member in item.members().into_iter().flatten() {
        let member = member?;
        match &*member.key {
            b"type" => is_thought = member.value.text().as_deref() == Some("reasoning"),
            b"encrypted_content" => is_sealed = !member.value.is_empty(),
            _ => {}
        }
    }
    Ok(is_thought && !is_sealed)
}

/// Appends `more` behind the items that stand in `into` from `start` on.
fn append(into: &mut Vec<u8>, start: usize, more: &[u8]) {
    if into.len() > start && !more.is_empty() {
        into.push(b',');
    }
    into.extend_from_slice(more);
}

/// `items` with `more` behind them.
#[must_use]
pub fn joined(items: &[u8], more: &[u8]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(items.len() + more.len() + 1);
    append(&mut joined, 0, items);
    append(&mut joined, 0, more);
    joined
}

/// A message to an upstream that asks for what `body` asks over HTTP.
///
/// # Errors
///
/// When it is no JSON object.
pub fn create_message(body: &[u8]) -> Result<Vec<u8>, ScanError> {
    let mut message = b"{\"type\":\"response.create\"".to_vec();
    for member in Members::of(body) {
        let member = member?;
        message.push(b',');
        message.extend_from_slice(&body[member.start..member.value.range().end]);
    }
    message.push(b'}');
    Ok(message)
}

/// A message of an upstream as an event of a stream.
#[must_use]
pub fn stream_event(text: &[u8]) -> Bytes {
    let mut event = Vec::with_capacity(text.len() + 16);
    for line in text.split(|&byte| byte == b'\n' || byte == b'\r') {
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(line);
        event.push(b'\n');
    }
    event.push(b'\n');
    event.into()
}

/// Whether a message of an upstream ends its answer.
#[must_use]
pub fn end_of(text: &[u8]) -> MessageEnd {
    let event = Event { name: b"", data: text, start: 0 };
    match kind_of(&event).as_deref() {
        Ok(b"response.completed" | b"response.incomplete") => MessageEnd::Whole(ended_id(text)),
        Ok(b"response.failed" | b"error") => MessageEnd::Failed,
        _ => MessageEnd::GoesOn,
    }
}

/// The refusal that a message of an upstream is; none where it is another, or has no status of one.
#[must_use]
pub fn refused_message(text: &[u8]) -> Option<RefusedMessage> {
    let document: Json = serde_json::from_slice(text).ok()?;
    let status = document.get("status").or_else(|| document.get("status_code"))?.as_u64()?;
    let status = u16::try_from(status).ok().filter(|status| (400..600).contains(status))?;
    if document["type"] != "error" {
        return None;
    }
    let headers = document["headers"].as_object().into_iter().flatten();
    let headers = headers.filter_map(|(name, value)| Some((name.clone(), header_value(value)?))).collect();
    let code = document["error"]["code"].as_str().map(str::to_owned);
    let document = json!({"error": document["error"]}).to_string().into();
    Some(RefusedMessage { status, headers, document, code })
}

fn header_value(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(value.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// An event of a stream as a message; empty for one without data. An `error` of the stream has no status, without which
/// Codex does not take it for one: it is given the one that its code has over HTTP.
#[must_use]
pub fn event_message(event: &Event<'_>) -> Bytes {
    let is_bare_error = kind_of(event).is_ok_and(|kind| *kind == *b"error") && !has_member(event.data, b"status");
    if is_bare_error { bare_error(event.data) } else { Bytes::copy_from_slice(event.data) }
}

/// A refusal over HTTP as a message: `document` is its body, in this dialect.
#[must_use]
pub fn error_message<'a>(status: u16, headers: impl IntoIterator<Item = (&'a str, &'a str)>, document: &[u8]) -> Bytes {
    let error = Members::of(document).map_while(Result::ok).find(|member| *member.key == *b"error");
    let error = error.map_or(&b"null"[..], |member| member.value.raw());
    let headers: serde_json::Map<_, _> =
        headers.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let headers = Json::Object(headers).to_string();
    let head = format!("{{\"type\":\"error\",\"status\":{status},\"headers\":{headers},\"error\":");
    [head.as_bytes(), error, b"}"].concat().into()
}

/// What a client is told that goes on from a response which nobody knows. Codex sends the whole conversation then.
#[must_use]
pub fn previous_unknown(previous: &str, request_id: &RequestId) -> Bytes {
    let message = format!(
        "Previous response with id '{previous}' not found: it is not the last of this connection, or was not kept. Send the whole input without it."
    );
    own_error("previous_response_not_found", &message, Some("previous_response_id"), request_id)
}

/// What a client is told at the end of its connection's time. Codex opens another one.
#[must_use]
pub fn connection_limit(minutes: u64, request_id: &RequestId) -> Bytes {
    let message = format!(
        "Responses websocket connection limit reached ({minutes} minutes). Create a new websocket connection to continue."
    );
    own_error("websocket_connection_limit_reached", &message, None, request_id)
}

fn own_error(code: &str, message: &str, param: Option<&str>, request_id: &RequestId) -> Bytes {
    let error = json!({"type": "invalid_request_error", "code": code, "message": message, "param": param,
        "request_id": request_id.as_str()});
    json!({"type": "error", "status": 400, "error": error}).to_string().into()
}

/// The messages of a response that is only made ready: empty, and whole.
#[must_use]
pub fn warm_up_messages(response_id: &str, model: &str, created_at_secs: i64) -> [Bytes; 2] {
    let response = |status: &str, usage: Json| {
        json!({"id": response_id, "object": "response", "created_at": created_at_secs, "status": status,
            "background": false, "error": null, "incomplete_details": null, "model": model, "output": [], "usage": usage})
    };
    let usage = json!({"input_tokens": 0, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 0});
    let message = |number: u8, kind: &str, response: Json| {
        json!({"type": kind, "sequence_number": number, "response": response}).to_string().into()
    };
    [
        message(0, "response.created", response("in_progress", Json::Null)),
        message(1, "response.completed", response("completed", usage)),
    ]
}

/// A whole response that is no stream, as the message that ends one.
#[must_use]
pub fn document_message(document: &[u8]) -> Bytes {
    [b"{\"type\":\"response.completed\",\"sequence_number\":0,\"response\":", document.trim_ascii(), b"}"]
        .concat()
        .into()
}

fn has_member(object: &[u8], name: &[u8]) -> bool {
    Members::of(object).map_while(Result::ok).any(|member| *member.key == *name)
}

fn bare_error(data: &[u8]) -> Bytes {
    let told = error::in_event(data);
    let status = match told.kind {
        UpstreamErrorKind::InvalidRequest => 400,
        UpstreamErrorKind::Authentication => 401,
        UpstreamErrorKind::Billing => 402,
        UpstreamErrorKind::Permission => 403,
        UpstreamErrorKind::NotFound => 404,
        UpstreamErrorKind::RequestTooLarge => 413,
        UpstreamErrorKind::RateLimit => 429,
        UpstreamErrorKind::Api | UpstreamErrorKind::Other => 500,
        UpstreamErrorKind::Overloaded => 503,
        UpstreamErrorKind::Timeout => 504,
    };
    let wait =
        (status == 429).then(|| told.retry_after.map_or(RETRY_AFTER_SECS, |wait| wait.as_secs() + 1).to_string());
    let headers = wait.iter().map(|wait| ("retry-after", wait.as_str()));
    let document: Cow<'_, [u8]> =
        if has_member(data, b"error") { data.into() } else { [&b"{\"error\":"[..], data, b"}"].concat().into() };
    error_message(status, headers, &document)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(text: &str) -> Create<'_> {
        match read_message(text.as_bytes()) {
            Ok(ClientMessage::Create(create)) => create,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn request(text: &str, history: History<'_>) -> (String, String) {
        let request = create(text).request(history).expect(text);
        let text = String::from_utf8(request.body.to_vec()).expect("text");
        let items = text[request.items].to_owned();
        (text, items)
    }

    #[test]
    fn a_message_becomes_the_request_that_http_takes() {
        let text =
            r#"{"type":"response.create","model":"m","background":false,"generate":true,"input":[{"a":1}],"x": 1.0}"#;
        let (body, items) = request(text, History::AsSent);
        assert_eq!(body, r#"{"stream":true,"model":"m","x": 1.0,"input":[{"a":1}]}"#);
        assert_eq!(items, r#"{"a":1}"#);
    }

    #[test]
    fn what_came_before_stands_before_the_input_and_its_name_is_gone() {
        let before = History::Items(br#"{"a":1},{"b":2}"#);
        for (input, items) in [
            (r#""input":[ {"c":3} ],"#, r#"{"a":1},{"b":2},{"c":3}"#),
            (r#""input":"hi","#, r#"{"a":1},{"b":2},{"role":"user","content":"hi"}"#),
            (r#""input":[],"#, r#"{"a":1},{"b":2}"#),
            ("", r#"{"a":1},{"b":2}"#),
        ] {
            let text = format!(r#"{{"type":"response.create",{input}"previous_response_id":"resp_1","model":"m"}}"#);
            let (body, kept) = request(&text, before);
            assert_eq!(
                (body.as_str(), kept.as_str()),
                (&*format!(r#"{{"stream":true,"model":"m","input":[{items}]}}"#), items)
            );
        }
        let text = r#"{"type":"response.create","previous_response_id":"resp_1","model":"m"}"#;
        let (body, _) = request(text, History::AsSent);
        assert_eq!(body, r#"{"stream":true,"previous_response_id":"resp_1","model":"m","input":[]}"#);
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_field() {
        for (text, field) in [
            (r#"{"model":"m"}"#, "type"),
            (r#"{"type":"response.steer"}"#, "type"),
            (r#"{"type":"response.create","stream_id":"s"}"#, "stream_id"),
            (r#"{"type":"response.create","generate":"no"}"#, "generate"),
            (r#"{"type":"response.create","previous_response_id":7}"#, "previous_response_id"),
        ] {
            let refused = read_message(text.as_bytes()).expect_err(text).to_string();
            assert!(refused.starts_with(field), "{text}: {refused}");
        }
        let unfit = create(r#"{"type":"response.create","input":{}}"#).request(History::AsSent);
        assert!(unfit.is_err_and(|error| error.to_string().starts_with("input")));
        let cut = create(r#"{"type":"response.create","input":[{"a":1},]}"#).request(History::AsSent);
        assert!(cut.is_err(), "an array that is none");
        assert!(matches!(read_message(br#"{"type":"response.processed"}"#), Ok(ClientMessage::Aside)));
    }

    fn gathered(events: &[&str], bytes_max: usize) -> Option<(String, String)> {
        let mut items = AnswerItems::new(bytes_max);
        for event in events {
            items.read(&Event { name: b"", data: event.as_bytes(), start: 0 });
        }
        items.finish().map(|(id, items)| (id, String::from_utf8(items).expect("text")))
    }

    #[test]
    fn an_answer_s_items_are_kept_once_it_is_whole() {
        let done = |place: u8, item: &str| {
            format!(r#"{{"type":"response.output_item.done","output_index":{place},"item":{item}}}"#)
        };
        let thought = done(0, r#"{"type":"reasoning","id":"rs_1","summary":[]}"#);
        let sealed = done(1, r#"{"type":"reasoning","encrypted_content":"x"}"#);
        let said = done(2, r#"{"type":"message"}"#);
        let bare_end = r#"{"type":"response.completed","response":{"id":"resp_1","output":[]}}"#;
        let end = r#"{"type":"response.completed","response":{"id":"resp_1","output":[{"type":"message"}]}}"#;
        let kept = |items: &str| Some(("resp_1".to_owned(), items.to_owned()));
        assert_eq!(
            gathered(&[&thought, &said, &sealed, bare_end], 1000),
            kept(r#"{"type":"reasoning","encrypted_content":"x"},{"type":"message"}"#)
        );
        assert_eq!(gathered(&[end], 1000), kept(r#"{"type":"message"}"#));
        assert_eq!(gathered(&[&said, end], 10), None, "too long to be kept");
        assert_eq!(gathered(&[&said], 1000), None, "it has not ended");
        let failed = r#"{"type":"response.failed","response":{"id":"resp_1"}}"#;
        assert_eq!(gathered(&[&said, failed], 1000), None);
    }

    fn message(name: &'static str, data: &str) -> Json {
        serde_json::from_slice(&event_message(&Event { name: name.as_bytes(), data: data.as_bytes(), start: 0 }))
            .expect("JSON")
    }

    #[test]
    fn an_error_of_a_stream_is_given_a_status() {
        let limited = message("error", r#"{"type":"error","code":"rate_limit_exceeded","message":"try again in 3s."}"#);
        assert_eq!((&limited["status"], &limited["headers"]["retry-after"]), (&json!(429), &json!("4")));
        assert_eq!(limited["error"]["code"], "rate_limit_exceeded");
        let nested = message("", r#"{"type":"error","error":{"type":"server_error","message":"m"}}"#);
        assert_eq!((&nested["status"], &nested["error"]["message"]), (&json!(500), &json!("m")));
        let said = r#"{"type":"error","status":418,"error":{}}"#;
        assert_eq!(message("", said), serde_json::from_str::<Json>(said).expect("JSON"));
        let delta = r#"{"type":"response.output_text.delta","delta":"error"}"#;
        assert_eq!(message("response.output_text.delta", delta)["delta"], "error");
    }

    #[test]
    fn a_refusal_is_a_message_with_its_status_and_headers() {
        let told = error_message(429, [("retry-after", "2")], br#"{"error":{"code":"c"}}"#);
        let told: Json = serde_json::from_slice(&told).expect("JSON");
        assert_eq!(
            told,
            json!({"type": "error", "status": 429, "headers": {"retry-after": "2"}, "error": {"code": "c"}})
        );
    }

    #[test]
    fn an_upstream_s_messages_are_the_events_of_a_stream() {
        assert_eq!(stream_event(b"{\n\"a\":1}"), "data: {\ndata: \"a\":1}\n\n");
        let whole = br#"{"type":"response.completed","response":{"id":"resp_1","output":[{"type":"message"}]}}"#;
        assert_eq!(end_of(whole), MessageEnd::Whole(Some("resp_1".to_owned())));
        assert_eq!(end_of(br#"{"type":"error","status":400}"#), MessageEnd::Failed);
        assert_eq!(end_of(br#"{"type":"response.output_text.delta"}"#), MessageEnd::GoesOn);
        let message = create_message(br#"{"stream":true, "model":"m"}"#).expect("an object");
        assert_eq!(message, br#"{"type":"response.create","stream":true,"model":"m"}"#);
    }

    #[test]
    fn a_refusal_in_a_message_is_one_over_http() {
        let text =
            br#"{"type":"error","status":429,"error":{"code":"c"},"headers":{"retry-after":2,"x":"y","z":null}}"#;
        let refused = refused_message(text).expect("a refusal");
        assert_eq!((refused.status, refused.code.as_deref()), (429, Some("c")));
        let headers = [("retry-after", "2"), ("x", "y")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!((refused.headers, &refused.document[..]), (headers.to_vec(), &br#"{"error":{"code":"c"}}"#[..]));
        assert_eq!(refused_message(br#"{"type":"error","code":"c"}"#), None);
        assert_eq!(refused_message(br#"{"type":"response.created","status":429}"#), None);
    }

    #[test]
    fn items_are_joined_by_one_comma() {
        for (items, more, whole) in [("", "", ""), ("a", "", "a"), ("", "b", "b"), ("a", "b", "a,b")] {
            assert_eq!(joined(items.as_bytes(), more.as_bytes()), whole.as_bytes());
        }
    }
}
