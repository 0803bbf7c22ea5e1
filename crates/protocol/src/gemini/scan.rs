//! Reads of a Gemini request what routing needs; the model and the stream stand in its path.

use crate::{
    scan::{PathModel, Scan, ScanError, model_of, pick, session_text},
    skim::{Members, Value},
    tariff::Tariff,
};

/// Reads a request to `…/models/{model}:generateContent`, `:streamGenerateContent` or `:countTokens`, or to the method of
/// the same name of Code Assist, whose path names no model: it wraps the request as `{"model":…,"request":{…}}`.
///
/// # Errors
///
/// When the body is no JSON object or has one of the fields read here twice, or no model is named.
pub(crate) fn scan(body: &[u8], in_path: Option<&PathModel>) -> Result<Scan, ScanError> {
    let [model, wrapped] = pick(Members::of(body), ["model", "request"])?;
    let wrapped = wrapped.and_then(|request| request.members());
    let [config, config_snake, tier, tier_snake, session] = pick(
        wrapped.unwrap_or(Members::of(body)),
        ["generationConfig", "generation_config", "serviceTier", "service_tier", "session_id"],
    )?;
    let named = in_path.filter(|path| !path.model.is_empty());
    let (model, model_range) = model_of(model.as_ref(), named)?;
    let mut tariff = Tariff::default();
    if let Some(tier) = tier.or(tier_snake) {
        tariff.take(b"service_tier", &tier);
    }
    Ok(Scan {
        model,
        // What else the body may say of a model is not what the path asks for.
        model_range: if named.is_some() { None } else { model_range },
        stream: in_path.is_some_and(|path| path.stream),
        max_tokens: config.or(config_snake).map(|config| max_tokens(&config)).transpose()?.flatten(),
        end_user: None,
        tariff,
        session: session_text(session.as_ref()),
        usage_edit: None,
    })
}

fn max_tokens(config: &Value<'_>) -> Result<Option<u64>, ScanError> {
    let Some(members) = config.members() else { return Ok(None) };
    let [tokens, tokens_snake] = pick(members, ["maxOutputTokens", "max_output_tokens"])?;
    Ok(tokens.or(tokens_snake).as_ref().and_then(Value::count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(model: &str) -> PathModel {
        PathModel { model: model.to_owned(), stream: true }
    }

    #[test]
    fn the_path_names_the_model_and_the_body_the_rest() {
        let body = br#"{"contents":[{"parts":[{"text":"hi"}]}],"model":"models/other","serviceTier":"flex",
            "generationConfig":{"temperature":0,"maxOutputTokens":2048}}"#;
        let read = scan(body, Some(&path("gemini-3.8-flash"))).expect("a request");
        assert_eq!((read.model.as_str(), read.model_range, read.stream), ("gemini-3.8-flash", None, true));
        assert_eq!((read.max_tokens, read.tariff.service_tier.as_deref()), (Some(2048), Some("flex")));
        let snake = br#"{"generation_config":{"max_output_tokens":7},"service_tier":"priority"}"#;
        let read = scan(snake, Some(&path("m"))).expect("a request");
        assert_eq!((read.max_tokens, read.tariff.service_tier.as_deref()), (Some(7), Some("priority")));
    }

    #[test]
    fn code_assist_s_request_is_read_in_its_envelope() {
        let body = br#"{"model":"gemini-3.1-pro","project":"p","user_prompt_id":"u",
            "request":{"contents":[],"generationConfig":{"maxOutputTokens":9},"session_id":"s-1"}}"#;
        let read = scan(body, Some(&path(""))).expect("a request");
        assert_eq!((read.model.as_str(), read.stream, read.max_tokens), ("gemini-3.1-pro", true, Some(9)));
        assert_eq!((read.session.as_deref(), read.model_range), (Some("s-1"), Some(9..25)));
    }

    #[test]
    fn a_request_without_a_usable_model_is_refused() {
        let long = "m".repeat(257);
        for (body, in_path, error) in [
            (r#"{"contents":[]}"#, None, ScanError::Missing { field: "model" }),
            (r#"{"contents":[]}"#, Some(path("")), ScanError::Missing { field: "model" }),
            (
                r#"{"contents":[]}"#,
                Some(path(&long)),
                ScanError::Unfit { field: "model", expected: "a string of 1 to 256 bytes" },
            ),
            (
                r#"{"generationConfig":{"maxOutputTokens":1,"maxOutputTokens":2}}"#,
                Some(path("m")),
                ScanError::Repeated { field: "maxOutputTokens" },
            ),
            (
                r#"{"request":{"session_id":"a","session_id":"b"},"model":"m"}"#,
                None,
                ScanError::Repeated { field: "session_id" },
            ),
        ] {
            assert_eq!(scan(body.as_bytes(), in_path.as_ref()), Err(error), "{body}");
        }
    }
}
