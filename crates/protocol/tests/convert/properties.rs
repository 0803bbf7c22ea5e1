//! What holds for every input: a stream is its document, requests keep what they say on the way there and back, and
//! nothing panics.

use crate::{
    NOW, convert_stream,
    folding::{document, fold, with_arguments_read},
    golden_files, model_of, pairs,
    said::any_said,
    way_back,
};
use domain::Dialect;
use proptest::prelude::*;
use protocol::{
    convert,
    sse::{Decoder, Event},
};
use serde_json::{Value, json};
use std::fs;

/// A conversation as both dialects of clients can have it: who says what, calls and their results.
#[derive(Debug, Clone)]
enum Said {
    User(String),
    Assistant(String),
    /// The model calls a tool once or more, and each call is answered.
    Tools(Vec<(String, Value, String)>),
}

const TEXT: &str = "[ -~äß東\u{1f326}\\\\\"\n\t]{1,40}";

fn any_conversation() -> impl Strategy<Value = Vec<Said>> {
    let arguments = prop::collection::btree_map("[a-z]{1,6}", TEXT.prop_map(Value::from), 0..3);
    let arguments = arguments.prop_map(|members| Value::Object(members.into_iter().collect()));
    let said = prop_oneof![
        TEXT.prop_map(Said::User),
        TEXT.prop_map(Said::Assistant),
        prop::collection::vec(("[a-z_]{1,80}", arguments, TEXT), 1..3).prop_map(Said::Tools),
    ];
    prop::collection::vec(said, 0..6).prop_map(|mut said| {
        said.insert(0, Said::User("Begin.".to_owned()));
        said
    })
}

fn as_chat(conversation: &[Said]) -> Value {
    let mut messages = vec![json!({"role": "system", "content": "Be brief."})];
    for (turn, said) in conversation.iter().enumerate() {
        match said {
            Said::User(text) => messages.push(json!({"role": "user", "content": text})),
            Said::Assistant(text) => messages.push(json!({"role": "assistant", "content": text})),
            Said::Tools(calls) => {
                let id = |at: usize| format!("call_{turn}_{at}");
                let made = calls.iter().enumerate().map(|(at, (name, arguments, _))| {
                    let function = json!({"name": name, "arguments": arguments.to_string()});
                    json!({"id": id(at), "type": "function", "function": function})
                });
                messages.push(json!({"role": "assistant", "tool_calls": made.collect::<Vec<_>>()}));
                let results = calls.iter().enumerate();
                messages
                    .extend(results.map(
                        |(at, (_, _, result))| json!({"role": "tool", "tool_call_id": id(at), "content": result}),
                    ));
            }
        }
    }
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let tool = json!({"type": "function", "function": {"name": "a_tool", "parameters": schema}});
    json!({"model": "m", "max_tokens": 100, "messages": messages, "tools": [tool]})
}

/// What a Chat request says, whatever way it is cut into messages: one entry for each text, call and result.
fn told(chat: &Value) -> Vec<Value> {
    let mut told = Vec::new();
    for message in chat["messages"].as_array().expect("messages") {
        let speaker = &message["role"];
        let place = message.get("tool_call_id").unwrap_or(&Value::Null);
        match &message["content"] {
            Value::String(text) => told.push(json!([speaker, place, text])),
            Value::Array(parts) => told.extend(parts.iter().map(|part| json!([speaker, place, part["text"]]))),
            _ => {}
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let arguments = document(call["function"]["arguments"].as_str().expect("a text").as_bytes());
            told.push(json!([speaker, call["id"], call["function"]["name"], arguments]));
        }
    }
    let tools = chat["tools"].as_array().into_iter().flatten().map(|tool| &tool["function"]);
    told.extend(tools.map(|function| json!([function["name"], function["parameters"]])));
    told
}

fn converted(from: Dialect, to: Dialect, body: &Value) -> Value {
    let converted = convert::request(from, to, body.to_string().as_bytes(), model_of(to), NOW);
    document(&converted.expect("a request that can be expressed").body)
}

/// Every value in `value`, to be put elsewhere or replaced.
fn places(value: &Value, path: &str, out: &mut Vec<String>) {
    out.push(path.to_owned());
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                places(member, &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), out);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                places(item, &format!("{path}/{at}"), out);
            }
        }
        _ => {}
    }
}

/// A document with one of its values replaced.
fn damaged(mut document: Value, place: prop::sample::Index, with: &Value) -> Value {
    let mut all = Vec::new();
    places(&document, "", &mut all);
    *document.pointer_mut(&all[place.index(all.len())]).expect("a place in it") = with.clone();
    document
}

fn any_damage() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!("")),
        Just(json!("data:;base64,")),
        Just(json!([])),
        Just(json!({})),
        Just(json!([null])),
        Just(json!({"type": "text"})),
        TEXT.prop_map(Value::from),
    ]
}

/// The golden files of a folder.
fn golden(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(golden_files().join(folder)).expect("a folder of golden files");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    files.retain(|file| file.extension().is_some_and(|found| found == ending));
    files.iter().map(|file| fs::read(file).expect("a readable file")).collect()
}

/// Any pair between which there are conversions.
fn any_pair() -> impl Strategy<Value = (Dialect, Dialect)> {
    prop::sample::select(pairs().collect::<Vec<_>>())
}

fn any_of(files: &[Vec<u8>], which: prop::sample::Index) -> Vec<u8> {
    files[which.index(files.len())].clone()
}

proptest! {
    #[test]
    fn a_converted_stream_is_the_converted_document(said in any_said()) {
        for (from, to) in pairs() {
            let whole = way_back(from, to).document(said.document(to).to_string().as_bytes()).expect("an answer");
            let (stream, failure) = convert_stream(way_back(from, to), &said.stream(to));
            prop_assert_eq!(failure, None);
            let (folded, whole) = (with_arguments_read(fold(from, &stream)), with_arguments_read(document(&whole)));
            prop_assert_eq!(folded, whole, "{} for {}", to, from);
        }
    }

    #[test]
    fn a_request_keeps_what_it_says_on_the_way_there_and_back(conversation in any_conversation()) {
        let chat = as_chat(&conversation);
        for middle in [Dialect::Anthropic, Dialect::OpenAiResponses] {
            let there = converted(Dialect::OpenAiChat, middle, &chat);
            let back = converted(middle, Dialect::OpenAiChat, &there);
            // Names that are longer than this dialect lets them be come back shortened.
            let long = conversation.iter().any(|said| matches!(said, Said::Tools(calls) if calls.iter().any(|(name, ..)| name.len() > 64)));
            if !long {
                prop_assert_eq!(told(&back), told(&chat));
            }
        }
    }

    #[test]
    fn a_damaged_request_is_converted_or_refused(
        place: prop::sample::Index, with in any_damage(), which: prop::sample::Index, (from, to) in any_pair(),
    ) {
        let body = any_of(&golden(&format!("requests/{from}"), "json"), which);
        let body = damaged(document(&body), place, &with).to_string();
        match convert::request(from, to, body.as_bytes(), model_of(to), NOW) {
            Ok(converted) => drop(document(&converted.body)),
            Err(error) => prop_assert!(!error.field.is_empty() && !error.reason.is_empty()),
        }
    }

    #[test]
    fn a_damaged_answer_is_converted_or_garbled(
        place: prop::sample::Index, with in any_damage(), which: prop::sample::Index, (from, to) in any_pair(),
    ) {
        let body = any_of(&golden(&format!("answers/{to}"), "json"), which);
        let body = damaged(document(&body), place, &with).to_string();
        if let Ok(converted) = way_back(from, to).document(body.as_bytes()) {
            document(&converted);
        }
    }

    #[test]
    fn a_damaged_event_leaves_a_stream_that_can_be_read(
        place: prop::sample::Index, with in any_damage(), which: prop::sample::Index, at: prop::sample::Index,
        (from, to) in any_pair(),
    ) {
        let stream = any_of(&golden(&format!("answers/{to}"), "sse"), which);
        let mut events: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let on_event = |event: Event<'_>| events.push((event.name.to_vec(), event.data.to_vec()));
        Decoder::default().push(&stream, on_event).expect("small events");
        let victim = at.index(events.len());
        if let Ok(event) = serde_json::from_slice(&events[victim].1) {
            events[victim].1 = damaged(event, place, &with).to_string().into_bytes();
        }
        let (mut converter, mut out) = (way_back(from, to), Vec::new());
        for (name, data) in &events {
            let before = out.len();
            if converter.event(&Event { name, data, start: 0 }, &mut out).is_err() {
                prop_assert_eq!(before, out.len(), "an event that cannot be read says nothing");
            }
        }
        converter.finish(&mut out);
        let on_event = |event: Event<'_>| {
            assert!(event.data == b"[DONE]" || serde_json::from_slice::<Value>(event.data).is_ok());
        };
        Decoder::default().push(&out, on_event).expect("small events");
    }

    #[test]
    fn bytes_that_are_no_request_are_refused(body: Vec<u8>) {
        for (from, to) in pairs() {
            prop_assert!(convert::request(from, to, &body, "m", NOW).is_err());
            prop_assert!(way_back(from, to).document(&body).is_err());
        }
    }
}
