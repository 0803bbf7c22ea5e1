//! How a client hears an answer: its dialect, and how a stream is framed.

use bytes::Bytes;
use domain::{Dialect, RequestId};
use protocol::{Refusal, keepalive};

/// What a client takes an answer in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    /// The dialect.
    pub(crate) dialect: Dialect,
    /// How a stream's parts are told apart.
    pub(crate) framing: Framing,
}

/// How a stream's parts are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events.
    Events,
    /// One JSON array whose elements come one by one: Gemini's streams without `alt=sse`.
    Array,
    /// Messages of a WebSocket: server-sent events up to the socket, which waits with keep-alives of its own.
    Messages,
}

impl Form {
    /// The form in which a client that speaks `dialect` takes an answer to a request with `query`.
    pub(crate) fn of(dialect: Dialect, query: Option<&str>) -> Self {
        let asks_for_events = || query.unwrap_or_default().split('&').any(|pair| pair == "alt=sse");
        let framing = if dialect == Dialect::Gemini && !asks_for_events() { Framing::Array } else { Framing::Events };
        Self { dialect, framing }
    }

    /// What is sent while nothing comes.
    pub(crate) const fn keepalive(self) -> Bytes {
        match self.framing {
            Framing::Events | Framing::Messages => Bytes::from_static(keepalive(self.dialect)),
            Framing::Array => Bytes::from_static(b"\n"),
        }
    }

    /// `refusal` as the last part of a stream, of which elements were `begun` or not.
    pub(crate) fn last_words(self, refusal: &Refusal, id: &RequestId, begun: bool) -> Bytes {
        match self.framing {
            Framing::Events | Framing::Messages => refusal.render_event(self.dialect, id),
            Framing::Array => {
                let open = if begun { &b",\r\n"[..] } else { b"[" };
                [open, &refusal.render(self.dialect, id).body, b"]"].concat().into()
            }
        }
    }

    /// The media type of a stream.
    pub(crate) const fn media_type(self) -> &'static str {
        match self.framing {
            Framing::Events | Framing::Messages => "text/event-stream",
            Framing::Array => "application/json",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_gemini_s_streams_without_alt_sse_are_arrays() {
        for (dialect, query, framing) in [
            (Dialect::Gemini, None, Framing::Array),
            (Dialect::Gemini, Some("key=x&alt=sse"), Framing::Events),
            (Dialect::Gemini, Some("alt=json"), Framing::Array),
            (Dialect::OpenAiChat, None, Framing::Events),
            (Dialect::Anthropic, Some("beta=true"), Framing::Events),
        ] {
            assert_eq!(Form::of(dialect, query).framing, framing, "{dialect} {query:?}");
        }
    }

    #[test]
    fn the_last_words_close_what_was_begun() {
        let form = Form { dialect: Dialect::Gemini, framing: Framing::Array };
        let id = RequestId::parse("r1").expect("an id");
        for (begun, parts) in [(false, ""), (true, "[{}")] {
            let last = form.last_words(&Refusal::UpstreamFailed, &id, begun);
            let whole = [parts.as_bytes(), &last].concat();
            let elements: Vec<serde_json::Value> = serde_json::from_slice(&whole).expect("an array");
            assert_eq!(elements.last().expect("an element")["error"]["code"], 502);
        }
    }
}
