//! What upstreams do that their dialect's reference does not say, and what a converter does when it is called amiss.

use crate::{convert_stream, folding::fold, way_back};
use domain::Dialect::{Anthropic, Gemini, OpenAiChat as Chat, OpenAiResponses as Responses};
use protocol::{UpstreamErrorKind, convert::Step, sse::Event};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A Chat stream of these deltas, with `[DONE]`.
fn chat_stream(deltas: &[Value]) -> Vec<u8> {
    let mut stream = String::new();
    for delta in deltas {
        let chunk = json!({"id": "x", "choices": [{"index": 0, "delta": delta}]});
        write!(stream, "data: {chunk}\n\n").expect("a string takes all");
    }
    (stream + "data: [DONE]\n\n").into_bytes()
}

fn part_of_call(index: Option<u64>, id: Option<&str>, name: Option<&str>, arguments: &str) -> Value {
    let function = json!({"name": name, "arguments": arguments});
    json!({"tool_calls": [{"index": index, "id": id, "function": function}]})
}

/// Id, name and input of each call in an Anthropic message.
fn calls(message: &Value) -> Vec<Value> {
    let blocks = message["content"].as_array().expect("content").iter();
    let calls = blocks.filter(|block| block["type"] == "tool_use");
    calls.map(|block| json!([block["id"], block["name"], block["input"]])).collect()
}

#[test]
fn calls_are_told_apart_however_an_upstream_numbers_them() {
    let expected = [json!(["a", "f", {"x": 1}]), json!(["b", "g", {}])];
    for deltas in [
        // As the reference has it, but with everything at once.
        vec![
            part_of_call(Some(0), Some("a"), Some("f"), "{\"x\":1}"),
            part_of_call(Some(1), Some("b"), Some("g"), "{}"),
        ],
        // Every call has the index 0.
        vec![part_of_call(Some(0), Some("a"), Some("f"), "{\"x\":1}"), part_of_call(Some(0), Some("b"), Some("g"), "")],
        // None has one.
        vec![
            part_of_call(None, Some("a"), Some("f"), "{\"x\""),
            part_of_call(None, None, None, ":1}"),
            part_of_call(None, Some("b"), Some("g"), ""),
        ],
        // The id is told again, empty or not.
        vec![
            part_of_call(Some(0), Some("a"), Some("f"), ""),
            part_of_call(Some(0), Some("a"), None, "{\"x\":"),
            part_of_call(Some(0), Some(""), None, "1}"),
            part_of_call(Some(1), Some("b"), Some("g"), ""),
        ],
    ] {
        let (stream, failure) = convert_stream(way_back(Anthropic, Chat), &chat_stream(&deltas));
        assert_eq!(failure, None);
        let message = fold(Anthropic, &stream);
        assert_eq!(calls(&message), expected);
        assert_eq!(message["stop_reason"], "tool_use", "also when no reason was told");
    }
}

#[test]
fn calls_that_are_mixed_up_are_garbled() {
    let mut converter = way_back(Anthropic, Chat);
    let deltas = [
        part_of_call(Some(0), Some("a"), Some("f"), ""),
        part_of_call(Some(1), Some("b"), Some("g"), ""),
        part_of_call(Some(0), None, None, "{}"),
    ];
    let mut results = deltas.iter().map(|delta| {
        let data = json!({"id": "x", "choices": [{"index": 0, "delta": delta}]}).to_string();
        converter.event(&Event { name: b"", data: data.as_bytes(), start: 0 }, &mut Vec::new())
    });
    assert_eq!(results.next(), Some(Ok(Step::On)));
    assert_eq!(results.next(), Some(Ok(Step::On)));
    let field = results.next().expect("a third").expect_err("garbled").field;
    assert_eq!(field, "choices.0.delta.tool_calls.0.index");
}

#[test]
fn thoughts_have_two_names() {
    for name in ["reasoning_content", "reasoning"] {
        let stream = chat_stream(&[json!({name: "Hm."}), json!({"content": "Yes."})]);
        let (stream, _) = convert_stream(way_back(Anthropic, Chat), &stream);
        let thoughts = &fold(Anthropic, &stream)["content"][0];
        assert_eq!(*thoughts, json!({"type": "thinking", "thinking": "Hm.", "signature": "chat:"}));
    }
}

#[test]
fn arguments_that_come_only_as_a_whole_are_taken_once() {
    let added = json!({"type": "response.output_item.added", "item":
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": ""}});
    let done = json!({"type": "response.output_item.done", "item":
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{\"x\":1}"}});
    let end = json!({"type": "response.completed", "response": {"id": "r", "status": "completed"}});
    let stream = format!("data: {added}\n\ndata: {done}\n\ndata: {end}\n\n");
    let (stream, _) = convert_stream(way_back(Anthropic, Responses), stream.as_bytes());
    assert_eq!(calls(&fold(Anthropic, &stream)), [json!(["a", "f", {"x": 1}])]);
}

#[test]
fn arguments_that_were_cut_are_left_out_only_where_the_room_ended() {
    let answer = |reason: &str| {
        let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\":"}});
        json!({"id": "x", "choices": [{"message": {"tool_calls": [call]}, "finish_reason": reason}]}).to_string()
    };
    let document = way_back(Anthropic, Chat).document(answer("length").as_bytes()).expect("an answer");
    let message: Value = serde_json::from_slice(&document).expect("JSON");
    assert_eq!((calls(&message), &message["stop_reason"]), (vec![json!(["a", "f", {}])], &json!("max_tokens")));
    assert!(way_back(Anthropic, Chat).document(answer("tool_calls").as_bytes()).is_err());
}

#[test]
fn a_model_that_failed_gives_no_document() {
    let answer = json!({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}], "responseId": "r"}).to_string();
    let error = way_back(Chat, Gemini).document(answer.as_bytes()).expect_err("garbled");
    assert_eq!(error.field, "finishReason");
}

#[test]
fn an_upstream_that_counts_nothing_is_not_told_as_zero_in_chat() {
    let stream = format!("data: {}\n\n", json!({"responseId": "r", "candidates": [{"finishReason": "STOP"}]}));
    let (stream, _) = convert_stream(way_back(Chat, Gemini), stream.as_bytes());
    let stream = String::from_utf8_lossy(&stream);
    assert!(stream.contains("chatcmpl-r") && !stream.contains("total_tokens"), "{stream}");
}

#[test]
fn after_a_failure_nothing_more_is_said() {
    let mut converter = way_back(Anthropic, Gemini);
    let mut out = Vec::new();
    let event = |data| Event { name: b"", data, start: 0 };
    let failed = converter.event(&event(br#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}"#), &mut out);
    let Ok(Step::Failed(error)) = failed else { panic!("a failure") };
    assert_eq!(error.kind, UpstreamErrorKind::RateLimit);
    let text = br#"{"candidates":[{"content":{"parts":[{"text":"x"}]}}]}"#;
    assert_eq!(converter.event(&event(text), &mut out), Ok(Step::On));
    converter.finish(&mut out);
    assert!(out.is_empty());
}

#[test]
fn a_stream_is_closed_once() {
    let mut converter = way_back(Chat, Anthropic);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    converter.finish(&mut first);
    converter.finish(&mut second);
    assert!(first.ends_with(b"data: [DONE]\n\n") && second.is_empty());
}
