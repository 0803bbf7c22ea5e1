//! Reads of a Chat, Embeddings or Responses request what routing needs.

use crate::{
    scan::{Edit, PathModel, Scan, ScanError, model_of, pick, session_text, wants_stream},
    skim::Value,
    tariff::Tariff,
};

/// Reads a request to `/v1/chat/completions` or `/v1/embeddings`.
///
/// # Errors
///
/// When the body is no JSON object, names no model although the path does not either, has one of the fields read here twice, or has
/// a `stream` that is neither a boolean nor null.
pub fn scan_chat(body: &[u8], in_path: Option<&PathModel>) -> Result<Scan, ScanError> {
    let [model, stream, options, max_tokens, max_completion_tokens, cache_key, user, tier] = pick(
        body,
        [
            "model",
            "stream",
            "stream_options",
            "max_tokens",
            "max_completion_tokens",
            "prompt_cache_key",
            "user",
            "service_tier",
        ],
    )?;
    let (model, model_range) = model_of(model.as_ref(), in_path)?;
    let stream = wants_stream(stream.as_ref())?;
    Ok(Scan {
        model,
        model_range,
        stream,
        max_tokens: max_completion_tokens.or(max_tokens).as_ref().and_then(Value::count),
        end_user: None,
        tariff: tariff(tier),
        session: session_text(cache_key.as_ref()).or_else(|| session_text(user.as_ref())),
        usage_edit: if stream { ask_for_usage(body, options.as_ref())? } else { None },
    })
}

/// Reads a request to `/v1/responses` or `/v1/responses/compact`.
///
/// # Errors
///
/// As [`scan_chat`].
pub fn scan_responses(body: &[u8], in_path: Option<&PathModel>) -> Result<Scan, ScanError> {
    let [model, stream, max_tokens, cache_key, user, tier] =
        pick(body, ["model", "stream", "max_output_tokens", "prompt_cache_key", "user", "service_tier"])?;
    let (model, model_range) = model_of(model.as_ref(), in_path)?;
    Ok(Scan {
        model,
        model_range,
        stream: wants_stream(stream.as_ref())?,
        max_tokens: max_tokens.as_ref().and_then(Value::count),
        end_user: None,
        tariff: tariff(tier),
        session: session_text(cache_key.as_ref()).or_else(|| session_text(user.as_ref())),
        usage_edit: None,
    })
}

fn tariff(service_tier: Option<Value<'_>>) -> Tariff {
    let mut tariff = Tariff::default();
    if let Some(tier) = service_tier {
        tariff.take(b"service_tier", &tier);
    }
    tariff
}

/// The change by which a stream tells its usage in a last chunk; none where `stream_options` asks for it.
fn ask_for_usage(body: &[u8], options: Option<&Value<'_>>) -> Result<Option<Edit>, ScanError> {
    const ASKED: &str = r#"{"include_usage":true}"#;
    let Some(options) = options else {
        let at = body.iter().position(|&byte| byte == b'{').map_or(0, |brace| brace + 1);
        return Ok(Some(Edit { range: at..at, text: format!("\"stream_options\":{ASKED},") }));
    };
    let start = options.range().start;
    let (mut asked, mut is_empty) = (None, true);
    for member in options.members().into_iter().flatten() {
        let member = member.map_err(|fault| ScanError::Malformed { at: start + fault.at, expected: fault.expected })?;
        is_empty = false;
        if *member.key == *b"include_usage" && asked.replace(member.value).is_some() {
            return Err(ScanError::Repeated { field: "stream_options.include_usage" });
        }
    }
    Ok(match asked {
        Some(value) if value.boolean() == Some(true) => None,
        Some(value) => {
            let range = value.range();
            Some(Edit { range: start + range.start..start + range.end, text: "true".to_owned() })
        }
        None if options.is_null() || is_empty => Some(Edit { range: options.range(), text: ASKED.to_owned() }),
        None => Some(Edit { range: start + 1..start + 1, text: "\"include_usage\":true,".to_owned() }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::edited;
    use bytes::Bytes;

    fn asking(body: &'static str) -> String {
        let scan = scan_chat(body.as_bytes(), None).expect(body);
        let parts = edited(&Bytes::from_static(body.as_bytes()), scan.usage_edit.into_iter().collect());
        String::from_utf8(parts.concat()).expect("text")
    }

    #[test]
    fn a_stream_is_asked_for_its_usage_however_its_options_are_written() {
        for (body, asked) in [
            (
                r#"{"model":"m","stream":true}"#,
                r#"{"stream_options":{"include_usage":true},"model":"m","stream":true}"#,
            ),
            (
                r#"{"model":"m","stream":true,"stream_options":null}"#,
                r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"model":"m","stream":true,"stream_options":{ }}"#,
                r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"model":"m","stream_options":{"include_usage": false},"stream":true}"#,
                r#"{"model":"m","stream_options":{"include_usage": true},"stream":true}"#,
            ),
            (
                r#"{"model":"m","stream_options":{"x":1},"stream":true}"#,
                r#"{"model":"m","stream_options":{"include_usage":true,"x":1},"stream":true}"#,
            ),
        ] {
            assert_eq!(asking(body), asked);
        }
        for body in [
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"model":"m","stream":false}"#,
        ] {
            assert_eq!(asking(body), body);
        }
    }

    #[test]
    fn what_routing_needs_is_read_of_either_dialect() {
        let body = br#"{"model":"gpt-5.5","prompt_cache_key":"s","user":"u","max_tokens":1,"max_completion_tokens":7,
            "service_tier":"flex"}"#;
        let chat = scan_chat(body, None).expect("a request");
        assert_eq!((chat.model.as_str(), chat.max_tokens, chat.session.as_deref()), ("gpt-5.5", Some(7), Some("s")));
        assert_eq!(chat.tariff.service_tier.as_deref(), Some("flex"));
        let body = br#"{"input":"hi","user":"u","stream":true,"max_output_tokens":9,"model":"gpt-5.5"}"#;
        let read = scan_responses(body, None).expect("a request");
        assert_eq!((read.stream, read.max_tokens, read.session.as_deref()), (true, Some(9), Some("u")));
        assert!(read.usage_edit.is_none(), "this dialect always tells its usage");
    }

    #[test]
    fn a_deployment_in_the_path_is_the_model() {
        let path = PathModel { model: "deployment".to_owned(), stream: false };
        let body = br#"{"model":"gpt-5.5","messages":[]}"#;
        let scan = scan_chat(body, Some(&path)).expect("a request");
        assert_eq!(scan.model, "deployment");
        assert_eq!(scan.model_edit(body, "d2").expect("an edit").range, 9..18);
        let scan = scan_chat(br#"{"messages":[]}"#, Some(&path)).expect("a request");
        assert_eq!(scan.model_edit(br#"{"messages":[]}"#, "d2"), None);
    }

    #[test]
    fn a_field_given_twice_or_missing_is_refused() {
        for (body, error) in [
            (r#"{"model":"a","model":"b"}"#, ScanError::Repeated { field: "model" }),
            (r#"{"stream":true}"#, ScanError::Missing { field: "model" }),
            (r#"{"model":"a","stream":1}"#, ScanError::Unfit { field: "stream", expected: "a boolean" }),
            (
                r#"{"model":"a","stream":true,"stream_options":{"include_usage":true,"include_usage":false}}"#,
                ScanError::Repeated { field: "stream_options.include_usage" },
            ),
        ] {
            assert_eq!(scan_chat(body.as_bytes(), None), Err(error), "{body}");
        }
    }
}
