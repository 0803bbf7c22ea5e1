//! OpenAI Responses in conversions (the provider's API reference, "Responses" and "Streaming events").

mod answer_reader;
mod answer_writer;
mod request_reader;
mod request_writer;

pub(super) use answer_reader::{AnswerReader, document as read_document};
pub(super) use answer_writer::{StreamWriter, document};
pub(super) use request_reader::read as read_request;
pub(super) use request_writer::write as write_request;

/// What stands between two parts of a summary of thoughts: they are paragraphs.
const BETWEEN_PARTS: &str = "\n\n";
