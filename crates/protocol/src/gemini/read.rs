//! Reads Gemini's answers: usage out of streams and documents, while their bytes go by.

use super::{counts::Counts, error};
use crate::{
    answer::{ANSWER_TEXT_BYTES_MAX, BodyReading, Ending, Meaning, Reading, UpstreamError},
    course::{Alternatives, Course},
    skim::{Elements, Fault, Members, Value},
    sse::Event,
};
use domain::UsageSource;

/// What stands in the place of a reason where there is none.
const NO_REASON: &str = "FINISH_REASON_UNSPECIFIED";

/// Reads one stream of chunks. No event ends it: a transport that ends cleanly behind the last candidate's
/// `finishReason`, or a `blockReason`, has brought the whole answer.
#[derive(Debug, Default)]
pub(crate) struct GeminiReader {
    counts: Counts,
    course: Course,
    candidates: Alternatives,
    is_blocked: bool,
}

/// What one chunk, or a whole document, holds.
#[derive(Default)]
struct Chunk {
    counts: Option<Counts>,
    has_candidates: bool,
    /// Bytes of generated content; none when there is no content.
    content_bytes: Option<usize>,
    finishes: bool,
    failure: Option<UpstreamError>,
}

impl GeminiReader {
    pub(crate) fn read(&mut self, event: &Event<'_>) -> Meaning {
        if self.course.is_terminal() {
            return Meaning::Aside;
        }
        match self.chunk(Members::of(event.data)) {
            Err(Fault { .. }) => self.course.garble(),
            Ok(chunk) => self.take(chunk),
        }
    }

    pub(crate) fn reading(&self) -> Reading {
        self.course.reading(self.counts.tokens())
    }

    pub(crate) fn end_of_transport(&mut self) {
        if !self.course.is_terminal() && self.has_finished() {
            self.course.end(Ending::Whole);
        }
    }

    pub(crate) const fn course(&self) -> &Course {
        &self.course
    }

    const fn has_finished(&self) -> bool {
        self.is_blocked || self.candidates.are_finished()
    }

    fn take(&mut self, chunk: Chunk) -> Meaning {
        if chunk.content_bytes.is_some() || chunk.finishes {
            self.course.content(chunk.content_bytes.unwrap_or(0));
        }
        // A count covers the chunk that it stands in, whichever comes first there.
        if let Some(counts) = chunk.counts {
            self.counts.correct_by(&counts);
            if counts.has_output() {
                self.course.counted();
            }
        }
        if let Some(failure) = chunk.failure {
            return self.course.end(Ending::Failed(failure));
        }
        if chunk.finishes && self.has_finished() {
            Meaning::Finish
        } else if chunk.content_bytes.is_some() || chunk.finishes {
            Meaning::Content
        } else {
            Meaning::Aside
        }
    }

    fn chunk(&mut self, members: Members<'_>) -> Result<Chunk, Fault> {
        let mut chunk = Chunk::default();
        for member in members {
            let member = member?;
            let value = &member.value;
            match &*member.key {
                b"error" if !value.is_null() => chunk.failure = Some(error::in_value(value)?),
                b"usageMetadata" => chunk.counts = Some(self.usage(value)?),
                b"candidates" => {
                    for candidate in value.elements().into_iter().flatten() {
                        chunk.has_candidates = true;
                        self.candidate(&candidate?, &mut chunk)?;
                    }
                }
                b"promptFeedback" if self.is_blocked_by(value)? => {
                    (self.is_blocked, chunk.finishes) = (true, true);
                }
                // Code Assist's envelope.
                b"response" => {
                    if let Some(members) = value.members() {
                        return self.chunk(members);
                    }
                }
                b"responseId" => value.renew(&mut self.course.answer.id, ANSWER_TEXT_BYTES_MAX),
                b"modelVersion" => value.renew(&mut self.course.answer.model, ANSWER_TEXT_BYTES_MAX),
                _ => {}
            }
        }
        Ok(chunk)
    }

    fn usage(&mut self, usage: &Value<'_>) -> Result<Counts, Fault> {
        for member in usage.members().into_iter().flatten() {
            let member = member?;
            if *member.key == *b"serviceTier" {
                self.course.answer.tariff.take(b"service_tier", &member.value);
            }
        }
        Counts::read(usage)
    }

    /// A prompt that is refused has no candidates.
    fn is_blocked_by(&mut self, feedback: &Value<'_>) -> Result<bool, Fault> {
        for member in feedback.members().into_iter().flatten() {
            let member = member?;
            if *member.key == *b"blockReason" && !member.value.is_empty() {
                member.value.renew(&mut self.course.answer.stop_reason, ANSWER_TEXT_BYTES_MAX);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn candidate(&mut self, candidate: &Value<'_>, chunk: &mut Chunk) -> Result<(), Fault> {
        let (mut index, mut finishes) = (0, false);
        for member in candidate.members().into_iter().flatten() {
            let member = member?;
            let value = &member.value;
            match &*member.key {
                b"index" => index = value.count().unwrap_or(0),
                b"finishReason" if !value.is_empty() && value.text().as_deref() != Some(NO_REASON) => {
                    finishes = true;
                    value.renew(&mut self.course.answer.stop_reason, ANSWER_TEXT_BYTES_MAX);
                }
                b"content" => {
                    if let Some(bytes) = content_bytes(value)? {
                        chunk.content_bytes = Some(chunk.content_bytes.unwrap_or(0) + bytes);
                    }
                }
                _ => {}
            }
        }
        if finishes {
            self.candidates.finish(index);
        } else {
            self.candidates.begin(index);
        }
        chunk.finishes |= finishes;
        Ok(())
    }
}

/// Bytes of generated content in the `parts`, as written in JSON: texts, thoughts, calls, code. None when nothing in
/// them is content. Pictures and sound in base64 are content of unknown size; signatures count nothing.
fn content_bytes(content: &Value<'_>) -> Result<Option<usize>, Fault> {
    let mut bytes = None;
    for member in content.members().into_iter().flatten() {
        let member = member?;
        if *member.key != *b"parts" {
            continue;
        }
        for part in member.value.elements().into_iter().flatten() {
            for field in part?.members().into_iter().flatten() {
                let field = field?;
                let more = match &*field.key {
                    b"text" if field.value.is_empty() => continue,
                    b"text" | b"functionCall" | b"executableCode" => field.value.written_bytes(),
                    b"thoughtSignature" | b"thought" => continue,
                    _ => 0,
                };
                bytes = Some(bytes.unwrap_or(0) + more);
            }
        }
    }
    Ok(bytes)
}

/// Reads the whole body of an answer to `generateContent` that is no stream, or of an error of any status.
///
/// A stream without `alt=sse` is an array of chunks, and its error too: `[{"error":…}]`. Each element is read.
pub(crate) fn read_content(body: &[u8]) -> BodyReading {
    try_read(body).unwrap_or(BodyReading::Garbage)
}

fn try_read(body: &[u8]) -> Result<BodyReading, Fault> {
    let mut reader = GeminiReader::default();
    let mut is_answer = false;
    let mut take = |members: Members<'_>| -> Result<(), Fault> {
        let chunk = reader.chunk(members)?;
        is_answer |= chunk.has_candidates || chunk.finishes;
        reader.take(chunk);
        Ok(())
    };
    if body.trim_ascii_start().starts_with(b"[") {
        for element in Elements::of(body) {
            take(element?.members().ok_or(Fault { at: 0, expected: "an object" })?)?;
        }
    } else {
        take(Members::of(body))?;
    }
    if let Some(Ending::Failed(failure)) = reader.course.ending() {
        return Ok(BodyReading::Error(failure.clone()));
    }
    if !is_answer {
        return Ok(BodyReading::Garbage);
    }
    let mut reading = reader.reading();
    if let Some(usage) = reader.counts.tokens() {
        (reading.usage, reading.source) = (usage, UsageSource::Reported);
    }
    Ok(BodyReading::Answer(reading))
}

/// The document that Code Assist's envelope `{"response":{…}}` holds; `document` itself where it is no envelope, or an
/// error.
#[must_use]
pub fn unwrapped(document: &[u8]) -> &[u8] {
    let mut members = Members::of(document).map_while(Result::ok);
    let response = members.find(|member| *member.key == *b"response" && member.value.members().is_some());
    response.map_or(document, |member| member.value.raw())
}
