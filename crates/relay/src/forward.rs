//! Room 4: the request goes to the account, and its answer is looked at until its first content. Up to there another account may take over.

use crate::{
    admit::Admission,
    attempt::{Finality, OpenAttempt, Settlement, upstream_model},
    body::RelayBody,
    budget::{Budget, BudgetSpent, Hold},
    decode::{self, Coding, codings},
    form::{Form, Framing},
    meter::{Flow, Metered},
    model_list,
    outgoing::upstream_request,
    relay::Relay,
    rewrite::{Rewrite, Rewriting},
    serve::Passage,
    stream::{AnswerStream, Step, StreamSource},
    verdict::{
        Refused, Verdict, answer_headers, judge_content, judge_inexpressible, judge_no_memory, judge_status,
        judge_unsent,
    },
};
use bytes::{Bytes, BytesMut};
use domain::{AttemptKind, FailureKind, Outcome};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, response};
use http_body_util::BodyExt;
use protocol::{
    BodyReading, Ending, Operation, Reading, anthropic, bedrock,
    convert::{self, AnswerConverter, Converted, Inexpressible},
    gemini,
    headers::is_connection_option,
    openai::ResponseCollector,
    sse,
};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use upstream::{Envelope, UpstreamBody};

/// Largest answer that is no stream, in bytes: a model's longest output with room to spare.
const DOCUMENT_BYTES_MAX: u64 = 64 << 20;

/// Largest error body that is read, in bytes, and how long it may take; providers' errors have a few hundred bytes.
const ERROR_BYTES_MAX: u64 = 256 << 10;
/// See [`ERROR_BYTES_MAX`].
const ERROR_TIME_MAX: Duration = Duration::from_secs(10);

/// Where Bedrock names the kind of an error.
const BEDROCK_ERROR: &str = "x-amzn-errortype";

/// Media types of streams.
const STREAMS: [&str; 2] = ["text/event-stream", "application/vnd.amazon.eventstream"];

/// Bytes of a stream that may come before its first content: a greeting and pings.
const GREETING_BYTES_MAX: usize = 64 << 10;

/// How often a greeting may say over again what was asked: Responses' `created`, `queued` and `in_progress` each repeat instructions and
/// tools.
const ECHOES_MAX: usize = 3;

/// What came of an attempt.
pub(crate) enum Forwarded {
    /// The client's answer.
    Answered(Response<RelayBody>),
    /// None, and no byte of content was seen.
    Failed(Box<FailedAttempt>),
}

/// An attempt that failed. It is not settled: whether it was the last is not known in this room.
pub(crate) struct FailedAttempt {
    pub(crate) attempt: OpenAttempt,
    pub(crate) verdict: Verdict,
    /// What it used all the same, as far as it was told.
    pub(crate) reading: Option<Reading>,
}

/// An answer whose content has begun or ended.
enum Opening {
    Content(VecDeque<Bytes>),
    Whole(VecDeque<Bytes>, Bytes),
    Failed(FailureKind),
}

/// A body that is being received, and the codings that lie on it.
type CodedBody = (UpstreamBody, Vec<Coding>);

impl Relay {
    /// Sends the request as `attempt` and waits for the answer's first content.
    pub(crate) async fn forward(self: &Arc<Self>, admission: &Admission, mut attempt: OpenAttempt) -> Forwarded {
        let inbound = &admission.inbound;
        let Some(passage) = Passage::to(&attempt.seat.destination, inbound.call.operation) else {
            return failed(attempt, judge_content(StatusCode::BAD_REQUEST, FailureKind::Request));
        };
        let converted = match self.convert(admission, &attempt, passage) {
            Ok(converted) => converted,
            Err(error) => return failed(attempt, judge_inexpressible(&error)),
        };
        let Ok(request) = upstream_request(admission, &attempt.seat, passage, converted.as_ref()) else {
            return failed(attempt, judge_content(StatusCode::BAD_REQUEST, FailureKind::Request));
        };
        attempt.sent(inbound.body.len());
        let spoken = inbound.spoken.as_ref().filter(|_| passage == Passage::AsItIs);
        let over_socket = match spoken {
            Some(spoken) => self.send_spoken(spoken, &attempt.seat, &request).await,
            None => None,
        };
        let answered = match over_socket {
            Some(answered) => answered,
            None => self.send(&attempt.seat, request).await,
        };
        let (head, body) = match answered {
            Ok(answer) => answer.into_parts(),
            Err(error) => {
                tracing::warn!(account.id = %attempt.seat.account.id, error = &error as &dyn std::error::Error, "no answer");
                return failed(attempt, judge_unsent(&error));
            }
        };
        attempt.answered(head.status.as_u16(), &head.headers);
        let operation = passage.upstream(inbound.call.operation);
        let way = WayBack { operation, converter: converted.map(|converted| converted.answer) };
        if !head.status.is_success() {
            return self.refused(&way, attempt, &head, body).await;
        }
        let Some(codings) = codings(&head.headers) else {
            return failed(attempt, judge_content(head.status, FailureKind::Broken));
        };
        let only_streams = attempt.seat.destination.only_streams(operation);
        if !is_stream(&head.headers, inbound.wants_stream() || only_streams) {
            self.document(admission, attempt, head, (body, codings), &way).await
        } else if only_streams && !inbound.wants_stream() {
            self.gathered(admission, attempt, head, (body, codings), &way).await
        } else {
            let stream = answer_stream(admission, &attempt, (body, codings), way);
            self.stream(admission, attempt, head, stream).await
        }
    }

    /// The request in the dialect that the account is asked in; none where that is the client's own.
    fn convert(
        &self,
        admission: &Admission,
        attempt: &OpenAttempt,
        passage: Passage,
    ) -> Result<Option<Converted>, Inexpressible> {
        let Passage::Converted(to) = passage else { return Ok(None) };
        let inbound = &admission.inbound;
        let model = upstream_model(admission, &attempt.seat.account);
        let from = inbound.call.operation.dialect();
        convert::request(from, to.dialect(), &inbound.body, &model, self.clock.now()).map(Some)
    }

    async fn refused(
        &self,
        way: &WayBack,
        attempt: OpenAttempt,
        head: &response::Parts,
        body: UpstreamBody,
    ) -> Forwarded {
        let codings = codings(&head.headers).unwrap_or_default();
        let reading = tokio::time::timeout(ERROR_TIME_MAX, self.read_whole((body, codings), ERROR_BYTES_MAX)).await;
        let body = reading.ok().and_then(Result::ok).map(|(body, _hold)| body).unwrap_or_default();
        let destination = &attempt.seat.destination;
        let is_enveloped = matches!(destination.envelope(), Envelope::Bedrock);
        let error = if is_enveloped {
            let name = head.headers.get(BEDROCK_ERROR).and_then(|name| name.to_str().ok());
            Some(bedrock::read_error(name, &body))
        } else {
            match protocol::read_body(way.operation, &body) {
                BodyReading::Error(error) => Some(error),
                BodyReading::Answer(_) | BodyReading::Garbage => None,
            }
        };
        let is_in_dialect = way.converter.is_none() && !is_enveloped;
        let refused = Refused { status: head.status, headers: &head.headers, body, error, is_in_dialect, destination };
        let verdict = judge_status(refused, self.clock.now());
        failed(attempt, verdict)
    }

    async fn stream(
        self: &Arc<Self>,
        admission: &Admission,
        mut attempt: OpenAttempt,
        head: response::Parts,
        mut stream: AnswerStream,
    ) -> Forwarded {
        let (begun, last) = match open(&mut stream, admission, self.settings.stall_max).await {
            Opening::Content(begun) => (begun, None),
            Opening::Whole(begun, last) => (begun, Some(last)),
            Opening::Failed(kind) => {
                let (verdict, reading) = (judge_content(head.status, kind), Some(stream.reading()));
                return Forwarded::Failed(Box::new(FailedAttempt { attempt, verdict, reading }));
            }
        };
        attempt.first_byte();
        let mut response = Response::new(RelayBody::empty());
        *response.status_mut() = head.status;
        *response.headers_mut() = answer_headers(&head.headers, &attempt.seat.destination);
        let media_type = HeaderValue::from_static(admission.inbound.form.media_type());
        let is_framed_anew = admission.inbound.form.framing == Framing::Array
            || matches!(attempt.seat.destination.envelope(), Envelope::Bedrock);
        if is_framed_anew {
            response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        } else {
            response.headers_mut().entry(header::CONTENT_TYPE).or_insert(media_type);
        }
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
        response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
        let flow = Flow { stream, attempt };
        let presence = admission.presence.clone();
        let mut metered = Metered::new(Arc::clone(self), &admission.inbound, presence, flow, begun);
        if let Some(last) = last {
            metered.finish(last);
        }
        *response.body_mut() = RelayBody::metered(metered);
        Forwarded::Answered(response)
    }

    async fn document(
        &self,
        admission: &Admission,
        attempt: OpenAttempt,
        head: response::Parts,
        body: CodedBody,
        way: &WayBack,
    ) -> Forwarded {
        match self.read_whole(body, DOCUMENT_BYTES_MAX).await {
            Ok(document) => self.give(admission, attempt, head, document, way).await,
            Err(unread) => failed(attempt, unread.judge(head.status)),
        }
    }

    /// The document of a stream, for a client that wants none of an account that gives nothing else.
    async fn gathered(
        self: &Arc<Self>,
        admission: &Admission,
        attempt: OpenAttempt,
        mut head: response::Parts,
        (body, codings): CodedBody,
        way: &WayBack,
    ) -> Forwarded {
        let dialect = way.operation.dialect();
        let source = StreamSource { body, codings, dialect, is_framed: false };
        let mut stream = AnswerStream::new(source, Form::of(dialect, None), None);
        match self.gather(&mut stream).await {
            Ok(document) => {
                self.read_out(Some(stream));
                head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                self.give(admission, attempt, head, document, way).await
            }
            Err(unread) => {
                let (verdict, reading) = (unread.judge(head.status), Some(stream.reading()));
                Forwarded::Failed(Box::new(FailedAttempt { attempt, verdict, reading }))
            }
        }
    }

    async fn gather(&self, stream: &mut AnswerStream) -> Result<(Bytes, Hold), Unread> {
        let (mut hold, mut length) = (Budget::hold(), 0);
        let (mut decoder, mut collector) = (sse::Decoder::default(), ResponseCollector::default());
        loop {
            let (before, terminal) = match tokio::time::timeout(self.settings.stall_max, stream.next()).await {
                Ok(Step::Events { before, terminal }) => (before, terminal),
                Ok(Step::End | Step::Broken) => return Err(Unread::Upstream(FailureKind::Broken)),
                Err(_elapsed) => return Err(Unread::Upstream(FailureKind::Timeout)),
            };
            let has_ended = terminal.is_some();
            for events in [before, terminal.unwrap_or_default()] {
                length += events.len() as u64;
                self.cover_within(&mut hold, length, DOCUMENT_BYTES_MAX).await?;
                let decoded = decoder.push(&events, |event| collector.take(&event));
                decoded.map_err(|sse::EventTooLarge| Unread::Upstream(FailureKind::Broken))?;
            }
            if let Some(Ending::Failed(error)) = stream.ending() {
                return Err(Unread::Upstream(error.kind.failure()));
            }
            if has_ended {
                let document = collector.document().ok_or(Unread::Upstream(FailureKind::Broken))?;
                return Ok((document, hold));
            }
        }
    }

    /// The client's answer of a whole document.
    async fn give(
        &self,
        admission: &Admission,
        mut attempt: OpenAttempt,
        head: response::Parts,
        (document, hold): (Bytes, Hold),
        way: &WayBack,
    ) -> Forwarded {
        attempt.first_byte();
        let document = match attempt.seat.destination.envelope() {
            Envelope::CodeAssist { .. } => document.slice_ref(gemini::unwrapped(&document)),
            Envelope::None | Envelope::Bedrock => document,
        };
        let reading = match understand(way.operation, &document) {
            Ok(reading) => reading,
            Err(kind) => return failed(attempt, judge_content(head.status, kind)),
        };
        let document = match way.converter.as_ref().map(|converter| converter.document(&document)) {
            None => document,
            Some(Ok(document)) => document,
            Some(Err(error)) => {
                tracing::warn!(account.id = %attempt.seat.account.id, error = %error, "an answer cannot be converted");
                return failed(attempt, judge_content(head.status, FailureKind::Broken));
            }
        };
        let document = match way.operation {
            Operation::Models(dialect) => model_list::as_seen_by(dialect, &admission.inbound, &attempt.seat, document),
            _ => document,
        };
        let outcome = if admission.presence.has_left() { Outcome::Abandoned } else { Outcome::Completed };
        let settlement = Settlement { outcome, failure: None, reading, finality: Finality::Final };
        let headers = answer_headers(&head.headers, &attempt.seat.destination);
        if let Some(written) = attempt.settle(&settlement)
            && let Err(error) = written.await
        {
            tracing::error!(error = %error, "a record is not safe yet");
        }
        let mut response = Response::new(RelayBody::held(document, hold));
        *response.status_mut() = head.status;
        *response.headers_mut() = headers;
        Forwarded::Answered(response)
    }

    /// A whole body, decoded. Fails when it broke, is larger than `bytes_max`, or halted for longer than an upstream may.
    async fn read_whole(&self, (body, codings): CodedBody, bytes_max: u64) -> Result<(Bytes, Hold), Unread> {
        let mut hold = Budget::hold();
        let mut whole = self.collect(Source::Body(body), bytes_max, &mut hold).await?;
        for coding in codings.into_iter().rev() {
            whole = self.collect(Source::Coded(decode::Decoder::of_bytes(coding, whole)), bytes_max, &mut hold).await?;
        }
        Ok((whole, hold))
    }

    async fn collect(&self, mut source: Source, bytes_max: u64, hold: &mut Hold) -> Result<Bytes, Unread> {
        let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
        while let Some(piece) = source.next_within(self.settings.stall_max).await? {
            let length = (first.len() + joined.len() + piece.len()) as u64;
            self.cover_within(hold, length, bytes_max).await?;
            if first.is_empty() && joined.is_empty() {
                first = piece;
                continue;
            }
            joined.extend_from_slice(&std::mem::take(&mut first));
            joined.extend_from_slice(&piece);
        }
        match (joined.is_empty(), first.is_empty()) {
            (true, true) => Err(Unread::Upstream(FailureKind::Broken)),
            (true, false) => Ok(first),
            (false, _) => Ok(joined.freeze()),
        }
    }

    /// Takes memory for `length` bytes in all.
    async fn cover_within(&self, hold: &mut Hold, length: u64, bytes_max: u64) -> Result<(), Unread> {
        if length > bytes_max {
            return Err(Unread::Upstream(FailureKind::Broken));
        }
        self.buffers.cover(hold, length).await.map_err(|BudgetSpent| Unread::NoMemory)
    }
}

/// Why a body was not read.
enum Unread {
    /// It broke, was too large, or halted.
    Upstream(FailureKind),
    /// The relay had no memory left for it.
    NoMemory,
}

impl Unread {
    fn judge(&self, status: StatusCode) -> Verdict {
        match self {
            Self::Upstream(kind) => judge_content(status, *kind),
            Self::NoMemory => judge_no_memory(status),
        }
    }
}

fn failed(attempt: OpenAttempt, verdict: Verdict) -> Forwarded {
    Forwarded::Failed(Box::new(FailedAttempt { attempt, verdict, reading: None }))
}

/// Where a body is collected from.
enum Source {
    Body(UpstreamBody),
    Coded(decode::Decoder),
}

impl Source {
    /// The next piece, if it comes in time; none at the end.
    async fn next_within(&mut self, stall_max: Duration) -> Result<Option<Bytes>, Unread> {
        match tokio::time::timeout(stall_max, self.next()).await {
            Ok(piece) => piece.transpose().map_err(|()| Unread::Upstream(FailureKind::Broken)),
            Err(_elapsed) => Err(Unread::Upstream(FailureKind::Timeout)),
        }
    }

    async fn next(&mut self) -> Option<Result<Bytes, ()>> {
        match self {
            Self::Coded(decoder) => Some(decoder.next().await?.map_err(drop)),
            Self::Body(body) => loop {
                match body.frame().await? {
                    Ok(frame) => {
                        if let Ok(piece) = frame.into_data() {
                            return Some(Ok(piece));
                        }
                    }
                    Err(_) => return Some(Err(())),
                }
            },
        }
    }
}

/// Reads a stream up to its first content. What greets before it is held back, so that another account can still serve.
async fn open(stream: &mut AnswerStream, admission: &Admission, stall_max: Duration) -> Opening {
    let presence = &admission.presence;
    let echoes = admission.inbound.body.len().saturating_mul(ECHOES_MAX).min(sse::EVENT_BYTES_MAX);
    let (mut begun, mut bytes) = (VecDeque::new(), 0);
    while bytes <= GREETING_BYTES_MAX + echoes {
        let (before, terminal) = match tokio::time::timeout(stall_max, stream.next()).await {
            Ok(Step::Events { before, terminal }) => (before, terminal),
            Ok(Step::End | Step::Broken) => return Opening::Failed(FailureKind::Broken),
            Err(_elapsed) => return Opening::Failed(FailureKind::Timeout),
        };
        bytes += before.len();
        begun.extend(Some(before).filter(|before| !before.is_empty()));
        match (terminal, stream.ending()) {
            (Some(last), Some(Ending::Failed(error))) if !stream.content_seen() => {
                drop(last);
                return Opening::Failed(error.kind.failure());
            }
            (Some(last), _) => return Opening::Whole(begun, last),
            (None, _) if stream.content_seen() || presence.has_left() => return Opening::Content(begun),
            (None, _) => {}
        }
    }
    Opening::Failed(FailureKind::Broken)
}

/// Whether a document is the answer that was asked for, and its usage.
fn understand(operation: Operation, document: &[u8]) -> Result<Option<Reading>, FailureKind> {
    match (protocol::read_body(operation, document), operation.kind()) {
        (BodyReading::Error(error), _) => Err(error.kind.failure()),
        (_, AttemptKind::CountTokens | AttemptKind::ModelList) if anthropic::is_object(document) => Ok(None),
        (BodyReading::Answer(reading), _) => Ok(Some(reading)),
        (BodyReading::Garbage, _) => Err(FailureKind::Broken),
    }
}

/// How an answer comes back.
struct WayBack {
    /// What the account was asked.
    operation: Operation,
    /// What turns its answer into the client's dialect, where that is another.
    converter: Option<AnswerConverter>,
}

/// The stream of an answer, written anew where the client cannot have it as it comes.
fn answer_stream(
    admission: &Admission,
    attempt: &OpenAttempt,
    (body, codings): CodedBody,
    way: WayBack,
) -> AnswerStream {
    let inbound = &admission.inbound;
    let envelope = attempt.seat.destination.envelope();
    let rewriting = Rewriting {
        without_usage: way.converter.is_none() && inbound.scan.as_ref().is_some_and(|scan| scan.usage_edit.is_some()),
        is_wrapped: matches!(envelope, Envelope::CodeAssist { .. }),
        converter: way.converter,
    };
    let source = StreamSource {
        body,
        codings,
        dialect: way.operation.dialect(),
        is_framed: matches!(envelope, Envelope::Bedrock),
    };
    AnswerStream::new(source, inbound.form, Rewrite::of(inbound.form, rewriting))
}

/// By what the answer says it is; by what was asked for where it says nothing.
fn is_stream(headers: &HeaderMap, asked: bool) -> bool {
    match headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) {
        Some(content_type) => {
            let content_type = content_type.trim_start().to_ascii_lowercase();
            STREAMS.iter().any(|stream| content_type.starts_with(stream))
        }
        None => asked,
    }
}

/// Whether `connection` names `name` as a header of this hop alone (RFC 9110, 7.6.1).
pub(crate) fn is_of_this_hop(headers: &HeaderMap, name: &HeaderName) -> bool {
    let lines = headers.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.into_iter().any(|line| is_connection_option(line, name.as_str()))
}
