//! A converted stream, folded as the official SDKs fold it, is the converted document of the same answer.

use crate::{convert_stream, golden_files, pairs, way_back};
use domain::Dialect;
use protocol::sse::{Decoder, Event};
use serde_json::{Map, Value, json};
use std::fs;

/// The document that `client`'s SDK makes of a stream.
pub(crate) fn fold(client: Dialect, stream: &[u8]) -> Value {
    let mut events: Vec<(String, Vec<u8>)> = Vec::new();
    let on_event = |event: Event<'_>| {
        events.push((String::from_utf8_lossy(event.name).into_owned(), event.data.to_vec()));
    };
    Decoder::default().push(stream, on_event).expect("small events");
    match client {
        Dialect::OpenAiChat => fold_chat(&events),
        Dialect::Anthropic => fold_anthropic(&events),
        Dialect::OpenAiResponses => fold_responses(&events),
        Dialect::Gemini => panic!("no client of this dialect is converted"),
    }
}

pub(crate) fn document(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}

/// With the arguments of calls parsed: how their text is spaced is nobody's concern.
pub(crate) fn with_arguments_read(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            for (key, member) in members {
                let text = member.as_str().filter(|_| key == "arguments");
                *member = match text {
                    Some(text) => document(text.as_bytes()),
                    None => with_arguments_read(member.take()),
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = with_arguments_read(item.take())),
        _ => {}
    }
    value
}

fn append(object: &mut Map<String, Value>, key: &str, more: &Value) {
    let Some(more) = more.as_str() else { return };
    let open = object.entry(key).or_insert_with(|| json!(""));
    *open = json!(format!("{}{more}", open.as_str().unwrap_or_default()));
}

fn fold_chat(events: &[(String, Vec<u8>)]) -> Value {
    let (last, chunks) = events.split_last().expect("a stream");
    assert_eq!(last.1, b"[DONE]");
    let (mut head, mut message, mut calls) = (Map::new(), Map::new(), Vec::<Map<String, Value>>::new());
    let (mut finish_reason, mut usage) = (Value::Null, None);
    for (at, (name, data)) in chunks.iter().enumerate() {
        assert_eq!(name, "");
        let chunk = document(data);
        assert_eq!(chunk["object"], "chat.completion.chunk");
        for key in ["id", "created", "model"] {
            assert_eq!(*head.entry(key).or_insert_with(|| chunk[key].clone()), chunk[key], "the same in each chunk");
        }
        let Some(choice) = chunk["choices"].get(0) else {
            assert_eq!(at, chunks.len() - 1, "usage comes last");
            usage = Some(chunk["usage"].clone());
            continue;
        };
        assert_eq!(finish_reason, Value::Null, "nothing comes behind the reason");
        finish_reason = choice["finish_reason"].clone();
        let delta = choice["delta"].as_object().expect("a delta");
        assert_eq!(delta.contains_key("role"), at == 0, "the role stands in the first chunk");
        for (key, more) in delta.iter().filter(|(key, _)| *key != "tool_calls") {
            append(&mut message, key, more);
        }
        for part in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            let index = usize::try_from(part["index"].as_u64().expect("an index")).expect("a small index");
            if index == calls.len() {
                let mut call = part.as_object().expect("a call").clone();
                call.remove("index");
                calls.push(call);
                continue;
            }
            assert_eq!(index, calls.len() - 1, "parts belong to the last call");
            assert!(part.get("id").is_none() && part["function"].get("name").is_none(), "told once");
            let function = calls[index]["function"].as_object_mut().expect("a function");
            append(function, "arguments", &part["function"]["arguments"]);
        }
    }
    for key in ["content", "refusal"] {
        let value = message.remove(key).filter(|text| text != "");
        message.insert(key.to_owned(), value.unwrap_or(Value::Null));
    }
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), calls.into_iter().map(Value::Object).collect());
    }
    let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason});
    head.insert("object".to_owned(), json!("chat.completion"));
    head.insert("choices".to_owned(), json!([choice]));
    head.extend(usage.map(|usage| ("usage".to_owned(), usage)));
    Value::Object(head)
}

fn fold_anthropic(events: &[(String, Vec<u8>)]) -> Value {
    let (mut message, mut blocks, mut open, mut input) = (Value::Null, Vec::<Value>::new(), false, String::new());
    let mut is_stopped = false;
    for (name, data) in events {
        let event = document(data);
        assert_eq!(event["type"], **name);
        assert!(!is_stopped, "message_stop is the last");
        assert_eq!(name == "message_start", message.is_null(), "message_start is the first");
        if name.starts_with("content_block_") {
            let index = event["index"].as_u64().expect("an index");
            assert_eq!(index, (blocks.len() - usize::from(open)) as u64, "blocks are numbered in order");
        }
        match &**name {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                assert!(!std::mem::replace(&mut open, true), "one block at a time");
                blocks.push(event["content_block"].clone());
                input.clear();
            }
            "content_block_delta" => {
                assert!(open);
                let block = blocks.last_mut().expect("an open block").as_object_mut().expect("a block");
                let delta = &event["delta"];
                match delta["type"].as_str().expect("a type") {
                    "text_delta" => append(block, "text", &delta["text"]),
                    "thinking_delta" => append(block, "thinking", &delta["thinking"]),
                    "signature_delta" => append(block, "signature", &delta["signature"]),
                    "input_json_delta" => input.push_str(delta["partial_json"].as_str().expect("a text")),
                    other => panic!("{other}"),
                }
            }
            "content_block_stop" => {
                assert!(std::mem::replace(&mut open, false));
                let block = blocks.last_mut().expect("an open block");
                if !input.is_empty() {
                    block["input"] = document(input.as_bytes());
                }
            }
            "message_delta" => {
                assert!(!open);
                for key in ["stop_reason", "stop_sequence"] {
                    message[key] = event["delta"][key].clone();
                }
                for (key, number) in event["usage"].as_object().expect("usage") {
                    message["usage"][key] = number.clone();
                }
            }
            "message_stop" => is_stopped = true,
            other => panic!("{other}"),
        }
    }
    assert!(is_stopped);
    message["content"] = blocks.into();
    message
}

fn fold_responses(events: &[(String, Vec<u8>)]) -> Value {
    let (mut items, mut open) = (Vec::<Value>::new(), None::<String>);
    let mut whole = Value::Null;
    for (at, (name, data)) in events.iter().enumerate() {
        let event = document(data);
        assert_eq!((&event["type"], &event["sequence_number"]), (&json!(name), &json!(at)));
        assert!(whole.is_null(), "the response is whole with the last event");
        assert_eq!(at == 0, name == "response.created");
        if let Some(index) = event.get("output_index") {
            let last = items.len() - usize::from(name != "response.output_item.added");
            assert_eq!(index, last, "items are numbered in order");
        }
        if let Some(id) = event.get("item_id") {
            assert_eq!(id.as_str(), items.last().expect("an item")["id"].as_str(), "events belong to the open item");
        }
        match &**name {
            "response.created" | "response.in_progress" => assert_eq!(event["response"]["output"], json!([])),
            "response.output_item.added" => {
                assert_eq!(open.replace(String::new()), None, "one item at a time");
                items.push(event["item"].clone());
            }
            "response.output_text.delta"
            | "response.refusal.delta"
            | "response.reasoning_summary_text.delta"
            | "response.function_call_arguments.delta" => {
                open.as_mut().expect("an open item").push_str(event["delta"].as_str().expect("a text"));
            }
            "response.output_text.done" | "response.reasoning_summary_text.done" => {
                assert_eq!(open.as_deref(), event["text"].as_str());
            }
            "response.refusal.done" => assert_eq!(open.as_deref(), event["refusal"].as_str()),
            "response.function_call_arguments.done" => assert_eq!(open.as_deref(), event["arguments"].as_str()),
            "response.content_part.added" | "response.reasoning_summary_part.added" => {
                assert_eq!(open.as_deref(), Some(""));
            }
            "response.content_part.done" | "response.reasoning_summary_part.done" => {}
            "response.output_item.done" => {
                assert!(open.take().is_some(), "an item that was open");
                assert_eq!(items.last().expect("an item")["id"], event["item"]["id"]);
                *items.last_mut().expect("an item") = event["item"].clone();
            }
            "response.completed" | "response.incomplete" => whole = event["response"].clone(),
            other => panic!("{other}"),
        }
    }
    assert_eq!(open, None);
    assert_eq!(whole["output"], Value::Array(items), "the end repeats what was said");
    whole
}

#[test]
fn a_stream_folds_into_the_document_of_the_same_answer() {
    let mut compared = 0;
    for (from, to) in pairs() {
        for name in ["text", "tools", "thinking", "length", "sequence", "withheld"] {
            let file = |ending: &str| {
                fs::read(golden_files().join("answers").join(to.to_string()).join(name.to_owned() + ending))
            };
            let (Ok(body), Ok(stream)) = (file(".json"), file(".sse")) else { continue };
            let (folded, failure) = convert_stream(way_back(from, to), &stream);
            assert_eq!(failure, None);
            let whole = document(&way_back(from, to).document(&body).expect("an answer"));
            assert_eq!(
                with_arguments_read(fold(from, &folded)),
                with_arguments_read(whole),
                "{name} of {to} for {from}"
            );
            compared += 1;
        }
    }
    assert!(compared >= 5 * pairs().count(), "{compared} answers");
}
