//! The choice of a dialect: reads requests, documents and streams in the one that they are written in.

use crate::{
    answer::{BodyReading, Ending, Meaning, Reading},
    anthropic,
    course::Course,
    gemini, openai,
    operation::Operation,
    scan::{PathModel, Scan, ScanError},
    sse::Event,
};
use domain::Dialect;

/// Reads the request to `operation`; `in_path` is what its path says of the model.
///
/// # Errors
///
/// When the body is no JSON object, names no model although the path does not either, or has a field that routing reads
/// twice or unfit. All are the client's to mend.
pub fn scan(operation: Operation, body: &[u8], in_path: Option<&PathModel>) -> Result<Scan, ScanError> {
    match operation.dialect() {
        Dialect::Anthropic => anthropic::scan(body, in_path),
        Dialect::OpenAiChat => openai::scan_chat(body, in_path),
        Dialect::OpenAiResponses => openai::scan_responses(body, in_path),
        Dialect::Gemini => gemini::scan(body, in_path),
    }
}

/// Reads the whole body of an answer to `operation` that is no stream, or of an error of any status.
///
/// Counts of tokens and lists of models are [`BodyReading::Garbage`] here unless they are errors: they have no usage to
/// be read.
#[must_use]
pub fn read_body(operation: Operation, body: &[u8]) -> BodyReading {
    match (operation, operation.dialect()) {
        (Operation::Embeddings, _) => openai::read_embeddings(body),
        (_, Dialect::Anthropic) => anthropic::read_body(body),
        (_, Dialect::OpenAiChat) => openai::read_chat(body),
        (_, Dialect::OpenAiResponses) => openai::read_response(body),
        (_, Dialect::Gemini) => gemini::read_content(body),
    }
}

/// Reads the usage of one stream, in the dialect that it is written in.
///
/// When a stream is whole, its dialect says:
///
/// | dialect | whole with | failed with | a clean end of the transport |
/// |---|---|---|---|
/// | Anthropic | `message_stop` | `error` | is a cut |
/// | Chat | `[DONE]` | a chunk with `error` | is whole behind the last choice's `finish_reason` |
/// | Responses | `response.completed`, `response.incomplete` | `response.failed`, `error` | is a cut |
/// | Gemini | – | a chunk with `error` | is whole behind the last candidate's `finishReason`, or a `blockReason` |
#[derive(Debug)]
pub struct StreamReader(ByDialect);

#[derive(Debug)]
enum ByDialect {
    Anthropic(anthropic::UsageReader),
    Chat(openai::ChatReader),
    Responses(openai::ResponsesReader),
    Gemini(gemini::GeminiReader),
}

impl StreamReader {
    /// A reader of a stream that has not begun.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        Self(match dialect {
            Dialect::Anthropic => ByDialect::Anthropic(anthropic::UsageReader::default()),
            Dialect::OpenAiChat => ByDialect::Chat(openai::ChatReader::default()),
            Dialect::OpenAiResponses => ByDialect::Responses(openai::ResponsesReader::default()),
            Dialect::Gemini => ByDialect::Gemini(gemini::GeminiReader::default()),
        })
    }

    /// Reads the next event and says what it means. After the terminal event all others are asides.
    pub fn read(&mut self, event: &Event<'_>) -> Meaning {
        match &mut self.0 {
            ByDialect::Anthropic(reader) => reader.read(event),
            ByDialect::Chat(reader) => reader.read(event),
            ByDialect::Responses(reader) => reader.read(event),
            ByDialect::Gemini(reader) => reader.read(event),
        }
    }

    /// Usage as far as it is known. When the answer is whole, the upstream's own count, if it gave one for all output;
    /// before that, the last numbers given plus an estimate of the output since then: its bytes of text as written in
    /// JSON, by [`BYTES_PER_TOKEN`](crate::BYTES_PER_TOKEN), rounded up.
    ///
    /// Chat and Responses give no numbers before their end: until then the input is 0 here.
    #[must_use]
    pub fn reading(&self) -> Reading {
        match &self.0 {
            ByDialect::Anthropic(reader) => reader.reading(),
            ByDialect::Chat(reader) => reader.reading(),
            ByDialect::Responses(reader) => reader.reading(),
            ByDialect::Gemini(reader) => reader.reading(),
        }
    }

    /// Whether the answer has begun. Until then nothing that a client could have used was seen.
    #[must_use]
    pub const fn content_seen(&self) -> bool {
        self.course().content_seen()
    }

    /// Whether the answer is known to be whole.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.course().is_complete()
    }

    /// Whether the stream has ended, whichever way.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        self.course().is_terminal()
    }

    /// How the stream ended in its own words, if it has.
    #[must_use]
    pub const fn ending(&self) -> Option<&Ending> {
        self.course().ending()
    }

    /// Events that could not be read, for the operator to know.
    #[must_use]
    pub const fn garbled_events(&self) -> u32 {
        self.course().garbled_events()
    }

    /// The transport has ended cleanly: how the answer has ended by that, or had before. None: it was cut. A transport
    /// that breaks always cuts, and is not told here.
    pub fn end_of_transport(&mut self) -> Option<&Ending> {
        match &mut self.0 {
            ByDialect::Chat(reader) => reader.end_of_transport(),
            ByDialect::Gemini(reader) => reader.end_of_transport(),
            ByDialect::Anthropic(_) | ByDialect::Responses(_) => {}
        }
        self.ending()
    }

    const fn course(&self) -> &Course {
        match &self.0 {
            ByDialect::Anthropic(reader) => reader.course(),
            ByDialect::Chat(reader) => reader.course(),
            ByDialect::Responses(reader) => reader.course(),
            ByDialect::Gemini(reader) => reader.course(),
        }
    }
}
