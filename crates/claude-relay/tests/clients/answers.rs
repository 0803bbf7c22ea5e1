//! What providers answer in dialects other than Anthropic's, whole and in streams, with the tokens that it costs. Each follows its
//! provider's own document.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use base64ct::{Base64, Encoding as _};
use domain::TokenUsage;
use serde_json::{Value, json};
use testkit::{Reply, upstream::Received};

/// What a model says in one turn.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// Words.
    Text(&'static str),
    /// A call of a tool, with its arguments.
    Call(&'static str, Value),
}

/// What the request was told and asked, as text.
pub(crate) fn heard(request: &Received) -> String {
    String::from_utf8_lossy(&request.body).into_owned()
}

/// A stream of OpenAI's Responses
/// (<https://platform.openai.com/docs/api-reference/responses-streaming>).
pub(crate) fn responses(said: &Said, usage: TokenUsage) -> Reply {
    let item = |status: &str| match said {
        Said::Text(text) => json!({"id": "msg_1", "type": "message", "status": status, "role": "assistant",
            "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": text}]}),
        Said::Call(name, arguments) => json!({"id": "fc_1", "type": "function_call", "status": status,
            "call_id": "call_1", "name": name, "arguments": arguments.to_string()}),
    };
    let response = |status: &str, output: Value, usage: Value| {
        json!({"id": "resp_1", "object": "response", "created_at": 1_790_000_000, "status": status, "error": null,
            "incomplete_details": null, "model": "gpt-5.3-codex", "output": output, "parallel_tool_calls": true,
            "usage": usage})
    };
    let mut events = vec![
        json!({"type": "response.created", "response": response("in_progress", json!([]), Value::Null)}),
        json!({"type": "response.in_progress", "response": response("in_progress", json!([]), Value::Null)}),
    ];
    events.extend(responses_item(said, &item("completed")));
    let usage = json!({"input_tokens": usage.input + usage.cache_read,
        "input_tokens_details": {"cached_tokens": usage.cache_read}, "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": usage.total()});
    events.push(
        json!({"type": "response.completed", "response": response("completed", json!([item("completed")]), usage)}),
    );
    let named = events.iter_mut().enumerate().map(|(number, event)| {
        event["sequence_number"] = json!(number);
        format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())
    });
    Reply::bytes(200, "text/event-stream", named.collect::<String>())
}

/// The events of the one item of a response, from its beginning to its end.
fn responses_item(said: &Said, item: &Value) -> Vec<Value> {
    let mut begun = item.clone();
    begun["status"] = json!("in_progress");
    let mut events = match said {
        Said::Text(text) => {
            begun["content"] = json!([]);
            let part = |text: &str| json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text});
            vec![
                json!({"type": "response.content_part.added", "content_index": 0, "part": part("")}),
                json!({"type": "response.output_text.delta", "content_index": 0, "delta": text, "logprobs": []}),
                json!({"type": "response.output_text.done", "content_index": 0, "text": text, "logprobs": []}),
                json!({"type": "response.content_part.done", "content_index": 0, "part": part(text)}),
            ]
        }
        Said::Call(_, arguments) => {
            begun["arguments"] = json!("");
            let arguments = arguments.to_string();
            vec![
                json!({"type": "response.function_call_arguments.delta", "delta": arguments}),
                json!({"type": "response.function_call_arguments.done", "arguments": arguments}),
            ]
        }
    };
    for event in &mut events {
        event["item_id"] = item["id"].clone();
        event["output_index"] = json!(0);
    }
    events.insert(0, json!({"type": "response.output_item.added", "output_index": 0, "item": begun}));
    events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": item}));
    events
}

/// An error of OpenAI's (<https://platform.openai.com/docs/guides/error-codes>).
pub(crate) fn openai_error(status: u16, kind: &str, message: &str) -> Reply {
    let body = json!({"error": {"message": message, "type": kind, "param": null, "code": null}});
    Reply::bytes(status, "application/json", body.to_string())
}

/// A stream of Chat Completions as `api.deepseek.com` writes it, with the usage in the finishing chunk
/// (<https://api-docs.deepseek.com/api/create-chat-completion>); without one where it is asked for none.
pub(crate) fn chat(said: &Said, usage: Option<TokenUsage>) -> Reply {
    let (delta, finish) = match said {
        Said::Text(text) => (json!({"content": text}), "stop"),
        Said::Call(name, arguments) => {
            let function = json!({"name": name, "arguments": arguments.to_string()});
            let call = json!({"index": 0, "id": "call_1", "type": "function", "function": function});
            (json!({"tool_calls": [call]}), "tool_calls")
        }
    };
    let told = usage.map(|usage| {
        json!({"prompt_tokens": usage.input + usage.cache_read, "completion_tokens": usage.output,
            "total_tokens": usage.total(), "prompt_tokens_details": {"cached_tokens": usage.cache_read}})
    });
    let chunk = |delta: Value, finish: Option<&str>, usage: &Value| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_790_000_000,
            "model": "gpt-5.3-codex", "choices": [choice], "usage": usage})
    };
    let chunks = [
        chunk(json!({"role": "assistant", "content": ""}), None, &Value::Null),
        chunk(delta, None, &Value::Null),
        chunk(json!({"content": ""}), Some(finish), &json!(told)),
    ];
    let events = chunks.map(|chunk| format!("data: {chunk}\n\n")).concat();
    Reply::bytes(200, "text/event-stream", events + "data: [DONE]\n\n")
}

/// An answer of Gemini's, as `request` asks for it: one document, or a stream of events
/// (<https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse>). What is read from the cache counts as prompt there.
pub(crate) fn gemini(request: &Received, said: &Said, usage: TokenUsage) -> Reply {
    let part = match said {
        Said::Text(text) => json!({"text": text}),
        Said::Call(name, arguments) => {
            json!({"functionCall": {"name": name, "args": arguments}, "thoughtSignature": "R2VtaW5p"})
        }
    };
    let told = json!({"promptTokenCount": usage.input + usage.cache_read, "cachedContentTokenCount": usage.cache_read,
        "candidatesTokenCount": usage.output, "totalTokenCount": usage.total()});
    let chunk = |part: &Value, finish: Option<&str>| {
        let mut candidate = json!({"content": {"parts": [part], "role": "model"}, "index": 0});
        if let Some(reason) = finish {
            candidate["finishReason"] = json!(reason);
        }
        json!({"candidates": [candidate], "usageMetadata": told, "modelVersion": "gemini-3.8-flash", "responseId": "yF9paYH"})
    };
    if request.path().ends_with(":generateContent") {
        return Reply::bytes(200, "application/json", chunk(&part, Some("STOP")).to_string());
    }
    let events = [chunk(&part, None), chunk(&json!({"text": ""}), Some("STOP"))];
    Reply::bytes(200, "text/event-stream", events.map(|event| format!("data: {event}\r\n\r\n")).concat())
}

/// An error of Google's, with its reason and, where another try helps, the time until then
/// (<https://cloud.google.com/apis/design/errors>).
pub(crate) fn google_error(code: u16, status: &str, reason: &str, retry_delay: Option<&str>) -> Reply {
    let mut details = vec![json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason,
        "domain": "googleapis.com", "metadata": {"service": "generativelanguage.googleapis.com"}})];
    details.extend(
        retry_delay.map(|delay| json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})),
    );
    let error = json!({"code": code, "message": "not now", "status": status, "details": details});
    Reply::bytes(code, "application/json", json!({"error": error}).to_string())
}

/// An answer of Bedrock's with an Anthropic body, as `request` asks for it: one document, or frames
/// (<https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html>), which AWS's own crate writes.
pub(crate) fn bedrock(request: &Received, said: &Said, usage: TokenUsage) -> Reply {
    let mut block = match said {
        Said::Text(text) => json!({"type": "text", "text": text}),
        Said::Call(name, input) => json!({"type": "tool_use", "id": "toolu_bdrk_1", "name": name, "input": input}),
    };
    let stop = if matches!(said, Said::Text(_)) { "end_turn" } else { "tool_use" };
    let told = json!({"input_tokens": usage.input, "cache_creation_input_tokens": usage.cache_write_5m,
        "cache_read_input_tokens": usage.cache_read, "output_tokens": usage.output});
    let mut message = json!({"id": "msg_bdrk_1", "type": "message", "role": "assistant", "model": "claude-opus-5-5",
        "content": [&block], "stop_reason": stop, "stop_sequence": null, "usage": told});
    if request.path().ends_with("/invoke") {
        return Reply::bytes(200, "application/json", message.to_string());
    }
    let (begun, delta) = match said {
        Said::Text(text) => (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": text})),
        Said::Call(_, input) => {
            block["input"] = json!({});
            (block, json!({"type": "input_json_delta", "partial_json": input.to_string()}))
        }
    };
    message["content"] = json!([]);
    message["stop_reason"] = Value::Null;
    let metrics = json!({"inputTokenCount": usage.input, "outputTokenCount": usage.output,
        "invocationLatency": 900, "firstByteLatency": 400});
    let events = [
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": begun}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null},
            "usage": {"output_tokens": usage.output}}),
        json!({"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}),
    ];
    Reply::bytes(200, "application/vnd.amazon.eventstream", events.iter().flat_map(frame).collect::<Vec<u8>>())
}

/// A chunk as Bedrock sends it, with the padding that it adds.
fn frame(event: &Value) -> Vec<u8> {
    let text = |value: &str| HeaderValue::String(value.to_owned().into());
    let payload = json!({"bytes": Base64::encode_string(event.to_string().as_bytes()), "p": "abcdefgh"});
    let headers = [(":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event")];
    let message = headers.into_iter().fold(Message::new(payload.to_string().into_bytes()), |message, (name, value)| {
        message.add_header(Header::new(name.to_owned(), text(value)))
    });
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).unwrap();
    bytes
}
