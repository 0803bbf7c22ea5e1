//! What upstreams call their errors within a stream, read as everywhere.

use super::fields::{Field, Fields};
use crate::{answer::UpstreamError, gemini, openai};

/// Reads OpenAI's `{message, type, code}`. What cannot be read is an error without words: the stream has failed anyway.
pub(super) fn of_openai(error: &Field<'_>) -> UpstreamError {
    openai::told_error(error.raw.get().as_bytes()).unwrap_or(UpstreamError::UNTOLD)
}

/// The same, of its members.
pub(super) fn of_openai_fields(mut fields: Fields<'_>) -> UpstreamError {
    let mut text = |name: &str| fields.text(name).ok().flatten().map(String::from);
    openai::ErrorWords { message: text("message"), kind: text("type"), code: text("code"), ..Default::default() }
        .error()
}

/// Reads Google's `{code, message, status}`.
pub(super) fn of_google(error: &Field<'_>) -> UpstreamError {
    gemini::told_error(error.raw.get().as_bytes()).unwrap_or(UpstreamError::UNTOLD)
}
