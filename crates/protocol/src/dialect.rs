//! The choice of a dialect: reads requests, documents and streams in the one that they are written in.

use crate::{
    answer::{BodyReading, Ending, Meaning, Reading},
    anthropic, gemini, openai,
    operation::Operation,
    scan::{PathModel, Scan, ScanError},
    sse::Event,
};
use domain::Dialect;

/// Reads the request to `operation`; `in_path` is what its path says of the model.
///
/// # Errors
///
/// When the body is no JSON object, names no model although the path does not either, or has a field that routing reads twice or
/// unfit. All are the client's to mend.
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
/// Counts of tokens and lists of models are [`BodyReading::Garbage`] here unless they are errors: they have no usage to be read.
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
#[derive(Debug)]
pub enum StreamReader {
    /// Anthropic Messages.
    Anthropic(anthropic::UsageReader),
    /// OpenAI Chat Completions.
    Chat(openai::ChatReader),
    /// OpenAI Responses.
    Responses(openai::ResponsesReader),
    /// Gemini.
    Gemini(gemini::GeminiReader),
}

/// Calls the same method of whichever reader it is.
macro_rules! each {
    ($reader:expr, $name:ident => $call:expr) => {
        match $reader {
            StreamReader::Anthropic($name) => $call,
            StreamReader::Chat($name) => $call,
            StreamReader::Responses($name) => $call,
            StreamReader::Gemini($name) => $call,
        }
    };
}

impl StreamReader {
    /// A reader of a stream that has not begun.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Anthropic => Self::Anthropic(anthropic::UsageReader::default()),
            Dialect::OpenAiChat => Self::Chat(openai::ChatReader::default()),
            Dialect::OpenAiResponses => Self::Responses(openai::ResponsesReader::default()),
            Dialect::Gemini => Self::Gemini(gemini::GeminiReader::default()),
        }
    }

    /// Reads the next event and says what it means. After the terminal event all others are asides.
    pub fn read(&mut self, event: &Event<'_>) -> Meaning {
        each!(self, reader => reader.read(event))
    }

    /// Usage as far as it is known: the upstream's count, plus an estimate of what came after it.
    #[must_use]
    pub fn reading(&self) -> Reading {
        each!(self, reader => reader.reading())
    }

    /// Whether the answer has begun. Until then nothing that a client could have used was seen.
    #[must_use]
    pub const fn content_seen(&self) -> bool {
        each!(self, reader => reader.content_seen())
    }

    /// How the stream ended in its own words, if it has.
    #[must_use]
    pub const fn ending(&self) -> Option<&Ending> {
        each!(self, reader => reader.ending())
    }

    /// Events that could not be read, for the operator to know.
    #[must_use]
    pub const fn garbled_events(&self) -> u32 {
        each!(self, reader => reader.garbled_events())
    }

    /// The transport has ended cleanly: how the answer has ended by that. None: it was cut.
    pub fn end_of_transport(&mut self) -> Option<&Ending> {
        match self {
            Self::Chat(reader) => reader.end_of_transport(),
            Self::Gemini(reader) => reader.end_of_transport(),
            Self::Anthropic(_) | Self::Responses(_) => self.ending(),
        }
    }
}
