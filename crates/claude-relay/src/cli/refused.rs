//! A refusal of the admin API as an error of a command: its message, and the fields that it names.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use std::fmt;

/// An answer that is not a success.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The status.
    pub(crate) status: StatusCode,
    /// The document as it came.
    pub(crate) text: Bytes,
    message: String,
    details: Vec<String>,
}

impl Refused {
    /// Reads the body of the answer to `place`, `GET /admin/me`.
    pub(crate) fn read(status: StatusCode, place: &str, text: Bytes) -> Self {
        let document: Value = serde_json::from_slice(&text).unwrap_or_default();
        let error = &document["error"];
        let message = match error["message"].as_str() {
            Some(message) => message.to_owned(),
            None => format!("{place} was answered {status}"),
        };
        let details = error["details"].as_array().into_iter().flatten();
        let details = details.map(|fault| {
            let text = |name: &str| fault[name].as_str().unwrap_or_default();
            format!("{}: {}", text("field"), text("message"))
        });
        Self { status, message, details: details.collect(), text }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.details.iter().try_for_each(|detail| write!(f, "\n  - {detail}"))
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_is_named_is_shown_below_the_message() {
        let text = r#"{"error": {"type": "unprocessable", "message": "Correct them.",
            "details": [{"field": "name", "message": "is missing"}, {"field": "tags[0]", "message": "is too long"}]}}"#;
        let refused = Refused::read(StatusCode::UNPROCESSABLE_ENTITY, "POST /x", Bytes::from(text));
        assert_eq!(refused.to_string(), "Correct them.\n  - name: is missing\n  - tags[0]: is too long");
    }

    #[test]
    fn an_answer_that_is_no_document_is_shown_by_its_status() {
        let refused = Refused::read(StatusCode::BAD_GATEWAY, "GET /x", Bytes::from("<html>"));
        assert_eq!(refused.to_string(), "GET /x was answered 502 Bad Gateway");
    }
}
