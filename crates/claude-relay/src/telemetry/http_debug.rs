//! Requests and answers as they pass, for finding faults: one line of JSON for each, without secrets, bodies cut. It changes
//! nothing that passes and never waits.
//!
//! On only where the operator asks for it (`DEBUG_HTTP_TRAFFIC`), because prompts and answers stand in these files. Of the control
//! plane heads alone are written: its bodies are passwords and keys. In bodies of the data plane, JSON members that are secrets
//! by their name are masked; what a user types into a prompt is not looked at.

use super::{mask, queue::LineQueue};
use bytes::Bytes;
use domain::Timestamp;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version, header};
use http_body::{Body, Frame, SizeHint};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use store::Clock;

/// Bytes of a body that are written: the beginning says which fields it has, and a stream how it began.
const BODY_BYTES_MAX: usize = 16 << 10;

/// Writes requests and answers down. Clones write to the same file.
#[derive(Clone)]
pub struct HttpDebug {
    lines: LineQueue,
    clock: Arc<dyn Clock>,
}

/// Whose traffic it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    /// Clients' requests: heads and bodies.
    Data,
    /// Administrators' requests: heads.
    Admin,
}

/// One request with its answer.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// Under which both are found again.
    pub request_id: &'a str,
    /// Whose.
    pub plane: Plane,
}

/// A body of which the beginning is written down when it has ended or is dropped; otherwise the body itself.
#[derive(Debug)]
pub struct Tapped<B> {
    body: B,
    tap: Option<Box<Tap>>,
}

/// What has been seen of a body.
#[derive(Debug)]
struct Tap {
    http_debug: HttpDebug,
    head: Head,
    begun_at: Timestamp,
    seen: Vec<u8>,
    bytes: u64,
}

/// What is written of a request or an answer before its body.
#[derive(Debug, Serialize)]
struct Head {
    timestamp: String,
    #[serde(rename = "request.id")]
    request_id: String,
    plane: &'static str,
    part: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    version: String,
    headers: BTreeMap<String, String>,
}

/// One line of the file.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    head: &'a Head,
    #[serde(flatten)]
    body: Option<Seen>,
}

/// What is written of a body.
#[derive(Debug, Serialize)]
struct Seen {
    /// `whole`, `failed`, or `left` by who was to read it.
    end: &'static str,
    duration_ms: u64,
    body_bytes: u64,
    /// Whether more bytes passed than are written.
    body_cut: bool,
    /// `binary` where it is no text.
    body_kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// How a body ended.
#[derive(Debug, Clone, Copy)]
enum End {
    Whole,
    Failed,
    Left,
}

impl HttpDebug {
    pub(super) fn new(lines: LineQueue, clock: Arc<dyn Clock>) -> Self {
        Self { lines, clock }
    }

    /// Writes `request` down as it is read. [`Tapped::untapped`] is for where nothing is to be written.
    pub fn wrap_request<B>(&self, exchange: Exchange<'_>, request: Request<B>) -> Request<Tapped<B>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (method, uri) = (request.method(), mask::path_and_query(request.uri()));
        let start = Start::Request(method, uri);
        let head = self.head(exchange, start, request.version(), request.headers());
        request.map(|body| self.tap(exchange.plane, head, body))
    }

    /// Writes `response` down as it is read.
    pub fn wrap_response<B>(&self, exchange: Exchange<'_>, response: Response<B>) -> Response<Tapped<B>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let start = Start::Response(response.status());
        let head = self.head(exchange, start, response.version(), response.headers());
        response.map(|body| self.tap(exchange.plane, head, body))
    }

    fn head(&self, exchange: Exchange<'_>, start: Start<'_>, version: Version, headers: &HeaderMap) -> Head {
        let (part, method, uri, status) = match start {
            Start::Request(method, uri) => ("request", Some(method.to_string()), Some(uri), None),
            Start::Response(status) => ("response", None, None, Some(status.as_u16())),
        };
        Head {
            timestamp: self.clock.now().to_string(),
            request_id: exchange.request_id.to_owned(),
            plane: exchange.plane.as_str(),
            part,
            method,
            uri,
            status,
            version: format!("{version:?}"),
            headers: mask::headers(headers).into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }

    fn tap<B: Body>(&self, plane: Plane, head: Head, body: B) -> Tapped<B> {
        if plane == Plane::Admin {
            self.write(&Line { head: &head, body: None });
            return Tapped::untapped(body);
        }
        let tap = Tap { http_debug: self.clone(), head, begun_at: self.clock.now(), seen: Vec::new(), bytes: 0 };
        let mut tapped = Tapped { tap: Some(Box::new(tap)), body };
        tapped.end_if_over();
        tapped
    }

    fn write(&self, line: &Line<'_>) {
        let mut text = serde_json::to_vec(line).expect("texts and numbers are JSON");
        text.push(b'\n');
        self.lines.push(&text);
    }
}

enum Start<'a> {
    Request(&'a Method, String),
    Response(StatusCode),
}

impl Plane {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Admin => "admin",
        }
    }
}

impl std::fmt::Debug for HttpDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpDebug").finish_non_exhaustive()
    }
}

impl<B> Tapped<B> {
    /// `body` alone: nothing is written down, and nothing costs.
    pub const fn untapped(body: B) -> Self {
        Self { body, tap: None }
    }

    fn end(&mut self, end: End) {
        if let Some(tap) = self.tap.take() {
            tap.end(end);
        }
    }
}

impl<B: Body> Tapped<B> {
    /// Nobody polls a body past its declared end.
    fn end_if_over(&mut self) {
        if self.tap.is_some() && self.body.is_end_stream() {
            self.end(End::Whole);
        }
    }
}

impl<B> Body for Tapped<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &polled {
            Some(Ok(frame)) => {
                if let (Some(tap), Some(bytes)) = (&mut self.tap, frame.data_ref()) {
                    tap.see(bytes);
                }
                self.end_if_over();
            }
            Some(Err(_)) => self.end(End::Failed),
            None => self.end(End::Whole),
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Tapped<B> {
    fn drop(&mut self) {
        self.end(End::Left);
    }
}

impl Tap {
    fn see(&mut self, bytes: &Bytes) {
        self.bytes += bytes.len() as u64;
        let room = BODY_BYTES_MAX - self.seen.len();
        self.seen.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end(mut self: Box<Self>, end: End) {
        let duration = self.http_debug.clock.now().since(self.begun_at);
        let text = self.text();
        let seen = Seen {
            end: end.as_str(),
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            body_bytes: self.bytes,
            body_cut: self.bytes > BODY_BYTES_MAX as u64,
            body_kind: if text.is_some() { "text" } else { "binary" },
            body: text,
        };
        self.http_debug.write(&Line { head: &self.head, body: Some(seen) });
    }

    /// What was seen, masked; none if it is no text.
    fn text(&mut self) -> Option<String> {
        let plain = self.head.headers.get(header::CONTENT_ENCODING.as_str()).is_none_or(|it| it == "identity");
        let text = match std::str::from_utf8(&self.seen) {
            Ok(text) => text,
            // A character that was cut at the bound, or by an end that came early.
            Err(error) if error.error_len().is_none() => std::str::from_utf8(&self.seen[..error.valid_up_to()]).ok()?,
            Err(_) => return None,
        };
        (plain && !text.contains('\0')).then(|| mask::json_text(text))
    }
}

impl End {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Failed => "failed",
            Self::Left => "left",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Full, StreamBody};
    use serde_json::{Value, json};
    use std::{io, time::Duration};

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp::parse_rfc3339("2026-11-23T12:00:00Z").expect("RFC 3339")
        }
    }

    const CLIENT: Exchange<'_> = Exchange { request_id: "r1", plane: Plane::Data };
    const ADMIN: Exchange<'_> = Exchange { request_id: "r2", plane: Plane::Admin };

    fn http_debug() -> HttpDebug {
        HttpDebug::new(LineQueue::new(1 << 20), Arc::new(Noon))
    }

    fn lines(http_debug: &HttpDebug) -> Vec<Value> {
        http_debug.lines.close();
        let mut lines = Vec::new();
        http_debug.lines.take(&mut lines, Duration::ZERO);
        let text = String::from_utf8(lines).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    fn one_line(http_debug: &HttpDebug) -> Value {
        let mut lines = lines(http_debug);
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)
    }

    fn pieces(
        pieces: Vec<Result<&'static [u8], io::Error>>,
    ) -> impl Body<Data = Bytes, Error = io::Error> + Unpin + use<> {
        let frames = pieces.into_iter().map(|it| it.map(|bytes| Frame::data(Bytes::from_static(bytes))));
        StreamBody::new(futures_util::stream::iter(frames))
    }

    /// The line of an answer whose body was read to its end.
    async fn line_of(body: impl Body<Data = Bytes, Error: std::fmt::Debug> + Unpin) -> Value {
        let http_debug = http_debug();
        // A body that fails is one of the cases.
        let _ = http_debug.wrap_response(CLIENT, Response::new(body)).into_body().collect().await;
        one_line(&http_debug)
    }

    #[tokio::test]
    async fn a_request_is_one_line_with_its_head_and_body() {
        let http_debug = http_debug();
        let request = Request::post("/v1/messages?beta=true&key=planted")
            .header("x-api-key", "planted")
            .header("user-agent", "claude-cli")
            .body(Full::from(r#"{"model":"m","token":"planted"}"#))
            .expect("a request");
        let passed = http_debug.wrap_request(CLIENT, request).into_body().collect().await.expect("read").to_bytes();
        assert_eq!(passed, r#"{"model":"m","token":"planted"}"#);
        let expected = json!({
            "timestamp": "2026-11-23T12:00:00.000Z", "request.id": "r1", "plane": "data", "part": "request",
            "method": "POST", "uri": "/v1/messages?beta=true&key=***", "version": "HTTP/1.1",
            "headers": {"user-agent": "claude-cli", "x-api-key": "***"}, "end": "whole", "duration_ms": 0,
            "body_bytes": 31, "body_cut": false, "body_kind": "text", "body": r#"{"model":"m","token":"***"}"#,
        });
        assert_eq!(one_line(&http_debug), expected);
    }

    #[tokio::test]
    async fn a_long_body_passes_whole_and_is_written_cut() {
        let http_debug = http_debug();
        let sent = "é".repeat(BODY_BYTES_MAX);
        let body = http_debug.wrap_response(CLIENT, Response::new(Full::from(format!("x{sent}")))).into_body();
        assert_eq!(body.collect().await.expect("read").to_bytes(), format!("x{sent}"));
        let line = one_line(&http_debug);
        assert_eq!((&line["body_bytes"], &line["body_cut"]), (&json!(2 * BODY_BYTES_MAX + 1), &json!(true)));
        assert_eq!(line["body"].as_str().map(str::len), Some(BODY_BYTES_MAX - 1));
    }

    #[tokio::test]
    async fn a_body_that_is_no_text_is_noted_as_such() {
        for bytes in [b"\xff\xfe".as_slice(), b"a\0b"] {
            let line = line_of(pieces(vec![Ok(bytes)])).await;
            assert_eq!((&line["body_kind"], line.get("body")), (&json!("binary"), None));
        }
    }

    #[tokio::test]
    async fn a_compressed_body_is_binary_whatever_it_looks_like() {
        let http_debug = http_debug();
        let response = Response::builder().header("content-encoding", "gzip").body(Full::from("text"));
        drop(http_debug.wrap_response(CLIENT, response.expect("a response")).into_body().collect().await);
        assert_eq!(one_line(&http_debug)["body_kind"], "binary");
    }

    #[tokio::test]
    async fn a_body_that_fails_is_written_with_what_came_before() {
        let line = line_of(pieces(vec![Ok(b"on"), Ok(b"e"), Err(io::ErrorKind::ConnectionReset.into())])).await;
        assert_eq!((&line["end"], &line["body"]), (&json!("failed"), &json!("one")));
    }

    #[test]
    fn a_body_that_nobody_reads_is_written_when_it_is_dropped() {
        let http_debug = http_debug();
        drop(http_debug.wrap_response(CLIENT, Response::new(Full::from("one"))));
        let line = one_line(&http_debug);
        assert_eq!((&line["end"], &line["body_bytes"]), (&json!("left"), &json!(0)));
    }

    #[test]
    fn an_empty_body_is_whole_from_the_beginning() {
        let http_debug = http_debug();
        let response = http_debug.wrap_response(CLIENT, Response::new(Full::<Bytes>::default()));
        assert!(response.body().is_end_stream());
        assert_eq!(one_line(&http_debug)["end"], "whole");
    }

    #[test]
    fn a_tap_does_not_change_what_a_body_says_of_its_size() {
        let tapped = http_debug().wrap_response(CLIENT, Response::new(Full::from("one"))).into_body();
        assert_eq!(tapped.size_hint().exact(), Some(3));
    }

    #[tokio::test]
    async fn of_the_control_plane_heads_alone_are_written() {
        let http_debug = http_debug();
        let request = Request::post("/admin/session").body(Full::from(r#"{"password":"planted"}"#)).expect("a request");
        drop(http_debug.wrap_request(ADMIN, request).into_body().collect().await);
        let line = one_line(&http_debug);
        assert_eq!((&line["plane"], line.get("body"), line.get("body_bytes")), (&json!("admin"), None, None));
    }

    #[tokio::test]
    async fn an_untapped_body_is_the_body() {
        let body = Tapped::untapped(Full::from("one"));
        assert_eq!(body.collect().await.expect("read").to_bytes(), "one");
    }
}
