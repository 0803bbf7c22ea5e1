//! Reads an answer that is one JSON document. Its content is stepped over, whatever its size.

use crate::{
    answer::{Answer, BodyReading, Reading},
    anthropic::{
        counts::Counts,
        error,
        stream::{read_usage, take_fact},
    },
    estimate::OutputEstimate,
    skim::{Fault, Members},
};
use domain::{TokenUsage, UsageSource};

/// Reads the whole body of an answer to `/v1/messages` that is no stream, or of an error of any status.
///
/// An answer without `usage` is estimated by the bytes of its content, so that it is not free.
#[must_use]
pub fn read_body(body: &[u8]) -> BodyReading {
    try_read(body).unwrap_or(BodyReading::Garbage)
}

/// Whether the whole body is one JSON object, whatever is in it.
#[must_use]
pub fn is_object(body: &[u8]) -> bool {
    Members::of(body).all(|member| member.is_ok())
}

fn try_read(body: &[u8]) -> Result<BodyReading, Fault> {
    let (mut answer, mut counts) = (Answer::default(), Counts::default());
    let (mut failure, mut content, mut is_message) = (None, OutputEstimate::default(), false);
    for member in Members::of(body) {
        let member = member?;
        match &*member.key {
            b"type" => is_message = member.value.text().is_some_and(|name| name == "message"),
            b"error" if !member.value.is_null() => failure = Some(error::in_value(&member.value)?),
            b"content" => content.add(member.value.written_bytes()),
            b"usage" => counts = read_usage(&member.value, &mut answer)?,
            key => take_fact(&mut answer, key, &member.value),
        }
    }
    Ok(match failure {
        Some(failure) => BodyReading::Error(failure),
        None if counts.has_output() => {
            BodyReading::Answer(Reading { usage: counts.tokens(), source: UsageSource::Reported, answer })
        }
        None if is_message => BodyReading::Answer(Reading {
            usage: TokenUsage { output: content.tokens(), ..counts.tokens() },
            source: UsageSource::Estimated,
            answer,
        }),
        None => BodyReading::Garbage,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{UpstreamError, UpstreamErrorKind};

    fn error(body: &str) -> UpstreamError {
        match read_body(body.as_bytes()) {
            BodyReading::Error(error) => error,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn an_error_body_has_its_kind_and_message() {
        let read = error(r#"{"type":"error","error":{"type":"overloaded_error","message":"Over\u006coaded"}}"#);
        assert_eq!(
            read,
            UpstreamError { kind: UpstreamErrorKind::Overloaded, message: "Overloaded".to_owned(), retry_after: None }
        );
    }

    #[test]
    fn an_error_of_another_shape_is_still_an_error() {
        assert_eq!(error(r#"{"error":"no such route"}"#).message, "no such route");
        assert_eq!(error(r#"{"error":{"code":7}}"#), UpstreamError::UNTOLD);
        assert_eq!(error(r#"{"type":"error","error":[]}"#), UpstreamError::UNTOLD);
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let read = error(&format!(r#"{{"error":{{"message":"x{}"}}}}"#, "é".repeat(2000)));
        assert_eq!(read.message.len(), 1023);
    }

    #[test]
    fn a_body_that_is_cut_or_of_another_kind_is_garbage() {
        let whole = r#"{"type":"message","usage":{"input_tokens":1,"output_tokens":2}}"#;
        assert!(matches!(read_body(whole.as_bytes()), BodyReading::Answer(_)));
        for length in 0..whole.len() {
            assert_eq!(read_body(&whole.as_bytes()[..length]), BodyReading::Garbage, "{length} bytes");
        }
        for body in ["", "<html>", "{}", "[]", r#"{"data":[]}"#, r#"{"usage":{"input_tokens":x}}"#] {
            assert_eq!(read_body(body.as_bytes()), BodyReading::Garbage, "{body}");
        }
    }

    #[test]
    fn an_answer_without_a_count_is_not_free() {
        let BodyReading::Answer(reading) = read_body(br#"{"type":"message","content":[{"text":"Hi"}]}"#) else {
            panic!("an answer")
        };
        assert_eq!((reading.usage.output, reading.source), (4, UsageSource::Estimated));
    }
}
