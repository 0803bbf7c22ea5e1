//! What is read of answers that are one document, and of errors, in the dialects of OpenAI and Gemini.

use domain::{TokenUsage, UsageSource};
use protocol::{BodyReading, Operation, Reading, UpstreamErrorKind, read_body};
use std::time::Duration;

/// An answer, and its id, model, stop reason and service tier.
fn answer(operation: Operation, body: &str) -> (TokenUsage, UsageSource, [Option<String>; 4]) {
    match read_body(operation, body.as_bytes()) {
        BodyReading::Answer(Reading { usage, source, answer }) => {
            (usage, source, [answer.id, answer.model, answer.stop_reason, answer.tariff.service_tier])
        }
        other => panic!("{body}: {other:?}"),
    }
}

fn texts<const N: usize>(texts: [&str; N]) -> [Option<String>; N] {
    texts.map(|text| (!text.is_empty()).then(|| text.to_owned()))
}

const CHAT: &str = r#"{
  "id": "chatcmpl-B9MBs8", "object": "chat.completion", "created": 1764000000, "model": "gpt-5.5-2026-04-23",
  "choices": [{"index": 0, "message": {"role": "assistant", "content": null, "refusal": null, "annotations": [],
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":[1]}"}}]},
    "logprobs": null, "finish_reason": "tool_calls"}],
  "usage": {"prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
    "prompt_tokens_details": {"cached_tokens": 1920, "cache_write_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 120, "audio_tokens": 0}},
  "service_tier": "priority", "system_fingerprint": null
}"#;

const RESPONSE: &str = r#"{
  "id": "resp_67cc", "object": "response", "created_at": 1764000000, "status": "completed", "background": false,
  "error": null, "incomplete_details": null, "instructions": null, "model": "gpt-5.6", "output": [{"type": "message",
    "id": "msg_67", "status": "completed", "role": "assistant", "content": [{"type": "output_text", "text": "Hi",
    "annotations": []}]}], "previous_response_id": null, "service_tier": "default", "store": true,
  "usage": {"input_tokens": 18014, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 18011},
    "output_tokens": 44, "output_tokens_details": {"reasoning_tokens": 20}, "total_tokens": 18058}, "metadata": {}
}"#;

const COMPACTED: &str = r#"{"id": "resp_c1", "object": "response.compaction", "created_at": 1764000000,
  "output": [{"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAAAB"}],
  "usage": {"input_tokens": 139, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 438,
    "output_tokens_details": {"reasoning_tokens": 64}, "total_tokens": 577}}"#;

const EMBEDDINGS: &str = r#"{"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": "gE1iPA=="}],
  "model": "text-embedding-3-small", "usage": {"prompt_tokens": 8, "total_tokens": 8}}"#;

const CONTENT: &str = r#"{
  "candidates": [{"content": {"parts": [{"text": "Hi"}], "role": "model"}, "finishReason": "STOP", "index": 0}],
  "usageMetadata": {"promptTokenCount": 5000, "cachedContentTokenCount": 4096, "candidatesTokenCount": 4,
    "totalTokenCount": 5094, "thoughtsTokenCount": 90, "serviceTier": "flex"},
  "modelVersion": "gemini-3.8-flash", "responseId": "Il0taoSYJ5"
}"#;

#[test]
fn each_dialect_s_answer_is_read() {
    let usage = |input, output, cache_read, cache_write_5m| TokenUsage {
        input,
        output,
        cache_read,
        cache_write_5m,
        ..TokenUsage::ZERO
    };
    let wrapped = format!(r#"{{"response":{CONTENT},"traceId":"t"}}"#);
    for (operation, body, expected, facts) in [
        (
            Operation::ChatCompletions,
            CHAT,
            usage(86, 300, 1920, 0),
            ["chatcmpl-B9MBs8", "gpt-5.5-2026-04-23", "tool_calls", "priority"],
        ),
        (Operation::Responses, RESPONSE, usage(3, 44, 0, 18011), ["resp_67cc", "gpt-5.6", "completed", "default"]),
        (Operation::CompactResponse, COMPACTED, usage(139, 438, 0, 0), ["resp_c1", "", "", ""]),
        (Operation::Embeddings, EMBEDDINGS, usage(8, 0, 0, 0), ["", "text-embedding-3-small", "", ""]),
        (
            Operation::GenerateContent,
            CONTENT,
            usage(904, 94, 4096, 0),
            ["Il0taoSYJ5", "gemini-3.8-flash", "STOP", "flex"],
        ),
        (
            Operation::GenerateContent,
            &wrapped,
            usage(904, 94, 4096, 0),
            ["Il0taoSYJ5", "gemini-3.8-flash", "STOP", "flex"],
        ),
    ] {
        assert_eq!(answer(operation, body), (expected, UsageSource::Reported, texts(facts)), "{body}");
    }
}

#[test]
fn a_document_that_is_cut_is_garbage() {
    for (operation, body) in [
        (Operation::ChatCompletions, CHAT),
        (Operation::Responses, RESPONSE),
        (Operation::CompactResponse, COMPACTED),
        (Operation::Embeddings, EMBEDDINGS),
        (Operation::GenerateContent, CONTENT),
    ] {
        for length in 0..body.len() {
            let read = read_body(operation, &body.as_bytes()[..length]);
            assert_eq!(read, BodyReading::Garbage, "{length} bytes of {body}");
        }
    }
}

#[test]
fn an_answer_without_a_count_is_not_free_and_an_embedding_s_bytes_are_no_tokens() {
    for (operation, body, output, source) in [
        (Operation::ChatCompletions, r#"{"choices":[{"x":1}]}"#, 3, UsageSource::Estimated),
        (
            Operation::Responses,
            r#"{"object":"response","status":"completed","output":[{"x":1}]}"#,
            3,
            UsageSource::Estimated,
        ),
        (Operation::Responses, r#"{"object":"response","status":"queued","output":[]}"#, 0, UsageSource::None),
        (Operation::Embeddings, r#"{"data":[{"embedding":"gE1iPA=="}],"model":"m"}"#, 0, UsageSource::None),
        (
            Operation::GenerateContent,
            r#"{"candidates":[{"content":{"parts":[{"text":"Hi there"}]},"finishReason":"STOP"}]}"#,
            2,
            UsageSource::Estimated,
        ),
        (Operation::GenerateContent, r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#, 0, UsageSource::None),
    ] {
        let (usage, read, _) = answer(operation, body);
        assert_eq!((usage.total(), read), (output, source), "{body}");
    }
}

#[test]
fn why_a_response_is_incomplete_is_its_stop_reason() {
    let body = r#"{"object":"response","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},
        "output":[],"usage":{"input_tokens":9,"output_tokens":16}}"#;
    assert_eq!(answer(Operation::Responses, body).2[2].as_deref(), Some("max_output_tokens"));
}

#[test]
fn each_dialect_s_errors_have_their_kind_and_their_wait() {
    use Operation::{ChatCompletions as Chat, Embeddings, GenerateContent as Gemini, Responses};
    use UpstreamErrorKind as Kind;
    let quota = r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[
        {"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"PerMinute"}]},
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]}}"#;
    let in_array = format!("[{quota}\n]");
    for (operation, body, kind, wait_ms) in [
        (
            Chat,
            r#"{"error":{"message":"m","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
            Kind::Billing,
            None,
        ),
        (
            Embeddings,
            r#"{"error":{"message":"m, try again in 1.5s.","type":"tokens","code":"rate_limit_exceeded"}}"#,
            Kind::RateLimit,
            Some(1500),
        ),
        (
            Responses,
            r#"{"error":{"type":"usage_limit_reached","message":"m","resets_in_seconds":60}}"#,
            Kind::RateLimit,
            Some(60_000),
        ),
        (
            Responses,
            r#"{"object":"response","status":"failed","error":{"code":"server_error","message":"m"},"output":[]}"#,
            Kind::Api,
            None,
        ),
        (Responses, r#"{"object":"response","status":"failed","error":null,"output":[]}"#, Kind::Other, None),
        (Responses, r#"{"detail":"m"}"#, Kind::Other, None),
        (Chat, r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#, Kind::InvalidRequest, None),
        (Chat, r#"{"error":{"message":"m","code":"slow_down"}}"#, Kind::Overloaded, None),
        (Chat, r#"{"object":"error","message":"m","type":"NotFoundError","code":404}"#, Kind::NotFound, None),
        (Gemini, quota, Kind::RateLimit, Some(34_500)),
        (Gemini, &in_array, Kind::RateLimit, Some(34_500)),
        (Gemini, r#"{"error":{"code":400,"message":"m","status":"FAILED_PRECONDITION"}}"#, Kind::InvalidRequest, None),
    ] {
        let BodyReading::Error(error) = read_body(operation, body.as_bytes()) else { panic!("{body}") };
        assert_eq!((error.kind, error.retry_after), (kind, wait_ms.map(Duration::from_millis)), "{body}");
        assert!(error.message.is_empty() || error.message.starts_with('m'), "{body}");
    }
}

#[test]
fn what_is_no_answer_and_no_error_is_garbage() {
    for operation in [
        Operation::ChatCompletions,
        Operation::Embeddings,
        Operation::Responses,
        Operation::CompactResponse,
        Operation::GenerateContent,
    ] {
        for body in [
            "",
            "{}",
            "[]",
            "[1]",
            "null",
            "<html>",
            r#"{"object":"list"}"#,
            r#"{"error":null}"#,
            r#"{"usage":{"x":}}"#,
        ] {
            assert_eq!(read_body(operation, body.as_bytes()), BodyReading::Garbage, "{operation:?} {body}");
        }
    }
}
