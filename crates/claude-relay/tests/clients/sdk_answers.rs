//! What the SDKs get when all is well, and that the books say the same.

use crate::{
    sdk::{Order, question},
    stage::{CREDENTIAL, Stage, cost, tokens},
};
use domain::{NanoUsd, TokenUsage};
use serde_json::{Value, json};
use testkit::{
    Answer, Reply, Script,
    upstream::{COUNTED_TOKENS, Exchange},
};

const SONNET: &str = "claude-sonnet-5-5";
const HAIKU: &str = "claude-haiku-5-5";

/// Usage with all classes; the figures are far apart, so that no two can be mistaken for each other.
const USAGE: TokenUsage =
    TokenUsage { input: 1_111, output: 2_223, cache_write_5m: 3_331, cache_write_1h: 447, cache_read: 50_003 };

/// A stage whose model answers every question with a greeting that costs [`USAGE`].
async fn greeting() -> Stage {
    Stage::start(Script::always(Reply::message(Answer::hello().with_usage(USAGE)))).await
}

/// The fields of an SDK's usage as disjoint classes.
fn told_usage(outcome: &Value) -> TokenUsage {
    let usage = &outcome["usage"];
    let count = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    TokenUsage {
        input: count("/input_tokens"),
        output: count("/output_tokens"),
        cache_write_5m: count("/cache_creation/ephemeral_5m_input_tokens"),
        cache_write_1h: count("/cache_creation/ephemeral_1h_input_tokens"),
        cache_read: count("/cache_read_input_tokens"),
    }
}

#[tokio::test]
async fn an_answer_arrives_whole_streamed_and_not_and_the_books_say_what_the_sdk_saw() {
    let stage = greeting().await;
    for (sdk, outcomes) in
        Order::to(&stage).call("create", &question(SONNET)).call("stream", &question(SONNET)).by_all().await
    {
        for outcome in outcomes {
            assert_eq!(outcome["text"], "Hello! Grüße, 你好, 👋🏽.", "{sdk}: {outcome}");
            assert_eq!(outcome["stop_reason"], "end_turn", "{sdk}");
            assert_eq!(told_usage(&outcome), USAGE, "{sdk}");
            assert!(outcome["request_id"].as_str().unwrap().starts_with("req_"), "{sdk}: {outcome}");
        }
    }
    assert_eq!(stage.message_records().await.len(), 8);
    stage.assert_books_match().await;
}

#[tokio::test]
async fn the_cost_is_the_list_price_to_the_nano_dollar() {
    let long = TokenUsage { input: 100_001, output: 7, cache_write_5m: 3, cache_write_1h: 2, cache_read: 1 };
    let script = Script::default()
        .for_model(SONNET, Reply::message(Answer::hello().with_usage(USAGE)))
        .for_model(HAIKU, Reply::message(Answer::hello().with_usage(long)));
    let stage = Stage::start(script).await;
    Order::to(&stage).call("create", &question(SONNET)).call("stream", &question(HAIKU)).by_all().await;
    // Sonnet, in dollars per million: input 2, output 10, cache writes 2.50 and 4, cache reads 0.10.
    // 1111 × 2 + 2223 × 10 + 3331 × 2.5 + 447 × 4 + 50003 × 0.1 = 39567.8 millionths.
    let sonnet = NanoUsd::parse_usd("0.039567800").unwrap();
    // Haiku with more than 100,000 tokens of prompt: 0.50, 2.50, 0.625, 1 and 0.05.
    // 100001 × 0.5 + 7 × 2.5 + 3 × 0.625 + 2 × 1 + 1 × 0.05 = 50021.925 millionths.
    let haiku = NanoUsd::parse_usd("0.050021925").unwrap();
    for record in stage.message_records().await {
        let (expected, usage) = if record["model"] == SONNET { (sonnet, USAGE) } else { (haiku, long) };
        assert_eq!((cost(&record), tokens(&record["usage"])), (expected, usage), "{record}");
    }
    assert_eq!(cost(&stage.admin.usage().await.unwrap()["total"]), NanoUsd(4 * (sonnet.0 + haiku.0)));
}

#[tokio::test]
async fn a_tool_is_called_with_thinking_before_it_and_both_go_back_as_they_came() {
    let script = Script::default().by(|request| {
        let has_result = String::from_utf8_lossy(&request.body).contains("tool_result");
        let input = json!({"place": "Zürich 🏔"});
        Some(Reply::message(if has_result { Answer::text("18 °C.") } else { Answer::tool_call("weather", input) }))
    });
    let stage = Stage::start(script).await;
    let mut asked = question(SONNET);
    asked["max_tokens"] = json!(4096);
    asked["tools"] =
        json!([{"name": "weather", "description": "Weather at a place", "input_schema": {"type": "object"}}]);
    for (sdk, outcomes) in Order::to(&stage).call("tool_turn", &asked).by_all().await {
        assert_eq!(outcomes[0]["text"], "18 °C.", "{sdk}: {}", outcomes[0]);
        assert_eq!(outcomes[0]["tool_inputs"], json!([{"place": "Zürich 🏔"}]), "{sdk}");
    }
    let books = stage.upstream.books();
    let second: Vec<_> = books.messages().filter(|it| said(it).contains("tool_result")).collect();
    assert_eq!(second.len(), 4);
    for exchange in second {
        let said = said(exchange);
        assert!(said.contains("EqQBCkYIAxgCKkBzY3JpcHRlZC1zaWduYXR1cmU="), "the signature of the thinking: {said}");
    }
    stage.assert_books_match().await;
}

fn said(exchange: &Exchange) -> String {
    String::from_utf8_lossy(&exchange.request.body).into_owned()
}

#[tokio::test]
async fn tokens_are_counted_and_models_listed_and_neither_costs_anything() {
    let stage = greeting().await;
    let mut counted = question(SONNET);
    counted.as_object_mut().unwrap().remove("max_tokens");
    for (sdk, outcomes) in Order::to(&stage).call("count_tokens", &counted).call("models", &json!({})).by_all().await {
        assert_eq!(outcomes[0]["input_tokens"], COUNTED_TOKENS, "{sdk}: {}", outcomes[0]);
        assert_eq!(outcomes[1]["models"][1], SONNET, "{sdk}: {}", outcomes[1]);
    }
    let records = stage.admin.records(20).await.unwrap();
    let kinds = |kind: &str| records.iter().filter(|record| record["kind"] == kind).count();
    assert_eq!((kinds("count_tokens"), kinds("model_list"), records.len()), (4, 4, 8));
    assert_eq!(stage.upstream.books().complaints(), Vec::<&str>::new());
    let total = &stage.admin.usage().await.unwrap()["total"];
    assert_eq!((tokens(total), cost(total)), (TokenUsage::ZERO, NanoUsd(0)));
}

#[tokio::test]
async fn a_key_works_as_auth_token_too_and_below_the_earlier_service_s_mounts() {
    let stage = greeting().await;
    for mount in ["/api", "/claude"] {
        let order = Order::to(&stage).below(mount).with_auth_token().call("create", &question(SONNET));
        for (sdk, outcomes) in order.by_all().await {
            assert_eq!(outcomes[0]["text"], "Hello! Grüße, 你好, 👋🏽.", "{sdk} at {mount}: {}", outcomes[0]);
        }
    }
    stage.assert_books_match().await;
}

#[tokio::test]
async fn a_large_body_reaches_the_upstream_as_it_was_sent() {
    let stage = greeting().await;
    let mut asked = question(SONNET);
    let text = "Grüße aus Zürich, 你好 👋🏽\\\" \u{1f}\n".repeat(5_000);
    assert!(text.len() > 200_000);
    asked["messages"][0]["content"] = json!(text);
    for (sdk, outcomes) in Order::to(&stage).call("stream", &asked).by_all().await {
        assert_eq!(outcomes[0]["stop_reason"], "end_turn", "{sdk}: {}", outcomes[0]);
    }
    for exchange in stage.upstream.books().messages() {
        let body: Value = serde_json::from_slice(&exchange.request.body).unwrap();
        assert_eq!(body["messages"][0]["content"], text);
    }
    stage.assert_books_match().await;
}

#[tokio::test]
async fn the_upstream_sees_its_own_credential_and_the_client_s_version_and_nothing_of_the_key() {
    let stage = greeting().await;
    Order::to(&stage).call("create", &question(SONNET)).by_all().await;
    let books = stage.upstream.books();
    let mut versions: Vec<_> = books.messages().filter_map(|it| it.request.header("anthropic-version")).collect();
    versions.sort_unstable();
    assert_eq!(versions, ["2023-06-01", "2023-06-01", "2026-10-21", "2026-10-21"]);
    for exchange in books.messages() {
        assert_eq!(exchange.request.header("x-api-key"), Some(CREDENTIAL));
        assert!(!format!("{:?}", exchange.request).contains(&stage.key.key));
    }
}
