//! Anthropic Messages in conversions (the provider's API reference, "Messages" and "Streaming messages").

mod answer_reader;
mod answer_writer;
mod request_reader;
mod request_writer;

pub(super) use answer_reader::{document as read_document, event as read_event};
pub(super) use answer_writer::{StreamWriter, document};
pub(super) use request_reader::read as read_request;
pub(super) use request_writer::{HEADERS, write as write_request};
pub use request_writer::{MAX_TOKENS_UNTOLD, MAX_TOKENS_UNTOLD_EARLY};
