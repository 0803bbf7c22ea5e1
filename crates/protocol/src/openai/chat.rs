//! Reads Chat Completions and Embeddings: usage out of streams and documents, while their bytes go by.

use super::{counts::Counts, error};
use crate::{
    answer::{ANSWER_TEXT_BYTES_MAX, Answer, BodyReading, Ending, Meaning, Reading, UpstreamError},
    course::{Alternatives, Course},
    estimate::OutputEstimate,
    skim::{Fault, Members, Value},
    sse::Event,
};
use domain::{TokenUsage, UsageSource};

/// What ends a stream.
const DONE: &[u8] = b"[DONE]";

/// Reads one stream of chunks, which `data: [DONE]` ends. Some upstreams leave that out: a transport that ends cleanly
/// behind the last choice's `finish_reason` has brought the whole answer.
#[derive(Debug, Default)]
pub(crate) struct ChatReader {
    counts: Counts,
    course: Course,
    choices: Alternatives,
}

/// What one chunk holds.
#[derive(Default)]
struct Chunk {
    counts: Option<Counts>,
    has_choices: bool,
    /// Bytes of generated text; none when there is no content.
    content_bytes: Option<usize>,
    finishes: bool,
    failure: Option<UpstreamError>,
}

impl ChatReader {
    pub(crate) fn read(&mut self, event: &Event<'_>) -> Meaning {
        if self.course.is_terminal() {
            return Meaning::Aside;
        }
        if event.data.trim_ascii() == DONE {
            return self.course.end(Ending::Whole);
        }
        match self.chunk(event.data) {
            Err(Fault { .. }) => self.course.garble(),
            Ok(chunk) => self.take(chunk),
        }
    }

    pub(crate) fn reading(&self) -> Reading {
        self.course.reading(self.counts.tokens())
    }

    pub(crate) fn end_of_transport(&mut self) {
        if !self.course.is_terminal() && self.choices.are_finished() {
            self.course.end(Ending::Whole);
        }
    }

    pub(crate) const fn course(&self) -> &Course {
        &self.course
    }

    fn take(&mut self, chunk: Chunk) -> Meaning {
        if chunk.content_bytes.is_some() || chunk.finishes {
            self.course.content(chunk.content_bytes.unwrap_or(0));
        }
        // A count covers the chunk that it stands in, whichever comes first there.
        if let Some(counts) = chunk.counts {
            self.counts = counts;
            if counts.has_output() {
                self.course.counted();
            }
        }
        if let Some(failure) = chunk.failure {
            return self.course.end(Ending::Failed(failure));
        }
        if chunk.finishes && self.choices.are_finished() {
            Meaning::Finish
        } else if chunk.content_bytes.is_some() || chunk.finishes {
            Meaning::Content
        } else if chunk.counts.is_some() && !chunk.has_choices {
            Meaning::UsageOnly
        } else {
            Meaning::Aside
        }
    }

    fn chunk(&mut self, data: &[u8]) -> Result<Chunk, Fault> {
        let mut chunk = Chunk::default();
        for member in Members::of(data) {
            let member = member?;
            let value = &member.value;
            match &*member.key {
                b"error" if !value.is_null() => chunk.failure = Some(error::in_value(value)?),
                b"usage" if !value.is_null() => chunk.counts = Some(Counts::read(value)?),
                b"choices" => {
                    for choice in value.elements().into_iter().flatten() {
                        chunk.has_choices = true;
                        self.choice(&choice?, &mut chunk)?;
                    }
                }
                key => take_fact(&mut self.course.answer, key, value),
            }
        }
        Ok(chunk)
    }

    fn choice(&mut self, choice: &Value<'_>, chunk: &mut Chunk) -> Result<(), Fault> {
        let (mut index, mut finishes) = (0, false);
        for member in choice.members().into_iter().flatten() {
            let member = member?;
            let value = &member.value;
            match &*member.key {
                b"index" => index = value.count().unwrap_or(0),
                b"finish_reason" if !value.is_empty() => {
                    finishes = true;
                    value.renew(&mut self.course.answer.stop_reason, ANSWER_TEXT_BYTES_MAX);
                }
                b"delta" => {
                    if let Some(bytes) = delta_bytes(value)? {
                        chunk.content_bytes = Some(chunk.content_bytes.unwrap_or(0) + bytes);
                    }
                }
                _ => {}
            }
        }
        if finishes {
            self.choices.finish(index);
        } else {
            self.choices.begin(index);
        }
        chunk.finishes |= finishes;
        Ok(())
    }
}

/// Bytes of generated text in a delta, as written in JSON: its texts, its reasoning and what its tools are called with.
/// None when nothing in it is content: a role alone greets. Sound and images in base64 are content of unknown size.
fn delta_bytes(delta: &Value<'_>) -> Result<Option<usize>, Fault> {
    let mut bytes = None;
    for member in delta.members().into_iter().flatten() {
        let member = member?;
        let value = &member.value;
        let more = match &*member.key {
            _ if value.is_empty() => continue,
            b"content" | b"reasoning_content" | b"reasoning" | b"refusal" if value.is_string() => value.written_bytes(),
            b"tool_calls" => {
                let mut called = 0;
                for call in value.elements().into_iter().flatten() {
                    called += call_bytes(&call?)?;
                }
                called
            }
            b"function_call" => call_bytes(value)?,
            b"audio" | b"images" => 0,
            _ => continue,
        };
        bytes = Some(bytes.unwrap_or(0) + more);
    }
    Ok(bytes)
}

/// The name and the arguments of a call: `{"function":{"name":…,"arguments":…}}`, `{"custom":{"name":…,"input":…}}`, or
/// these without the object around them, as `function_call` once had them.
fn call_bytes(call: &Value<'_>) -> Result<usize, Fault> {
    let mut bytes = 0;
    for member in call.members().into_iter().flatten() {
        let member = member?;
        match &*member.key {
            b"name" | b"arguments" | b"input" if member.value.is_string() => bytes += member.value.written_bytes(),
            b"function" | b"custom" => {
                for part in member.value.members().into_iter().flatten() {
                    let part = part?;
                    let is_output = matches!(&*part.key, b"name" | b"arguments" | b"input") && part.value.is_string();
                    bytes += if is_output { part.value.written_bytes() } else { 0 };
                }
            }
            _ => {}
        }
    }
    Ok(bytes)
}

/// Takes one member of a chunk or a document, if it is one of the facts that are kept.
fn take_fact(answer: &mut Answer, key: &[u8], value: &Value<'_>) {
    match key {
        b"id" => value.renew(&mut answer.id, ANSWER_TEXT_BYTES_MAX),
        b"model" => value.renew(&mut answer.model, ANSWER_TEXT_BYTES_MAX),
        key => answer.tariff.take(key, value),
    }
}

/// Reads the whole body of an answer to `/v1/chat/completions` that is no stream, or of an error of any status.
///
/// An answer without `usage` is estimated by the bytes of its choices, so that it is not free.
pub(crate) fn read_chat(body: &[u8]) -> BodyReading {
    read(body, b"choices").unwrap_or(BodyReading::Garbage)
}

/// Reads the whole body of an answer to `/v1/embeddings`, or of an error of any status.
///
/// Without `usage` nothing is known of an embedding: its bytes are not what it costs.
pub(crate) fn read_embeddings(body: &[u8]) -> BodyReading {
    match read(body, b"data").unwrap_or(BodyReading::Garbage) {
        BodyReading::Answer(Reading { source: UsageSource::Estimated, answer, .. }) => {
            BodyReading::Answer(Reading { usage: TokenUsage::ZERO, source: UsageSource::None, answer })
        }
        other => other,
    }
}

/// Reads a document whose answer stands in the member `content`.
fn read(body: &[u8], content: &[u8]) -> Result<BodyReading, Fault> {
    let (mut answer, mut counts, mut errors) = (Answer::default(), Counts::default(), error::Document::default());
    let (mut estimate, mut has_content) = (OutputEstimate::default(), false);
    for member in Members::of(body) {
        let member = member?;
        let value = &member.value;
        match &*member.key {
            b"usage" if !value.is_null() => counts = Counts::read(value)?,
            key if *key == *content => {
                has_content = value.elements().is_some();
                estimate.add(value.written_bytes());
                read_stop_reason(value, &mut answer)?;
            }
            key => {
                errors.take(key, value)?;
                take_fact(&mut answer, key, value);
            }
        }
    }
    if let Some(failure) = errors.error(has_content) {
        return Ok(BodyReading::Error(failure));
    }
    Ok(match counts.tokens() {
        _ if !has_content => BodyReading::Garbage,
        Some(usage) => BodyReading::Answer(Reading { usage, source: UsageSource::Reported, answer }),
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
            member.value.renew(&mut answer.stop_reason, ANSWER_TEXT_BYTES_MAX);
        }
    }
    Ok(())
}
