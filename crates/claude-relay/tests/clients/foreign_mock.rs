//! A provider that other authors wrote (`@copilotkit/aimock`) behind the relay, with the SDKs in front.

use crate::{
    programs,
    sdk::{Order, question},
    stage::{CREDENTIAL, Stage, cost, forgiving, tokens},
};
use domain::{NanoUsd, TokenUsage};
use serde_json::{Value, json};
use std::{process::Stdio, time::Duration};
use tempfile::TempDir;
use testkit::{HttpClient, Script};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Child,
};

/// Longest start of the mock: twenty times what it takes.
const START_MAX: Duration = Duration::from_secs(30);

/// What the mock writes once it listens.
const LISTENING: &str = "listening on ";

/// The mock, running. Dropping it kills it.
pub(crate) struct Mock {
    _child: Child,
    _fixtures: TempDir,
    pub(crate) base_url: String,
}

impl Mock {
    pub(crate) async fn start(fixtures: &Value) -> Self {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("fixtures.json");
        std::fs::write(&file, json!({"fixtures": fixtures}).to_string()).unwrap();
        let mut command = programs::bare(programs::node());
        command.arg(programs::node_modules().join(".bin/llmock")).args(["--port", "0", "--latency", "2", "--fixtures"]);
        // Node makes what it inherits non-blocking, for this process too: nothing is inherited.
        command.arg(&file).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listening = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("the mock ended before it listened");
                if let Some((_, address)) = line.split_once(LISTENING) {
                    return address.trim().to_owned();
                }
            }
        };
        let base_url = tokio::time::timeout(START_MAX, listening).await.expect("the mock listens in time");
        Self { _child: child, _fixtures: dir, base_url }
    }

    /// What the mock saw of every request.
    pub(crate) async fn journal(&self) -> Vec<Value> {
        let journal = HttpClient::new(&self.base_url).get("/__aimock/journal", &[]).await.unwrap();
        journal.json().as_array().unwrap().clone()
    }
}

/// A relay whose one account is at the mock.
pub(crate) async fn before(mock: &Mock) -> Stage {
    let stage = Stage::start_as(forgiving(), Script::default()).await;
    let accounts = stage.admin.get("/admin/accounts").await.unwrap();
    let path = format!("/admin/accounts/{}", accounts["items"][0]["id"].as_str().unwrap());
    stage.admin.patch(&path, &json!({"base_url": mock.base_url, "api_key": CREDENTIAL})).await.unwrap();
    stage
}

fn asked(text: &str) -> Value {
    let mut asked = question("claude-sonnet-5-5");
    asked["messages"][0]["content"] = json!(text);
    asked
}

#[tokio::test]
async fn its_documents_and_streams_arrive_and_are_metered() {
    let mock = Mock::start(&json!([{
        "match": {"userMessage": "hello"},
        "response": {"content": "Hello from elsewhere. Grüße 👋🏽", "usage": {"input_tokens": 31, "output_tokens": 17}},
    }]))
    .await;
    let stage = before(&mock).await;
    for (sdk, outcomes) in
        Order::to(&stage).call("create", &asked("hello")).call("stream", &asked("hello")).by_all().await
    {
        for outcome in outcomes {
            assert_eq!(outcome["text"], "Hello from elsewhere. Grüße 👋🏽", "{sdk}: {outcome}");
            assert_eq!(outcome["usage"]["output_tokens"], 17, "{sdk}: {outcome}");
        }
    }
    let records = stage.message_records().await;
    assert_eq!((records.len(), mock.journal().await.len()), (8, 8));
    for record in records {
        assert_eq!(record["outcome"], "completed", "{record}");
        assert_eq!(tokens(&record["usage"]), TokenUsage { input: 31, output: 17, ..TokenUsage::ZERO });
        // 31 × 2 + 17 × 10 = 232 millionths of a dollar.
        assert_eq!(cost(&record), NanoUsd::parse_usd("0.000232000").unwrap());
    }
}

#[tokio::test]
async fn its_tool_calls_arrive_and_are_answered() {
    let mock = Mock::start(&json!([
        {"match": {"userMessage": "weather", "hasToolResult": true}, "response": {"content": "18 degrees."}},
        {"match": {"userMessage": "weather"},
         "response": {"toolCalls": [{"name": "weather", "arguments": {"place": "Zürich"}}]}},
    ]))
    .await;
    let stage = before(&mock).await;
    let mut asked = asked("weather");
    asked["tools"] =
        json!([{"name": "weather", "description": "Weather at a place", "input_schema": {"type": "object"}}]);
    for (sdk, outcomes) in Order::to(&stage).call("tool_turn", &asked).by_all().await {
        assert_eq!(outcomes[0]["tool_inputs"], json!([{"place": "Zürich"}]), "{sdk}: {}", outcomes[0]);
        assert_eq!(outcomes[0]["text"], "18 degrees.", "{sdk}: {}", outcomes[0]);
    }
}

#[tokio::test]
async fn its_refusals_arrive_with_their_status_and_their_words() {
    let mock = Mock::start(&json!([
        {"match": {"userMessage": "limit"}, "response": {"error": {"message": "slow down", "type": "rate_limit_error"}, "status": 429}},
        {"match": {"userMessage": "busy"}, "response": {"error": {"message": "too many", "type": "overloaded_error"}, "status": 529}},
    ]))
    .await;
    let stage = before(&mock).await;
    let order = Order::to(&stage).call("create", &asked("limit")).call("stream", &asked("busy"));
    for (sdk, outcomes) in order.by_all().await {
        for (outcome, (status, words)) in outcomes.iter().zip([(429, "slow down"), (529, "too many")]) {
            assert_eq!(
                (&outcome["status"], &outcome["body"]["error"]["message"]),
                (&json!(status), &json!(words)),
                "{sdk}: {outcome}"
            );
        }
    }
}

#[tokio::test]
async fn its_chaos_never_looks_like_an_answer() {
    let answer = json!({"content": "This text is long enough to break off in the middle of itself, twice."});
    let chaos = |word: &str, chaos: Value| json!({"match": {"userMessage": word}, "response": answer, "chaos": chaos});
    let mock = Mock::start(&json!([
        chaos("drop", json!({"dropRate": 1.0})),
        chaos("malformed", json!({"malformedRate": 1.0})),
        chaos("disconnect", json!({"disconnectRate": 1.0})),
        {"match": {"userMessage": "truncate"}, "response": answer, "chunkSize": 4, "truncateAfterChunks": 5},
    ]))
    .await;
    let stage = before(&mock).await;
    let words = ["drop", "malformed", "disconnect", "truncate"];
    let order = words.into_iter().fold(Order::to(&stage), |order, word| order.call("stream", &asked(word)));
    for (sdk, outcomes) in order.by_all().await {
        for (word, outcome) in words.iter().zip(outcomes) {
            assert!(outcome["error"].is_string(), "{sdk} took it for whole ({word}): {outcome}");
        }
    }
    for record in stage.message_records().await {
        assert_ne!(record["outcome"], "completed", "{record}");
    }
}
