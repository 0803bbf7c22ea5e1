//! Reads Chat Completions: usage out of streams and documents, while their bytes go by. Embeddings have the same `usage`.

use super::{counts::Counts, error};
use crate::{
    answer::{ANSWER_TEXT_BYTES_MAX, Answer, BodyReading, Ending, Meaning, Reading},
    estimate::OutputEstimate,
    skim::{Fault, Members, Value},
    sse::Event,
};
use domain::{TokenUsage, UsageSource};

/// What ends a stream.
const DONE: &[u8] = b"[DONE]";

/// Choices of one answer that are told apart; a provider gives at most 128, and hardly anybody asks for two.
const CHOICES_MAX: u64 = 128;

/// Reads one stream of chunks, which `data: [DONE]` ends. Some upstreams leave that out: a transport that ends cleanly behind the
/// last choice's `finish_reason` has brought the whole answer.
#[derive(Debug, Default)]
pub struct ChatReader {
    counts: Counts,
    answer: Answer,
    unreported: OutputEstimate,
    /// Choices that have begun and not finished, a bit each.
    open: u128,
    has_finished: bool,
    content_seen: bool,
    garbled_events: u32,
    ending: Option<Ending>,
}

/// What one chunk holds.
#[derive(Default)]
struct Chunk {
    has_choices: bool,
    has_usage: bool,
    has_content: bool,
    finishes: bool,
    failure: Option<crate::answer::UpstreamError>,
}

impl ChatReader {
    /// Reads the next event and says what it means. After the terminal event all others are asides.
    pub fn read(&mut self, event: &Event<'_>) -> Meaning {
        if self.ending.is_some() {
            return Meaning::Aside;
        }
        if event.data.trim_ascii() == DONE {
            self.end(Ending::Whole);
            return Meaning::End;
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
            Ok(chunk) => self.meaning(&chunk),
        }
    }

    /// Usage as far as it is known: the upstream's own count where it gave one, else an estimate by the bytes that came.
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

    fn meaning(&mut self, chunk: &Chunk) -> Meaning {
        self.content_seen |= chunk.has_content || chunk.finishes;
        self.has_finished |= chunk.finishes;
        if chunk.finishes && self.open == 0 {
            Meaning::Finish
        } else if chunk.has_content || chunk.finishes {
            Meaning::Content
        } else if chunk.has_usage && !chunk.has_choices {
            Meaning::UsageOnly
        } else {
            Meaning::Aside
        }
    }

    fn chunk(&mut self, data: &[u8]) -> Result<Chunk, Fault> {
        let mut chunk = Chunk::default();
        for member in Members::of(data) {
            let member = member?;
            match &*member.key {
                b"error" if !member.value.is_null() => chunk.failure = Some(error::in_value(&member.value)?),
                b"usage" if !member.value.is_null() => {
                    let counts = Counts::read(&member.value)?;
                    if counts.has_output() {
                        self.unreported = OutputEstimate::default();
                    }
                    (self.counts, chunk.has_usage) = (counts, true);
                }
                b"choices" => {
                    for choice in member.value.elements().into_iter().flatten() {
                        chunk.has_choices = true;
                        self.choice(&choice?, &mut chunk)?;
                    }
                }
                key => take_fact(&mut self.answer, key, &member.value),
            }
        }
        Ok(chunk)
    }

    fn choice(&mut self, choice: &Value<'_>, chunk: &mut Chunk) -> Result<(), Fault> {
        let (mut index, mut finished) = (0, false);
        for member in choice.members().into_iter().flatten() {
            let member = member?;
            match &*member.key {
                b"index" => index = member.value.count().unwrap_or(0).min(CHOICES_MAX - 1),
                b"finish_reason" if !member.value.is_null() => {
                    finished = true;
                    self.answer.stop_reason = member.value.short_text(ANSWER_TEXT_BYTES_MAX);
                }
                b"delta" => {
                    let bytes = delta_bytes(&member.value)?;
                    self.unreported.add(bytes);
                    chunk.has_content |= bytes > 0;
                }
                // The completions of old (`/v1/completions`) have their text here.
                b"text" if member.value.is_string() => {
                    self.unreported.add(member.value.written_bytes());
                    chunk.has_content |= member.value.written_bytes() > 0;
                }
                _ => {}
            }
        }
        let bit = 1_u128 << index;
        self.open = if finished { self.open & !bit } else { self.open | bit };
        chunk.finishes |= finished;
        Ok(())
    }
}

/// Bytes of generated text in a delta, as written in JSON: its texts, its reasoning and the arguments of its tool calls.
fn delta_bytes(delta: &Value<'_>) -> Result<usize, Fault> {
    let mut bytes = 0;
    for member in delta.members().into_iter().flatten() {
        let member = member?;
        match &*member.key {
            b"content" | b"reasoning_content" | b"reasoning" | b"refusal" if member.value.is_string() => {
                bytes += member.value.written_bytes();
            }
            b"tool_calls" | b"function_call" | b"audio" | b"images" if !member.value.is_null() => {
                bytes += member.value.written_bytes();
            }
            _ => {}
        }
    }
    Ok(bytes)
}

/// Takes one member of a chunk or a document, if it is one of the facts that are kept.
fn take_fact(answer: &mut Answer, key: &[u8], value: &Value<'_>) {
    match key {
        b"id" => answer.id = value.short_text(ANSWER_TEXT_BYTES_MAX).or(answer.id.take()),
        b"model" => answer.model = value.short_text(ANSWER_TEXT_BYTES_MAX).or(answer.model.take()),
        key => answer.tariff.take(key, value),
    }
}

/// Reads the whole body of an answer to `/v1/chat/completions` that is no stream, or of an error of any status.
#[must_use]
pub fn read_chat(body: &[u8]) -> BodyReading {
    read(body, b"choices").unwrap_or(BodyReading::Garbage)
}

/// Reads the whole body of an answer to `/v1/embeddings`, or of an error of any status.
#[must_use]
pub fn read_embeddings(body: &[u8]) -> BodyReading {
    read(body, b"data").unwrap_or(BodyReading::Garbage)
}

/// Reads a document whose answer stands in the member `content`; without `usage` it is estimated by the bytes of that.
fn read(body: &[u8], content: &[u8]) -> Result<BodyReading, Fault> {
    let (mut answer, mut counts, mut failure) = (Answer::default(), Counts::default(), None);
    let (mut estimate, mut has_content) = (OutputEstimate::default(), false);
    for member in Members::of(body) {
        let member = member?;
        match &*member.key {
            b"error" if !member.value.is_null() => failure = Some(error::in_value(&member.value)?),
            b"usage" if !member.value.is_null() => counts = Counts::read(&member.value)?,
            key if *key == *content => {
                has_content = member.value.elements().is_some();
                estimate.add(member.value.written_bytes());
                read_stop_reason(&member.value, &mut answer)?;
            }
            key => take_fact(&mut answer, key, &member.value),
        }
    }
    let is_counted = !counts.is_empty();
    Ok(match failure {
        Some(failure) => BodyReading::Error(failure),
        None if !has_content => BodyReading::Garbage,
        None if is_counted => {
            BodyReading::Answer(Reading { usage: counts.tokens(), source: UsageSource::Reported, answer })
        }
        None => {
            let usage = TokenUsage { output: estimate.tokens(), ..TokenUsage::ZERO };
            BodyReading::Answer(Reading { usage, source: UsageSource::Estimated, answer })
        }
    })
}

fn read_stop_reason(choices: &Value<'_>, answer: &mut Answer) -> Result<(), Fault> {
    let first = choices.elements().into_iter().flatten().next().transpose()?;
    for member in first.and_then(|choice| choice.members()).into_iter().flatten() {
        let member = member?;
        if *member.key == *b"finish_reason" {
            answer.stop_reason = member.value.short_text(ANSWER_TEXT_BYTES_MAX);
        }
    }
    Ok(())
}
