//! Conversions between dialects: a client's request for an upstream that speaks another one, and the way back for its
//! answer, as a document or event by event. No I/O, no clock.
//!
//! Each dialect is read into the words of all (`conversation`, `answer`) and written from them, so that a pair of
//! dialects is a reader and a writer. Here documents are built; what passes through unread (schemas, arguments of tools)
//! keeps its bytes. Which field becomes what, and what is refused, stands in `docs/conversion.md`.

mod answer;
mod anthropic;
mod chat;
mod conversation;
mod errors;
mod fields;
mod gemini;
mod json;
mod models;
mod responses;
mod seal;
mod tool_names;

pub use anthropic::{MAX_TOKENS_UNTOLD, MAX_TOKENS_UNTOLD_EARLY};

use crate::{answer::UpstreamError, sse};
use answer::{CallHead, Message, Piece};
use bytes::Bytes;
use conversation::{Delivery, UsageChunk};
use domain::{Dialect, Timestamp};
use fields::Fault;
use std::borrow::Cow;
use tool_names::ToolNames;

/// A request in the upstream's dialect.
#[derive(Debug, Clone)]
pub struct Converted {
    /// The body.
    pub body: Bytes,
    /// Headers, in lower case, that this body needs whatever the client sent under the same names.
    pub headers: &'static [(&'static str, &'static str)],
    /// Whether the client wants events; in Gemini's dialect the path says so, not the body.
    pub is_stream: bool,
    /// The way back. Each upstream attempt takes a fresh clone.
    pub answer: AnswerConverter,
}

/// A client's request that cannot be expressed in the upstream's dialect, or is none: a 400 whose message is this
/// error's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Inexpressible {
    /// The client's field, as a path with dots: `messages.2.content.0`; `body` when it is no JSON object.
    pub field: String,
    /// What is wrong with it, as the rest of a sentence.
    pub reason: Cow<'static, str>,
}

/// An upstream's answer, or an event of it, that is not what its dialect promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the upstream's answer cannot be converted: {field} {reason}")]
pub struct Garbled {
    /// The answer's field, as a path with dots.
    pub field: String,
    /// What is wrong with it, as the rest of a sentence.
    pub reason: Cow<'static, str>,
}

/// Where a stream stands after an event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// It goes on, or has ended in its own words: then [`AnswerConverter::finish`] is due.
    On,
    /// The upstream gives up. The client is told by a refusal's event; nothing more is converted.
    Failed(UpstreamError),
}

/// The way back for one answer.
#[derive(Debug, Clone)]
pub struct AnswerConverter {
    client: Client,
    created_secs: u64,
    names: ToolNames,
    reader: Reader,
    writer: Writer,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
}

/// The reader of the upstream's dialect.
#[derive(Debug, Clone)]
enum Reader {
    Anthropic,
    Chat(chat::AnswerReader),
    Responses(responses::AnswerReader),
    Gemini(gemini::AnswerReader),
}

/// The writer of the client's dialect.
#[derive(Debug, Clone)]
enum Writer {
    Anthropic(anthropic::StreamWriter),
    Chat(chat::StreamWriter),
    Responses(Box<responses::StreamWriter>),
}

/// The dialects of clients that are converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Anthropic,
    Chat,
    Responses,
}

/// Whether a client that speaks `from` can be answered by an upstream that speaks `to`, which is another dialect.
#[must_use]
pub fn exists(from: Dialect, to: Dialect) -> bool {
    from != to && Client::of(from).is_some()
}

/// The request `body` of a client that speaks `from`, as an upstream that speaks `to` wants it, for `model`, the
/// upstream's name. `now` is when the answer is said to be made where the upstream does not say so.
///
/// # Errors
///
/// When the body is no request of `from`, when it has a field that the pair cannot carry and that is not among those
/// that change no content, or when there is no conversion for the pair ([`exists`]).
pub fn request(
    from: Dialect,
    to: Dialect,
    body: &[u8],
    model: &str,
    now: Timestamp,
) -> Result<Converted, Inexpressible> {
    let Some(client) = Client::of(from).filter(|_| from != to) else {
        return Err(Fault::new("body", format!("there is no conversion from {from} to {to}")).into());
    };
    let conversation = match client {
        Client::Anthropic => anthropic::read_request(body)?,
        Client::Chat => chat::read_request(body)?,
        Client::Responses => responses::read_request(body)?,
    };
    let delivery = conversation.delivery;
    let (request, names) = match to {
        Dialect::Anthropic => anthropic::write_request(conversation, model)?,
        Dialect::OpenAiChat => chat::write_request(conversation, model)?,
        Dialect::OpenAiResponses => responses::write_request(conversation, model)?,
        Dialect::Gemini => gemini::write_request(conversation, model)?,
    };
    let headers = if to == Dialect::Anthropic { anthropic::HEADERS } else { &[] };
    let created_secs = u64::try_from(now.as_ms() / 1000).unwrap_or(0);
    let (reader, writer) = (Reader::of(to), Writer::of(client, created_secs, delivery));
    let answer = AnswerConverter { client, created_secs, names, reader, writer, state: State::Open };
    Ok(Converted { body: request.into_body(), headers, is_stream: delivery.is_stream(), answer })
}

impl AnswerConverter {
    /// The client's document for the upstream's `body`, which must be an answer, not an error.
    ///
    /// # Errors
    ///
    /// When the body is no answer of the upstream's dialect.
    pub fn document(&self, body: &[u8]) -> Result<Bytes, Garbled> {
        let mut pieces = Vec::new();
        self.reader.document(body, &mut pieces)?;
        let mut message = Message::default();
        for piece in pieces {
            for_client(self.client, &self.names, piece, |piece| message.add(piece));
        }
        let document = match self.client {
            Client::Anthropic => anthropic::document(&message)?,
            Client::Chat => chat::document(&message, self.created_secs),
            Client::Responses => responses::document(&message, self.created_secs),
        };
        Ok(document.into_body())
    }

    /// Appends the client's events for one event of the upstream to `out`, as bytes of its stream; often none.
    ///
    /// # Errors
    ///
    /// When the event is not what the dialect promises. Nothing was appended; the stream may go on, but what the
    /// client sees is no longer all that the upstream said.
    pub fn event(&mut self, event: &sse::Event<'_>, out: &mut Vec<u8>) -> Result<Step, Garbled> {
        if self.state == State::Ended {
            return Ok(Step::On);
        }
        let mut pieces = Vec::new();
        if let Some(error) = self.reader.event(event, &mut pieces)? {
            self.state = State::Ended;
            return Ok(Step::Failed(error));
        }
        for piece in pieces {
            for_client(self.client, &self.names, piece, |piece| self.writer.piece(piece, out));
        }
        Ok(Step::On)
    }

    /// Appends what closes the client's stream: why the answer ends, its usage, the terminal event. Called once the
    /// upstream's stream has ended in its own words; never after a cut, which must not look like an end. A second call,
    /// and one after a failure, appends nothing.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.state == State::Open {
            self.state = State::Ended;
            self.writer.finish(out);
        }
    }
}

impl Client {
    const fn of(dialect: Dialect) -> Option<Self> {
        match dialect {
            Dialect::Anthropic => Some(Self::Anthropic),
            Dialect::OpenAiChat => Some(Self::Chat),
            Dialect::OpenAiResponses => Some(Self::Responses),
            Dialect::Gemini => None,
        }
    }
}

impl Reader {
    fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Anthropic => Self::Anthropic,
            Dialect::OpenAiChat => Self::Chat(chat::AnswerReader::default()),
            Dialect::OpenAiResponses => Self::Responses(responses::AnswerReader::default()),
            Dialect::Gemini => Self::Gemini(gemini::AnswerReader::default()),
        }
    }

    fn event<'e>(&mut self, event: &sse::Event<'e>, out: &mut Vec<Piece<'e>>) -> Result<Option<UpstreamError>, Fault> {
        match self {
            Self::Anthropic => anthropic::read_event(event, out),
            Self::Chat(reader) => reader.event(event, out),
            Self::Responses(reader) => reader.event(event, out),
            Self::Gemini(reader) => reader.event(event, out),
        }
    }

    fn document<'b>(&self, body: &'b [u8], out: &mut Vec<Piece<'b>>) -> Result<(), Fault> {
        match self {
            Self::Anthropic => anthropic::read_document(body, out),
            Self::Chat(_) => chat::AnswerReader::default().document(body, out),
            Self::Responses(_) => responses::read_document(body, out),
            Self::Gemini(_) => gemini::AnswerReader::default().document(body, out),
        }
    }
}

impl Writer {
    fn of(client: Client, created_secs: u64, delivery: Delivery) -> Self {
        let usage = match delivery {
            Delivery::Stream { usage } => usage,
            Delivery::Whole => UsageChunk::Unwanted,
        };
        match client {
            Client::Anthropic => Self::Anthropic(anthropic::StreamWriter::default()),
            Client::Chat => Self::Chat(chat::StreamWriter::new(created_secs, usage)),
            Client::Responses => Self::Responses(Box::new(responses::StreamWriter::new(created_secs))),
        }
    }

    fn piece(&mut self, piece: Piece<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Anthropic(writer) => writer.piece(piece, out),
            Self::Chat(writer) => writer.piece(piece, out),
            Self::Responses(writer) => writer.piece(piece, out),
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Anthropic(writer) => writer.finish(out),
            Self::Chat(writer) => writer.finish(out),
            Self::Responses(writer) => writer.finish(out),
        }
    }
}

/// A call under the name that the client has for the tool. A dialect that has no place for a call's seal is given it
/// with thoughts before the call.
fn for_client<'p>(client: Client, names: &ToolNames, piece: Piece<'p>, mut give: impl FnMut(Piece<'p>)) {
    let Piece::Call(CallHead { id, name, mut seal }) = piece else { return give(piece) };
    if client != Client::Chat
        && let Some(seal) = seal.take()
    {
        give(Piece::Seal(seal));
    }
    let name = match names.original(&name) {
        same if same == name => name,
        original => Cow::Owned(original.to_owned()),
    };
    give(Piece::Call(CallHead { id, name, seal }));
}

impl From<Fault> for Inexpressible {
    fn from(Fault { field, reason }: Fault) -> Self {
        Self { field, reason }
    }
}

impl From<Fault> for Garbled {
    fn from(Fault { field, reason }: Fault) -> Self {
        Self { field, reason }
    }
}
