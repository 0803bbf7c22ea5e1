//! Reads of a Chat, Embeddings or Responses request what routing needs.

use crate::{
    scan::{Edit, PathModel, Scan, ScanError, model_of, pick, session_text, wants_stream},
    skim::{Members, Value},
    tariff::Tariff,
};

/// Reads a request to `/v1/chat/completions` or `/v1/embeddings`.
///
/// # Errors
///
/// When the body is no JSON object, names no model although the path does not either, has one of the fields read here
/// twice, or has a `stream` that is neither a boolean nor null.
pub(crate) fn scan_chat(body: &[u8], in_path: Option<&PathModel>) -> Result<Scan, ScanError> {
    let [model, stream, options, max_tokens, max_completion_tokens, cache_key, user, person, tier] = pick(
        Members::of(body),
        [
            "model",
            "stream",
            "stream_options",
            "max_tokens",
            "max_completion_tokens",
            "prompt_cache_key",
            "user",
            "safety_identifier",
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
        session: [cache_key, user, person].iter().find_map(|value| session_text(value.as_ref())),
        usage_edit: if stream { ask_for_usage(body, options.as_ref())? } else { None },
    })
}

/// Reads a request to `/v1/responses` or `/v1/responses/compact`.
///
/// Its session is told by `prompt_cache_key` (Codex and Droid put their session there), else by its `conversation`.
/// `previous_response_id` is another one in each turn, and tells none.
///
/// # Errors
///
/// As [`scan_chat`].
pub(crate) fn scan_responses(body: &[u8], in_path: Option<&PathModel>) -> Result<Scan, ScanError> {
    let [model, stream, max_tokens, cache_key, conversation, user, person, tier] = pick(
        Members::of(body),
        [
            "model",
            "stream",
            "max_output_tokens",
            "prompt_cache_key",
            "conversation",
            "user",
            "safety_identifier",
            "service_tier",
        ],
    )?;
    let (model, model_range) = model_of(model.as_ref(), in_path)?;
    let conversation = conversation.map(|value| conversation_id(&value)).transpose()?.flatten();
    Ok(Scan {
        model,
        model_range,
        stream: wants_stream(stream.as_ref())?,
        max_tokens: max_tokens.as_ref().and_then(Value::count),
        end_user: None,
        tariff: tariff(tier),
        session: [cache_key, conversation, user, person].iter().find_map(|value| session_text(value.as_ref())),
        usage_edit: None,
    })
}

/// A conversation is named by its id, or by an object with the id in it.
fn conversation_id<'a>(conversation: &Value<'a>) -> Result<Option<Value<'a>>, ScanError> {
    match conversation.members() {
        Some(members) => Ok(pick(members, ["id"])?[0]),
        None => Ok(Some(*conversation)),
    }
}

fn tariff(service_tier: Option<Value<'_>>) -> Tariff {
    let mut tariff = Tariff::default();
    if let Some(tier) = service_tier {
        tariff.take(b"service_tier", &tier);
    }
    tariff
}

/// The change by which a stream tells its usage in a last chunk; none where `stream_options` asks for it, or is nothing
/// that could ask: the upstream will say so.
fn ask_for_usage(body: &[u8], options: Option<&Value<'_>>) -> Result<Option<Edit>, ScanError> {
    const ASKED: &str = r#"{"include_usage":true}"#;
    let Some(options) = options else {
        return Ok(Some(Edit::first(body, format!("\"stream_options\":{ASKED},"))));
    };
    if options.is_null() {
        return Ok(Some(Edit { range: options.range(), text: ASKED.to_owned() }));
    }
    let (mut asked, start) = (None, options.range().start + 1);
    let Some(members) = options.members() else { return Ok(None) };
    for member in members {
        let member = member?;
        if *member.key == *b"include_usage" && asked.replace(member.value).is_some() {
            return Err(ScanError::Repeated { field: "stream_options.include_usage" });
        }
    }
    Ok(match asked {
        Some(value) if value.boolean() == Some(true) => None,
        Some(value) => Some(Edit { range: value.range(), text: "true".to_owned() }),
        None if options.is_empty() => Some(Edit { range: options.range(), text: ASKED.to_owned() }),
        None => Some(Edit { range: start..start, text: "\"include_usage\":true,".to_owned() }),
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
            r#"{"model":"m","stream":true,"stream_options":[]}"#,
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
    fn a_session_is_what_stays_over_the_turns_of_a_conversation() {
        for (body, session) in [
            (r#"{"model":"m","prompt_cache_key":"k","conversation":"c","user":"u"}"#, Some("k")),
            (r#"{"model":"m","prompt_cache_key":"","conversation":{"id":"c"},"user":"u"}"#, Some("c")),
            (r#"{"model":"m","conversation":"c"}"#, Some("c")),
            (r#"{"model":"m","prompt_cache_key":null,"safety_identifier":"p"}"#, Some("p")),
            (r#"{"model":"m","previous_response_id":"resp_1","conversation":null}"#, None),
        ] {
            let read = scan_responses(body.as_bytes(), None).expect(body);
            assert_eq!(read.session.as_deref(), session, "{body}");
        }
        let long = format!(r#"{{"model":"m","prompt_cache_key":"{}","user":"u"}}"#, "k".repeat(2049));
        assert_eq!(scan_chat(long.as_bytes(), None).expect("a request").session.as_deref(), Some("u"));
    }

    #[test]
    fn a_fault_within_the_options_is_told_by_its_place_in_the_body() {
        let body = r#"{"model":"m","stream":true,"stream_options":{"x":1,}}"#;
        let fault = ScanError::Malformed { at: 51, expected: "a key in double quotes" };
        assert_eq!(scan_chat(body.as_bytes(), None), Err(fault));
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
