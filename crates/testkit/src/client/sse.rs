//! Reads a whole event stream (WHATWG HTML, 9.2.6), and judges whether it is a Messages stream as documented.

use domain::TokenUsage;
use serde_json::Value;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// The `event` field; empty when there was none.
    pub name: String,
    /// The `data` fields, joined by LF.
    pub data: String,
}

/// A whole stream as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SseTranscript {
    /// Events that were ended by an empty line.
    pub events: Vec<SseEvent>,
    /// Comment lines, without the colon.
    pub comments: Vec<String>,
    /// What follows the last empty line: part of an event that was cut.
    pub leftover: String,
}

/// What a Messages stream adds up to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// All text deltas joined.
    pub text: String,
    /// All thinking deltas joined.
    pub thinking: String,
    /// All tool inputs, each joined from its deltas.
    pub tool_inputs: Vec<String>,
    /// `content_block_delta` events.
    pub deltas: usize,
    /// The last usage told.
    pub usage: TokenUsage,
    /// Why the model stopped; empty when the stream did not say.
    pub stop_reason: String,
    /// `ping` events.
    pub pings: usize,
}

/// Why a stream is not a whole Messages stream as documented.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamFlaw {
    /// An `error` event, as the provider sends it.
    #[error("the stream ended with an error of type {0}")]
    Error(String),
    /// The terminal event did not come.
    #[error("the stream ended without message_stop")]
    Unfinished,
    /// An event at a place where it may not be.
    #[error("`{0}` may not be here")]
    Order(String),
    /// An event whose data is not JSON, or whose name is not its type.
    #[error("not an event of the API: {0}")]
    Foreign(String),
}

impl SseEvent {
    /// The data as JSON; `Null` when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_default()
    }
}

impl SseTranscript {
    /// Reads the bytes of a body. Invalid UTF-8 becomes U+FFFD, as in a browser.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
        let mut transcript = Self::default();
        let (whole, leftover) = text.rsplit_once("\n\n").map_or(("", text.as_str()), |(whole, rest)| (whole, rest));
        leftover.clone_into(&mut transcript.leftover);
        for block in whole.split("\n\n") {
            transcript.read_block(block.trim_start_matches('\n'));
        }
        transcript
    }

    /// Names of the events, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.events.iter().map(|event| event.name.as_str()).collect()
    }

    /// Adds the events up.
    ///
    /// # Errors
    ///
    /// When it is not a whole Messages stream: the first flaw found. Pings may stand anywhere.
    pub fn message(&self) -> Result<Message, StreamFlaw> {
        let mut reader = MessageReader::default();
        for event in &self.events {
            reader.read(event)?;
        }
        if reader.stage == Stage::Stopped { Ok(reader.message) } else { Err(StreamFlaw::Unfinished) }
    }

    fn read_block(&mut self, block: &str) {
        let (mut name, mut data) = (String::new(), Vec::new());
        for line in block.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" => self.comments.push(value.to_owned()),
                "event" => value.clone_into(&mut name),
                "data" => data.push(value),
                // The standard says to ignore any other field.
                _ => {}
            }
        }
        if !data.is_empty() {
            self.events.push(SseEvent { name, data: data.join("\n") });
        }
    }
}

/// How far a Messages stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    #[default]
    Nothing,
    BetweenBlocks,
    InBlock(u64),
    Told,
    Stopped,
}

#[derive(Debug, Default)]
struct MessageReader {
    stage: Stage,
    message: Message,
}

impl MessageReader {
    fn read(&mut self, event: &SseEvent) -> Result<(), StreamFlaw> {
        let json = event.json();
        if json["type"] != event.name.as_str() {
            return Err(StreamFlaw::Foreign(event.data.clone()));
        }
        let index = json["index"].as_u64();
        self.stage = match (self.stage, event.name.as_str()) {
            (_, "error") => {
                return Err(StreamFlaw::Error(json["error"]["type"].as_str().unwrap_or_default().to_owned()));
            }
            (stage, "ping") => {
                self.message.pings += 1;
                stage
            }
            (Stage::Nothing, "message_start") => {
                self.read_usage(&json["message"]["usage"]);
                Stage::BetweenBlocks
            }
            (Stage::BetweenBlocks, "content_block_start") => {
                if json["content_block"]["type"] == "tool_use" {
                    self.message.tool_inputs.push(String::new());
                }
                Stage::InBlock(index.unwrap_or(u64::MAX))
            }
            (Stage::InBlock(at), "content_block_delta") if index == Some(at) => {
                self.read_delta(&json["delta"]);
                Stage::InBlock(at)
            }
            (Stage::InBlock(at), "content_block_stop") if index == Some(at) => Stage::BetweenBlocks,
            (Stage::BetweenBlocks | Stage::Told, "message_delta") => {
                self.read_usage(&json["usage"]);
                json["delta"]["stop_reason"].as_str().unwrap_or_default().clone_into(&mut self.message.stop_reason);
                Stage::Told
            }
            (Stage::Told, "message_stop") => Stage::Stopped,
            (_, name) => return Err(StreamFlaw::Order(name.to_owned())),
        };
        Ok(())
    }

    fn read_delta(&mut self, delta: &Value) {
        self.message.deltas += 1;
        let text = |field: &str| delta[field].as_str().unwrap_or_default();
        match delta["type"].as_str().unwrap_or_default() {
            "text_delta" => self.message.text.push_str(text("text")),
            "thinking_delta" => self.message.thinking.push_str(text("thinking")),
            "input_json_delta" => {
                if let Some(input) = self.message.tool_inputs.last_mut() {
                    input.push_str(text("partial_json"));
                }
            }
            // Signatures and what is new: nothing to add up.
            _ => {}
        }
    }

    /// What an event does not say stays as it was told before.
    fn read_usage(&mut self, told: &Value) {
        let usage = &mut self.message.usage;
        let set = |field: &str, slot: &mut u64| *slot = told[field].as_u64().unwrap_or(*slot);
        set("input_tokens", &mut usage.input);
        set("output_tokens", &mut usage.output);
        set("cache_read_input_tokens", &mut usage.cache_read);
        let split = &told["cache_creation"];
        if let (Some(short), Some(long)) =
            (split["ephemeral_5m_input_tokens"].as_u64(), split["ephemeral_1h_input_tokens"].as_u64())
        {
            (usage.cache_write_5m, usage.cache_write_1h) = (short, long);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_line_ends_read_alike() {
        let text = "event: ping\ndata: {\"type\":\"ping\"}\n\n: note\n\ndata: a\ndata: b\n\nevent: cut";
        let expected = SseTranscript::read(text.as_bytes());
        assert_eq!(expected.events.len(), 2);
        assert_eq!(expected.events[1].data, "a\nb");
        assert_eq!(expected.comments, ["note"]);
        assert_eq!(expected.leftover, "event: cut");
        for end in ["\r\n", "\r"] {
            assert_eq!(SseTranscript::read(text.replace('\n', end).as_bytes()), expected, "{end:?}");
        }
    }

    #[test]
    fn a_delta_outside_its_block_is_out_of_order() {
        let text = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0}\n\n";
        let flaw = SseTranscript::read(text.as_bytes()).message().unwrap_err();
        assert_eq!(flaw, StreamFlaw::Order("content_block_delta".to_owned()));
    }
}
