//! Reads Responses: usage out of streams and documents, while their bytes go by.

use super::{counts::Counts, error};
use crate::{
    answer::{ANSWER_TEXT_BYTES_MAX, Answer, BodyReading, Ending, Meaning, Reading, UpstreamError},
    estimate::OutputEstimate,
    skim::{Fault, Members},
    sse::Event,
};
use domain::{TokenUsage, UsageSource};
use std::borrow::Cow;

/// Longest event type that is looked at.
const TYPE_BYTES_MAX: usize = 128;

/// Reads one stream, which `response.completed` or `response.incomplete` ends, and `response.failed` or `error` fails.
#[derive(Debug, Default)]
pub struct ResponsesReader {
    counts: Counts,
    answer: Answer,
    unreported: OutputEstimate,
    content_seen: bool,
    garbled_events: u32,
    ending: Option<Ending>,
}

/// A response object, as far as it is read.
#[derive(Default)]
struct Response {
    counts: Counts,
    answer: Answer,
    failure: Option<UpstreamError>,
    is_response: bool,
    output: OutputEstimate,
}

impl ResponsesReader {
    /// Reads the next event and says what it means. After the terminal event all others are asides.
    pub fn read(&mut self, event: &Event<'_>) -> Meaning {
        if self.ending.is_some() {
            return Meaning::Aside;
        }
        let Some(kind) = kind_of(event) else { return self.garbled() };
        match &*kind {
            b"response.created" | b"response.in_progress" | b"response.queued" => {
                self.response(event.data).map_or_else(|_| self.garbled(), |()| Meaning::Aside)
            }
            b"response.completed" | b"response.incomplete" => match self.response(event.data) {
                Ok(()) => {
                    self.content_seen = true;
                    self.end(Ending::Whole, Meaning::End)
                }
                // The answer has ended, whatever stands in its last event.
                Err(Fault { .. }) => {
                    self.garbled_events = self.garbled_events.saturating_add(1);
                    self.end(Ending::Whole, Meaning::End)
                }
            },
            b"response.failed" => {
                let failure = self.failed(event.data).unwrap_or(UpstreamError::UNTOLD);
                self.end(Ending::Failed(failure), Meaning::Failure)
            }
            b"error" => self.end(Ending::Failed(error::in_event(event.data)), Meaning::Failure),
            kind if kind.starts_with(b"response.") => self.content(kind, event.data),
            _ => Meaning::Aside,
        }
    }

    /// Usage as far as it is known: the upstream's own count at the end, before it an estimate by the bytes that came.
    #[must_use]
    pub fn reading(&self) -> Reading {
        let unreported = self.unreported.tokens();
        let mut usage = self.counts.tokens();
        usage.output += unreported;
        let source = if self.counts.is_empty() && unreported == 0 {
            UsageSource::None
        } else if self.is_complete() && unreported == 0 {
            UsageSource::Reported
        } else {
            UsageSource::Estimated
        };
        Reading { usage, source, answer: self.answer.clone() }
    }

    /// Whether the answer has begun.
    #[must_use]
    pub const fn content_seen(&self) -> bool {
        self.content_seen
    }

    /// Whether the answer is known to be whole.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.ending == Some(Ending::Whole)
    }

    /// How it ended, if it has.
    #[must_use]
    pub const fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// Events that could not be read.
    #[must_use]
    pub const fn garbled_events(&self) -> u32 {
        self.garbled_events
    }

    fn end(&mut self, ending: Ending, meaning: Meaning) -> Meaning {
        self.unreported.close_block();
        self.ending = Some(ending);
        meaning
    }

    fn garbled(&mut self) -> Meaning {
        self.garbled_events = self.garbled_events.saturating_add(1);
        Meaning::Garbage
    }

    fn content(&mut self, kind: &[u8], data: &[u8]) -> Meaning {
        self.content_seen = true;
        if kind.ends_with(b".delta") {
            match delta_bytes(data) {
                Ok(bytes) => self.unreported.add(bytes),
                Err(Fault { .. }) => self.garbled_events = self.garbled_events.saturating_add(1),
            }
        } else if kind == b"response.output_item.done" {
            self.unreported.close_block();
        }
        Meaning::Content
    }

    fn response(&mut self, data: &[u8]) -> Result<(), Fault> {
        let response = in_event(data)?;
        if response.counts.has_output() {
            self.unreported = OutputEstimate::default();
            self.counts = response.counts;
        }
        self.answer = response.answer;
        Ok(())
    }

    fn failed(&mut self, data: &[u8]) -> Result<UpstreamError, Fault> {
        let response = in_event(data)?;
        if response.counts.has_output() {
            self.unreported = OutputEstimate::default();
            self.counts = response.counts;
        }
        Ok(response.failure.unwrap_or(UpstreamError::UNTOLD))
    }
}

/// The type of an event: its name, or where it has none what its data says.
fn kind_of<'a>(event: &Event<'a>) -> Option<Cow<'a, [u8]>> {
    if !event.name.is_empty() {
        return Some(Cow::Borrowed(event.name));
    }
    for member in Members::of(event.data) {
        let member = member.ok()?;
        if *member.key == *b"type" {
            return member.value.short_text(TYPE_BYTES_MAX).map(|kind| Cow::Owned(kind.into_bytes()));
        }
    }
    None
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

fn in_event(data: &[u8]) -> Result<Response, Fault> {
    for member in Members::of(data) {
        let member = member?;
        if *member.key == *b"response" {
            return read(member.value.raw());
        }
    }
    Err(Fault { at: 0, expected: "a response" })
}

fn read(body: &[u8]) -> Result<Response, Fault> {
    let mut response = Response::default();
    for member in Members::of(body) {
        let member = member?;
        let value = &member.value;
        match &*member.key {
            b"object" => response.is_response = value.text().is_some_and(|name| name.starts_with("response")),
            b"error" if !value.is_null() => response.failure = Some(error::in_value(value)?),
            b"usage" if !value.is_null() => response.counts = Counts::read(value)?,
            b"output" => response.output.add(value.written_bytes()),
            b"status" => response.answer.stop_reason = value.short_text(ANSWER_TEXT_BYTES_MAX),
            b"id" => response.answer.id = value.short_text(ANSWER_TEXT_BYTES_MAX),
            b"model" => response.answer.model = value.short_text(ANSWER_TEXT_BYTES_MAX),
            key => response.answer.tariff.take(key, value),
        }
    }
    Ok(response)
}

/// Reads the whole body of an answer to `/v1/responses` or `/v1/responses/compact` that is no stream, or of an error of any status.
///
/// One that is still under way (`background`) has no usage yet, and costs nothing here.
#[must_use]
pub fn read_response(body: &[u8]) -> BodyReading {
    let Ok(Response { counts, answer, failure, is_response, output }) = read(body) else { return BodyReading::Garbage };
    let is_under_way = matches!(answer.stop_reason.as_deref(), Some("queued" | "in_progress"));
    match failure {
        Some(failure) => BodyReading::Error(failure),
        None if !is_response => BodyReading::Garbage,
        None if counts.has_output() => {
            BodyReading::Answer(Reading { usage: counts.tokens(), source: UsageSource::Reported, answer })
        }
        None if is_under_way => {
            BodyReading::Answer(Reading { usage: TokenUsage::ZERO, source: UsageSource::None, answer })
        }
        None => {
            let usage = TokenUsage { output: output.tokens(), ..TokenUsage::ZERO };
            BodyReading::Answer(Reading { usage, source: UsageSource::Estimated, answer })
        }
    }
}
