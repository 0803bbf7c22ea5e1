//! What cannot be expressed is refused by the name of its field, and what changes no content is let through.

use crate::{NOW, model_of, pairs};
use Dialect::{Anthropic, Gemini, OpenAiChat as Chat, OpenAiResponses as Responses};
use domain::Dialect;
use protocol::convert;

/// A Chat request with these members more.
pub(crate) fn chat(members: &str) -> String {
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"Hi"}}]{members}}}"#)
}

/// A Messages request with these members more.
pub(crate) fn messages(members: &str) -> String {
    format!(r#"{{"model":"m","max_tokens":100,"messages":[{{"role":"user","content":"Hi"}}]{members}}}"#)
}

/// A Responses request with these members more.
pub(crate) fn responses(members: &str) -> String {
    format!(r#"{{"model":"m","input":"Hi"{members}}}"#)
}

/// A Chat request of one message.
pub(crate) fn chat_of(message: &str) -> String {
    format!(r#"{{"model":"m","messages":[{message}]}}"#)
}

/// A Messages request of one message.
pub(crate) fn messages_of(message: &str) -> String {
    format!(r#"{{"model":"m","max_tokens":100,"messages":[{message}]}}"#)
}

fn refused_field(from: Dialect, to: Dialect, body: &str) -> Option<String> {
    convert::request(from, to, body.as_bytes(), model_of(to), NOW).err().map(|error| error.field)
}

fn assert_refused_everywhere(from: Dialect, body: &str, field: &str) {
    for (_, to) in pairs().filter(|(client, _)| *client == from) {
        assert_eq!(refused_field(from, to, body).as_deref(), Some(field), "to {to}: {body}");
    }
}

#[test]
fn what_no_upstream_can_express_of_chat_is_refused_by_name() {
    for (body, field) in [
        (chat(r#","n":2"#), "n"),
        (chat(r#","logprobs":true"#), "logprobs"),
        (chat(r#","top_logprobs":3"#), "top_logprobs"),
        (chat(r#","logit_bias":{"50256":-100}"#), "logit_bias.50256"),
        (chat(r#","modalities":["text","audio"]"#), "modalities.1"),
        (chat(r#","audio":{"voice":"alloy","format":"mp3"}"#), "audio"),
        (chat(r#","web_search_options":{}"#), "web_search_options"),
        (chat(r#","functions":[{"name":"f"}]"#), "functions"),
        (chat(r#","a_new_field":1"#), "a_new_field"),
        (chat(r#","tools":[{"type":"custom","custom":{"name":"f"}}]"#), "tools.0.type"),
        (chat(r#","tool_choice":{"type":"allowed_tools","allowed_tools":{}}"#), "tool_choice.type"),
        (chat(r#","reasoning_effort":"utmost""#), "reasoning_effort"),
        (chat(r#","stream":1"#), "stream"),
        (chat(r#","max_tokens":-1"#), "max_tokens"),
        (chat_of(r#"{"role":"user","content":"Hi","name":"Ann"}"#), "messages.0.name"),
        (chat_of(r#"{"role":"function","content":"Hi"}"#), "messages.0.role"),
        (chat_of(r#"{"role":"user","content":[{"type":"video","video":{}}]}"#), "messages.0.content.0.type"),
        (
            chat_of(r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png,x"}}]}"#),
            "messages.0.content.0.image_url.url",
        ),
        (chat_of(r#"{"role":"assistant","audio":{"id":"a"}}"#), "messages.0.audio"),
        (
            chat_of(
                r#"{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"[1]"}}]}"#,
            ),
            "messages.0.tool_calls.0.function.arguments",
        ),
        (
            chat_of(
                r#"{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":"}}]}"#,
            ),
            "messages.0.tool_calls.0.function.arguments",
        ),
        (r#"{"model":"m"}"#.to_owned(), "messages"),
        (r#"{"messages":[],"messages":[]}"#.to_owned(), "body"),
        ("[]".to_owned(), "body"),
        ("{".to_owned(), "body"),
    ] {
        assert_refused_everywhere(Chat, &body, field);
    }
}

#[test]
fn what_no_upstream_can_express_of_messages_is_refused_by_name() {
    for (body, field) in [
        (messages(r#","mcp_servers":[{"name":"s"}]"#), "mcp_servers"),
        (messages(r#","container":"c""#), "container"),
        (
            messages_of(
                r#"{"role":"user","content":"x","output_config":{"format":{"type":"json_schema","schema":{}}}}"#,
            ),
            "messages.0.output_config.format",
        ),
        (messages(r#","inference_geo":"us""#), "inference_geo"),
        (messages(r#","speed":"fast""#), "speed"),
        (messages(r#","thinking":{"type":"between_tools"}"#), "thinking.type"),
        (
            messages(
                r#","tools":[{"name":"f","input_schema":{},"allowed_callers":["direct","code_execution_20260120"]}]"#,
            ),
            "tools.0.allowed_callers.1",
        ),
        (messages(r#","safeguards":[{"type":"dangerous_tool_use"}]"#), "safeguards"),
        (messages(r#","tools":[{"type":"web_search_20250305","name":"web_search"}]"#), "tools.0.type"),
        (
            messages(r#","context_management":{"edits":[{"type":"compact_20260112"}]}"#),
            "context_management.edits.0.type",
        ),
        (messages(r#","thinking":{"type":"enabled"}"#), "thinking.budget_tokens"),
        (messages(r#","output_config":{"task_budget":{}}"#), "output_config.task_budget"),
        (messages(r#","a_new_field":1"#), "a_new_field"),
        (
            messages_of(r#"{"role":"user","content":[{"type":"search_result","content":[]}]}"#),
            "messages.0.content.0.type",
        ),
        (
            messages_of(r#"{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"f"}}]}"#),
            "messages.0.content.0.source.type",
        ),
        (
            messages_of(
                r#"{"role":"user","content":[{"type":"document","citations":{"enabled":true},"source":{"type":"text","media_type":"text/plain","data":"x"}}]}"#,
            ),
            "messages.0.content.0.citations.enabled",
        ),
        (
            messages_of(
                r#"{"role":"assistant","content":[{"type":"server_tool_use","id":"s","name":"web_search","input":{}}]}"#,
            ),
            "messages.0.content.0.type",
        ),
        (
            messages_of(r#"{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":"x"}]}"#),
            "messages.0.content.0.input",
        ),
    ] {
        assert_refused_everywhere(Anthropic, &body, field);
    }
}

#[test]
fn what_no_upstream_can_express_of_responses_is_refused_by_name() {
    for (body, field) in [
        (responses(r#","previous_response_id":"resp_1""#), "previous_response_id"),
        (responses(r#","conversation":"conv_1""#), "conversation"),
        (responses(r#","prompt":{"id":"p"}"#), "prompt"),
        (responses(r#","background":true"#), "background"),
        (responses(r#","reasoning":{"mode":"pro"}"#), "reasoning.mode"),
        (responses(r#","service_tier":"scale""#), "service_tier"),
        (responses(r#","top_logprobs":2"#), "top_logprobs"),
        (responses(r#","include":["web_search_call.action.sources"]"#), "include.0"),
        (responses(r#","tools":[{"type":"web_search"}]"#), "tools.0.type"),
        (responses(r#","tools":[{"type":"custom","name":"f"}]"#), "tools.0.type"),
        (
            responses(r#","tools":[{"type":"namespace","name":"n","tools":[{"type":"custom","name":"f"}]}]"#),
            "tools.0.tools.0.type",
        ),
        (responses(r#","tool_choice":{"type":"web_search"}"#), "tool_choice.type"),
        (responses(r#","a_new_field":1"#), "a_new_field"),
        (r#"{"model":"m","input":[{"type":"item_reference","id":"i"}]}"#.to_owned(), "input.0.type"),
        (r#"{"model":"m","input":[{"type":"web_search_call","id":"i"}]}"#.to_owned(), "input.0.type"),
        (
            r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_audio"}]}]}"#.to_owned(),
            "input.0.content.0.type",
        ),
        (r#"{"model":"m"}"#.to_owned(), "input"),
    ] {
        assert_refused_everywhere(Responses, &body, field);
    }
}

#[test]
fn what_one_upstream_cannot_express_is_refused_there_and_let_through_elsewhere() {
    let tools = r#","tools":[{"type":"function","function":{"name":"f"}}]"#;
    let pdf_by_address =
        r#"{"role":"user","content":[{"type":"document","source":{"type":"url","url":"https://example.com/a.pdf"}}]}"#;
    let uploaded = r#"{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}"#;
    let speech = r#"{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA==","format":"mp3"}}]}"#;
    let text_file = r#"{"role":"user","content":[{"type":"file","file":{"file_data":"data:text/plain;base64,AA=="}}]}"#;
    let unknown_call = r#"{"role":"tool","tool_call_id":"c","content":"x"}"#;
    for (from, body, field, refusing) in [
        (Chat, chat(r#","seed":7"#), "seed", &[Anthropic, Responses][..]),
        (Chat, chat(r#","frequency_penalty":0.5"#), "frequency_penalty", &[Anthropic, Responses]),
        (Chat, chat(r#","presence_penalty":-0.5"#), "presence_penalty", &[Anthropic, Responses]),
        (Chat, chat(r#","top_k":5"#), "top_k", &[Responses]),
        (Chat, chat(r#","temperature":1.5"#), "temperature", &[Anthropic]),
        (Chat, chat(r#","stop":["END"]"#), "stop", &[Responses]),
        (Chat, chat(r#","verbosity":"low""#), "verbosity", &[Anthropic, Gemini]),
        (Chat, chat(r#","service_tier":"flex""#), "service_tier", &[Anthropic]),
        (Chat, chat(r#","response_format":{"type":"json_object"}"#), "response_format", &[Anthropic]),
        (Chat, chat(&format!(r#","parallel_tool_calls":false{tools}"#)), "parallel_tool_calls", &[Gemini]),
        (Chat, chat_of(uploaded), "messages.0.content.0", &[Anthropic, Gemini]),
        (Chat, chat_of(speech), "messages.0.content.0", &[Anthropic, Responses]),
        (Chat, chat_of(text_file), "messages.0.content.0", &[Anthropic]),
        (Chat, chat_of(unknown_call), "messages.0", &[Gemini]),
        (Anthropic, messages(r#","top_k":5"#), "top_k", &[Chat, Responses]),
        (Anthropic, messages(r#","stop_sequences":["END"]"#), "stop_sequences", &[Responses]),
        (Anthropic, messages_of(pdf_by_address), "messages.0.content.0", &[Chat]),
    ] {
        for (_, to) in pairs().filter(|(client, _)| *client == from) {
            let expected = refusing.contains(&to).then_some(field);
            assert_eq!(refused_field(from, to, &body).as_deref(), expected, "to {to}: {body}");
        }
    }
}

#[test]
fn what_changes_no_content_is_let_through() {
    for (from, body) in [
        (
            Chat,
            chat(
                r#","metadata":{"a":"b"},"store":true,"prediction":{"type":"content","content":"x"},"prompt_cache_key":"k""#,
            ),
        ),
        (
            Chat,
            chat(
                r#","n":1,"logprobs":false,"logit_bias":{},"presence_penalty":0,"modalities":["text"],"audio":null,"function_call":null"#,
            ),
        ),
        (Chat, chat(r#","parallel_tool_calls":false,"stream_options":{"include_obfuscation":false}"#)),
        (
            Chat,
            chat_of(
                r#"{"role":"assistant","content":"x","refusal":null,"annotations":[],"audio":null,"function_call":null,"tool_calls":null}"#,
            ),
        ),
        (
            Anthropic,
            messages(
                r#","cache_control":{"type":"ephemeral"},"inference_geo":null,"speed":"standard","diagnostics":{"previous_message_id":null},"stop_sequences":[]"#,
            ),
        ),
        (
            Anthropic,
            messages(
                r#","context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"},{"type":"clear_tool_uses_20250919"}]}"#,
            ),
        ),
        (
            Anthropic,
            messages_of(
                r#"{"role":"user","content":[{"type":"text","text":"x","citations":null,"cache_control":{"type":"ephemeral","ttl":"1h"}}]}"#,
            ),
        ),
    ] {
        for (_, to) in pairs().filter(|(client, _)| *client == from) {
            assert_eq!(refused_field(from, to, &body), None, "to {to}: {body}");
        }
    }
}

#[test]
fn a_key_of_any_length_is_named_as_far_as_it_is_useful() {
    let body = chat(&format!(r#","{}":1"#, "é".repeat(1000)));
    assert_eq!(refused_field(Chat, Anthropic, &body).map(|field| field.len()), Some(256));
}

#[test]
fn a_pair_without_a_conversion_is_refused() {
    for dialect in Dialect::ALL {
        assert!(!convert::exists(*dialect, *dialect));
        assert!(!convert::exists(Gemini, *dialect));
        assert_eq!(refused_field(Gemini, *dialect, "{}").as_deref(), Some("body"));
    }
}
