//! OpenAI Chat Completions in conversions (the provider's API reference, "Chat Completions").

mod answer_reader;
mod answer_writer;
mod request_reader;
mod request_writer;

pub(super) use answer_reader::AnswerReader;
pub(super) use answer_writer::{StreamWriter, document};
pub(super) use request_reader::read as read_request;
pub(super) use request_writer::write as write_request;

use super::{
    fields::{Fault, Fields},
    seal::Seal,
};
use domain::Dialect;

/// The name of a schema that the client gave none: OpenAI requires one.
pub(super) const SCHEMA_NAME: &str = "answer";

/// The name of a document that the client gave none: OpenAI requires one, and tells its type from it.
pub(super) const FILE_NAME: &str = "document.pdf";

/// Longest name of an end user that OpenAI takes, in bytes; a longer one is left out.
pub(super) const END_USER_BYTES_MAX: usize = 64;

/// What Gemini wants to see again; its own Chat interface has this place for it.
fn seal<'a>(fields: &mut Fields<'a>) -> Result<Option<Seal<'a>>, Fault> {
    let Some(mut extra) = fields.object("extra_content")? else { return Ok(None) };
    let Some(mut google) = extra.object("google")? else { return extra.finish().map(|()| None) };
    let signature = google.text("thought_signature")?;
    google.finish()?;
    extra.finish()?;
    Ok(signature.map(|signature| Seal::new(Dialect::Gemini, signature)))
}
