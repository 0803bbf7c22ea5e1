//! The scripted upstream says what the provider's documents say, goes wrong where the script says, and keeps books.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, and these functions are parts of tests")]

use domain::TokenUsage;
use serde_json::json;
use std::io::Read as _;
use testkit::{
    Answer, ErrorKind, HttpClient, RawClient, Reply, Script, ScriptedUpstream,
    client::{Answered, BodyEnd, Message, RawBody, RawHead, StreamFlaw},
    upstream::{COUNTED_TOKENS, Credential, Delivery, Expect, FailAt, Framing, Gate, LineEnd, Split, Then, Wait},
};

const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

async fn started(reply: Reply) -> ScriptedUpstream {
    ScriptedUpstream::start(Script::always(reply)).await.unwrap()
}

async fn ask(upstream: &ScriptedUpstream, stream: bool) -> Answered {
    let client = HttpClient::new(upstream.base_url());
    client.post_json("/v1/messages", &[VERSION], &question(stream)).await.unwrap()
}

fn question(stream: bool) -> serde_json::Value {
    let messages = json!([{"role": "user", "content": "hi"}]);
    json!({"model": "claude-opus-5-5", "max_tokens": 64, "stream": stream, "messages": messages})
}

async fn ask_raw(upstream: &ScriptedUpstream, stream: bool) -> (RawClient, RawHead) {
    let mut client = RawClient::connect(upstream.address()).await.unwrap();
    let headers = [VERSION, ("content-type", "application/json")];
    client.request("POST /v1/messages", &headers, question(stream).to_string()).await.unwrap();
    let head = client.read_head().await.unwrap();
    (client, head)
}

async fn stream_raw(upstream: &ScriptedUpstream) -> (RawHead, RawBody) {
    let (mut client, head) = ask_raw(upstream, true).await;
    let body = client.read_body(&head).await.unwrap();
    (head, body)
}

fn usage_with_caches() -> TokenUsage {
    TokenUsage { input: 11, output: 500, cache_write_5m: 70, cache_write_1h: 30, cache_read: 9000 }
}

#[tokio::test]
async fn a_stream_has_the_documented_events_in_the_documented_order() {
    let upstream = started(Reply::message(Answer::text("ab").in_deltas(2).with_usage(usage_with_caches()))).await;
    let answered = ask(&upstream, true).await;
    assert_eq!(answered.header("content-type"), "text/event-stream; charset=utf-8");
    let expected = [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(answered.events().names(), expected);
    let message = answered.events().message().unwrap();
    assert_eq!((message.text.as_str(), message.usage), ("ab", usage_with_caches()));
}

#[tokio::test]
async fn thinking_and_tool_input_come_whole_out_of_their_deltas() {
    let input = json!({"place": "Zürich 🏔", "days": 3});
    let upstream = started(Reply::message(Answer::tool_call("weather", input.clone()))).await;
    let message: Message = ask(&upstream, true).await.events().message().unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&message.tool_inputs[0]).unwrap(), input);
    assert_eq!(message.thinking, "The user asks; a tool knows. 🤔");
    assert_eq!(message.stop_reason, "tool_use");
}

#[tokio::test]
async fn a_document_has_the_documented_fields() {
    let upstream = started(Reply::message(Answer::hello().with_usage(usage_with_caches()))).await;
    let answered = ask(&upstream, false).await;
    let message = answered.json();
    assert_eq!(message["type"], "message");
    assert_eq!(message["model"], "claude-opus-5-5");
    assert_eq!(message["stop_reason"], "end_turn");
    assert_eq!(message["usage"]["cache_creation_input_tokens"], 100);
    assert_eq!(message["usage"]["cache_creation"]["ephemeral_1h_input_tokens"], 30);
    assert!(answered.header("request-id").starts_with("req_"));
    assert_eq!(answered.header("anthropic-ratelimit-requests-limit"), "50");
}

#[tokio::test]
async fn every_documented_error_has_its_status_type_and_request_id() {
    for &kind in ErrorKind::ALL {
        let upstream = started(Reply::error(kind)).await;
        let answered = ask(&upstream, true).await;
        assert_eq!(answered.status.as_u16(), kind.status());
        assert_eq!(answered.json()["error"]["type"], kind.type_name());
        assert_eq!(answered.json()["request_id"], answered.header("request-id"));
        assert_eq!(upstream.settled(1).await.billed(), TokenUsage::ZERO);
    }
}

#[tokio::test]
async fn a_rate_limit_says_when_to_return_unless_told_to_be_silent() {
    let script =
        Script::default().then(Reply::rate_limited(7, "2026-11-23T10:00:00Z")).then(Reply::rate_limited_silently());
    let upstream = ScriptedUpstream::start(script).await.unwrap();
    let loud = ask(&upstream, false).await;
    assert_eq!((loud.header("retry-after"), loud.header("anthropic-ratelimit-tokens-remaining")), ("7", "0"));
    assert_eq!(loud.headers.get_all("anthropic-ratelimit-tokens-reset").iter().count(), 1);
    let silent = ask(&upstream, false).await;
    assert!(!silent.headers.keys().any(|name| name.as_str().contains("ratelimit") || name == "retry-after"));
}

#[tokio::test]
async fn a_stream_can_be_cut_at_every_byte_and_is_billed_for_what_it_told() {
    let answer = Answer::text("é").in_deltas(1).with_usage(usage_with_caches());
    let whole = stream_raw(&started(Reply::message(answer.clone())).await).await.1.bytes;
    let end_of = |name: &str| {
        let text = String::from_utf8(whole.to_vec()).unwrap();
        let at = text.find(&format!("event: {name}\n")).unwrap();
        at + text[at..].find("\n\n").unwrap() + 2
    };
    let (start_told, end_told) = (end_of("message_start"), end_of("message_delta"));
    for cut in 0..=whole.len() {
        let upstream = started(Reply::message(answer.clone()).stop_after(cut, Then::Close)).await;
        let (_, body) = stream_raw(&upstream).await;
        assert_eq!((body.bytes.len(), body.end), (cut, BodyEnd::Cut));
        assert_eq!(masked(&body.bytes), masked(&whole[..cut]), "cut at {cut}");
        let books = upstream.settled(1).await;
        assert_eq!(books.exchanges[0].delivery, Delivery::Cut { body_bytes: cut });
        let output = if cut >= end_told { 500 } else { u64::from(cut >= start_told) };
        assert_eq!(books.billed().output, output, "cut at {cut}");
    }
}

/// The ids in two answers differ in their digits only.
fn masked(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

#[tokio::test]
async fn a_reset_breaks_the_connection_where_a_close_ends_it() {
    let upstream = started(Reply::message(Answer::hello()).stop_after(10, Then::Reset)).await;
    let (mut client, _) = ask_raw(&upstream, true).await;
    assert!(client.read_to_end().await.is_err());
    let upstream = started(Reply::message(Answer::hello()).stop_after(10, Then::Close)).await;
    let (mut client, _) = ask_raw(&upstream, true).await;
    assert!(client.read_to_end().await.is_ok());
}

#[tokio::test]
async fn a_body_comes_in_the_chunks_that_the_script_names() {
    let upstream = started(Reply::message(Answer::hello()).byte_by_byte()).await;
    let (_, body) = stream_raw(&upstream).await;
    assert_eq!(body.chunks, vec![1; body.bytes.len()]);
    let upstream = started(Reply::message(Answer::hello()).split(Split::Sizes(vec![3, 7]))).await;
    let (_, body) = stream_raw(&upstream).await;
    assert_eq!(body.chunks[..4], [3, 7, 3, 7]);
    assert_eq!(body.chunks.iter().sum::<usize>(), body.bytes.len());
}

#[tokio::test]
async fn all_three_line_ends_carry_the_same_message() {
    let expected = ask(&started(Reply::default()).await, true).await.events().message().unwrap();
    for (line_end, bytes) in [(LineEnd::CrLf, "\r\n\r\n"), (LineEnd::Cr, "\r\r")] {
        let answered = ask(&started(Reply::default().lines_end(line_end)).await, true).await;
        assert!(answered.body.ends_with(bytes.as_bytes()) && !answered.body.ends_with(b"\n\n"));
        assert_eq!(answered.events().message().unwrap(), expected);
    }
}

#[tokio::test]
async fn a_compressed_answer_says_so_and_opens_to_the_plain_one() {
    let upstream = started(Reply::default().gzip()).await;
    let answered = ask(&upstream, false).await;
    assert_eq!(answered.header("content-encoding"), "gzip");
    let mut plain = String::new();
    flate2::read::GzDecoder::new(&*answered.body).read_to_string(&mut plain).unwrap();
    assert!(plain.contains("你好"));
    assert_eq!(upstream.settled(1).await.billed(), Answer::hello().usage());
}

#[tokio::test]
async fn a_stalled_stream_ends_when_the_client_leaves() {
    let upstream = started(Reply::default().stop_after(20, Then::Stall)).await;
    let (mut client, head) = ask_raw(&upstream, true).await;
    assert_eq!(client.read_body_up_to(&head, 20).await.unwrap().bytes.len(), 20);
    drop(client);
    assert_eq!(upstream.settled(1).await.exchanges[0].delivery, Delivery::Left { body_bytes: 20 });
}

#[tokio::test]
async fn a_head_waits_for_its_gate() {
    let gate = Gate::new();
    let upstream = started(Reply::default().head_after(Wait::Gate(gate.clone()))).await;
    let mut answer = std::pin::pin!(ask(&upstream, false));
    tokio::select! {
        _ = &mut answer => panic!("the gate was closed"),
        () = gate.reached_by(1) => gate.open(),
    }
    assert_eq!(answer.await.status, 200);
}

#[tokio::test]
async fn a_length_that_lies_leaves_the_client_short() {
    let upstream = started(Reply::default().framed(Framing::LengthOff(5))).await;
    let (mut client, head) = ask_raw(&upstream, false).await;
    assert_eq!(client.read_body(&head).await.unwrap().end, BodyEnd::Cut);
}

#[tokio::test]
async fn a_failing_stream_ends_with_the_error_event_at_its_place() {
    let overloaded = StreamFlaw::Error("overloaded_error".to_owned());
    let places = [(FailAt::Start, 0), (FailAt::BeforeContent, 1), (FailAt::Deltas(2), 5), (FailAt::BeforeUsage, 8)];
    for (at, before) in places {
        let upstream = started(Reply::message(Answer::hello().failing(at, ErrorKind::Overloaded))).await;
        let answered = ask(&upstream, true).await;
        assert_eq!(answered.status, 200);
        assert_eq!(answered.events().names().len(), before + 1, "{at:?}");
        assert_eq!(answered.events().message().unwrap_err(), overloaded);
    }
}

#[tokio::test]
async fn usage_told_at_the_start_is_corrected_at_the_end() {
    let first = TokenUsage { input: 3, output: 1, ..TokenUsage::ZERO };
    let last = TokenUsage { input: 40, output: 9, ..TokenUsage::ZERO };
    let upstream = started(Reply::message(Answer::hello().with_usage(last).with_usage_at_start(first))).await;
    let answered = ask(&upstream, true).await;
    assert_eq!(answered.events().events[0].json()["message"]["usage"]["input_tokens"], 3);
    assert_eq!(answered.events().message().unwrap().usage, last);
    assert_eq!(upstream.settled(1).await.billed_whole(), last);
}

#[tokio::test]
async fn the_plain_calls_answer_as_documented() {
    let upstream = started(Reply::status(500)).await;
    let client = HttpClient::new(upstream.base_url());
    let counted = client.post_json("/v1/messages/count_tokens", &[VERSION], &question(false)).await.unwrap();
    assert_eq!(counted.json(), json!({"input_tokens": COUNTED_TOKENS}));
    let models = client.get("/v1/models?limit=1000", &[VERSION]).await.unwrap().json();
    assert_eq!((&models["first_id"], &models["has_more"]), (&models["data"][0]["id"], &json!(false)));
    assert_eq!(client.get("/v1/models/none", &[VERSION]).await.unwrap().status, 404);
    let head = http::Request::head("/").body(bytes::Bytes::new()).unwrap();
    assert_eq!(client.send(head).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_wrong_credential_is_refused_and_a_second_one_is_complained_of() {
    let expect = Expect::credential(Credential::ApiKey("sk-right".to_owned()));
    let upstream = ScriptedUpstream::start_expecting(Script::default(), expect).await.unwrap();
    let client = HttpClient::new(upstream.base_url());
    let wrong = client.post_json("/v1/messages", &[VERSION, ("x-api-key", "cr_x")], &question(false)).await.unwrap();
    assert_eq!(wrong.status, 401);
    let both = [VERSION, ("x-api-key", "sk-right"), ("authorization", "Bearer cr_x")];
    assert_eq!(client.post_json("/v1/messages", &both, &question(false)).await.unwrap().status, 200);
    let expected = ["the credential is not the account's", "a second credential came in authorization"];
    assert_eq!(upstream.settled(2).await.complaints(), expected);
}

#[tokio::test]
async fn what_the_api_requires_is_required() {
    let upstream = started(Reply::default()).await;
    let client = HttpClient::new(upstream.base_url());
    assert_eq!(client.post_json("/v1/messages", &[], &question(false)).await.unwrap().status, 400);
    for field in ["model", "messages", "max_tokens"] {
        let mut body = question(false);
        body.as_object_mut().unwrap().remove(field);
        let answered = client.post_json("/v1/messages", &[VERSION], &body).await.unwrap();
        assert_eq!(answered.status, 400, "without {field}");
    }
}

#[tokio::test]
async fn what_is_no_request_gets_a_400_and_stands_in_the_books() {
    let upstream = started(Reply::default()).await;
    let mut client = RawClient::connect(upstream.address()).await.unwrap();
    client.send("BREW /pot HTCPCP/1.0\r\n\r\n").await.unwrap();
    assert_eq!(client.read_head().await.unwrap().status, 400);
    assert_eq!(upstream.settled(1).await.complaints().len(), 1);
}

#[tokio::test]
async fn header_function_queue_model_and_last_word_decide_in_this_order() {
    let script = Script::default()
        .named("teapot", Reply::status(418))
        .by(|request| request.header("x-by").map(|_| Reply::status(409)))
        .then(Reply::status(500))
        .for_model("claude-opus-5-5", Reply::status(403));
    let upstream = ScriptedUpstream::start(script).await.unwrap();
    let client = HttpClient::new(upstream.base_url());
    let mut seen = Vec::new();
    for headers in
        [&[VERSION, ("x-test-script", "teapot"), ("x-by", "")][..], &[VERSION, ("x-by", "")], &[VERSION], &[VERSION]]
    {
        seen.push(client.post_json("/v1/messages", headers, &question(false)).await.unwrap().status.as_u16());
    }
    let mut other = question(false);
    other["model"] = json!("claude-haiku-5-5");
    seen.push(client.post_json("/v1/messages", &[VERSION], &other).await.unwrap().status.as_u16());
    assert_eq!(seen, [418, 409, 500, 403, 200]);
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let upstream = started(Reply::default()).await;
    let mut client = RawClient::connect(upstream.address()).await.unwrap();
    for stream in [true, false, true] {
        client.request("POST /v1/messages", &[VERSION], question(stream).to_string()).await.unwrap();
        assert_eq!(client.read_answer().await.unwrap().1.end, BodyEnd::Declared);
    }
    assert_eq!(upstream.connections_opened(), 1);
}

#[tokio::test]
async fn an_upstream_that_is_down_refuses_connections_until_it_is_back() {
    let mut upstream = started(Reply::default()).await;
    upstream.go_down().await;
    assert!(RawClient::connect(upstream.address()).await.is_err());
    upstream.come_back().await.unwrap();
    assert_eq!(ask(&upstream, false).await.status, 200);
}

#[tokio::test]
async fn going_down_settles_what_was_under_way() {
    let mut upstream = started(Reply::default().stop_after(20, Then::Stall)).await;
    let (mut client, head) = ask_raw(&upstream, true).await;
    client.read_body_up_to(&head, 20).await.unwrap();
    upstream.go_down().await;
    assert_eq!(upstream.settled(1).await.exchanges[0].delivery, Delivery::Cut { body_bytes: 20 });
}
