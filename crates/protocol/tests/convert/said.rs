//! Answers of any content, written in each upstream's dialect: as a document, and as a stream cut anywhere.

use domain::Dialect;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What a model says, in the order in which every dialect has it.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    thoughts: Option<String>,
    text: Option<String>,
    calls: Vec<(String, Value)>,
    /// Characters of each piece of the stream.
    piece: usize,
    stop: Stop,
}

#[derive(Debug, Clone, Copy)]
enum Stop {
    Done,
    Length,
}

/// Events and their names.
type Events = Vec<(&'static str, Value)>;

const TEXT: &str = "[ -~äß東\u{1f326}\\\\\"\n\t\u{1}]{1,40}";

/// Any answer.
pub(crate) fn any_said() -> impl Strategy<Value = Said> {
    let arguments = prop::collection::btree_map(
        "[a-z\"\\\\]{1,6}",
        prop_oneof![any::<i64>().prop_map(Value::from), TEXT.prop_map(Value::from), Just(json!([1, {"a": null}])),],
        0..4,
    );
    let arguments = arguments.prop_map(|members| Value::Object(members.into_iter().collect()));
    let calls = prop::collection::vec(("[a-z_]{1,20}", arguments), 0..4);
    let stop = prop_oneof![Just(Stop::Done), Just(Stop::Length)];
    (prop::option::of(TEXT), prop::option::of(TEXT), calls, 1_usize..12, stop)
        .prop_map(|(thoughts, text, calls, piece, stop)| Said { thoughts, text, calls, piece, stop })
}

impl Said {
    /// The document in `dialect`.
    pub(crate) fn document(&self, dialect: Dialect) -> Value {
        match dialect {
            Dialect::Anthropic => self.anthropic_message(&self.anthropic_blocks(), true),
            Dialect::OpenAiChat => self.chat_document(),
            Dialect::OpenAiResponses => self.responses_document(&self.responses_items(), true),
            Dialect::Gemini => self.gemini_document(&self.gemini_parts(), true),
        }
    }

    /// The stream in `dialect`.
    pub(crate) fn stream(&self, dialect: Dialect) -> Vec<u8> {
        let (events, end) = match dialect {
            Dialect::Anthropic => (self.anthropic_events(), ""),
            Dialect::OpenAiChat => (self.chat_events(), "data: [DONE]\n\n"),
            Dialect::OpenAiResponses => (self.responses_events(), ""),
            Dialect::Gemini => (self.gemini_events(), ""),
        };
        let mut stream = String::new();
        for (name, event) in events {
            if !name.is_empty() {
                writeln!(stream, "event: {name}").expect("a string takes all");
            }
            write!(stream, "data: {event}\n\n").expect("a string takes all");
        }
        (stream + end).into_bytes()
    }

    fn cut(&self, text: &str) -> Vec<String> {
        let letters: Vec<char> = text.chars().collect();
        letters.chunks(self.piece).map(|piece| piece.iter().collect()).collect()
    }

    fn anthropic_blocks(&self) -> Vec<Value> {
        let thoughts = self.thoughts.iter().map(|it| json!({"type": "thinking", "thinking": it, "signature": "c2ln"}));
        let text = self.text.iter().map(|it| json!({"type": "text", "text": it}));
        let calls = self.calls.iter().enumerate();
        let calls = calls.map(|(at, (name, input))| {
            json!({"type": "tool_use", "id": format!("toolu_{at}"), "name": name, "input": input})
        });
        thoughts.chain(text).chain(calls).collect()
    }

    fn anthropic_message(&self, content: &[Value], is_whole: bool) -> Value {
        let reason = match self.stop {
            Stop::Length => "max_tokens",
            Stop::Done if self.calls.is_empty() => "end_turn",
            Stop::Done => "tool_use",
        };
        let (stop, output) = if is_whole { (json!(reason), 7) } else { (Value::Null, 1) };
        json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": content,
            "stop_reason": stop, "stop_sequence": null,
            "usage": {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": output}})
    }

    fn anthropic_events(&self) -> Events {
        let start = json!({"type": "message_start", "message": self.anthropic_message(&[], false)});
        let mut events = vec![("message_start", start)];
        for (index, block) in self.anthropic_blocks().into_iter().enumerate() {
            let mut opening = block.clone();
            let deltas: Vec<Value> = match block["type"].as_str() {
                Some("thinking") => {
                    opening["thinking"] = json!("");
                    opening["signature"] = json!("");
                    let thoughts = self.cut(block["thinking"].as_str().expect("a text"));
                    let deltas = thoughts.iter().map(|it| json!({"type": "thinking_delta", "thinking": it}));
                    deltas.chain([json!({"type": "signature_delta", "signature": block["signature"]})]).collect()
                }
                Some("text") => {
                    opening["text"] = json!("");
                    let text = self.cut(block["text"].as_str().expect("a text"));
                    text.iter().map(|it| json!({"type": "text_delta", "text": it})).collect()
                }
                _ => {
                    opening["input"] = json!({});
                    let input = self.cut(&block["input"].to_string());
                    input.iter().map(|it| json!({"type": "input_json_delta", "partial_json": it})).collect()
                }
            };
            let of_block = |kind: &str| json!({"type": kind, "index": index});
            let mut start = of_block("content_block_start");
            start["content_block"] = opening;
            events.push(("content_block_start", start));
            for delta in deltas {
                let mut event = of_block("content_block_delta");
                event["delta"] = delta;
                events.push(("content_block_delta", event));
            }
            events.push(("content_block_stop", of_block("content_block_stop")));
        }
        let whole = self.anthropic_message(&[], true);
        let delta = json!({"stop_reason": whole["stop_reason"], "stop_sequence": null});
        events.push(("message_delta", json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}})));
        events.push(("message_stop", json!({"type": "message_stop"})));
        events
    }

    fn chat_calls(&self) -> Vec<Value> {
        let calls = self.calls.iter().enumerate();
        let calls = calls.map(|(at, (name, arguments))| {
            let function = json!({"name": name, "arguments": arguments.to_string()});
            json!({"index": at, "id": format!("call_{at}"), "type": "function", "function": function})
        });
        calls.collect()
    }

    fn chat_reason(&self) -> &'static str {
        match self.stop {
            Stop::Length => "length",
            Stop::Done if self.calls.is_empty() => "stop",
            Stop::Done => "tool_calls",
        }
    }

    fn chat_document(&self) -> Value {
        let message = json!({"role": "assistant", "content": self.text, "reasoning_content": self.thoughts,
            "tool_calls": self.chat_calls()});
        json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 5, "model": "gpt",
            "choices": [{"index": 0, "message": message, "finish_reason": self.chat_reason()}], "usage": openai_usage()})
    }

    fn chat_events(&self) -> Events {
        let chunk = |choices: Value, usage: Value| {
            json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 5, "model": "gpt",
                "choices": choices, "usage": usage})
        };
        let mut deltas = vec![json!({"role": "assistant", "content": ""})];
        for (key, words) in [("reasoning_content", &self.thoughts), ("content", &self.text)] {
            deltas.extend(self.cut(words.as_deref().unwrap_or_default()).into_iter().map(|piece| json!({key: piece})));
        }
        for mut call in self.chat_calls() {
            let arguments = call["function"]["arguments"].take();
            call["function"]["arguments"] = json!("");
            let index = call["index"].clone();
            deltas.push(json!({"tool_calls": [call]}));
            let pieces = self.cut(arguments.as_str().expect("a text"));
            let part = |piece| json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]});
            deltas.extend(pieces.into_iter().map(part));
        }
        let delta = |delta| chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}]), Value::Null);
        let mut events: Events = deltas.into_iter().map(|it| ("", delta(it))).collect();
        let last = json!([{"index": 0, "delta": {}, "finish_reason": self.chat_reason()}]);
        events.push(("", chunk(last, Value::Null)));
        events.push(("", chunk(json!([]), openai_usage())));
        events
    }

    fn responses_items(&self) -> Vec<Value> {
        let thoughts = self.thoughts.iter().map(|it| {
            json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": it}],
                "encrypted_content": "ZW5j"})
        });
        let text = self.text.iter().map(|it| {
            json!({"type": "message", "id": "msg_1", "role": "assistant",
                "content": [{"type": "output_text", "text": it, "annotations": []}]})
        });
        let calls = self.calls.iter().enumerate().map(|(at, (name, arguments))| {
            json!({"type": "function_call", "id": format!("fc_{at}"), "call_id": format!("call_{at}"), "name": name,
                "arguments": arguments.to_string()})
        });
        thoughts.chain(text).chain(calls).collect()
    }

    fn responses_document(&self, output: &[Value], is_whole: bool) -> Value {
        let (status, details) = match self.stop {
            _ if !is_whole => ("in_progress", Value::Null),
            Stop::Length => ("incomplete", json!({"reason": "max_output_tokens"})),
            Stop::Done => ("completed", Value::Null),
        };
        let usage = json!({"input_tokens": 7, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 14});
        json!({"id": "resp_1", "object": "response", "created_at": 5, "status": status, "model": "gpt", "error": null,
            "incomplete_details": details, "output": output, "usage": if is_whole { usage } else { Value::Null }})
    }

    fn responses_events(&self) -> Events {
        let response = self.responses_document(&[], false);
        let mut events = vec![("response.created", json!({"type": "response.created", "response": response}))];
        let items = self.responses_items();
        for (at, item) in items.iter().enumerate() {
            let (kind, words, mut opening) = match item["type"].as_str() {
                Some("reasoning") => {
                    ("response.reasoning_summary_text.delta", &item["summary"][0]["text"], item.clone())
                }
                Some("message") => ("response.output_text.delta", &item["content"][0]["text"], item.clone()),
                _ => ("response.function_call_arguments.delta", &item["arguments"], item.clone()),
            };
            for (key, nothing) in [("summary", json!([])), ("content", json!([])), ("arguments", json!(""))] {
                if opening.get(key).is_some() {
                    opening[key] = nothing;
                }
            }
            let added = json!({"type": "response.output_item.added", "output_index": at, "item": opening});
            events.push(("response.output_item.added", added));
            for piece in self.cut(words.as_str().expect("a text")) {
                events.push((kind, json!({"type": kind, "output_index": at, "delta": piece})));
            }
            let done = json!({"type": "response.output_item.done", "output_index": at, "item": item});
            events.push(("response.output_item.done", done));
        }
        let kind = match self.stop {
            Stop::Done => "response.completed",
            Stop::Length => "response.incomplete",
        };
        events.push((kind, json!({"type": kind, "response": self.responses_document(&items, true)})));
        events
    }

    fn gemini_parts(&self) -> Vec<Value> {
        let thoughts = self.thoughts.iter().map(|it| json!({"text": it, "thought": true}));
        let text = self.text.iter().map(|it| json!({"text": it}));
        let calls = self.calls.iter().enumerate().map(|(at, (name, args))| {
            let part = json!({"functionCall": {"name": name, "args": args}});
            let signed = json!({"functionCall": {"name": name, "args": args}, "thoughtSignature": "c2ln"});
            if at == 0 { signed } else { part }
        });
        thoughts.chain(text).chain(calls).collect()
    }

    fn gemini_document(&self, parts: &[Value], is_last: bool) -> Value {
        let reason = match self.stop {
            Stop::Length => "MAX_TOKENS",
            Stop::Done => "STOP",
        };
        let reason = if is_last { json!(reason) } else { Value::Null };
        json!({"responseId": "r1", "modelVersion": "gemini",
            "candidates": [{"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": reason}],
            "usageMetadata": {"promptTokenCount": 7, "cachedContentTokenCount": 4, "candidatesTokenCount": 5,
                "thoughtsTokenCount": 2}})
    }

    fn gemini_events(&self) -> Events {
        let mut events = Vec::new();
        for part in self.gemini_parts() {
            let Some(text) = part.get("text").and_then(Value::as_str) else {
                events.push(("", self.gemini_document(&[part], false)));
                continue;
            };
            for piece in self.cut(text) {
                let mut part = part.clone();
                part["text"] = json!(piece);
                events.push(("", self.gemini_document(&[part], false)));
            }
        }
        events.push(("", self.gemini_document(&[json!({"text": ""})], true)));
        events
    }
}

fn openai_usage() -> Value {
    json!({"prompt_tokens": 7, "completion_tokens": 7, "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 2}})
}
