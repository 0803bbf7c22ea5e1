//! OpenAI's official Python SDK in front of the relay, and the mock provider of other authors behind it.

use crate::{
    foreign_mock::{Mock, before},
    programs::{self, Ended},
    stage::Stage,
};
use serde_json::{Value, json};

/// What the mock says to `hello`.
const TEXT: &str = "Hello from elsewhere. Grüße 👋🏽";

/// A model of Google's.
const GEMINI: &str = "gemini-2.5-flash";

async fn mock() -> Mock {
    // Google's API ends a call of a tool with `STOP`; the mock's own default is a word that Google's API does not have.
    Mock::start(&json!([
        {"match": {"userMessage": "weather", "model": GEMINI},
         "response": {"toolCalls": [{"name": "weather", "arguments": {"place": "Zürich"}}], "finishReason": "stop"}},
        {"match": {"userMessage": "fail"}, "response": {"content": TEXT, "finishReason": "MALFORMED_FUNCTION_CALL"}},
        {"match": {"userMessage": "hello"},
         "response": {"content": TEXT, "usage": {"input_tokens": 31, "output_tokens": 17}}},
        {"match": {"userMessage": "weather"},
         "response": {"toolCalls": [{"name": "weather", "arguments": {"place": "Zürich"}}]}},
        {"match": {"userMessage": "limit"},
         "response": {"error": {"message": "slow down", "type": "rate_limit_error"}, "status": 429}},
        {"match": {"inputText": "embed"}, "response": {"embedding": [0.5, -0.25]}},
    ]))
    .await
}

/// A relay with an account of `platform` at the mock beside the one of Anthropic's API.
async fn stage(mock: &Mock, mut account: Value) -> Stage {
    let stage = before(mock).await;
    account["name"] = json!("another");
    account["base_url"] = json!(mock.base_url);
    account["api_key"] = json!("what-only-the-upstream-may-see");
    stage.admin.post("/admin/accounts", &account).await.unwrap();
    stage
}

/// Makes the calls with the key at the relay's `/v1`, without retries.
async fn calls(stage: &Stage, key: &str, calls: &[(&str, Value)]) -> Vec<Value> {
    let base_url = format!("{}/v1", stage.relay.base_url());
    run(json!({"base_url": base_url, "api_key": key}), calls).await
}

async fn run(mut order: Value, calls: &[(&str, Value)]) -> Vec<Value> {
    order["max_retries"] = json!(0);
    order["calls"] = calls.iter().map(|(operation, params)| json!({"op": operation, "params": params})).collect();
    let mut command = programs::bare(programs::installed("CLAUDE_RELAY_TEST_PYTHON_OPENAI"));
    command.arg(programs::script("openai_sdk.py"));
    let Ended { succeeded, stdout, stderr } = programs::run(command, &order.to_string()).await;
    assert!(succeeded, "{stderr}");
    let outcomes: Vec<Value> = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"));
    assert_eq!(outcomes.len(), calls.len());
    outcomes
}

fn asked(model: &str, text: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": text}]})
}

fn with(mut params: Value, name: &str, value: Value) -> Value {
    params[name] = value;
    params
}

fn weather(model: &str) -> Value {
    let parameters = json!({"type": "object", "properties": {"place": {"type": "string"}}});
    let tools = json!([{"type": "function", "function": {"name": "weather", "parameters": parameters}}]);
    with(asked(model, "weather"), "tools", tools)
}

fn assert_says_hello(outcome: &Value) {
    assert_eq!((&outcome["text"], &outcome["finish_reason"]), (&json!(TEXT), &json!("stop")), "{outcome}");
}

fn assert_calls_the_tool(outcome: &Value) {
    assert_eq!(outcome["tools"], json!([{"name": "weather", "arguments": {"place": "Zürich"}}]), "{outcome}");
    assert_eq!(outcome["finish_reason"], "tool_calls", "{outcome}");
}

/// Checks that the ledger has a completed record for each of `count` calls.
async fn assert_recorded(stage: &Stage, count: usize) {
    let records = stage.message_records().await;
    assert_eq!(records.len(), count, "{records:?}");
    for record in records {
        assert_eq!(record["outcome"], "completed", "{record}");
    }
}

#[tokio::test]
async fn chat_completions_of_openai_arrive_whole_and_in_streams() {
    let mock = mock().await;
    let stage = stage(&mock, json!({"platform": "openai-responses"})).await;
    let hello = asked("gpt-5", "hello");
    let usage = with(hello.clone(), "stream_options", json!({"include_usage": true}));
    let order = [
        ("chat", hello.clone()),
        ("chat_stream", hello),
        ("chat_stream", usage),
        ("chat", weather("gpt-5")),
        ("chat_stream", weather("gpt-5")),
    ];
    let outcomes = calls(&stage, &stage.key.key, &order).await;
    outcomes[..3].iter().for_each(assert_says_hello);
    outcomes[3..].iter().for_each(assert_calls_the_tool);
    let said: Vec<&Value> = outcomes[..3].iter().map(|outcome| &outcome["usage"]["completion_tokens"]).collect();
    assert_eq!(said, [&json!(17), &Value::Null, &json!(17)], "usage where it was asked for");
    assert_recorded(&stage, order.len()).await;
}

#[tokio::test]
async fn responses_of_openai_arrive_whole_and_in_streams() {
    let mock = mock().await;
    let stage = stage(&mock, json!({"platform": "openai-responses"})).await;
    let hello = json!({"model": "gpt-5", "input": "hello"});
    let outcomes = calls(&stage, &stage.key.key, &[("responses", hello.clone()), ("responses_stream", hello)]).await;
    for outcome in &outcomes {
        assert_eq!((&outcome["text"], &outcome["status"]), (&json!(TEXT), &json!("completed")), "{outcome}");
        assert_eq!(outcome["usage"]["output_tokens"], 17, "{outcome}");
    }
    assert_eq!(outcomes[1]["streamed"], TEXT);
    assert_recorded(&stage, 2).await;
}

#[tokio::test]
async fn embeddings_and_the_list_of_models_arrive() {
    let mock = mock().await;
    let stage = stage(&mock, json!({"platform": "openai-responses"})).await;
    let embed = json!({"model": "text-embedding-3-small", "input": "embed", "encoding_format": "float"});
    let outcomes = calls(&stage, &stage.key.key, &[("embeddings", embed), ("models", json!({}))]).await;
    assert_eq!(outcomes[0]["vectors"], json!([[0.5, -0.25]]), "{}", outcomes[0]);
    assert!(outcomes[1]["models"].as_array().is_some_and(|models| !models.is_empty()), "{}", outcomes[1]);
}

#[tokio::test]
async fn a_claude_model_is_asked_of_anthropic_s_api_and_answered_as_openai_does() {
    let mock = mock().await;
    let stage = before(&mock).await;
    let model = "claude-sonnet-5-5";
    let hello = asked(model, "hello");
    let order =
        [("chat", hello.clone()), ("chat_stream", hello), ("chat", weather(model)), ("chat_stream", weather(model))];
    let outcomes = calls(&stage, &stage.key.key, &order).await;
    outcomes[..2].iter().for_each(assert_says_hello);
    outcomes[2..].iter().for_each(assert_calls_the_tool);
    let response =
        calls(&stage, &stage.key.key, &[("responses_stream", json!({"model": model, "input": "hello"}))]).await;
    assert_eq!((&response[0]["text"], &response[0]["streamed"]), (&json!(TEXT), &json!(TEXT)), "{response:?}");
    for exchange in mock.journal().await {
        assert_eq!(exchange["path"], "/v1/messages", "{exchange}");
    }
    assert_recorded(&stage, order.len() + 1).await;
}

#[tokio::test]
async fn a_gemini_model_is_asked_of_google_s_api_and_answered_as_openai_does() {
    let mock = mock().await;
    let stage = stage(&mock, json!({"platform": "gemini", "access": "api_key"})).await;
    let hello = asked(GEMINI, "hello");
    let order =
        [("chat", hello.clone()), ("chat_stream", hello), ("chat", weather(GEMINI)), ("chat_stream", weather(GEMINI))];
    let outcomes = calls(&stage, &stage.key.key, &order).await;
    outcomes[..2].iter().for_each(assert_says_hello);
    outcomes[2..].iter().for_each(assert_calls_the_tool);
    assert_recorded(&stage, order.len()).await;
}

#[tokio::test]
async fn a_gemini_answer_in_which_the_model_failed_is_an_error_whole_and_in_a_stream() {
    let mock = mock().await;
    let stage = stage(&mock, json!({"platform": "gemini", "access": "api_key"})).await;
    let fail = asked(GEMINI, "fail");
    for outcome in calls(&stage, &stage.key.key, &[("chat", fail.clone()), ("chat_stream", fail)]).await {
        assert!(outcome["error"].is_string(), "taken for whole: {outcome}");
    }
}

#[tokio::test]
async fn the_azure_client_is_served_by_its_deployment() {
    let mock = mock().await;
    let stage =
        stage(&mock, json!({"platform": "azure-openai", "api_version": "2024-10-21", "deployment": "gpt-5"})).await;
    let order =
        json!({"azure_endpoint": stage.relay.base_url(), "api_version": "2024-10-21", "api_key": stage.key.key});
    let hello = asked("gpt-5", "hello");
    let outcomes = run(order, &[("chat", hello.clone()), ("chat_stream", hello)]).await;
    outcomes.iter().for_each(assert_says_hello);
    assert_recorded(&stage, 2).await;
}

#[tokio::test]
async fn refusals_are_the_errors_that_the_sdk_knows() {
    let mock = mock().await;
    let stage = stage(&mock, json!({"platform": "openai-responses"})).await;
    let stranger = calls(&stage, "cr_nobody-has-this-key", &[("chat", asked("gpt-5", "hello"))]).await;
    assert_eq!((&stranger[0]["error"], &stranger[0]["status"]), (&json!("AuthenticationError"), &json!(401)));
    let limited = stage.key_with(json!({"permissions": ["claude"]})).await;
    let limited = calls(&stage, &limited.key, &[("chat", asked("gpt-5", "hello"))]).await;
    assert_eq!(
        (&limited[0]["error"], &limited[0]["status"]),
        (&json!("PermissionDeniedError"), &json!(403)),
        "{limited:?}"
    );
    let order = [("chat", asked("gpt-5", "limit")), ("responses", json!({"model": "gpt-5", "input": "limit"}))];
    for outcome in calls(&stage, &stage.key.key, &order).await {
        assert_eq!((&outcome["error"], &outcome["status"]), (&json!("RateLimitError"), &json!(429)), "{outcome}");
        assert_eq!(outcome["body"]["message"], "slow down", "{outcome}");
    }
}
