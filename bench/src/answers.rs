//! What the synthetic upstream answers: a small Messages document, and a stream of fifty events. Made once, sent often.

use bytes::Bytes;
use std::time::Duration;

/// The request header that chooses the answer, by [`AnswerKind::name`].
pub const ANSWER_HEADER: &str = "x-bench-answer";

/// The request header that sets the pause between the events of a paced stream, in milliseconds.
pub const PACE_HEADER: &str = "x-bench-pace-ms";

/// Pause between the events of a paced stream unless the request says else: fifty events in two and a half seconds.
pub const PACE: Duration = Duration::from_millis(50);

/// Events of a stream.
pub const EVENTS: usize = 50;

/// Pauses between them.
pub const PAUSES: u32 = 49;

/// Events that are not deltas: the first two, and the last three.
const FRAME_EVENTS: usize = 5;

/// What a request asks of the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    /// A document.
    Document,
    /// A stream, all events at once.
    Stream,
    /// A stream with a pause between the events.
    PacedStream,
}

impl AnswerKind {
    /// The value of [`ANSWER_HEADER`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Stream => "stream",
            Self::PacedStream => "paced-stream",
        }
    }

    /// Reads [`name`](Self::name); anything else is a document.
    #[must_use]
    pub fn of_header(value: Option<&[u8]>) -> Self {
        match value {
            Some(b"stream") => Self::Stream,
            Some(b"paced-stream") => Self::PacedStream,
            Some(_) | None => Self::Document,
        }
    }

    /// What the body of a whole answer has near its end.
    #[must_use]
    pub const fn end_mark(self) -> &'static [u8] {
        match self {
            Self::Document => b"\"service_tier\":\"standard\"}}",
            Self::Stream | Self::PacedStream => b"{\"type\":\"message_stop\"}\n\n",
        }
    }
}

/// A Messages document with usage.
#[must_use]
pub fn document() -> Bytes {
    Bytes::from_static(
        br#"{"id":"msg_01BenchDocument","type":"message","role":"assistant","model":"claude-haiku-5-5","content":[{"type":"text","text":"Measured beside a bare proxy."}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":0,"cache_read_input_tokens":1200,"output_tokens":48,"service_tier":"standard"}}"#,
    )
}

/// The events of a stream, each with its blank line.
#[must_use]
pub fn events() -> Vec<Bytes> {
    let event = |name: &str, data: &str| Bytes::from(format!("event: {name}\ndata: {data}\n\n"));
    let mut events = vec![
        event(
            "message_start",
            r#"{"type":"message_start","message":{"id":"msg_01BenchStream","type":"message","role":"assistant","model":"claude-haiku-5-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":0,"cache_read_input_tokens":1200,"output_tokens":1}}}"#,
        ),
        event(
            "content_block_start",
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        ),
    ];
    for at in 0..EVENTS - FRAME_EVENTS {
        let delta = format!(
            r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":" word number {at}"}}}}"#
        );
        events.push(event("content_block_delta", &delta));
    }
    events.push(event("content_block_stop", r#"{"type":"content_block_stop","index":0}"#));
    events.push(event(
        "message_delta",
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":48}}"#,
    ));
    events.push(event("message_stop", r#"{"type":"message_stop"}"#));
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_has_fifty_events_and_is_one_that_clients_accept() {
        let events = events();
        assert_eq!((events.len(), u32::try_from(EVENTS)), (EVENTS, Ok(PAUSES + 1)));
        let message = testkit::client::SseTranscript::read(&events.concat()).message().unwrap();
        assert_eq!(message.usage.output, 48);
    }

    #[test]
    fn every_answer_ends_with_its_mark() {
        assert!(document().ends_with(AnswerKind::Document.end_mark()));
        assert!(events().concat().ends_with(AnswerKind::Stream.end_mark()));
    }
}
