//! A turn with tools through every platform, native and converted: the call and its result go up, the next calls come back.

use crate::platforms::{
    ANTHROPIC_TOOLS, CHAT_TOOLS, Case, GEMINI_TOOLS, Golden, RESPONSES_TOOLS, converted_cases, native_cases, played,
};
use serde_json::{Value, json};
use testkit::client::{Answered, SseEvent};

const TOOL: &str = "get_weather";
const CALL_ID: &str = "call_0";
const QUESTION: &str = "Is it warmer in Zürich?";
const RESULT: &str = "12 °C in Bern";

/// The case with a tool, a call of it and the call's result in its body, and an answer that calls it again.
fn with_tools(case: Case) -> Case {
    let mut body = case.body;
    let (turns, tools) = turns_and_tools(case.path);
    body[turns_member(case.path)] = turns;
    body["tools"] = tools;
    Case { body, golden: golden_of(case.target), ..case }
}

fn turns_member(path: &str) -> &'static str {
    match path {
        _ if path.ends_with("/responses") => "input",
        _ if path.contains("enerateContent") => "contents",
        _ => "messages",
    }
}

fn golden_of(target: &str) -> Golden {
    match target {
        _ if target.contains("/chat/completions") => CHAT_TOOLS,
        _ if target.ends_with("/responses") => RESPONSES_TOOLS,
        _ if target.contains("enerateContent") => GEMINI_TOOLS,
        _ => ANTHROPIC_TOOLS,
    }
}

/// The conversation so far and the tool, in the dialect of `path`.
fn turns_and_tools(path: &str) -> (Value, Value) {
    let (schema, input) =
        (json!({"type": "object", "properties": {"city": {"type": "string"}}}), json!({"city": "Bern"}));
    match path {
        _ if path.ends_with("/messages") => (
            json!([
                {"role": "user", "content": QUESTION},
                {"role": "assistant", "content": [{"type": "tool_use", "id": CALL_ID, "name": TOOL, "input": input}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": CALL_ID, "content": RESULT}]},
            ]),
            json!([{"name": TOOL, "description": "Tells the weather.", "input_schema": schema}]),
        ),
        _ if path.ends_with("/responses") => (
            json!([
                {"role": "user", "content": QUESTION},
                {"type": "function_call", "call_id": CALL_ID, "name": TOOL, "arguments": input.to_string()},
                {"type": "function_call_output", "call_id": CALL_ID, "output": RESULT},
            ]),
            json!([{"type": "function", "name": TOOL, "parameters": schema}]),
        ),
        _ if path.contains("enerateContent") => (
            json!([
                {"role": "user", "parts": [{"text": QUESTION}]},
                {"role": "model", "parts": [{"functionCall": {"name": TOOL, "args": input}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": TOOL, "response": {"output": RESULT}}}]},
            ]),
            json!([{"functionDeclarations": [{"name": TOOL, "parameters": schema}]}]),
        ),
        _ => (
            json!([
                {"role": "user", "content": QUESTION},
                {"role": "assistant", "tool_calls": [
                    {"id": CALL_ID, "type": "function", "function": {"name": TOOL, "arguments": input.to_string()}},
                ]},
                {"role": "tool", "tool_call_id": CALL_ID, "content": RESULT},
            ]),
            json!([{"type": "function", "function": {"name": TOOL, "parameters": schema}}]),
        ),
    }
}

#[tokio::test]
async fn a_turn_with_tools_passes_to_every_platform_and_back() {
    for stream in [false, true] {
        for case in native_cases(stream).into_iter().map(with_tools) {
            let (answered, exchange) = played(&case, stream).await;
            let told = format!("{} by {}, stream: {stream}", case.path, case.account["platform"]);
            let sent: Value = serde_json::from_slice(&exchange.request.body).unwrap();
            for member in [turns_member(case.path), "tools"] {
                assert_eq!(sent[member], case.body[member], "{told}");
            }
            if !(stream && case.path.ends_with("/chat/completions")) {
                let golden = if stream { case.golden.stream } else { case.golden.document };
                assert_eq!(answered.body, golden, "{told}");
            }
        }
    }
}

#[tokio::test]
async fn a_turn_with_tools_is_converted_for_another_maker_s_model_and_back() {
    for stream in [false, true] {
        for case in converted_cases(stream).into_iter().map(with_tools) {
            let (answered, exchange) = played(&case, stream).await;
            let told = format!("{} by {}, stream: {stream}: {answered:?}", case.path, case.account["platform"]);
            let sent: Value = serde_json::from_slice(&exchange.request.body).unwrap();
            assert_result_went_up(case.target, &sent);
            let calls = if case.path == "/v1/messages" {
                calls_of_a_message(&answered, stream)
            } else {
                calls_of_a_chat(&answered, stream)
            };
            let expected = [
                (TOOL.to_owned(), json!({"zone": 12_345_678_901_234_567_890_u64, "city": "Zürich"})),
                ("get_time".to_owned(), json!({})),
            ];
            assert_eq!(calls, expected, "{told}");
        }
    }
}

/// Holds the call and its result, as the upstream got them, to its dialect.
fn assert_result_went_up(target: &str, sent: &Value) {
    let (called, result) = match target {
        _ if target.contains("enerateContent") => {
            let turns = &sent["contents"];
            let (call, answer) = (&turns[1]["parts"][0]["functionCall"], &turns[2]["parts"][0]["functionResponse"]);
            assert_eq!(answer["name"], TOOL, "{sent}");
            (&call["name"], &answer["response"])
        }
        "/v1/chat/completions" => {
            let turns = &sent["messages"];
            assert_eq!((&turns[2]["role"], &turns[2]["tool_call_id"]), (&json!("tool"), &json!(CALL_ID)), "{sent}");
            (&turns[1]["tool_calls"][0]["function"]["name"], &turns[2]["content"])
        }
        _ => {
            let turns = &sent["messages"];
            let answer = &turns[2]["content"][0];
            assert_eq!((&answer["type"], &answer["tool_use_id"]), (&json!("tool_result"), &json!(CALL_ID)), "{sent}");
            (&turns[1]["content"][0]["name"], &answer["content"])
        }
    };
    assert_eq!(called, TOOL, "{sent}");
    assert!(result.to_string().contains(RESULT), "{sent}");
}

/// Name and input of each call in a message or its stream.
fn calls_of_a_message(answered: &Answered, stream: bool) -> Vec<(String, Value)> {
    if !stream {
        let document = answered.json();
        let calls = document["content"].as_array().unwrap().iter().filter(|block| block["type"] == "tool_use");
        return calls.map(|call| (call["name"].as_str().unwrap().to_owned(), call["input"].clone())).collect();
    }
    let (mut names, mut inputs) = (Vec::new(), Vec::<String>::new());
    for event in answered.events().events.iter().map(SseEvent::json) {
        if event["content_block"]["type"] == "tool_use" {
            names.push(event["content_block"]["name"].as_str().unwrap().to_owned());
            inputs.push(String::new());
        } else if let Some(part) = event["delta"]["partial_json"].as_str() {
            inputs.last_mut().unwrap().push_str(part);
        }
    }
    names.into_iter().zip(inputs.iter().map(|input| read_input(input))).collect()
}

/// Name and arguments of each call in a chat's answer or its stream.
fn calls_of_a_chat(answered: &Answered, stream: bool) -> Vec<(String, Value)> {
    let mut calls = Vec::<(String, String)>::new();
    let parts = if stream {
        let chunks = answered.events().events;
        let chunks = chunks.iter().filter(|chunk| chunk.data != "[DONE]");
        chunks.flat_map(|chunk| calls_in(&chunk.json()["choices"][0]["delta"])).collect()
    } else {
        calls_in(&answered.json()["choices"][0]["message"])
    };
    for part in parts {
        if let Some(name) = part["function"]["name"].as_str() {
            calls.push((name.to_owned(), String::new()));
        }
        calls.last_mut().unwrap().1.push_str(part["function"]["arguments"].as_str().unwrap_or_default());
    }
    calls.into_iter().map(|(name, arguments)| (name, read_input(&arguments))).collect()
}

fn calls_in(message: &Value) -> Vec<Value> {
    message["tool_calls"].as_array().cloned().unwrap_or_default()
}

/// A tool's input; clients take none written as an empty object.
fn read_input(text: &str) -> Value {
    if text.is_empty() { json!({}) } else { serde_json::from_str(text).unwrap() }
}
