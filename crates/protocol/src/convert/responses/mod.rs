//! OpenAI Responses in conversions (the provider's API reference, "Responses" and "Streaming events").

mod answer_reader;
mod request_writer;

pub(super) use answer_reader::{AnswerReader, document as read_document};
pub(super) use request_writer::write as write_request;
