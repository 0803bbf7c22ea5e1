//! What clients of each dialect hear when something is refused or goes wrong.

use crate::{
    platforms::{GEMINI, RESPONSES, ask, chat, chat_text, contents, keyed, messages, reply, responses, site},
    support::{eventually, last_error, merge},
};
use serde_json::{Value, json};
use testkit::{
    Reply, Script, ScriptedUpstream,
    upstream::{Expect, Framing, Split},
};

const GEMINI_ERROR: &str = include_str!("../../../protocol/tests/golden/convert/answers/gemini/error.sse");

/// A call in each dialect, to a service that is not Claude.
fn calls() -> [(&'static str, Value); 4] {
    [
        ("/v1/messages", messages("gpt-5", false)),
        ("/v1/chat/completions", chat("gpt-5", false)),
        ("/v1/responses", responses("gpt-5", false)),
        ("/v1beta/models/gemini-2.5-pro:generateContent", contents()),
    ]
}

#[tokio::test]
async fn a_key_for_claude_alone_is_refused_other_services_in_the_client_s_dialect() {
    let site = site(&keyed("openai-responses"), reply(RESPONSES, false)).await;
    let key = format!("/admin/api-keys/{}", site.key.id);
    site.admin.patch(&key, &json!({"permissions": ["claude"]})).await.unwrap();
    for (path, body) in calls() {
        let answered = eventually("the change counts", async || {
            let answered = ask(&site, path, &body).await;
            (answered.status == 403).then_some(answered)
        })
        .await;
        assert!(answered.json()["error"]["message"].is_string(), "{answered:?}");
        let error = &answered.json()["error"];
        let is_own = match path {
            "/v1/messages" => error["type"] == "permission_error",
            "/v1/chat/completions" | "/v1/responses" => error.get("code").is_some() && error.get("param").is_some(),
            _ => error["status"] == "PERMISSION_DENIED" && error["code"] == 403,
        };
        assert!(is_own, "{path}: {answered:?}");
    }
}

#[tokio::test]
async fn an_account_behind_a_dead_proxy_is_never_called_directly() {
    let dead = testkit::upstream::refused_base_url().await.unwrap();
    let mut account = keyed("openai-responses");
    merge(&mut account, &json!({"proxy": dead}));
    let site = site(&account, reply(RESPONSES, false)).await;
    let answered = ask(&site, "/v1/chat/completions", &chat("gpt-5", false)).await;
    assert!(matches!(answered.status.as_u16(), 502 | 503), "{answered:?}");
    assert!(answered.json()["error"]["message"].is_string(), "{answered:?}");
    assert_eq!(site.upstream().books().exchanges.len(), 0);
    assert_eq!(site.upstream().connections_opened(), 0);
}

#[tokio::test]
async fn an_error_behind_the_first_content_is_told_in_the_client_s_dialect() {
    let site = site(&keyed("gemini"), Reply::bytes(200, "text/event-stream", GEMINI_ERROR)).await;
    let answered = ask(&site, "/v1/messages", &messages("gemini-2.5-pro", true)).await;
    assert_eq!(last_error(&answered), "overloaded_error");
    assert_eq!(site.record_of(&answered).await["outcome"], "truncated");
    site.reset(0).await;
    let answered = ask(&site, "/v1/chat/completions", &chat("gemini-2.5-pro", true)).await;
    let events = answered.events();
    assert!(
        events.events.iter().any(|event| event.data != "[DONE]" && event.json()["error"].is_object()),
        "{answered:?}"
    );
    assert_eq!(site.record_of(&answered).await["outcome"], "truncated");
}

#[tokio::test]
async fn an_error_before_the_first_content_is_mended_by_the_second_account() {
    let error = GEMINI_ERROR.split_inclusive("\n\n").last().unwrap();
    let mut site = site(&keyed("gemini"), Reply::bytes(200, "text/event-stream", error)).await;
    let sound = Script::default().by(|_| Some(reply(GEMINI, true)));
    let upstream = ScriptedUpstream::start_expecting(sound, Expect::nothing()).await.unwrap();
    let mut second = keyed("gemini");
    merge(&mut second, &json!({"name": "the second", "base_url": upstream.base_url(), "priority": 90}));
    site.add_account(&second).await;
    site.upstreams.push(upstream);
    let answered = ask(&site, "/v1/chat/completions", &chat("gemini-2.5-pro", true)).await;
    assert_eq!(chat_text(&answered), "Hello, \"wörld\"\n👋");
    let records = site.records_of(&answered).await;
    let outcomes: Vec<_> = records.iter().map(|record| &record["outcome"]).collect();
    assert_eq!(outcomes, ["refused", "completed"], "{records:?}");
}

/// Without `alt=sse` the same stream is one JSON array.
#[tokio::test]
async fn a_stream_of_gemini_comes_as_an_array_to_clients_that_do_not_ask_for_events() {
    let site = site(&keyed("gemini"), reply(GEMINI, true)).await;
    let answered = ask(&site, "/v1beta/models/gemini-2.5-pro:streamGenerateContent", &contents()).await;
    let elements = answered.json();
    let events = GEMINI.stream.lines().filter_map(|line| line.strip_prefix("data: "));
    let expected: Vec<Value> = events.map(|data| serde_json::from_str(data).unwrap()).collect();
    assert_eq!(elements, Value::Array(expected), "{answered:?}");
    let target = &site.upstream().books().exchanges[0].request.target;
    assert_eq!(target, "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse");
    assert_eq!(site.record_of(&answered).await["usage"]["output_tokens"], 30);
}

#[tokio::test]
async fn a_stream_that_is_cut_is_told_and_booked_as_truncated() {
    let cut = GEMINI.stream.split_inclusive("\n\n").next().unwrap();
    let site = site(&keyed("gemini"), Reply::bytes(200, "text/event-stream", cut)).await;
    let answered = ask(&site, "/v1/messages", &messages("gemini-2.5-pro", true)).await;
    assert_eq!(last_error(&answered), "api_error");
    assert_eq!(site.record_of(&answered).await["outcome"], "truncated");
}

/// Events that repeat the client's tools were taken for a stream that never begins, and the account was put aside.
#[tokio::test]
async fn a_greeting_that_repeats_a_large_request_is_no_fault() {
    let tools = json!([{"type": "function", "name": "t", "description": "x".repeat(60 << 10), "parameters": {}}]);
    let greeting = ["response.created", "response.queued", "response.in_progress"].map(|kind| {
        let response = json!({"id": "resp_68af", "object": "response", "status": "in_progress", "tools": tools});
        format!("event: {kind}\ndata: {}\n\n", json!({"type": kind, "response": response}))
    });
    let (_, rest) = RESPONSES.stream.split_once("event: response.output_item.added").unwrap();
    let stream = format!("{}event: response.output_item.added{rest}", greeting.concat());
    let reply =
        Reply::bytes(200, "text/event-stream", stream.clone()).framed(Framing::Chunked).split(Split::Every(4096));
    let site = site(&keyed("openai-responses"), reply).await;
    let mut body = responses("gpt-5", true);
    merge(&mut body, &json!({"tools": tools}));
    let answered = ask(&site, "/v1/responses", &body).await;
    assert_eq!((answered.status.as_u16(), &answered.body[..]), (200, stream.as_bytes()));
    assert_eq!(site.record_of(&answered).await["outcome"], "completed");
}
