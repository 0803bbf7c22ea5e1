//! Responses over a WebSocket, the account asked over HTTP: each message is a request of its own in the books, and goes on from the one before it.

use crate::{
    platforms::{ANTHROPIC, BEARER, RESPONSES, SECRET, keyed, reply},
    support::{self, Site, eventually, merge},
};
use http::StatusCode;
use serde_json::{Value, json};
use testkit::{
    Reply, Script, ScriptedUpstream,
    client::{Closed, SocketClient, SocketError},
    relay::RelayCommand,
    upstream::{Expect, Gate, Then, Wait},
};

const PATH: &str = "/v1/responses";
const TEXT: &str = "Hello, \"wörld\"\n👋";
const MODEL: &str = "gpt-5";

/// Connections at once, and turns on each, in the test of a kill; a soak has ten times as many turns.
const CONNECTIONS: usize = 20;
/// See [`CONNECTIONS`].
const TURNS: usize = 5;

/// Bytes of [`RESPONSES`]' stream up to its middle.
const BEGUN_BYTES: usize = 1500;

/// A relay that asks its accounts over HTTP.
fn command() -> RelayCommand {
    support::command().env("UPSTREAM_WEBSOCKET", "false")
}

/// A relay with one account, whose upstream answers every call so.
async fn site(command: RelayCommand, account: &Value, reply: Reply) -> Site {
    let upstream =
        ScriptedUpstream::start_expecting(Script::default().by(move |_| Some(reply.clone())), Expect::nothing());
    let upstream = upstream.await.unwrap();
    let mut site = Site::start_over(command, &[]).await;
    let mut account = account.clone();
    merge(&mut account, &json!({"name": "a test", "base_url": upstream.base_url()}));
    site.add_account(&account).await;
    site.upstreams.push(upstream);
    site
}

async fn usual() -> Site {
    site(command(), &keyed("openai-responses"), reply(RESPONSES, true)).await
}

pub(crate) async fn connect(site: &Site, headers: &[(&str, &str)]) -> Result<SocketClient, SocketError> {
    let key = format!("Bearer {}", site.key.key);
    let own =
        [("authorization", key.as_str()), ("openai-beta", "responses_websockets=2026-02-06"), ("session-id", "s-1")];
    SocketClient::connect(site.relay.address(), PATH, &[&own, headers].concat()).await
}

pub(crate) fn create(more: &Value) -> Value {
    let mut message = json!({"type": "response.create", "model": MODEL, "store": false,
        "input": [{"role": "user", "content": "Say hello."}]});
    merge(&mut message, more);
    message
}

/// The text of an answer that ended well, and its response.
pub(crate) fn told(messages: &[Value]) -> (String, &Value) {
    let last = messages.last().unwrap();
    assert_eq!(last["type"], "response.completed", "{messages:?}");
    let deltas = messages.iter().filter(|message| message["type"] == "response.output_text.delta");
    (deltas.map(|delta| delta["delta"].as_str().unwrap()).collect(), &last["response"])
}

fn sent(site: &Site, place: usize) -> Value {
    serde_json::from_slice(&site.upstream().books().exchanges[place].request.body).unwrap()
}

pub(crate) async fn records(site: &Site, count: usize) -> Vec<Value> {
    let mut records = eventually("the requests are in the books", async || {
        let records = site.records().await;
        (records.len() >= count).then_some(records)
    })
    .await;
    records.reverse();
    assert_eq!(records.len(), count, "{records:?}");
    records
}

#[tokio::test]
async fn each_message_is_a_request_of_its_own_in_the_books() {
    let site = usual().await;
    let mut client = connect(&site, &[]).await.unwrap();
    for _ in 0..2 {
        let messages = client.ask(&create(&json!({}))).await;
        assert_eq!(told(&messages).0, TEXT);
    }
    let records = records(&site, 2).await;
    for record in &records {
        assert_eq!(
            (&record["outcome"], &record["usage"]["output_tokens"]),
            (&json!("completed"), &json!(30)),
            "{record}"
        );
        assert_eq!((&record["stream"], &record["model_requested"]), (&json!(true), &json!(MODEL)), "{record}");
    }
    assert_ne!(records[0]["request_id"], records[1]["request_id"]);
    let exchange = site.upstream().books().exchanges.remove(0);
    assert_eq!((exchange.request.method.as_str(), exchange.request.target.as_str()), ("POST", PATH));
    assert_eq!(exchange.request.header(BEARER.0), Some(BEARER.1));
    assert_eq!(exchange.request.header("session-id"), Some("s-1"));
    let of_the_socket = ["upgrade", "sec-websocket-key", "sec-websocket-version", "openai-beta"];
    assert!(of_the_socket.iter().all(|name| exchange.request.header(name).is_none()), "{exchange:?}");
    let body =
        json!({"stream": true, "model": MODEL, "store": false, "input": [{"role": "user", "content": "Say hello."}]});
    assert_eq!(sent(&site, 0), body);
    assert_eq!(site.metric("websockets_open").await, 1);
    client.close().await.unwrap();
    eventually("the place comes back", async || (site.metric("websockets_open").await == 0).then_some(())).await;
}

#[tokio::test]
async fn a_response_goes_on_from_the_last_of_its_connection_on_any_account() {
    let site = usual().await;
    let mut client = connect(&site, &[]).await.unwrap();
    let warm_up = create(&json!({"generate": false, "input": [{"role": "developer", "content": "Be kind."}]}));
    let messages = client.ask(&warm_up).await;
    let (text, response) = told(&messages);
    assert_eq!((text.as_str(), &response["output"], &response["usage"]["total_tokens"]), ("", &json!([]), &json!(0)));
    let first = create(&json!({"previous_response_id": response["id"]}));
    let messages = client.ask(&first).await;
    let id = told(&messages).1["id"].clone();
    let output = json!([{"type": "function_call_output", "call_id": "c", "output": "ok"}]);
    client.ask(&create(&json!({"previous_response_id": id, "input": output}))).await;
    // What was made ready called nobody.
    let whole = sent(&site, 1);
    assert_eq!(whole.get("previous_response_id"), None);
    let items = whole["input"].as_array().unwrap();
    let roles: Vec<_> = items.iter().map(|item| (item["role"].as_str(), item["type"].as_str())).collect();
    let expected = [
        (Some("developer"), None),
        (Some("user"), None),
        (Some("assistant"), Some("message")),
        (None, Some("function_call_output")),
    ];
    assert_eq!(roles, expected, "{whole}");
    assert_eq!(records(&site, 2).await[1]["outcome"], "completed");
}

#[tokio::test]
async fn a_response_that_nobody_knows_is_told_so_and_the_connection_goes_on() {
    let site = usual().await;
    let mut client = connect(&site, &[]).await.unwrap();
    let messages = client.ask(&create(&json!({"previous_response_id": "resp_of_yesterday"}))).await;
    let error = &messages[0];
    assert_eq!((&error["status"], &error["error"]["code"]), (&json!(400), &json!("previous_response_not_found")));
    assert_eq!(site.upstream().books().exchanges.len(), 0);
    // What the provider stores it may know.
    client.ask(&create(&json!({"previous_response_id": "resp_of_yesterday", "store": true}))).await;
    assert_eq!(sent(&site, 0)["previous_response_id"], "resp_of_yesterday");
    assert_eq!(told(&client.ask(&create(&json!({}))).await).0, TEXT);
}

#[tokio::test]
async fn claude_answers_over_a_websocket_too() {
    let account = json!({"platform": "claude-console", "api_key": SECRET, "auth": "x-api-key"});
    let site = site(command(), &account, reply(ANTHROPIC, true)).await;
    let mut client = connect(&site, &[]).await.unwrap();
    let model = json!({"model": "claude-sonnet-4-5", "max_output_tokens": 64});
    let messages = client.ask(&create(&model)).await;
    let (text, response) = told(&messages);
    assert!(!text.is_empty());
    let mut next = create(&model);
    merge(&mut next, &json!({"previous_response_id": response["id"]}));
    told(&client.ask(&next).await);
    let roles: Vec<_> =
        sent(&site, 1)["messages"].as_array().unwrap().iter().map(|item| item["role"].clone()).collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
}

#[tokio::test]
async fn a_handshake_is_refused_over_http() {
    let site = usual().await;
    let status = |refused: Result<SocketClient, SocketError>| match refused {
        Err(SocketError::Http(answer)) => (answer.status(), answer.headers().get("upgrade").cloned()),
        other => panic!("{other:?}"),
    };
    let address = site.relay.address();
    let unknown = SocketClient::connect(address, PATH, &[("authorization", "Bearer cr_nobody")]).await;
    assert_eq!(status(unknown).0, StatusCode::UNAUTHORIZED);
    assert_eq!(status(SocketClient::connect(address, PATH, &[]).await).0, StatusCode::UNAUTHORIZED);
    let chat = SocketClient::connect(address, "/v1/chat/completions", &[("x-api-key", &site.key.key)]).await;
    assert_eq!(status(chat), (StatusCode::UPGRADE_REQUIRED, Some("HTTP/1.1".parse().unwrap())));
    let stripped = [("authorization", format!("Bearer {}", site.key.key)), ("sec-websocket-key", "a2V5".to_owned())];
    let headers = stripped.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answered = site.client.get(PATH, &headers).await.unwrap();
    assert_eq!((answered.status, answered.header("upgrade")), (StatusCode::UPGRADE_REQUIRED, "HTTP/1.1"));
    site.admin
        .patch(&format!("/admin/api-keys/{}", site.key.id), &json!({"allowed_clients": ["gemini_cli"]}))
        .await
        .unwrap();
    let refused = eventually("the change counts", async || connect(&site, &[]).await.err()).await;
    assert_eq!(status(Err(refused)).0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_key_that_is_switched_off_is_refused_on_its_open_connection() {
    let site = usual().await;
    let mut client = connect(&site, &[]).await.unwrap();
    told(&client.ask(&create(&json!({}))).await);
    site.admin.patch(&format!("/admin/api-keys/{}", site.key.id), &json!({"active": false})).await.unwrap();
    let refused = eventually("the change counts", async || {
        let last = client.ask(&create(&json!({}))).await.pop();
        last.filter(|last| last["type"] == "error")
    })
    .await;
    assert_eq!((&refused["status"], &refused["error"]["code"]), (&json!(401), &json!("invalid_api_key")));
    assert!(refused["headers"]["x-request-id"].is_string(), "{refused}");
}

#[tokio::test]
async fn what_goes_wrong_is_a_message_with_its_status() {
    let limited = r#"{"error":{"message":"slow down","type":"rate_limit_error","code":"rate_limit_exceeded"}}"#;
    let reply = Reply::bytes(429, "application/json", limited).with_header("retry-after", "2");
    let site = site(command(), &keyed("openai-responses"), reply).await;
    let mut client = connect(&site, &[]).await.unwrap();
    let refused = client.ask(&create(&json!({}))).await.remove(0);
    assert_eq!((&refused["status"], &refused["headers"]["retry-after"]), (&json!(429), &json!("2")), "{refused}");
    assert_eq!(refused["error"]["code"], "rate_limit_exceeded");
    assert_eq!(records(&site, 1).await[0]["outcome"], "refused");
    let unfit = client.ask(&json!({"type": "response.create", "input": "hi"})).await.remove(0);
    assert_eq!((&unfit["status"], &unfit["error"]["message"]), (&json!(400), &json!("model: Field required")));
    let steered = client.ask(&json!({"type": "response.steer"})).await.remove(0);
    assert_eq!(steered["status"], 400, "{steered}");
}

#[tokio::test]
async fn an_upstream_that_dies_in_the_middle_is_told_and_can_be_asked_again() {
    let cut = reply(RESPONSES, true).stop_after(BEGUN_BYTES, Then::Reset);
    let site = site(command(), &keyed("openai-responses"), cut).await;
    let mut client = connect(&site, &[]).await.unwrap();
    let messages = client.ask(&create(&json!({}))).await;
    let last = messages.last().unwrap();
    assert!(messages.len() > 1, "it had begun: {messages:?}");
    assert_eq!((&last["type"], &last["error"]["code"]), (&json!("error"), &json!("server_error")), "{last}");
    assert!(last["status"].as_u64().is_some_and(|status| status >= 500), "{last}");
    assert_eq!(records(&site, 1).await[0]["outcome"], "truncated");
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_is_drained_for() {
    let gate = Gate::new();
    let halting = reply(RESPONSES, true).stop_after(BEGUN_BYTES, Then::Gate(gate.clone()));
    let site = site(command(), &keyed("openai-responses"), halting).await;
    let mut client = connect(&site, &[]).await.unwrap();
    client.say(&create(&json!({}))).await.unwrap();
    client.hear().await.unwrap();
    drop(client);
    eventually("the leaving is noticed", async || (site.metric("streams_open").await == 0).then_some(())).await;
    gate.open();
    let record = records(&site, 1).await.remove(0);
    assert_eq!((&record["outcome"], &record["usage_source"]), (&json!("abandoned"), &json!("reported")), "{record}");
    assert_eq!(record["usage"]["output_tokens"], 30);
    site.at_rest().await;
}

#[tokio::test]
async fn a_client_that_waits_hears_that_it_goes_on() {
    let gate = Gate::new();
    let late = reply(RESPONSES, true).head_after(Wait::Gate(gate.clone()));
    let site = site(command().env("RELAY_KEEP_ALIVE_EVERY", "100ms"), &keyed("openai-responses"), late).await;
    let mut client = connect(&site, &[]).await.unwrap();
    client.say(&create(&json!({}))).await.unwrap();
    assert_eq!(client.hear().await.unwrap(), json!({"type": "keepalive"}));
    gate.open();
    assert_eq!(told(&client.hear_answer().await).0, TEXT);
}

#[tokio::test]
async fn messages_wait_for_the_response_that_runs_and_too_many_end_the_connection() {
    let gate = Gate::new();
    let late = reply(RESPONSES, true).head_after(Wait::Gate(gate.clone()));
    let site = site(command(), &keyed("openai-responses"), late).await;
    let mut client = connect(&site, &[]).await.unwrap();
    for _ in 0..2 {
        client.say(&create(&json!({}))).await.unwrap();
    }
    gate.reached_by(1).await;
    gate.open();
    for _ in 0..2 {
        assert_eq!(told(&client.hear_answer().await).0, TEXT);
    }
    let mut other = connect(&site, &[]).await.unwrap();
    other.say_bytes(b"no text").await.unwrap();
    assert_eq!(other.hear().await, Err(Closed::Code(1003)));
}

#[tokio::test]
async fn a_flood_of_messages_ends_the_connection_and_settles_what_ran() {
    let gate = Gate::new();
    let late = reply(RESPONSES, true).head_after(Wait::Gate(gate.clone()));
    let site = site(command(), &keyed("openai-responses"), late).await;
    let mut client = connect(&site, &[]).await.unwrap();
    client.say(&create(&json!({}))).await.unwrap();
    gate.reached_by(1).await;
    for _ in 0..5 {
        client.say(&create(&json!({}))).await.unwrap();
    }
    assert_eq!(client.hear().await, Err(Closed::Code(1008)));
    gate.open();
    assert_eq!(records(&site, 1).await[0]["outcome"], "abandoned");
}

#[tokio::test]
async fn a_message_larger_than_a_request_may_be_ends_the_connection() {
    let site =
        site(command().env("REQUEST_BYTES_MAX", "64KiB"), &keyed("openai-responses"), reply(RESPONSES, true)).await;
    let mut client = connect(&site, &[]).await.unwrap();
    client.say(&create(&json!({"input": "x".repeat(80 << 10)}))).await.unwrap();
    assert_eq!(client.hear().await, Err(Closed::Code(1009)));
    // What a conversation has come to may not be larger either.
    let mut client = connect(&site, &[]).await.unwrap();
    let messages = client.ask(&create(&json!({"generate": false, "input": "x".repeat(40 << 10)}))).await;
    let id = told(&messages).1["id"].clone();
    let next = create(&json!({"previous_response_id": id, "input": "x".repeat(40 << 10)}));
    assert_eq!(client.ask(&next).await[0]["status"], 413);
}

#[tokio::test]
async fn a_relay_that_ends_lets_the_running_response_end_and_closes_the_sockets() {
    let gate = Gate::new();
    let halting = reply(RESPONSES, true).stop_after(BEGUN_BYTES, Then::Gate(gate.clone()));
    let mut site = site(command(), &keyed("openai-responses"), halting).await;
    let mut idle = connect(&site, &[]).await.unwrap();
    let mut busy = connect(&site, &[]).await.unwrap();
    busy.say(&create(&json!({}))).await.unwrap();
    busy.hear().await.unwrap();
    site.relay.ask_to_end().unwrap();
    assert_eq!(idle.hear().await, Err(Closed::Code(1001)));
    gate.open();
    assert_eq!(busy.hear_answer().await.last().unwrap()["type"], "response.completed");
    assert_eq!(busy.hear().await, Err(Closed::Code(1001)));
    drop((idle, busy));
    assert_eq!(site.relay.wait().await.unwrap().code(), Some(0));
    let site = site.restart().await;
    assert_eq!(records(&site, 1).await[0]["outcome"], "completed");
}

#[tokio::test]
async fn another_account_takes_over_before_the_first_content() {
    let mut site = site(command(), &keyed("openai-responses"), Reply::bytes(500, "application/json", "{}")).await;
    let sound = Script::default().by(|_| Some(reply(RESPONSES, true)));
    let upstream = ScriptedUpstream::start_expecting(sound, Expect::nothing()).await.unwrap();
    let mut second = keyed("openai-responses");
    merge(&mut second, &json!({"name": "the second", "base_url": upstream.base_url(), "priority": 90}));
    site.add_account(&second).await;
    site.upstreams.push(upstream);
    let mut client = connect(&site, &[]).await.unwrap();
    assert_eq!(told(&client.ask(&create(&json!({}))).await).0, TEXT);
    let records = records(&site, 2).await;
    let mut outcomes: Vec<_> = records.iter().map(|record| record["outcome"].as_str().unwrap()).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["completed", "refused"]);
}

#[tokio::test]
async fn requests_that_name_no_session_stay_with_their_connection_s_account() {
    let mut site = usual().await;
    let sound = Script::default().by(|_| Some(reply(RESPONSES, true)));
    let upstream = ScriptedUpstream::start_expecting(sound, Expect::nothing()).await.unwrap();
    let mut second = keyed("openai-responses");
    merge(&mut second, &json!({"name": "as good as the first", "base_url": upstream.base_url()}));
    site.add_account(&second).await;
    site.upstreams.push(upstream);
    let key = format!("Bearer {}", site.key.key);
    for _ in 0..2 {
        let mut client = SocketClient::connect(site.relay.address(), PATH, &[("authorization", &key)]).await.unwrap();
        for _ in 0..3 {
            told(&client.ask(&create(&json!({}))).await);
        }
    }
    let calls: Vec<_> = site.upstreams.iter().map(|upstream| upstream.books().exchanges.len()).collect();
    assert_eq!(calls, [3, 3], "each connection has its account");
}

#[tokio::test]
async fn a_connection_is_served_while_the_traffic_is_written_down() {
    let site =
        site(command().env("DEBUG_HTTP_TRAFFIC", "true"), &keyed("openai-responses"), reply(RESPONSES, true)).await;
    let mut client = connect(&site, &[]).await.unwrap();
    assert_eq!(told(&client.ask(&create(&json!({}))).await).0, TEXT);
}

/// Says turn after turn, each going on from the one before.
async fn converse(mut client: SocketClient, turns: usize) {
    let mut next = create(&json!({}));
    for _ in 0..turns {
        let messages = client.ask(&next).await;
        next = create(&json!({"previous_response_id": told(&messages).1["id"]}));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_connections_saw_whole_is_in_the_books_once_after_a_kill() {
    let turns = TURNS * support::soak_factor(10);
    let mut site = usual().await;
    let mut talks = Vec::new();
    for _ in 0..CONNECTIONS {
        talks.push(converse(connect(&site, &[]).await.unwrap(), turns));
    }
    futures_util::future::join_all(talks).await;
    site.relay.kill9().await.unwrap();
    let site = site.restart().await;
    let records = records(&site, CONNECTIONS * turns).await;
    let ids: std::collections::HashSet<_> =
        records.iter().map(|record| record["request_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), records.len());
    assert!(records.iter().all(|record| record["outcome"] == "completed" && record["usage"]["output_tokens"] == 30));
}

#[tokio::test]
async fn a_slot_is_held_by_the_response_and_not_by_its_connection() {
    let gate = Gate::new();
    let halting = reply(RESPONSES, true).stop_after(BEGUN_BYTES, Then::Gate(gate.clone()));
    let mut account = keyed("openai-responses");
    merge(&mut account, &json!({"concurrency_max": 1}));
    let site = site(command(), &account, halting).await;
    let (mut first, mut second) = (connect(&site, &[]).await.unwrap(), connect(&site, &[]).await.unwrap());
    first.say(&create(&json!({}))).await.unwrap();
    first.hear().await.unwrap();
    let busy = second.ask(&create(&json!({}))).await.remove(0);
    assert_eq!((&busy["status"], &busy["headers"]["retry-after"]), (&json!(503), &json!("1")), "{busy}");
    gate.open();
    assert_eq!(told(&first.hear_answer().await).1["status"], "completed");
    eventually("the slot is free although the connection stays", async || {
        let last = second.ask(&create(&json!({}))).await.pop().unwrap();
        (last["type"] == "response.completed").then_some(())
    })
    .await;
}

/// So many connections a key may have at once: see `places.rs`.
const CONNECTIONS_OF_A_KEY: usize = 128;

#[tokio::test]
async fn a_key_with_too_many_connections_is_told_to_wait() {
    let site = usual().await;
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS_OF_A_KEY {
        held.push(connect(&site, &[]).await.unwrap());
    }
    let Err(SocketError::Http(answer)) = connect(&site, &[]).await else { panic!("one more than there may be") };
    let retry_after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap());
    assert_eq!((answer.status(), retry_after), (StatusCode::TOO_MANY_REQUESTS, Some("10")));
    drop(held);
    eventually("the places come back", async || connect(&site, &[]).await.ok()).await;
}
