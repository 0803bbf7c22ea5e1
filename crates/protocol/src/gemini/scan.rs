//! Reads of a Gemini request what routing needs; the model and the stream stand in its path.

use crate::{
    scan::{PathModel, Scan, ScanError, pick},
    skim::Value,
    tariff::Tariff,
};

/// Reads a request to `…/models/{model}:generateContent`, `:streamGenerateContent` or `:countTokens`.
///
/// # Errors
///
/// When the body is no JSON object, or has one of the fields read here twice, or the path names no model.
pub fn scan(body: &[u8], in_path: Option<&PathModel>) -> Result<Scan, ScanError> {
    let [config, config_snake] = pick(body, ["generationConfig", "generation_config"])?;
    let PathModel { model, stream } = in_path.ok_or(ScanError::Missing { field: "model" })?.clone();
    let config = config.or(config_snake);
    let max_tokens = config.map(|config| max_tokens(&config)).transpose()?.flatten();
    Ok(Scan {
        model,
        model_range: None,
        stream,
        max_tokens,
        end_user: None,
        tariff: Tariff::default(),
        session: None,
        usage_edit: None,
    })
}

fn max_tokens(config: &Value<'_>) -> Result<Option<u64>, ScanError> {
    let start = config.range().start;
    for member in config.members().into_iter().flatten() {
        let member = member.map_err(|fault| ScanError::Malformed { at: start + fault.at, expected: fault.expected })?;
        if matches!(&*member.key, b"maxOutputTokens" | b"max_output_tokens") {
            return Ok(member.value.count());
        }
    }
    Ok(None)
}
