//! What real client programs sent either converts, or is refused by the name of a field that is there.

use crate::{NOW, golden_files, model_of, pairs};
use domain::Dialect;
use protocol::convert;
use serde_json::Value;
use std::fs;

/// The requests that some upstream cannot take, and which of their fields it is.
const REFUSED: [(&str, Option<Dialect>, &str); 5] = [
    // The provider judges whether a call of a tool is dangerous; without it the client's mode is not safe.
    ("claude-code-auto-mode", None, "safeguards"),
    // Codex sends the provider's search unless it is switched off.
    ("codex-tools", None, "tools.8.type"),
    ("codex-additional-tools", None, "input.0.type"),
    ("codex-next-turn", None, "previous_response_id"),
    ("py-openai-4", Some(Dialect::Gemini), "parallel_tool_calls"),
];

#[test]
fn real_requests_convert_or_are_refused_by_a_field_that_is_there() {
    let mut converted = 0;
    for (from, to) in pairs() {
        let entries = fs::read_dir(golden_files().join("captured").join(from.to_string())).expect("a folder");
        for file in entries.map(|entry| entry.expect("a readable folder").path()) {
            let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
            let body = fs::read(&file).expect("a readable file");
            let refused = REFUSED.iter().find(|(known, at, _)| *known == name && at.is_none_or(|at| at == to));
            let result = convert::request(from, to, &body, model_of(to), NOW);
            assert_eq!(
                result.as_ref().err().map(|error| &*error.field),
                refused.map(|(_, _, field)| *field),
                "{name} from {from} to {to}"
            );
            if let Err(error) = &result {
                let body: Value = serde_json::from_slice(&body).expect("JSON");
                let pointer = format!("/{}", error.field.replace('.', "/"));
                assert!(body.pointer(&pointer).is_some(), "{name} has {}", error.field);
            }
            converted += usize::from(result.is_ok());
        }
    }
    assert!(converted >= 50, "{converted} requests");
}
