//! Responses over a WebSocket on both sides: the account is asked over one that stays with the client's connection.

use crate::{
    platforms::{BEARER, RESPONSES, SECRET, keyed, reply},
    sockets::{connect, create, records, told},
    support::{Site, command, eventually, merge},
};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use testkit::{
    Reply, Script, ScriptedUpstream,
    upstream::{Expect, Gate, Said, ScriptedSocket, SocketReply},
};

/// A relay with one account, whose upstream does so with each message.
async fn site(
    account: &Value,
    choice: impl Fn(&Said) -> SocketReply + Send + Sync + 'static,
) -> (Site, ScriptedSocket) {
    let upstream = ScriptedSocket::start(choice).await.unwrap();
    let mut site = Site::start_over(command(), &[]).await;
    let mut account = account.clone();
    merge(&mut account, &json!({"name": "a test", "base_url": upstream.base_url()}));
    site.add_account(&account).await;
    (site, upstream)
}

async fn usual(choice: impl Fn(&Said) -> SocketReply + Send + Sync + 'static) -> (Site, ScriptedSocket) {
    site(&keyed("openai-responses"), choice).await
}

fn going_on(id: &Value) -> Value {
    let output = json!([{"type": "function_call_output", "call_id": "c", "output": "ok"}]);
    create(&json!({"previous_response_id": id, "input": output}))
}

#[tokio::test]
async fn a_connection_s_responses_are_made_on_one_socket_to_the_account() {
    let (site, upstream) = usual(|_| SocketReply::Text("hi")).await;
    let mut client = connect(&site, &[]).await.unwrap();
    let messages = client.ask(&create(&json!({}))).await;
    let (text, response) = told(&messages);
    assert_eq!(text, "hi");
    let next = going_on(&response["id"]);
    assert_eq!(told(&client.ask(&next).await).0, "hi");
    let said = upstream.said();
    assert_eq!(said.iter().map(|said| said.connection).collect::<Vec<_>>(), [0, 0]);
    assert_eq!(said[1].message, next, "the upstream knows what came before");
    assert_eq!(said[0].header(BEARER.0), Some(BEARER.1));
    assert_eq!(said[0].header("openai-beta"), Some("responses_websockets=2026-02-06"));
    assert_eq!(said[0].header("session-id"), Some("s-1"));
    assert!(!said[0].headers.iter().any(|(_, value)| value.contains(&site.key.key)), "{:?}", said[0].headers);
    for record in records(&site, 2).await {
        let usage = &record["usage"];
        let tokens = [&usage["input_tokens"], &usage["cache_read_tokens"], &usage["output_tokens"]];
        assert_eq!(
            (&record["outcome"], tokens),
            (&json!("completed"), [&json!(20), &json!(100), &json!(30)]),
            "{record}"
        );
    }
}

#[tokio::test]
async fn an_account_that_is_signed_in_to_is_asked_with_its_token() {
    let (site, upstream) = site(&json!({"platform": "openai"}), |_| SocketReply::Text("hi")).await;
    let pasted = format!("/admin/accounts/{}/oauth/tokens", site.accounts[0]);
    site.admin.post(&pasted, &json!({"access_token": SECRET})).await.unwrap();
    let mut client = connect(&site, &[]).await.unwrap();
    eventually("the token is in use", async || {
        let last = client.ask(&create(&json!({}))).await.pop().unwrap();
        (last["type"] == "response.completed").then_some(())
    })
    .await;
    assert_eq!(upstream.said()[0].header(BEARER.0), Some(BEARER.1));
}

#[tokio::test]
async fn a_model_s_mapping_changes_the_message_and_nothing_else() {
    let mut account = keyed("openai-responses");
    merge(&mut account, &json!({"models": {"gpt-5": "gpt-5-of-the-team"}}));
    let (site, upstream) = site(&account, |_| SocketReply::Text("hi")).await;
    let mut client = connect(&site, &[]).await.unwrap();
    let messages = client.ask(&create(&json!({}))).await;
    let next = going_on(&told(&messages).1["id"]);
    told(&client.ask(&next).await);
    let mut expected = next;
    merge(&mut expected, &json!({"model": "gpt-5-of-the-team"}));
    let said = upstream.said();
    assert_eq!(said[0].message["model"], "gpt-5-of-the-team");
    assert_eq!(said[1].message, expected);
}

#[tokio::test]
async fn a_socket_that_was_closed_or_is_worn_out_is_replaced_and_the_whole_is_said_on_the_new_one() {
    let end = |said: &Said, place: usize| match (said.connection, said.message.get("previous_response_id"), place) {
        (0, Some(_), 0) => SocketReply::Closed,
        (0, Some(_), _) => SocketReply::Refused(400, "websocket_connection_limit_reached", None),
        _ => SocketReply::Text("hi"),
    };
    for place in 0..2 {
        let (site, upstream) = usual(move |said| end(said, place)).await;
        let mut client = connect(&site, &[]).await.unwrap();
        let messages = client.ask(&create(&json!({}))).await;
        assert_eq!(told(&client.ask(&going_on(&told(&messages).1["id"])).await).0, "hi");
        let last = upstream.said().pop().unwrap();
        assert_eq!((last.connection, last.message.get("previous_response_id")), (1, None));
        assert_eq!(last.message["input"].as_array().map(Vec::len), Some(3), "{last:?}");
        let outcomes: Vec<_> = records(&site, 2).await.iter().map(|record| record["outcome"].clone()).collect();
        assert_eq!(outcomes, ["completed", "completed"]);
    }
}

#[tokio::test]
async fn an_account_behind_a_dead_proxy_is_never_called_directly() {
    let dead = testkit::upstream::refused_base_url().await.unwrap();
    let mut account = keyed("openai-responses");
    merge(&mut account, &json!({"proxy": dead}));
    let (site, upstream) = site(&account, |_| SocketReply::Text("hi")).await;
    let mut client = connect(&site, &[]).await.unwrap();
    let refused = client.ask(&create(&json!({}))).await.remove(0);
    assert!(refused["status"].as_u64().is_some_and(|status| matches!(status, 502 | 503)), "{refused}");
    assert_eq!(upstream.said().len(), 0);
}

#[tokio::test]
async fn an_account_that_was_changed_is_asked_on_a_socket_of_its_own() {
    let (site, upstream) = usual(|_| SocketReply::Text("hi")).await;
    let mut client = connect(&site, &[]).await.unwrap();
    let mut messages = client.ask(&create(&json!({}))).await;
    let account = format!("/admin/accounts/{}", site.accounts[0]);
    site.admin.patch(&account, &json!({"api_key": "another-secret"})).await.unwrap();
    let last = eventually("the change counts", async || {
        messages = client.ask(&going_on(&told(&messages).1["id"])).await;
        upstream.said().pop().filter(|said| said.connection == 1)
    })
    .await;
    assert_eq!(last.header("authorization"), Some("Bearer another-secret"));
    assert_eq!(last.message.get("previous_response_id"), None, "the new socket is told the whole");
}

#[tokio::test]
async fn a_refusal_in_a_message_is_judged_as_one_over_http() {
    let (site, _upstream) = usual(|_| SocketReply::Refused(429, "rate_limit_exceeded", Some(7))).await;
    let mut client = connect(&site, &[]).await.unwrap();
    let refused = client.ask(&create(&json!({}))).await.remove(0);
    assert_eq!((&refused["status"], &refused["headers"]["retry-after"]), (&json!(429), &json!("7")), "{refused}");
    assert_eq!(refused["error"]["code"], "rate_limit_exceeded");
    let record = records(&site, 1).await.remove(0);
    assert_eq!(
        (&record["outcome"], &record["failure"], &record["status"]),
        (&json!("refused"), &json!("rate_limit"), &json!(429))
    );
    site.cooling_from(0, "rate_limit").await;
}

#[tokio::test]
async fn a_refused_account_is_followed_by_another_and_its_words_stay_with_it() {
    let (mut site, _first) = usual(|_| SocketReply::Refused(401, "invalid_api_key", None)).await;
    let second = ScriptedSocket::start(|_| SocketReply::Text("hi")).await.unwrap();
    let mut account = keyed("openai-responses");
    merge(&mut account, &json!({"name": "the second", "base_url": second.base_url(), "priority": 90}));
    site.add_account(&account).await;
    let mut client = connect(&site, &[]).await.unwrap();
    assert_eq!(told(&client.ask(&create(&json!({}))).await).0, "hi");
    site.cooling_from(0, "credential").await;
    assert_eq!(second.said().len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_cut_is_told_and_booked_as_truncated() {
    let (site, _upstream) = usual(|_| SocketReply::Cut).await;
    let mut client = connect(&site, &[]).await.unwrap();
    let messages = client.ask(&create(&json!({}))).await;
    let last = messages.last().unwrap();
    assert_eq!((&last["type"], &last["error"]["code"]), (&json!("error"), &json!("server_error")), "{messages:?}");
    let record = records(&site, 1).await.remove(0);
    assert_eq!((&record["outcome"], &record["usage_source"]), (&json!("truncated"), &json!("estimated")), "{record}");
}

#[tokio::test]
async fn what_the_upstream_says_to_nobody_is_booked() {
    let gate = Gate::new();
    let halting = gate.clone();
    let (site, _upstream) = usual(move |_| SocketReply::Halting("hi", halting.clone())).await;
    let mut client = connect(&site, &[]).await.unwrap();
    client.say(&create(&json!({}))).await.unwrap();
    client.hear().await.unwrap();
    drop(client);
    eventually("the leaving is noticed", async || (site.metric("streams_open").await == 0).then_some(())).await;
    gate.open();
    let record = records(&site, 1).await.remove(0);
    assert_eq!((&record["outcome"], &record["usage_source"]), (&json!("abandoned"), &json!("reported")), "{record}");
    assert_eq!(record["usage"]["output_tokens"], 30);
}

#[tokio::test]
async fn an_upstream_without_websockets_is_asked_over_http_and_not_again_for_one() {
    static HANDSHAKES: AtomicUsize = AtomicUsize::new(0);
    let script = Script::default().by(|received| {
        Some(if received.method == "GET" {
            HANDSHAKES.fetch_add(1, Ordering::Relaxed);
            Reply::bytes(426, "application/json", "{}")
        } else {
            reply(RESPONSES, true)
        })
    });
    let upstream = ScriptedUpstream::start_expecting(script, Expect::nothing()).await.unwrap();
    let mut site = Site::start_over(command(), &[]).await;
    let mut account = keyed("openai-responses");
    merge(&mut account, &json!({"name": "a test", "base_url": upstream.base_url()}));
    site.add_account(&account).await;
    let mut client = connect(&site, &[]).await.unwrap();
    for _ in 0..2 {
        told(&client.ask(&create(&json!({}))).await);
    }
    assert_eq!(HANDSHAKES.load(Ordering::Relaxed), 1);
    let attempts: Vec<_> = records(&site, 2).await.iter().map(|record| record["attempt_no"].clone()).collect();
    assert_eq!(attempts, [1, 1]);
}
