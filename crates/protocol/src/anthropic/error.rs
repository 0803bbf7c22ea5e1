//! Reads `{"type":"error","error":{"type":…,"message":…}}`, in an event or a body.

use crate::{
    answer::{UpstreamError, UpstreamErrorKind},
    skim::{Fault, Members, Value},
};

/// Longest message that is unescaped, in bytes as written; a longer one is a document in disguise and left out.
const MESSAGE_READ_BYTES_MAX: usize = 64 << 10;

/// Reads the `data` of an `error` event. What cannot be read is an error without words: the stream has failed anyway.
pub(crate) fn in_event(data: &[u8]) -> UpstreamError {
    let error = Members::of(data).flatten().find(|member| *member.key == *b"error");
    error.and_then(|error| in_value(&error.value).ok()).unwrap_or(UpstreamError::UNTOLD)
}

/// Reads the value of `error`: an object, or with some upstreams only a text.
pub(super) fn in_value(error: &Value<'_>) -> Result<UpstreamError, Fault> {
    let mut kind = UpstreamErrorKind::Other;
    let mut message = error.short_text(MESSAGE_READ_BYTES_MAX);
    for member in error.members().into_iter().flatten() {
        let member = member?;
        match &*member.key {
            b"type" => kind = member.value.text().map_or(kind, |name| UpstreamErrorKind::from_name(&name)),
            b"message" => message = member.value.short_text(MESSAGE_READ_BYTES_MAX),
            _ => {}
        }
    }
    Ok(UpstreamError::new(kind, &message.unwrap_or_default()))
}
