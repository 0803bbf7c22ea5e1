//! Gemini `generateContent` in conversions (the provider's API reference, "Generating content", and its guides
//! "Thinking" and "Thought signatures").

mod answer_reader;
mod request_writer;

pub(super) use answer_reader::AnswerReader;
pub(super) use request_writer::write as write_request;
