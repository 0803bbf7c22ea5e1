//! What routing reads of a request body, and the one change that is made to it. The document is never built.

use crate::{
    skim::{Fault, Members},
    tariff::Tariff,
};
use bytes::Bytes;
use std::ops::Range;

/// Longest model name, in bytes as written; the longest in use (an inference profile's ARN) has about 130.
pub const MODEL_BYTES_MAX: usize = 256;

/// Longest name of an end user that is looked at, in bytes as written. Claude Code's has about 200; the provider
/// allows 256 characters.
pub const END_USER_BYTES_MAX: usize = 2048;

/// What routing needs to know of a request body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The model's name, without escapes; 1 to [`MODEL_BYTES_MAX`] bytes.
    pub model: String,
    /// Where the model's value stands in the body, quotes included.
    pub model_range: Range<usize>,
    /// Whether the answer is to be a stream of events.
    pub stream: bool,
    /// The ceiling of output tokens, if one is given as a number; at most [`TOKENS_MAX`](crate::TOKENS_MAX).
    pub max_tokens: Option<u64>,
    /// Whom the client calls its end user.
    pub end_user: Option<EndUser>,
    /// What the client asks for that changes the price.
    pub tariff: Tariff,
}

/// Whom a client calls its end user (`metadata.user_id`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndUser {
    /// The whole text, as the client gave it.
    pub id: String,
    /// The session in it, when the text is one of Claude Code's two forms.
    pub session: Option<String>,
}

/// Why a body cannot be routed. Every case is the client's to mend: 400, with the text as message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// It is no JSON object, as far as was looked.
    #[error("The request body is not valid JSON: {expected} expected at byte {at}.")]
    Malformed {
        /// Offset in the body, in bytes.
        at: usize,
        /// What should have stood there.
        expected: &'static str,
    },
    /// A field that routing reads stands there twice. Readers differ in which one counts, so that the relay might
    /// check one and the upstream obey the other.
    #[error("{field}: given more than once")]
    Repeated {
        /// The field.
        field: &'static str,
    },
    /// A field that routing needs is not there.
    #[error("{field}: Field required")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field that routing needs has a value that cannot be used.
    #[error("{field}: {expected} expected")]
    Unfit {
        /// The field.
        field: &'static str,
        /// What should have stood there.
        expected: &'static str,
    },
}

/// The body with the model's value replaced by `model`, all other bytes untouched. One copy of the body.
///
/// `scan` must be this body's.
#[must_use]
pub fn replace_model(body: &Bytes, scan: &Scan, model: &str) -> Bytes {
    let [before, name, after] = replace_model_in_parts(body, scan, model);
    [before, name, after].concat().into()
}

/// [`replace_model`] as three parts to be sent one after the other: nothing of the body is copied.
#[must_use]
pub fn replace_model_in_parts(body: &Bytes, scan: &Scan, model: &str) -> [Bytes; 3] {
    let name = serde_json::Value::from(model).to_string();
    [body.slice(..scan.model_range.start), Bytes::from(name), body.slice(scan.model_range.end..)]
}

impl EndUser {
    /// Reads `metadata.user_id`. Claude Code writes `{"device_id":…,"account_uuid":…,"session_id":…}` as text, and
    /// before 2.1 wrote `user_<hex>_account_<uuid or nothing>_session_<id>`.
    #[must_use]
    pub fn parse(id: &str) -> Self {
        let session = if id.starts_with('{') { session_in_json(id) } else { session_in_name(id) };
        Self { id: id.to_owned(), session: session.filter(|session| !session.is_empty()) }
    }
}

fn session_in_json(id: &str) -> Option<String> {
    let mut session = None;
    for member in Members::of(id.as_bytes()) {
        let member = member.ok()?;
        if *member.key == *b"session_id" {
            session = member.value.short_text(END_USER_BYTES_MAX);
        }
    }
    session
}

fn session_in_name(id: &str) -> Option<String> {
    let (device, rest) = id.strip_prefix("user_")?.split_once("_account_")?;
    let (_account, session) = rest.split_once("_session_")?;
    let is_hex = !device.is_empty() && device.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| session.to_owned())
}

impl From<Fault> for ScanError {
    fn from(Fault { at, expected }: Fault) -> Self {
        Self::Malformed { at, expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_claude_code_user_hold_their_session() {
        let hex = "0f".repeat(32);
        for (id, session) in [
            (format!(r#"{{"device_id":"{hex}","account_uuid":"","session_id":"s-1"}}"#), Some("s-1")),
            (format!("user_{hex}_account__session_s-2"), Some("s-2")),
            (format!("user_{hex}_account_6f1f1c0e-7d0f-4a57-9d3c-0c6b3a5f7d11_session_s-3"), Some("s-3")),
            ("user-42".to_owned(), None),
            ("user_nothex_account__session_s".to_owned(), None),
            (r#"{"session_id":""}"#.to_owned(), None),
            (r#"{"session_id":"s""#.to_owned(), None),
            (r#"{"session_id":7}"#.to_owned(), None),
        ] {
            assert_eq!(EndUser::parse(&id).session.as_deref(), session, "{id}");
        }
    }
}
