//! Room 4: the request goes to the account, and its answer is looked at until its first content. Up to there another account may take over.

use crate::{
    admit::Admission,
    attempt::{Finality, OpenAttempt, Settlement, upstream_model},
    body::RelayBody,
    budget::{Budget, BudgetSpent, Hold},
    decode::{self, Coding, codings},
    directory::Seat,
    meter::{Flow, Metered},
    model_list,
    presence::Presence,
    relay::Relay,
    stream::{AnswerStream, Step},
    verdict::{Refused, Verdict, answer_headers, judge_content, judge_no_memory, judge_silence, judge_status},
};
use bytes::{Bytes, BytesMut};
use domain::{AttemptKind, FailureKind, Outcome};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header, response};
use http_body_util::BodyExt;
use protocol::{
    BodyReading, Ending, Reading, anthropic,
    headers::{Body, forwards_request_header, is_connection_option},
    scan::replace_model_in_parts,
};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use upstream::{Operation, UpstreamBody, client::Parts};

/// Largest answer that is no stream, in bytes: a model's longest output with room to spare.
const DOCUMENT_BYTES_MAX: u64 = 64 << 20;

/// Largest error body that is read, in bytes, and how long it may take; providers' errors have a few hundred bytes.
const ERROR_BYTES_MAX: u64 = 256 << 10;
/// See [`ERROR_BYTES_MAX`].
const ERROR_TIME_MAX: Duration = Duration::from_secs(10);

/// Bytes of a stream that may come before its first content: a greeting and pings.
const GREETING_BYTES_MAX: usize = 64 << 10;

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
        let Ok(request) = upstream_request(admission, &attempt.seat) else {
            return failed(attempt, judge_content(StatusCode::BAD_REQUEST, FailureKind::Request));
        };
        attempt.sent(admission.inbound.body.len());
        let (head, body) = match self.client.send(request).await {
            Ok(answer) => answer.into_parts(),
            Err(error) => {
                tracing::warn!(account.id = %attempt.seat.account.id, error = &error as &dyn std::error::Error, "no answer");
                return failed(attempt, judge_silence(&error));
            }
        };
        attempt.answered(head.status.as_u16(), &head.headers);
        if !head.status.is_success() {
            return self.refused(attempt, &head, body).await;
        }
        let Some(codings) = codings(&head.headers) else {
            return failed(attempt, judge_content(head.status, FailureKind::Broken));
        };
        if is_stream(&head.headers, admission) {
            self.stream(admission, attempt, head, AnswerStream::new(body, codings)).await
        } else {
            self.document(admission, attempt, head, (body, codings)).await
        }
    }

    async fn refused(&self, attempt: OpenAttempt, head: &response::Parts, body: UpstreamBody) -> Forwarded {
        let codings = codings(&head.headers).unwrap_or_default();
        let reading = tokio::time::timeout(ERROR_TIME_MAX, self.read_whole((body, codings), ERROR_BYTES_MAX)).await;
        let body = reading.ok().and_then(Result::ok).map(|(body, _hold)| body).unwrap_or_default();
        let destination = &attempt.seat.destination;
        let refused = Refused { status: head.status, headers: &head.headers, body, destination };
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
        let (begun, last) = match open(&mut stream, &admission.presence, self.settings.stall_max).await {
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
        response.headers_mut().entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("text/event-stream"));
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
        response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
        let flow = Flow { stream, attempt };
        let (id, presence) = (admission.inbound.id.clone(), admission.presence.clone());
        let mut metered = Metered::new(Arc::clone(self), id, presence, flow, begun);
        if let Some(last) = last {
            metered.finish(last);
        }
        *response.body_mut() = RelayBody::metered(metered);
        Forwarded::Answered(response)
    }

    async fn document(
        &self,
        admission: &Admission,
        mut attempt: OpenAttempt,
        head: response::Parts,
        body: CodedBody,
    ) -> Forwarded {
        let (document, hold) = match self.read_whole(body, DOCUMENT_BYTES_MAX).await {
            Ok(document) => document,
            Err(unread) => return failed(attempt, unread.judge(head.status)),
        };
        attempt.first_byte();
        let reading = match understand(admission.inbound.kind, &document) {
            Ok(reading) => reading,
            Err(kind) => return failed(attempt, judge_content(head.status, kind)),
        };
        let document = match admission.inbound.kind {
            AttemptKind::ModelList => model_list::as_seen_by(admission, &attempt.seat, document),
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
            if length > bytes_max {
                return Err(Unread::Upstream(FailureKind::Broken));
            }
            self.buffers.cover(hold, length).await.map_err(|BudgetSpent| Unread::NoMemory)?;
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

fn upstream_request(admission: &Admission, seat: &Seat) -> Result<Request<Parts>, http::Error> {
    let inbound = &admission.inbound;
    let operation = match inbound.kind {
        AttemptKind::Message | AttemptKind::AccountTest => Operation::Messages,
        AttemptKind::CountTokens => Operation::CountTokens,
        AttemptKind::ModelList => Operation::Models,
    };
    let query = inbound.head.uri.query().map(without_key).filter(|query| !query.is_empty());
    let uri = seat.destination.uri(operation, query.as_deref())?;
    let mut request = Request::new(upstream_body(admission, seat));
    *request.method_mut() = inbound.head.method.clone();
    *request.uri_mut() = uri;
    let was_decoded = inbound.head.headers.contains_key(header::CONTENT_ENCODING);
    *request.headers_mut() =
        request_headers(&inbound.head.headers, if was_decoded { Body::Changed } else { Body::AsSent });
    let (name, value) = seat.destination.credential();
    request.headers_mut().insert(name.clone(), value.clone());
    request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(request)
}

/// The client's bytes, with the model's name replaced where the account has another for it.
fn upstream_body(admission: &Admission, seat: &Seat) -> Parts {
    let inbound = &admission.inbound;
    let Some(scan) = &inbound.scan else { return Parts::default() };
    let model = upstream_model(admission, &seat.account);
    if model == scan.model {
        return inbound.body.clone().into();
    }
    replace_model_in_parts(&inbound.body, scan, &model).into_iter().collect()
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
async fn open(stream: &mut AnswerStream, presence: &Presence, stall_max: Duration) -> Opening {
    let (mut begun, mut bytes) = (VecDeque::new(), 0);
    while bytes <= GREETING_BYTES_MAX {
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
fn understand(kind: AttemptKind, document: &[u8]) -> Result<Option<Reading>, FailureKind> {
    match (anthropic::read_body(document), kind) {
        (BodyReading::Error(error), _) => Err(error.kind.failure()),
        (BodyReading::Answer(reading), AttemptKind::Message | AttemptKind::AccountTest) => Ok(Some(reading)),
        (_, AttemptKind::CountTokens | AttemptKind::ModelList) if anthropic::is_object(document) => Ok(None),
        _ => Err(FailureKind::Broken),
    }
}

/// By what the answer says it is; by what was asked for where it says nothing.
fn is_stream(headers: &HeaderMap, admission: &Admission) -> bool {
    let asked = admission.inbound.scan.as_ref().is_some_and(|scan| scan.stream);
    match headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) {
        Some(content_type) => content_type.trim_start().to_ascii_lowercase().starts_with("text/event-stream"),
        None => asked,
    }
}

fn request_headers(headers: &HeaderMap, body: Body) -> HeaderMap {
    let mut forwarded = HeaderMap::with_capacity(headers.len() + 2);
    for (name, value) in headers {
        if forwards_request_header(name.as_str(), body) && !is_of_this_hop(headers, name) {
            forwarded.append(name.clone(), value.clone());
        }
    }
    forwarded
}

/// Whether `connection` names `name` as a header of this hop alone (RFC 9110, 7.6.1).
pub(crate) fn is_of_this_hop(headers: &HeaderMap, name: &HeaderName) -> bool {
    let lines = headers.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.into_iter().any(|line| is_connection_option(line, name.as_str()))
}

/// The client's query without a key of ours in it.
fn without_key(query: &str) -> String {
    let kept = query.split('&').filter(|pair| !pair.starts_with("key=") && *pair != "key");
    kept.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_the_query_does_not_go_upstream() {
        assert_eq!(without_key("beta=true&key=cr_x"), "beta=true");
        assert_eq!(without_key("key=cr_x"), "");
        assert_eq!(without_key("monkey=1"), "monkey=1");
    }
}
