//! What the upstream does with one request: which answer, in which pieces, and where it goes wrong. No I/O here.

use crate::upstream::{answer::Answer, fault::ErrorKind};
use bytes::Bytes;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// Longest that a test waits for requests to come to a gate, on a machine that does much else.
const ARRIVAL_MAX: Duration = Duration::from_secs(60);

/// Holds the upstream back until a test lets it go on, so that no test needs to sleep. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<GateState>);

#[derive(Debug)]
struct GateState {
    open: watch::Sender<bool>,
    arrivals: watch::Sender<usize>,
}

/// What comes before the head of the answer.
#[derive(Debug, Clone, Default)]
pub enum Wait {
    /// Nothing.
    #[default]
    No,
    /// A pause.
    For(Duration),
    /// Until a test opens the gate.
    Gate(Gate),
}

/// What happens at the chosen byte of the body.
#[derive(Debug, Clone)]
pub enum Then {
    /// The connection ends with FIN: what was written arrives.
    Close,
    /// The connection ends with RST: what was written may be lost on the way.
    Reset,
    /// Nothing more is sent, until the client leaves.
    Stall,
    /// The rest is sent once the gate is open.
    Gate(Gate),
}

/// How the end of the body is told (RFC 9112, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `transfer-encoding: chunked`, one chunk a piece; what the provider does with streams.
    Chunked,
    /// `content-length`; what the provider does with documents.
    Length,
    /// A `content-length` that is wrong by this many bytes; the connection closes after the body.
    LengthOff(i64),
    /// Neither: the end of the connection is the end of the body.
    UntilClose,
}

/// The pieces that the body is written in: each one write and, when chunked, one chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Split {
    /// One event a piece; a document in one.
    Events,
    /// All in one.
    Whole,
    /// Pieces of this many bytes (at least one), whatever they cut in two. The head too.
    Every(usize),
    /// Pieces of these sizes, over and over.
    Sizes(Vec<usize>),
}

/// How lines of a stream end; all three are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// LF.
    Lf,
    /// CR LF.
    CrLf,
    /// CR.
    Cr,
}

/// Where the answer comes from.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    /// A message: a stream if the request asks for one.
    Message(Answer),
    /// A documented error.
    Error(ErrorKind),
    /// These bytes.
    Bytes(Bytes),
    /// These bytes in the place of head and body; then the connection ends.
    Verbatim(Bytes),
}

/// What the upstream does with one request.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(crate) payload: Payload,
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) left_out: Vec<String>,
    pub(crate) before_head: Wait,
    pub(crate) framing: Option<Framing>,
    pub(crate) split: Split,
    pub(crate) line_end: LineEnd,
    pub(crate) pace: Duration,
    pub(crate) gzip: bool,
    pub(crate) stop: Option<(usize, Then)>,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        let (open, arrivals) = (watch::Sender::new(false), watch::Sender::new(0));
        Self(Arc::new(GateState { open, arrivals }))
    }

    /// Lets all through, now and from now on.
    pub fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// Waits until `count` requests have come to the gate. Cancel-safe.
    ///
    /// # Panics
    ///
    /// When they have not come within a minute: a test that waits for ever says nothing.
    pub async fn reached_by(&self, count: usize) {
        let mut arrivals = self.0.arrivals.subscribe();
        let arrival = tokio::time::timeout(ARRIVAL_MAX, arrivals.wait_for(|&arrived| arrived >= count));
        let came = arrival.await.is_ok();
        assert!(came, "{} of {count} requests came to the gate", *self.0.arrivals.borrow());
    }

    pub(crate) async fn pass(&self) {
        self.0.arrivals.send_modify(|arrived| *arrived += 1);
        let mut open = self.0.open.subscribe();
        // No error: this gate holds the sender.
        let _ = open.wait_for(|&open| open).await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Wait {
    pub(crate) async fn over(&self) {
        match self {
            Self::No => {}
            Self::For(pause) => tokio::time::sleep(*pause).await,
            Self::Gate(gate) => gate.pass().await,
        }
    }
}

impl Reply {
    fn new(payload: Payload, status: u16) -> Self {
        Self {
            payload,
            status,
            content_type: None,
            headers: Vec::new(),
            left_out: Vec::new(),
            before_head: Wait::No,
            framing: None,
            split: Split::Events,
            line_end: LineEnd::Lf,
            pace: Duration::ZERO,
            gzip: false,
            stop: None,
        }
    }

    /// A message, as the request asks: one document, or a stream of events.
    #[must_use]
    pub fn message(answer: Answer) -> Self {
        Self::new(Payload::Message(answer), 200)
    }

    /// An error of a documented kind, with its status and body.
    #[must_use]
    pub fn error(kind: ErrorKind) -> Self {
        Self::new(Payload::Error(kind), kind.status())
    }

    /// An error with this status, its body of the kind documented for it (`api_error` for 502 and 503).
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::new(Payload::Error(ErrorKind::of_status(status)), status)
    }

    /// A 429 with the documented headers: `retry-after`, and the token limit at zero until `reset` (RFC 3339).
    #[must_use]
    pub fn rate_limited(retry_after_s: u32, reset: &str) -> Self {
        Self::error(ErrorKind::RateLimit)
            .with_header("retry-after", &retry_after_s.to_string())
            .with_header("anthropic-ratelimit-tokens-remaining", "0")
            .with_header("anthropic-ratelimit-tokens-reset", reset)
    }

    /// A 429 that says nothing of when: neither `retry-after` nor any limit.
    #[must_use]
    pub fn rate_limited_silently() -> Self {
        Self::error(ErrorKind::RateLimit).without_header("anthropic-ratelimit-*")
    }

    /// Any body: garbage in the place of events or of JSON, an empty answer, a page of a proxy in between.
    #[must_use]
    pub fn bytes(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let reply = Self::new(Payload::Bytes(body.into()), status);
        Self { content_type: Some(content_type.to_owned()), ..reply }
    }

    /// A web page, as proxies send one in the provider's place.
    #[must_use]
    pub fn html(status: u16) -> Self {
        Self::bytes(status, "text/html; charset=UTF-8", "<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>")
    }

    /// No head at all: the connection ends (or does not) once the request was read.
    #[must_use]
    pub fn no_answer(then: Then) -> Self {
        Self::verbatim("").stop_after(0, then)
    }

    /// These bytes instead of head and body, and then FIN unless [`stop_after`](Self::stop_after) says else.
    #[must_use]
    pub fn verbatim(bytes: impl Into<Bytes>) -> Self {
        Self::new(Payload::Verbatim(bytes.into()), 0)
    }

    /// Adds a header, in the place of a documented one of the same name.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves out a documented header; with a `*` at the end, all whose names begin so.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.left_out.push(name.to_owned());
        self
    }

    /// Sets what the client waits for before the head comes.
    #[must_use]
    pub fn head_after(mut self, wait: Wait) -> Self {
        self.before_head = wait;
        self
    }

    /// Sets how the end of the body is told.
    #[must_use]
    pub const fn framed(mut self, framing: Framing) -> Self {
        self.framing = Some(framing);
        self
    }

    /// Sets the pieces that the body is written in.
    #[must_use]
    pub fn split(mut self, split: Split) -> Self {
        self.split = split;
        self
    }

    /// One byte a piece, in head and body.
    #[must_use]
    pub fn byte_by_byte(self) -> Self {
        self.split(Split::Every(1))
    }

    /// Sets how the lines of a stream end.
    #[must_use]
    pub const fn lines_end(mut self, line_end: LineEnd) -> Self {
        self.line_end = line_end;
        self
    }

    /// Waits so long after each piece.
    #[must_use]
    pub const fn paced(mut self, pause: Duration) -> Self {
        self.pace = pause;
        self
    }

    /// Compresses the body, whatever the request's `accept-encoding` says.
    #[must_use]
    pub const fn gzip(mut self) -> Self {
        self.gzip = true;
        self
    }

    /// Goes wrong after `bytes` of the body as it is sent (without chunk framing); at or beyond its end: after the
    /// last byte, and before what tells the end.
    #[must_use]
    pub fn stop_after(mut self, bytes: usize, then: Then) -> Self {
        self.stop = Some((bytes, then));
        self
    }
}

impl Default for Reply {
    fn default() -> Self {
        Self::message(Answer::default())
    }
}
