//! What came back of a test: whether it is an answer, and what it used.

use bytes::Bytes;
use domain::FailureKind;
use protocol::{BodyReading, Ending, Operation, Reading, StreamReader, UpstreamError, gemini, sse};
use upstream::{Destination, Envelope};

/// Why what came back is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// The provider says what is wrong, although its status says that all is well.
    Failed(UpstreamError),
    /// It ended early.
    Cut,
    /// It is something else: a web page, another service's document.
    Garbage,
}

impl NoAnswer {
    /// Whose fault it is.
    pub(super) const fn kind(&self) -> FailureKind {
        match self {
            Self::Failed(error) => error.kind.failure(),
            Self::Cut | Self::Garbage => FailureKind::Broken,
        }
    }
}

/// What an answer to `operation` used. Its body may be wrapped, and be a stream where the account gives nothing else.
pub(super) fn read(operation: Operation, from: &Destination, body: &Bytes) -> Result<Reading, NoAnswer> {
    if from.only_streams(operation) {
        return read_events(operation, body);
    }
    let document = match from.envelope() {
        Envelope::CodeAssist { .. } => gemini::unwrapped(body),
        Envelope::None | Envelope::Bedrock => body,
    };
    match protocol::read_body(operation, document) {
        BodyReading::Answer(reading) => Ok(reading),
        BodyReading::Error(error) => Err(NoAnswer::Failed(error)),
        BodyReading::Garbage => Err(NoAnswer::Garbage),
    }
}

fn read_events(operation: Operation, events: &[u8]) -> Result<Reading, NoAnswer> {
    let mut reader = StreamReader::new(operation.dialect());
    let mut has_events = false;
    let decoded = sse::Decoder::default().push(events, |event| {
        has_events = true;
        reader.read(&event);
    });
    match reader.end_of_transport() {
        Some(Ending::Whole) => Ok(reader.reading()),
        Some(Ending::Failed(error)) => Err(NoAnswer::Failed(error.clone())),
        None if decoded.is_ok() && has_events => Err(NoAnswer::Cut),
        None => Err(NoAnswer::Garbage),
    }
}
