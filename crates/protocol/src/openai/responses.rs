//! Reads Responses: usage out of streams and documents, while their bytes go by.

use super::{counts::Counts, error};
use crate::{
    answer::{ANSWER_TEXT_BYTES_MAX, Answer, BodyReading, Ending, Meaning, Reading, UpstreamError},
    course::Course,
    estimate::OutputEstimate,
    skim::{Fault, Members, Value},
    sse::Event,
};
use domain::{TokenUsage, UsageSource};
use std::borrow::Cow;

/// Longest event type that is looked at, in bytes; the provider's own have at most 50.
const TYPE_BYTES_MAX: usize = 128;

/// Reads one stream, which `response.completed` or `response.incomplete` ends, and `response.failed` or `error` fails.
#[derive(Debug, Default)]
pub(crate) struct ResponsesReader {
    counts: Counts,
    course: Course,
}

/// A response object, as far as it is read.
#[derive(Default)]
struct Response {
    counts: Counts,
    answer: Answer,
    errors: error::Document,
    status: Status,
    /// Whether it calls itself one: `response`, or `response.compaction`.
    is_one: bool,
    output: OutputEstimate,
}

/// How far a response has come, by its own word.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Status {
    #[default]
    Ended,
    UnderWay,
    Failed,
}

impl ResponsesReader {
    pub(crate) fn read(&mut self, event: &Event<'_>) -> Meaning {
        if self.course.is_terminal() {
            return Meaning::Aside;
        }
        let Ok(kind) = kind_of(event) else { return self.course.garble() };
        match &*kind {
            b"response.created" | b"response.in_progress" | b"response.queued" => match self.response(event.data) {
                Ok(_) => Meaning::Aside,
                Err(Fault { .. }) => self.course.garble(),
            },
            b"response.completed" | b"response.incomplete" => {
                self.course.content(0);
                if self.response(event.data).is_err() {
                    // The answer has ended, whatever stands in its last event.
                    self.course.garble();
                }
                self.course.end(Ending::Whole)
            }
            b"response.failed" => {
                let failure = self.response(event.data).ok().flatten();
                self.course.end(Ending::Failed(failure.unwrap_or(UpstreamError::UNTOLD)))
            }
            b"error" => self.course.end(Ending::Failed(error::in_event(event.data))),
            kind if kind.starts_with(b"response.") => self.content(kind, event.data),
            _ => Meaning::Aside,
        }
    }

    pub(crate) fn reading(&self) -> Reading {
        self.course.reading(self.counts.tokens())
    }

    pub(crate) const fn course(&self) -> &Course {
        &self.course
    }

    fn content(&mut self, kind: &[u8], data: &[u8]) -> Meaning {
        self.course.content(0);
        if is_text_delta(kind) {
            let bytes = delta_bytes(data).unwrap_or_else(|Fault { .. }| {
                self.course.garble();
                0
            });
            self.course.content(bytes);
        } else if kind == b"response.output_item.done" {
            self.course.block_edge();
        }
        Meaning::Content
    }

    /// Takes the response that an event holds, and gives the error in it.
    fn response(&mut self, data: &[u8]) -> Result<Option<UpstreamError>, Fault> {
        let mut response = Err(Fault { at: 0, expected: "a response" });
        for member in Members::of(data) {
            let member = member?;
            if *member.key == *b"response"
                && let Some(members) = member.value.members()
            {
                response = Ok(Response::read(members)?);
            }
        }
        let response = response?;
        if response.counts.has_output() {
            self.course.counted();
            self.counts = response.counts;
        }
        self.course.answer = response.answer;
        Ok(response.errors.error(response.is_one))
    }
}

/// The type of an event: its name, or where it has none what its data says; empty when nothing does.
pub(super) fn kind_of<'a>(event: &Event<'a>) -> Result<Cow<'a, [u8]>, Fault> {
    if !event.name.is_empty() {
        return Ok(Cow::Borrowed(event.name));
    }
    for member in Members::of(event.data) {
        let member = member?;
        if *member.key == *b"type" {
            return Ok(member.value.short_text(TYPE_BYTES_MAX).unwrap_or_default().into_bytes().into());
        }
    }
    Ok(Cow::Borrowed(b""))
}

/// Whether the `delta` of such an event is generated text: not sound, which is base64, nor what tools put out.
fn is_text_delta(kind: &[u8]) -> bool {
    let is_sound = kind.ends_with(b"audio.delta");
    kind.ends_with(b".delta") && !is_sound
}

fn delta_bytes(data: &[u8]) -> Result<usize, Fault> {
    for member in Members::of(data) {
        let member = member?;
        if *member.key == *b"delta" {
            return Ok(if member.value.is_string() { member.value.written_bytes() } else { 0 });
        }
    }
    Ok(0)
}

impl Response {
    fn read(members: Members<'_>) -> Result<Self, Fault> {
        let mut response = Self::default();
        let mut reason = None;
        for member in members {
            let member = member?;
            let value = &member.value;
            match &*member.key {
                b"object" => response.is_one = value.text().is_some_and(|name| name.starts_with("response")),
                b"usage" if !value.is_null() => response.counts = Counts::read(value)?,
                b"output" => response.output.add(value.written_bytes()),
                b"status" => {
                    response.status = Status::named(value);
                    if response.status != Status::UnderWay {
                        value.renew(&mut response.answer.stop_reason, ANSWER_TEXT_BYTES_MAX);
                    }
                }
                b"incomplete_details" => reason = read_reason(value)?,
                b"id" => value.renew(&mut response.answer.id, ANSWER_TEXT_BYTES_MAX),
                b"model" => value.renew(&mut response.answer.model, ANSWER_TEXT_BYTES_MAX),
                key => {
                    response.errors.take(key, value)?;
                    response.answer.tariff.take(key, value);
                }
            }
        }
        response.answer.stop_reason = reason.or(response.answer.stop_reason);
        Ok(response)
    }
}

impl Status {
    fn named(value: &Value<'_>) -> Self {
        match value.text().as_deref() {
            Some("queued" | "in_progress") => Self::UnderWay,
            Some("failed") => Self::Failed,
            _ => Self::Ended,
        }
    }
}

/// Why a response is incomplete: `max_output_tokens`, `content_filter`.
fn read_reason(details: &Value<'_>) -> Result<Option<String>, Fault> {
    let mut reason = None;
    for member in details.members().into_iter().flatten() {
        let member = member?;
        if *member.key == *b"reason" {
            member.value.renew(&mut reason, ANSWER_TEXT_BYTES_MAX);
        }
    }
    Ok(reason)
}

/// Reads the whole body of an answer to `/v1/responses` or `/v1/responses/compact` that is no stream, or of an error of any
/// status.
///
/// One that is still under way (`background`) has no usage yet, and costs nothing here. A failed one is an error, as it
/// is in a stream.
pub(crate) fn read_response(body: &[u8]) -> BodyReading {
    let Ok(Response { counts, answer, errors, status, is_one, output }) = Response::read(Members::of(body)) else {
        return BodyReading::Garbage;
    };
    let reading = |usage, source| BodyReading::Answer(Reading { usage, source, answer });
    match (errors.error(is_one), counts.tokens()) {
        (Some(failure), _) => BodyReading::Error(failure),
        _ if !is_one => BodyReading::Garbage,
        _ if status == Status::Failed => BodyReading::Error(UpstreamError::UNTOLD),
        (None, Some(usage)) => reading(usage, UsageSource::Reported),
        (None, None) if status == Status::UnderWay => reading(TokenUsage::ZERO, UsageSource::None),
        (None, None) => reading(TokenUsage { output: output.tokens(), ..TokenUsage::ZERO }, UsageSource::Estimated),
    }
}
