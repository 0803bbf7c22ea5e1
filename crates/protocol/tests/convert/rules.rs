//! What the upstream's own rules make of a request: ceilings, headers, thinking, names, ids.

use crate::{
    NOW, model_of, pairs,
    refusals::{chat, chat_of, messages},
};
use Dialect::{Anthropic, Gemini, OpenAiChat as Chat, OpenAiResponses as Responses};
use domain::Dialect;
use protocol::convert;
use serde_json::{Value, json};

fn converted(from: Dialect, to: Dialect, model: &str, body: &str) -> Value {
    let converted = convert::request(from, to, body.as_bytes(), model, NOW).expect("expressible");
    serde_json::from_slice(&converted.body).expect("JSON")
}

#[test]
fn a_request_for_anthropic_says_which_version_of_the_interface_it_is_written_for() {
    for (from, to) in pairs() {
        let converted = convert::request(from, to, crate::small_request(from).as_bytes(), model_of(to), NOW);
        let headers = converted.expect("a request that can be expressed").headers;
        let expected: &[(&str, &str)] = if to == Anthropic { &[("anthropic-version", "2023-06-01")] } else { &[] };
        assert_eq!(headers, expected);
    }
}

#[test]
fn a_ceiling_that_the_client_left_out_is_the_documented_one() {
    for (model, ceiling) in
        [("claude-opus-5-5", convert::MAX_TOKENS_UNTOLD), ("claude-3-haiku-20240307", convert::MAX_TOKENS_UNTOLD_EARLY)]
    {
        assert_eq!(converted(Chat, Anthropic, model, &chat(""))["max_tokens"], ceiling);
    }
}

#[test]
fn thinking_fits_the_models_generation() {
    let thinks = |to, model: &str, body: &str| {
        let from = if to == Gemini || to == Anthropic { Chat } else { Anthropic };
        let body = converted(from, to, model, body);
        let places =
            ["/thinking", "/output_config", "/generationConfig/thinkingConfig", "/reasoning_effort", "/reasoning"];
        let found = places.iter().filter_map(|place| body.pointer(place));
        found.map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    let effort = |word: &str| chat(&format!(r#","max_tokens":10000,"reasoning_effort":"{word}""#));
    let budget = messages(r#","thinking":{"type":"enabled","budget_tokens":2000}"#);
    let off = messages(r#","thinking":{"type":"disabled"},"output_config":{"effort":"high"}"#);
    let max = messages(r#","thinking":{"type":"adaptive","display":"omitted"},"output_config":{"effort":"max"}"#);
    for (to, model, body, expected) in [
        (Anthropic, "claude-haiku-4-5", effort("minimal"), r#"{"budget_tokens":1024,"type":"enabled"}"#),
        (Anthropic, "claude-haiku-4-5", effort("high"), r#"{"budget_tokens":8000,"type":"enabled"}"#),
        (Anthropic, "claude-haiku-4-5", effort("none"), r#"{"type":"disabled"}"#),
        (
            Anthropic,
            "claude-opus-4-6",
            effort("minimal"),
            r#"{"display":"summarized","type":"adaptive"} {"effort":"low"}"#,
        ),
        (Gemini, "gemini-2.5-flash", effort("medium"), r#"{"includeThoughts":true,"thinkingBudget":8192}"#),
        (Gemini, "gemini-2.5-flash", effort("none"), r#"{"thinkingBudget":0}"#),
        (Gemini, "gemini-2.5-pro", effort("none"), r#"{"thinkingBudget":128}"#),
        (Gemini, "gemini-3.1-pro", effort("minimal"), r#"{"includeThoughts":true,"thinkingLevel":"LOW"}"#),
        (Gemini, "gemini-3.8-flash", effort("none"), r#"{"thinkingLevel":"MINIMAL"}"#),
        (Gemini, "gemini-3.8-flash", effort("xhigh"), r#"{"includeThoughts":true,"thinkingLevel":"HIGH"}"#),
        (Chat, "gpt-5.2", budget.clone(), r#""low""#),
        (Chat, "gpt-5.2", off.clone(), ""),
        (Chat, "gpt-4.1", max.clone(), ""),
        (Chat, "deepseek-chat", max.clone(), r#""max""#),
        (Responses, "gpt-5.2", budget, r#"{"effort":"low","summary":"auto"}"#),
        (Responses, "gpt-5.2", max.clone(), r#"{"effort":"max"}"#),
        (Responses, "gpt-4.1", max, ""),
    ] {
        assert_eq!(thinks(to, model, &body), expected, "{model}: {body}");
    }
}

#[test]
fn a_ceiling_above_all_gemini_models_is_lowered_to_theirs() {
    for (asked, sent) in [(128_000, 65_536), (1_000, 1_000)] {
        let body = chat(&format!(r#","max_tokens":{asked}"#));
        let config = &converted(Chat, Gemini, model_of(Gemini), &body)["generationConfig"];
        assert_eq!(config["maxOutputTokens"], sent);
    }
}

#[test]
fn ids_of_calls_fit_anthropic_and_stay_together() {
    let calls = r#"{"role":"assistant","tool_calls":[{"id":"functions.f:0","type":"function","function":{"name":"f","arguments":"{}"}}]}"#;
    let result = r#"{"role":"tool","tool_call_id":"functions.f:0","content":"x"}"#;
    let body = converted(Chat, Anthropic, model_of(Anthropic), &chat_of(&format!("{calls},{result}")));
    let id = body["messages"][0]["content"][0]["id"].as_str().expect("an id");
    assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{id}");
    assert_eq!(body["messages"][1]["content"][0]["tool_use_id"], id);
}

#[test]
fn a_name_that_was_changed_comes_back_as_the_client_has_it() {
    let name = "mcp__".to_owned() + &"x".repeat(80);
    let body = messages(&format!(r#","stream":true,"tools":[{{"name":"{name}","input_schema":{{"type":"object"}}}}]"#));
    let conversion = convert::request(Anthropic, Chat, body.as_bytes(), "gpt-5.2", NOW).expect("expressible");
    let sent: Value = serde_json::from_slice(&conversion.body).expect("JSON");
    let sent = sent["tools"][0]["function"]["name"].as_str().expect("a name");
    assert_eq!(sent.len(), 64);
    let call = json!({"id": "c", "type": "function", "function": {"name": sent, "arguments": "{}"}});
    let answer = json!({"id": "x", "choices": [{"message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]});
    let document = conversion.answer.document(answer.to_string().as_bytes()).expect("an answer");
    let document: Value = serde_json::from_slice(&document).expect("JSON");
    assert_eq!(document["content"][0]["name"], name);
}

#[test]
fn a_function_of_a_namespace_comes_back_with_it() {
    let body = r#"{"model":"m","input":"Hi","tools":[{"type":"namespace","name":"agents","tools":[{"type":"function","name":"close"}]}]}"#;
    let conversion = convert::request(Responses, Anthropic, body.as_bytes(), "claude", NOW).expect("expressible");
    let sent: Value = serde_json::from_slice(&conversion.body).expect("JSON");
    let call = json!({"type": "tool_use", "id": "t", "name": sent["tools"][0]["name"], "input": {}});
    let answer = json!({"type": "message", "id": "x", "model": "claude", "content": [call], "stop_reason": "tool_use"});
    let document = conversion.answer.document(answer.to_string().as_bytes()).expect("an answer");
    let document: Value = serde_json::from_slice(&document).expect("JSON");
    let item = &document["output"][0];
    assert_eq!((&item["namespace"], &item["name"]), (&json!("agents"), &json!("close")));
}

#[test]
fn the_description_of_a_schema_goes_into_it_where_there_is_no_place_beside_it() {
    let format = |schema: &str| {
        let schema = format!(r#"{{"name":"A","description":"An \"answer\".","schema":{schema}}}"#);
        chat(&format!(r#","response_format":{{"type":"json_schema","json_schema":{schema}}}"#))
    };
    for (to, place) in [(Anthropic, "/output_config/format/schema"), (Gemini, "/generationConfig/responseJsonSchema")] {
        for (schema, expected) in [
            (r#"{ "type":"object"}"#, json!({"description": "An \"answer\".", "type": "object"})),
            ("{}", json!({"description": "An \"answer\"."})),
            (r#"{"description":"Its own."}"#, json!({"description": "Its own."})),
        ] {
            assert_eq!(converted(Chat, to, "m", &format(schema)).pointer(place), Some(&expected));
        }
    }
}

#[test]
fn a_namespace_is_described_with_each_of_its_functions() {
    let tools = r#"{"type":"namespace","name":"n","description":"About n.","tools":[{"type":"function","name":"f","description":"F."},{"type":"function","name":"g"}]}"#;
    let body = format!(r#"{{"model":"m","input":"Hi","tools":[{tools}]}}"#);
    let tools = &converted(Responses, Anthropic, "m", &body)["tools"];
    let descriptions = [&tools[0]["description"], &tools[1]["description"]];
    assert_eq!(descriptions, [&json!("About n.\n\nF."), &json!("About n.")]);
}

#[test]
fn the_name_of_an_end_user_that_is_too_long_is_left_out() {
    let body = messages(&format!(r#","metadata":{{"user_id":"{}"}}"#, "x".repeat(65)));
    assert_eq!(converted(Anthropic, Chat, "gpt-5.2", &body).get("user"), None);
    let body = chat(&format!(r#","user":"{}""#, "x".repeat(257)));
    assert_eq!(converted(Chat, Anthropic, "claude", &body).get("metadata"), None);
}
