//! Accounts that are signed in to, with a token that was pasted: what opens them, and what their clients hear.

use crate::{
    platforms::{
        ANTHROPIC, BEARER, GEMINI, RESPONSES, SECRET, ask, chat, chat_text, contents, messages, reply, responses, site,
        tokens_in,
    },
    support::{MODEL, Site, eventually},
};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use testkit::{
    Reply,
    client::{Answered, SseEvent, SseTranscript},
    upstream::{Exchange, Split},
};

/// Sends the call until the pasted token is in use; gives the answer and the one call that the upstream got.
async fn served_signed_in(site: &Site, path: &str, body: &Value) -> (Answered, Exchange) {
    let pasted = format!("/admin/accounts/{}/oauth/tokens", site.accounts[0]);
    site.admin.post(&pasted, &json!({"access_token": SECRET})).await.unwrap();
    let answered = eventually("the token is in use", async || {
        let answered = ask(site, path, body).await;
        (answered.status != 503).then_some(answered)
    })
    .await;
    assert_eq!(answered.status, 200, "{path}: {answered:?}");
    let exchange = site.upstream().books().exchanges.remove(0);
    assert_eq!(exchange.request.header_values("authorization").collect::<Vec<_>>(), [BEARER.1], "{path}");
    assert!(!exchange.request.headers.iter().any(|(_, value)| value.contains(&site.key.key)), "{path}");
    let record = site.record_of(&answered).await;
    assert_eq!(record["outcome"], "completed", "{path}: {record}");
    (answered, exchange)
}

#[tokio::test]
async fn accounts_that_are_signed_in_to_are_opened_by_their_token() {
    for (platform, path, body, target, golden) in [
        ("claude", "/v1/messages", messages(MODEL, true), "/v1/messages", ANTHROPIC),
        ("openai", "/openai/responses", responses("gpt-5", true), "/responses", RESPONSES),
    ] {
        let site = site(&json!({"platform": platform}), reply(golden, true)).await;
        let (answered, exchange) = served_signed_in(&site, path, &body).await;
        assert_eq!(exchange.request.target, target);
        assert_eq!(answered.body, golden.stream, "{platform}");
    }
}

#[tokio::test]
async fn a_chat_is_answered_by_a_signed_in_account_of_chatgpt() {
    let site = site(&json!({"platform": "openai"}), reply(RESPONSES, true)).await;
    let (answered, exchange) = served_signed_in(&site, "/v1/chat/completions", &chat("gpt-5", true)).await;
    assert_eq!(exchange.request.target, "/responses");
    assert_eq!(chat_text(&answered), "Hello, \"wörld\"\n👋");
    let usage = &site.record_of(&answered).await["usage"];
    assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(20), &json!(30)));
}

#[tokio::test]
async fn code_assist_gets_and_gives_gemini_s_bodies_in_its_envelope() {
    let enveloped = format!("{{\"response\":{}}}", GEMINI.document.trim_end());
    let account = json!({"platform": "gemini", "access": "oauth", "project_id": "team-project-123"});
    let site = site(&account, Reply::bytes(200, "application/json", enveloped)).await;
    let path = "/v1beta/models/gemini-2.5-pro:generateContent";
    let (answered, exchange) = served_signed_in(&site, path, &contents()).await;
    assert_eq!(exchange.request.target, "/v1internal:generateContent");
    let sent: Value = serde_json::from_slice(&exchange.request.body).unwrap();
    assert_eq!(sent, json!({"model": "gemini-2.5-pro", "project": "team-project-123", "request": contents()}));
    let expected: Value = serde_json::from_str(GEMINI.document).unwrap();
    assert_eq!(answered.json(), expected);
}

#[tokio::test]
async fn a_stream_of_code_assist_comes_out_of_its_envelope_wherever_it_is_cut() {
    let enveloped = GEMINI.stream.replace("data: {", "data: {\"response\": {").replace("}\n", "}}\n");
    let account = json!({"platform": "gemini", "access": "oauth", "project_id": "team-project-123"});
    for split in [Split::Whole, Split::Every(1), Split::Sizes(vec![5, 300, 13])] {
        let site = site(&account, Reply::bytes(200, "text/event-stream", enveloped.clone()).split(split)).await;
        let path = "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse";
        let (answered, exchange) = served_signed_in(&site, path, &contents()).await;
        assert_eq!(exchange.request.target, "/v1internal:streamGenerateContent?alt=sse");
        let told: Vec<_> = answered.events().events.iter().map(SseEvent::json).collect();
        let expected = SseTranscript::read(GEMINI.stream.as_bytes());
        assert_eq!(told, expected.events.iter().map(SseEvent::json).collect::<Vec<_>>());
        assert_eq!(tokens_in(&site.record_of(&answered).await), GEMINI.tokens);
        let answered = ask(&site, "/v1/chat/completions", &chat("gemini-2.5-pro", true)).await;
        assert_eq!(chat_text(&answered), "Hello, \"wörld\"\n👋");
    }
}

#[tokio::test]
async fn who_wants_no_stream_of_chatgpt_gets_its_stream_as_a_document() {
    for (path, body) in [
        ("/openai/responses", responses("gpt-5", false)),
        ("/v1/chat/completions", chat("gpt-5", false)),
        ("/v1/messages", messages("gpt-5", false)),
    ] {
        let site = site(&json!({"platform": "openai"}), reply(RESPONSES, true)).await;
        let (answered, exchange) = served_signed_in(&site, path, &body).await;
        let sent: Value = serde_json::from_slice(&exchange.request.body).unwrap();
        assert_eq!((exchange.request.target.as_str(), &sent["stream"]), ("/responses", &json!(true)), "{path}");
        assert_eq!(answered.header("content-type"), "application/json", "{path}");
        assert!(answered.json().to_string().contains(r#"Hello, \"wörld\"\n👋"#), "{path}: {answered:?}");
        let record = site.record_of(&answered).await;
        assert_eq!((&record["stream"], &record["usage_source"]), (&json!(false), &json!("reported")), "{path}");
        let usage = &record["usage"];
        assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(20), &json!(30)), "{path}");
    }
}

#[tokio::test]
async fn a_stream_of_chatgpt_that_fails_is_no_document() {
    let (begun, _) = RESPONSES.stream.split_once("event: response.completed").unwrap();
    let failed = "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"object\":\"response\",\
        \"status\":\"failed\",\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"slow down\"}}}\n\n";
    for (end, status, kind) in [("", 502, "broken"), (failed, 429, "rate_limit")] {
        let events = Reply::bytes(200, "text/event-stream", format!("{begun}{end}"));
        let site = site(&json!({"platform": "openai"}), events).await;
        let pasted = format!("/admin/accounts/{}/oauth/tokens", site.accounts[0]);
        site.admin.post(&pasted, &json!({"access_token": SECRET})).await.unwrap();
        let answered = eventually("the token is in use", async || {
            let answered = ask(&site, "/openai/responses", &responses("gpt-5", false)).await;
            (answered.status != 503).then_some(answered)
        })
        .await;
        assert_eq!(answered.status, status, "{answered:?}");
        let record = site.record_of(&answered).await;
        assert_eq!((&record["failure"], &record["usage_source"]), (&json!(kind), &json!("estimated")), "{record}");
        assert_ne!(record["usage"]["output_tokens"], 0, "what was said before is in the books");
    }
}

#[expect(clippy::disallowed_methods, reason = "the provider's clock, not the relay's")]
fn in_an_hour() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 3600
}

/// An answer whose headers tell of the windows of the subscription.
fn metered(status: &str, used: &str) -> Reply {
    reply(ANTHROPIC, true)
        .with_header("anthropic-ratelimit-unified-status", status)
        .with_header("anthropic-ratelimit-unified-5h-status", status)
        .with_header("anthropic-ratelimit-unified-5h-utilization", used)
        .with_header("anthropic-ratelimit-unified-5h-reset", &in_an_hour().to_string())
}

async fn windows(site: &Site) -> Value {
    site.admin.get(&format!("/admin/accounts/{}", site.accounts[0])).await.unwrap()
}

#[tokio::test]
async fn what_an_answer_tells_of_the_subscription_s_windows_is_kept_and_shown() {
    let site = site(&json!({"platform": "claude"}), metered("allowed_warning", "0.914")).await;
    served_signed_in(&site, "/v1/messages", &messages(MODEL, true)).await;
    let account = eventually("the window is kept", async || {
        let account = windows(&site).await;
        (account["usage_windows"] != json!([])).then_some(account)
    })
    .await;
    let window = &account["usage_windows"][0];
    assert_eq!((&window["name"], &window["status"]), (&json!("five_hour"), &json!("allowed_warning")));
    assert_eq!((&window["used_percent"], &account["state"]["status"]), (&json!(91.4), &json!("ready")));
    let site = site.restart().await;
    assert_eq!(windows(&site).await["usage_windows"], account["usage_windows"]);
}

#[tokio::test]
async fn an_account_that_stops_at_a_warning_leaves_requests_to_others_until_its_window_begins_anew() {
    let document = json!({"platform": "claude", "stops_at_warning": true});
    let site = site(&document, metered("allowed_warning", "0.95")).await;
    served_signed_in(&site, "/v1/messages", &messages(MODEL, true)).await;
    let refused = ask(&site, "/v1/messages", &messages(MODEL, true)).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.json().to_string().contains("1 stopped at a warning"), "{refused:?}");
    let account = eventually("it is told", async || {
        let account = windows(&site).await;
        (account["state"]["status"] == "cooling_down").then_some(account)
    })
    .await;
    assert_eq!(account["state"]["until"], account["usage_windows"][0]["resets_at"]);
    let site = site.restart().await;
    assert_eq!(ask(&site, "/v1/messages", &messages(MODEL, true)).await.status, 503, "a restart knows of it");
}
