//! AWS's errors: by name, in a header or a frame, with a message in a small document.

use crate::{
    answer::{UpstreamError, UpstreamErrorKind},
    skim::Members,
};

/// Longest message that is unescaped, in bytes as written; a longer one is a document in disguise and left out.
const MESSAGE_READ_BYTES_MAX: usize = 64 << 10;

/// Longest name of an error that is looked at, in bytes as written.
const NAME_BYTES_MAX: usize = 256;

/// Reads a body that came with a status other than 2xx, and the value of its `x-amzn-errortype`, if there was one.
///
/// What cannot be read is an error without words: the status still tells.
#[must_use]
pub fn read_error(error_type: Option<&str>, body: &[u8]) -> UpstreamError {
    let told = Told::read(body);
    let kind = error_type.or(told.name.as_deref()).map_or(UpstreamErrorKind::Other, kind_of);
    UpstreamError::new(kind, &told.message)
}

/// Reads a frame's exception `name` and its payload.
pub(super) fn in_frame(name: &str, payload: &[u8]) -> UpstreamError {
    let told = Told::read(payload);
    // The model's own status says more than "the stream failed".
    let kind = match told.original_status {
        Some(429) => UpstreamErrorKind::RateLimit,
        Some(408) => UpstreamErrorKind::Timeout,
        Some(503 | 529) => UpstreamErrorKind::Overloaded,
        _ => kind_of(name),
    };
    UpstreamError::new(kind, &told.message)
}

/// The kind of an error by AWS's name for it, as it stands in a header (`ThrottlingException:http://…`), a body
/// (`namespace#ThrottlingException`) or a frame (`throttlingException`).
fn kind_of(name: &str) -> UpstreamErrorKind {
    let name = name.split(':').next().unwrap_or_default();
    let name = name.rsplit('#').next().unwrap_or_default().trim().to_ascii_lowercase();
    match name.strip_suffix("exception").unwrap_or(&name) {
        "validation" | "modelinputvalidation" => UpstreamErrorKind::InvalidRequest,
        "unrecognizedclient"
        | "expiredtoken"
        | "invalidsignature"
        | "incompletesignature"
        | "invalidclienttokenid"
        | "missingauthenticationtoken"
        | "signaturedoesnotmatch" => UpstreamErrorKind::Authentication,
        "accessdenied" => UpstreamErrorKind::Permission,
        "resourcenotfound" => UpstreamErrorKind::NotFound,
        "throttling" | "toomanyrequests" | "servicequotaexceeded" => UpstreamErrorKind::RateLimit,
        "modeltimeout" => UpstreamErrorKind::Timeout,
        "serviceunavailable" | "modelnotready" => UpstreamErrorKind::Overloaded,
        "internalserver" | "internalfailure" | "modelstreamerror" | "modelerror" => UpstreamErrorKind::Api,
        _ => UpstreamErrorKind::Other,
    }
}

/// The name in a frame for an error of this kind, of the six that a stream of Bedrock may fail with.
#[must_use]
pub const fn exception_name(kind: UpstreamErrorKind) -> &'static str {
    match kind {
        UpstreamErrorKind::InvalidRequest
        | UpstreamErrorKind::RequestTooLarge
        | UpstreamErrorKind::NotFound
        | UpstreamErrorKind::Authentication
        | UpstreamErrorKind::Permission
        | UpstreamErrorKind::Billing => "validationException",
        UpstreamErrorKind::RateLimit => "throttlingException",
        UpstreamErrorKind::Timeout => "modelTimeoutException",
        UpstreamErrorKind::Overloaded => "serviceUnavailableException",
        UpstreamErrorKind::Api => "internalServerException",
        UpstreamErrorKind::Other => "modelStreamErrorException",
    }
}

/// The document that carries `message`, in bodies and frames.
#[must_use]
pub fn error_body(message: &str) -> Vec<u8> {
    format!(r#"{{"message":{}}}"#, serde_json::Value::from(message)).into_bytes()
}

/// What a document says about an error.
#[derive(Default)]
struct Told {
    message: String,
    name: Option<String>,
    original_status: Option<u64>,
}

impl Told {
    /// Reads as far as it can be read.
    fn read(body: &[u8]) -> Self {
        let mut told = Self::default();
        let mut original_message = None;
        for member in Members::of(body).flatten() {
            match &*member.key {
                // Bedrock writes it small, the gate before it (of signatures) large.
                b"message" | b"Message" => {
                    told.message = member.value.short_text(MESSAGE_READ_BYTES_MAX).unwrap_or_default();
                }
                b"originalMessage" => original_message = member.value.short_text(MESSAGE_READ_BYTES_MAX),
                b"originalStatusCode" => told.original_status = member.value.count(),
                b"__type" => told.name = member.value.short_text(NAME_BYTES_MAX),
                _ => {}
            }
        }
        if told.message.is_empty() {
            told.message = original_message.unwrap_or_default();
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_its_kind_in_each_spelling() {
        for (name, kind) in [
            ("ThrottlingException", UpstreamErrorKind::RateLimit),
            ("throttlingException", UpstreamErrorKind::RateLimit),
            ("ServiceQuotaExceededException", UpstreamErrorKind::RateLimit),
            (
                "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/",
                UpstreamErrorKind::InvalidRequest,
            ),
            ("com.amazon.coral.service#AccessDeniedException", UpstreamErrorKind::Permission),
            ("UnrecognizedClientException", UpstreamErrorKind::Authentication),
            ("ExpiredTokenException", UpstreamErrorKind::Authentication),
            ("InvalidSignatureException", UpstreamErrorKind::Authentication),
            ("ResourceNotFoundException", UpstreamErrorKind::NotFound),
            ("ModelTimeoutException", UpstreamErrorKind::Timeout),
            ("ModelNotReadyException", UpstreamErrorKind::Overloaded),
            ("serviceUnavailableException", UpstreamErrorKind::Overloaded),
            ("InternalServerException", UpstreamErrorKind::Api),
            ("modelStreamErrorException", UpstreamErrorKind::Api),
            ("NewException", UpstreamErrorKind::Other),
            ("", UpstreamErrorKind::Other),
        ] {
            assert_eq!(read_error(Some(name), b"{}").kind, kind, "{name}");
            let body = format!(r#"{{"__type":{name:?}}}"#);
            assert_eq!(read_error(None, body.as_bytes()).kind, kind, "{body}");
        }
    }

    #[test]
    fn the_message_is_read_in_each_spelling_and_what_is_none_has_no_words() {
        for (body, message) in [
            (r#"{"message":"Too many \u0074okens"}"#, "Too many tokens"),
            (r#"{"Message":"not authorized"}"#, "not authorized"),
            (r#"{"message":null,"originalMessage":"busy"}"#, "busy"),
            ("<html>", ""),
            ("", ""),
            (r#"{"message":"cut"#, ""),
        ] {
            assert_eq!(read_error(Some("x"), body.as_bytes()).message, message, "{body}");
        }
    }

    #[test]
    fn a_kind_that_a_stream_can_tell_is_read_back() {
        for kind in [
            UpstreamErrorKind::InvalidRequest,
            UpstreamErrorKind::RateLimit,
            UpstreamErrorKind::Timeout,
            UpstreamErrorKind::Overloaded,
            UpstreamErrorKind::Api,
        ] {
            let error = in_frame(exception_name(kind), &error_body("a \"b\"\n"));
            assert_eq!((error.kind, error.message.as_str()), (kind, "a \"b\"\n"));
        }
    }
}
