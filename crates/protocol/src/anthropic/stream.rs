//! Reads usage out of a Messages stream while its bytes go by. Content is measured, never parsed into a document.

use crate::{
    answer::{ANSWER_TEXT_BYTES_MAX, Answer, Ending, Meaning, Reading},
    anthropic::{counts::Counts, error},
    course::Course,
    skim::{Fault, Members, Value, leading_string_bytes},
    sse::Event,
};

/// Reads one stream: `message_start`, content blocks, `message_delta`, `message_stop`.
///
/// The numbers are cumulative: `message_start` opens with the input, every `message_delta` corrects what it names. The
/// answer is whole if and only if `message_stop` was seen; a transport that ends without it was cut.
#[derive(Debug, Default)]
pub struct UsageReader {
    counts: Counts,
    course: Course,
}

/// The events that are told apart; all others mean nothing to the books.
enum Kind {
    MessageStart,
    BlockDelta,
    BlockEdge,
    MessageDelta,
    MessageStop,
    Error,
    Unknown,
}

impl UsageReader {
    /// Reads the next event and says what it means. After the terminal event all others are asides.
    pub fn read(&mut self, event: &Event<'_>) -> Meaning {
        if self.is_terminal() {
            return Meaning::Aside;
        }
        match Kind::of(event) {
            Kind::Unknown => Meaning::Aside,
            Kind::BlockDelta => self.block_delta(event.data),
            Kind::BlockEdge => {
                self.course.block_edge();
                Meaning::Content
            }
            Kind::MessageStart => {
                self.message_start(event.data).map_or_else(|_| self.course.garble(), |()| Meaning::Aside)
            }
            Kind::MessageDelta => {
                self.course.content(0);
                self.message_delta(event.data).map_or_else(|_| self.course.garble(), |()| Meaning::Content)
            }
            Kind::MessageStop => self.course.end(Ending::Whole),
            Kind::Error => self.course.end(Ending::Failed(error::in_event(event.data))),
        }
    }

    /// Usage as far as it is known. After `message_stop` the upstream's own count, if it gave one for all output;
    /// before it (the stream is cut, or still running) the last numbers given, plus an estimate of the output since
    /// then: per content block its bytes of text as written in JSON, by [`BYTES_PER_TOKEN`](crate::BYTES_PER_TOKEN),
    /// rounded up.
    #[must_use]
    pub fn reading(&self) -> Reading {
        self.course.reading((!self.counts.is_empty()).then(|| self.counts.tokens()))
    }

    /// Whether the answer has begun. Until then nothing that a client could have used was seen.
    #[must_use]
    pub const fn content_seen(&self) -> bool {
        self.course.content_seen()
    }

    /// Whether `message_stop` was seen.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.course.is_complete()
    }

    /// Whether the stream has ended in its own words, whichever way.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        self.course.is_terminal()
    }

    /// How it ended, if it has.
    #[must_use]
    pub const fn ending(&self) -> Option<&Ending> {
        self.course.ending()
    }

    /// Events that could not be read, for the operator to know.
    #[must_use]
    pub const fn garbled_events(&self) -> u32 {
        self.course.garbled_events()
    }

    pub(crate) const fn course(&self) -> &Course {
        &self.course
    }

    fn block_delta(&mut self, data: &[u8]) -> Meaning {
        let bytes = delta_bytes(data).unwrap_or_else(|Fault { .. }| {
            self.course.garble();
            0
        });
        self.course.content(bytes);
        Meaning::Content
    }

    fn message_start(&mut self, data: &[u8]) -> Result<(), Fault> {
        let mut message = None;
        for member in Members::of(data) {
            let member = member?;
            if *member.key == *b"message" {
                message = member.value.members();
            }
        }
        for member in message.ok_or(Fault { at: 0, expected: "a message" })? {
            let member = member?;
            match &*member.key {
                b"usage" => self.correct(&member.value)?,
                key => take_fact(&mut self.course.answer, key, &member.value),
            }
        }
        Ok(())
    }

    fn message_delta(&mut self, data: &[u8]) -> Result<(), Fault> {
        for member in Members::of(data) {
            let member = member?;
            match &*member.key {
                b"usage" => self.correct(&member.value)?,
                b"delta" => {
                    for fact in member.value.members().into_iter().flatten() {
                        let fact = fact?;
                        take_fact(&mut self.course.answer, &fact.key, &fact.value);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn correct(&mut self, usage: &Value<'_>) -> Result<(), Fault> {
        let later = read_usage(usage, &mut self.course.answer)?;
        if later.has_output() {
            self.course.counted();
        }
        self.counts.correct_by(&later);
        Ok(())
    }
}

impl Kind {
    /// By the event's name, as the provider's own clients do; by `type` where an upstream sends no names.
    fn of(event: &Event<'_>) -> Self {
        if !event.name.is_empty() {
            return Self::named(event.name);
        }
        let kind = Members::of(event.data).map_while(Result::ok).find(|member| *member.key == *b"type");
        kind.and_then(|kind| kind.value.text()).map_or(Self::Unknown, |name| Self::named(name.as_bytes()))
    }

    fn named(name: &[u8]) -> Self {
        match name {
            b"content_block_delta" => Self::BlockDelta,
            b"content_block_start" | b"content_block_stop" => Self::BlockEdge,
            b"message_start" => Self::MessageStart,
            b"message_delta" => Self::MessageDelta,
            b"message_stop" => Self::MessageStop,
            b"error" => Self::Error,
            _ => Self::Unknown,
        }
    }
}

/// Reads a `usage` object; the tariff in it goes to `answer`.
pub(super) fn read_usage(usage: &Value<'_>, answer: &mut Answer) -> Result<Counts, Fault> {
    let mut counts = Counts::default();
    for member in usage.members().into_iter().flatten() {
        let member = member?;
        counts.take(&member.key, &member.value)?;
        answer.tariff.take(&member.key, &member.value);
    }
    Ok(counts)
}

/// Takes one member of a message, if it is one of the facts that are kept.
pub(super) fn take_fact(answer: &mut Answer, key: &[u8], value: &Value<'_>) {
    let fact = match key {
        b"id" => &mut answer.id,
        b"model" => &mut answer.model,
        b"stop_reason" => &mut answer.stop_reason,
        _ => return,
    };
    value.renew(fact, ANSWER_TEXT_BYTES_MAX);
}

/// Bytes of generated text in a `content_block_delta`, as written in JSON. Signatures and citations are not generated
/// token by token and count nothing.
fn delta_bytes(data: &[u8]) -> Result<usize, Fault> {
    if let Some(bytes) = usual_delta_bytes(data) {
        return Ok(bytes);
    }
    for member in Members::of(data) {
        let member = member?;
        if *member.key == *b"delta" {
            return text_bytes(&member.value);
        }
    }
    Ok(0)
}

/// The same for a delta written as the provider writes it, without a look at its structure: nearly every event of a
/// stream is one, and this is a tenth of the walk's cost.
fn usual_delta_bytes(data: &[u8]) -> Option<usize> {
    let index = data.strip_prefix(br#"{"type":"content_block_delta","index":"#)?;
    let digits = index.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let kind = index[digits..].strip_prefix(br#","delta":{"type":"#)?;
    let starts =
        [r#""text_delta","text":"#, r#""thinking_delta","thinking":"#, r#""input_json_delta","partial_json":"#];
    let text = starts.iter().find_map(|start| kind.strip_prefix(start.as_bytes()))?;
    leading_string_bytes(text)
}

fn text_bytes(delta: &Value<'_>) -> Result<usize, Fault> {
    let mut bytes = 0;
    for member in delta.members().into_iter().flatten() {
        let member = member?;
        let is_output = matches!(&*member.key, b"text" | b"thinking" | b"partial_json" | b"content");
        if is_output && member.value.is_string() {
            bytes += member.value.written_bytes();
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::UsageSource;

    #[test]
    fn a_delta_is_measured_alike_however_it_is_spaced() {
        for (delta, bytes) in [
            (r#"{"type":"text_delta","text":"Hello \"you\"\n"}"#, 15),
            (r#"{"type":"thinking_delta","thinking":"Hm"}"#, 2),
            (r#"{"type":"input_json_delta","partial_json":""}"#, 0),
            (r#"{"type":"signature_delta","signature":"EqQB"}"#, 0),
            (r#"{"type":"citations_delta","citation":{"text":"cited"}}"#, 0),
        ] {
            let usual = format!(r#"{{"type":"content_block_delta","index":10,"delta":{delta}}}"#);
            let spaced = format!(r#"{{ "index" : 10, "delta" : {} }}"#, delta.replace(":\"", " : \""));
            assert_eq!(delta_bytes(usual.as_bytes()), Ok(bytes), "{usual}");
            assert_eq!(delta_bytes(spaced.as_bytes()), Ok(bytes), "{spaced}");
            assert_eq!(usual_delta_bytes(spaced.as_bytes()), None, "{spaced}");
        }
    }

    #[test]
    fn a_delta_that_cannot_be_read_is_still_content() {
        let mut reader = UsageReader::default();
        let event = Event { name: b"content_block_delta", data: b"{\"delta\":{\"text\":\"cut", start: 0 };
        assert_eq!(reader.read(&event), Meaning::Content);
        assert!(reader.content_seen());
        assert_eq!((reader.garbled_events(), reader.reading().source), (1, UsageSource::None));
    }

    /// claude-code-router tells no tokens where its provider told it none: the books had whole answers for nothing.
    #[test]
    fn a_count_of_nothing_for_what_was_said_is_none() {
        let mut reader = UsageReader::default();
        for (name, data) in [
            ("message_start", r#"{"message":{"usage":{"input_tokens":0,"output_tokens":0}}}"#),
            (
                "content_block_delta",
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"eight by"}}"#,
            ),
            ("content_block_stop", r#"{"index":0}"#),
            ("message_delta", r#"{"usage":{"input_tokens":0,"output_tokens":0}}"#),
            ("message_stop", "{}"),
        ] {
            reader.read(&Event { name: name.as_bytes(), data: data.as_bytes(), start: 0 });
        }
        let reading = reader.reading();
        assert_eq!((reading.usage.output, reading.source), (2, UsageSource::Estimated));
    }

    #[test]
    fn nothing_counts_behind_the_terminal_event() {
        let mut reader = UsageReader::default();
        let event =
            |name: &'static str, data: &'static str| Event { name: name.as_bytes(), data: data.as_bytes(), start: 0 };
        assert_eq!(reader.read(&event("message_stop", "{}")), Meaning::End);
        for name in ["error", "message_delta", "message_stop"] {
            assert_eq!(reader.read(&event(name, r#"{"usage":{"output_tokens":9}}"#)), Meaning::Aside, "{name}");
        }
        assert!(reader.is_complete());
        assert_eq!(reader.reading().usage.output, 0);
    }
}
