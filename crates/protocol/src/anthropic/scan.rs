//! Reads of a Messages request what routing needs. What the upstream alone must judge is not judged here.

use crate::{
    scan::{END_USER_BYTES_MAX, EndUser, PathModel, Scan, ScanError, model_of, pick, wants_stream},
    skim::{Members, Value},
    tariff::Tariff,
};

/// Reads a request to `/v1/messages` or `/v1/messages/count_tokens`.
///
/// # Errors
///
/// When the body is no JSON object, names no model, has one of the fields read here twice, or has a `stream` that is
/// neither a boolean nor null.
pub fn scan(body: &[u8], in_path: Option<&PathModel>) -> Result<Scan, ScanError> {
    let [model, stream, max_tokens, metadata, tier, speed, geo] = pick(
        Members::of(body),
        ["model", "stream", "max_tokens", "metadata", "service_tier", "speed", "inference_geo"],
    )?;
    let mut tariff = Tariff::default();
    for (key, value) in [("service_tier", tier), ("speed", speed), ("inference_geo", geo)] {
        if let Some(value) = value {
            tariff.take(key.as_bytes(), &value);
        }
    }
    let (model, model_range) = model_of(model.as_ref(), in_path)?;
    let end_user = metadata.as_ref().map(end_user).transpose()?.flatten();
    Ok(Scan {
        model,
        model_range,
        stream: wants_stream(stream.as_ref())? || in_path.is_some_and(|path| path.stream),
        max_tokens: max_tokens.as_ref().and_then(Value::count),
        session: end_user.as_ref().and_then(|user| user.session.clone()),
        end_user,
        tariff,
        usage_edit: None,
    })
}

fn end_user(metadata: &Value<'_>) -> Result<Option<EndUser>, ScanError> {
    let mut user = None;
    for member in metadata.members().into_iter().flatten() {
        let member = member.map_err(|fault| ScanError::Malformed {
            at: metadata.range().start + fault.at,
            expected: fault.expected,
        })?;
        if *member.key == *b"user_id" && user.replace(member.value).is_some() {
            return Err(ScanError::Repeated { field: "metadata.user_id" });
        }
    }
    Ok(user.and_then(|id| id.short_text(END_USER_BYTES_MAX)).map(|id| EndUser::parse(&id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> ScanError {
        scan(body.as_bytes(), None).expect_err(body)
    }

    #[test]
    fn an_escaped_key_is_the_key_and_an_escaped_name_the_name() {
        let read = scan(br#"{"mod\u0065l":"claude\u002dopus","stream":null}"#, None).expect("a request");
        assert_eq!((read.model.as_str(), read.stream), ("claude-opus", false));
    }

    #[test]
    fn a_field_given_twice_is_refused_however_it_is_spelled() {
        for (body, field) in [
            (r#"{"model":"a","mod\u0065l":"b"}"#, "model"),
            (r#"{"model":"a","model":"a"}"#, "model"),
            (r#"{"model":"a","speed":"fast","speed":null}"#, "speed"),
            (r#"{"model":"a","metadata":{"user_id":"a","user_id":"b"}}"#, "metadata.user_id"),
        ] {
            assert_eq!(refused(body), ScanError::Repeated { field }, "{body}");
        }
    }

    #[test]
    fn the_model_of_a_nested_object_is_not_the_model() {
        let body = r#"{"tools":[{"model":"b","x":"}]\"\\"}],"metadata":{"model":"c"},"model":"a"}"#;
        assert_eq!(scan(body.as_bytes(), None).expect("a request").model, "a");
        assert_eq!(refused(r#"{"x":{"model":"b"}}"#), ScanError::Missing { field: "model" });
    }

    #[test]
    fn what_is_no_object_is_refused_with_the_place() {
        for (body, at) in [
            ("", 0),
            ("[]", 0),
            ("\u{feff}{}", 0),
            ("{", 1),
            (r#"{"model""#, 8),
            (r#"{"model":"a""#, 12),
            (r#"{"model":"a",}"#, 13),
            (r#"{"model":"a"} x"#, 14),
            (r#"{"model":"a"}{"#, 13),
            (r#"{"model":"a}"#, 12),
            (r#"{"model":"a\"}"#, 14),
            (r#"{"model":tru}"#, 9),
            (r#"{"model":"a","n":01}"#, 17),
            (r#"{"model":"a","n":}"#, 17),
            (r#"{"model":"a","n":[1}"#, 20),
            (r"{model:1}", 1),
            (r#"{"\x":1}"#, 1),
        ] {
            assert!(matches!(refused(body), ScanError::Malformed { at: found, .. } if found == at), "{body}: {at}");
        }
    }

    #[test]
    fn a_model_or_stream_that_cannot_be_used_is_refused() {
        let long = format!(r#"{{"model":"{}"}}"#, "m".repeat(257));
        for body in [r#"{"model":7}"#, r#"{"model":""}"#, r#"{"model":null}"#, "{\"model\":\"a\nb\"}", long.as_str()] {
            assert!(matches!(refused(body), ScanError::Unfit { field: "model", .. }), "{body}");
        }
        let body = r#"{"model":"a","stream":"yes"}"#;
        assert_eq!(refused(body), ScanError::Unfit { field: "stream", expected: "a boolean" });
    }

    #[test]
    fn what_only_the_upstream_can_judge_is_left_to_it() {
        let body = r#"{"model":"a","max_tokens":"many","metadata":[],"speed":1,"temperature":9}"#;
        let read = scan(body.as_bytes(), None).expect("a request");
        assert_eq!((read.max_tokens, read.end_user, read.tariff), (None, None, Tariff::default()));
    }

    #[test]
    fn a_deep_document_does_not_overflow_the_stack() {
        let depth = 2_000_000;
        let body = format!(r#"{{"x":{}{},"model":"a"}}"#, "[".repeat(depth), "]".repeat(depth));
        assert_eq!(scan(body.as_bytes(), None).expect("a request").model, "a");
    }

    #[test]
    fn what_changes_the_price_is_read() {
        let body = r#"{"model":"a","speed":"fast","service_tier":"auto","inference_geo":"us","max_tokens":1e3}"#;
        let read = scan(body.as_bytes(), None).expect("a request");
        let texts = [read.tariff.speed, read.tariff.service_tier, read.tariff.inference_geo];
        assert_eq!(texts, ["fast", "auto", "us"].map(|text| Some(text.to_owned())));
        assert_eq!(read.max_tokens, Some(1000));
    }
}
