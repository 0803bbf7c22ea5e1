//! Reads Gemini's answers: usage out of streams and documents, while their bytes go by.

use super::error;
use crate::{
    answer::{ANSWER_TEXT_BYTES_MAX, Answer, BodyReading, Ending, Meaning, Reading, UpstreamError},
    estimate::OutputEstimate,
    skim::{Fault, Members, Value},
    sse::Event,
};
use domain::{TokenUsage, UsageSource};

/// Candidates of one answer that are told apart; the provider gives at most eight.
const CANDIDATES_MAX: u64 = 64;

/// Reads one stream of chunks. No event ends it: a transport that ends cleanly behind the last candidate's `finishReason`, or a
/// `blockReason`, has brought the whole answer.
#[derive(Debug, Default)]
pub struct GeminiReader {
    counts: Counts,
    answer: Answer,
    unreported: OutputEstimate,
    /// Candidates that have begun and not finished, a bit each.
    open: u64,
    has_finished: bool,
    content_seen: bool,
    garbled_events: u32,
    ending: Option<Ending>,
}

/// The numbers of the last `usageMetadata`; each is a total.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    prompt: Option<u64>,
    cached: Option<u64>,
    candidates: Option<u64>,
    thoughts: Option<u64>,
    tool_use: Option<u64>,
}

/// What one chunk, or a whole document, holds.
#[derive(Default)]
struct Chunk {
    has_candidates: bool,
    has_content: bool,
    finishes: bool,
    failure: Option<UpstreamError>,
}

impl GeminiReader {
    /// Reads the next event and says what it means. After the end all others are asides.
    pub fn read(&mut self, event: &Event<'_>) -> Meaning {
        if self.ending.is_some() {
            return Meaning::Aside;
        }
        match self.chunk(event.data) {
            Err(Fault { .. }) => {
                self.garbled_events = self.garbled_events.saturating_add(1);
                Meaning::Garbage
            }
            Ok(Chunk { failure: Some(failure), .. }) => {
                self.end(Ending::Failed(failure));
                Meaning::Failure
            }
            Ok(chunk) => {
                self.content_seen |= chunk.has_content || chunk.finishes;
                self.has_finished |= chunk.finishes;
                if chunk.finishes && self.open == 0 {
                    Meaning::Finish
                } else if chunk.has_content || chunk.finishes {
                    Meaning::Content
                } else {
                    Meaning::Aside
                }
            }
        }
    }

    /// Usage as far as it is known: the upstream's own count of the end, before it the last count and an estimate by the bytes since.
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

    /// The transport has ended cleanly: whether that ends the answer.
    pub fn end_of_transport(&mut self) -> Option<&Ending> {
        if self.ending.is_none() && self.has_finished && self.open == 0 {
            self.end(Ending::Whole);
        }
        self.ending()
    }

    fn end(&mut self, ending: Ending) {
        self.unreported.close_block();
        self.ending = Some(ending);
    }

    fn chunk(&mut self, data: &[u8]) -> Result<Chunk, Fault> {
        let mut chunk = Chunk::default();
        for member in Members::of(data) {
            let member = member?;
            match &*member.key {
                b"error" if !member.value.is_null() => chunk.failure = Some(error::in_value(&member.value)?),
                b"response" if member.value.members().is_some() => return self.chunk(member.value.raw()),
                b"usageMetadata" => {
                    let counts = Counts::read(&member.value)?;
                    if counts.has_output() {
                        self.unreported = OutputEstimate::default();
                    }
                    self.counts = counts;
                }
                b"candidates" => {
                    for candidate in member.value.elements().into_iter().flatten() {
                        chunk.has_candidates = true;
                        self.candidate(&candidate?, &mut chunk)?;
                    }
                }
                b"promptFeedback" => chunk.finishes |= self.blocked(&member.value)?,
                key => take_fact(&mut self.answer, key, &member.value),
            }
        }
        Ok(chunk)
    }

    /// A prompt that is refused has no candidates.
    fn blocked(&mut self, feedback: &Value<'_>) -> Result<bool, Fault> {
        for member in feedback.members().into_iter().flatten() {
            let member = member?;
            if *member.key == *b"blockReason" && !member.value.is_null() {
                self.answer.stop_reason = member.value.short_text(ANSWER_TEXT_BYTES_MAX);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn candidate(&mut self, candidate: &Value<'_>, chunk: &mut Chunk) -> Result<(), Fault> {
        let (mut index, mut finished) = (0, false);
        for member in candidate.members().into_iter().flatten() {
            let member = member?;
            match &*member.key {
                b"index" => index = member.value.count().unwrap_or(0).min(CANDIDATES_MAX - 1),
                b"finishReason" if !member.value.is_null() => {
                    finished = true;
                    self.answer.stop_reason = member.value.short_text(ANSWER_TEXT_BYTES_MAX);
                }
                b"content" => {
                    let bytes = content_bytes(&member.value)?;
                    self.unreported.add(bytes);
                    chunk.has_content |= bytes > 0;
                }
                _ => {}
            }
        }
        let bit = 1_u64 << index;
        self.open = if finished { self.open & !bit } else { self.open | bit };
        chunk.finishes |= finished;
        Ok(())
    }
}

/// Bytes of generated content in the `parts`, as written in JSON: texts, thoughts, calls, data. Signatures count nothing.
fn content_bytes(content: &Value<'_>) -> Result<usize, Fault> {
    let mut bytes = 0;
    for member in content.members().into_iter().flatten() {
        let member = member?;
        if *member.key != *b"parts" {
            continue;
        }
        for part in member.value.elements().into_iter().flatten() {
            for field in part?.members().into_iter().flatten() {
                let field = field?;
                if !matches!(&*field.key, b"thoughtSignature" | b"thought") {
                    bytes += field.value.written_bytes();
                }
            }
        }
    }
    Ok(bytes)
}

fn take_fact(answer: &mut Answer, key: &[u8], value: &Value<'_>) {
    let fact = match key {
        b"responseId" => &mut answer.id,
        b"modelVersion" => &mut answer.model,
        _ => return,
    };
    if let Some(text) = value.short_text(ANSWER_TEXT_BYTES_MAX) {
        *fact = Some(text);
    }
}

impl Counts {
    fn read(usage: &Value<'_>) -> Result<Self, Fault> {
        let mut counts = Self::default();
        for member in usage.members().into_iter().flatten() {
            let member = member?;
            let count = match &*member.key {
                b"promptTokenCount" => &mut counts.prompt,
                b"cachedContentTokenCount" => &mut counts.cached,
                b"candidatesTokenCount" => &mut counts.candidates,
                b"thoughtsTokenCount" => &mut counts.thoughts,
                b"toolUsePromptTokenCount" => &mut counts.tool_use,
                _ => continue,
            };
            *count = member.value.count();
        }
        Ok(counts)
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    const fn has_output(&self) -> bool {
        self.candidates.is_some() || self.thoughts.is_some()
    }

    /// The numbers by price class. The prompt's count includes the cached content and not what tools brought; thoughts are output
    /// beside the candidates' tokens.
    fn tokens(&self) -> TokenUsage {
        let prompt = self.prompt.unwrap_or(0);
        let cached = self.cached.unwrap_or(0).min(prompt);
        TokenUsage {
            input: prompt - cached + self.tool_use.unwrap_or(0),
            output: self.candidates.unwrap_or(0) + self.thoughts.unwrap_or(0),
            cache_read: cached,
            ..TokenUsage::ZERO
        }
    }
}

/// Reads the whole body of an answer to `generateContent` that is no stream, or of an error of any status.
///
/// An error of a stream without `alt=sse` stands in an array: `[{"error":…}]`.
#[must_use]
pub fn read_content(body: &[u8]) -> BodyReading {
    let body = only_element(body).unwrap_or(body);
    let mut reader = GeminiReader::default();
    match reader.chunk(body) {
        Err(Fault { .. }) => BodyReading::Garbage,
        Ok(Chunk { failure: Some(failure), .. }) => BodyReading::Error(failure),
        Ok(chunk) if !chunk.has_candidates && !chunk.finishes => BodyReading::Garbage,
        Ok(_) => {
            let mut reading = reader.reading();
            let is_counted = !reader.counts.is_empty();
            reading.source = if is_counted { UsageSource::Reported } else { UsageSource::Estimated };
            if is_counted {
                reading.usage = reader.counts.tokens();
            }
            BodyReading::Answer(reading)
        }
    }
}

/// The document that Code Assist's envelope `{"response":{…}}` holds; `document` itself where it is no envelope, or an error.
#[must_use]
pub fn unwrapped(document: &[u8]) -> &[u8] {
    let mut members = Members::of(document).flatten();
    let response = members.find(|member| *member.key == *b"response" && member.value.members().is_some());
    response.map_or(document, |member| member.value.raw())
}

/// The one element of an array.
fn only_element(body: &[u8]) -> Option<&[u8]> {
    let trimmed = body.trim_ascii();
    let inner = trimmed.strip_prefix(b"[")?.strip_suffix(b"]")?.trim_ascii();
    inner.starts_with(b"{").then_some(inner)
}
