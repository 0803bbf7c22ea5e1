//! A relay that is asked to end lets its streams end first, takes nothing new, and leaves books without a gap.

use crate::support::{Form, MODEL, Site, body, command, eventually, last_error, tokens_of};
use serde_json::json;
use testkit::{
    Answer, RawClient, Reply, Script,
    client::{BodyEnd, SseTranscript},
    upstream::{Gate, Then},
};

/// A stream that halts behind its first content.
fn halting(gate: &Gate) -> Reply {
    Reply::message(Answer::numbered(20)).stop_after(1200, Then::Gate(gate.clone()))
}

async fn begin(site: &Site) -> RawClient {
    let mut client = RawClient::connect(site.relay.address()).await.unwrap();
    let question = body(MODEL, Form::Stream).to_string();
    client.request("POST /v1/messages", &site.raw_headers(), question).await.unwrap();
    client
}

/// Asks the relay to end, and waits until it takes no new connection.
async fn ask_to_end(site: &Site) {
    site.relay.ask_to_end().unwrap();
    eventually("new connections are refused", async || {
        RawClient::connect(site.relay.address()).await.is_err().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_running_stream_may_finish_while_nothing_new_is_taken() {
    let gate = Gate::new();
    let mut site = Site::start(Script::always(halting(&gate))).await;
    let mut client = begin(&site).await;
    let head = client.read_head().await.unwrap();
    let begun = client.read_body_up_to(&head, 600).await.unwrap().bytes;
    ask_to_end(&site).await;
    gate.open();
    let rest = client.read_body(&head).await.unwrap();
    assert_eq!(rest.end, BodyEnd::Declared);
    assert_eq!(
        SseTranscript::read(&[begun, rest.bytes].concat()).message().unwrap().usage,
        Answer::numbered(20).usage()
    );
    assert_eq!(site.relay.wait().await.unwrap().code(), Some(0));
    let site = site.restart().await;
    let records = site.records().await;
    let told: Vec<_> = records.iter().map(|record| (record["outcome"].clone(), tokens_of(record))).collect();
    assert_eq!(told, [(json!("completed"), Answer::numbered(20).usage())]);
}

#[tokio::test]
async fn a_document_that_is_waited_for_still_comes() {
    let gate = Gate::new();
    let reply = Reply::default().head_after(testkit::upstream::Wait::Gate(gate.clone()));
    let mut site = Site::start(Script::always(reply)).await;
    let mut client = RawClient::connect(site.relay.address()).await.unwrap();
    client.request("POST /v1/messages", &site.raw_headers(), body(MODEL, Form::Json).to_string()).await.unwrap();
    gate.reached_by(1).await;
    ask_to_end(&site).await;
    gate.open();
    let (head, answer) = client.read_answer().await.unwrap();
    assert_eq!((head.status, answer.end), (200, BodyEnd::Declared));
    assert_eq!(site.relay.wait().await.unwrap().code(), Some(0));
}

/// A stream that is cut at the end of the grace ends in an error event, and its record is no crash.
#[tokio::test]
async fn a_stream_beyond_the_grace_is_cut_and_booked() {
    let gate = Gate::new();
    let command = command().env("SHUTDOWN_GRACE", "300ms");
    let mut site = Site::start_as(command, [Script::always(halting(&gate))]).await;
    let mut client = begin(&site).await;
    let head = client.read_head().await.unwrap();
    let begun = client.read_body_up_to(&head, 600).await.unwrap().bytes;
    site.relay.ask_to_end().unwrap();
    let rest = client.read_body(&head).await.unwrap();
    assert!(SseTranscript::read(&[begun, rest.bytes].concat()).message().is_err(), "no fabricated end");
    assert_eq!(site.relay.wait().await.unwrap().code(), Some(0));
    let site = site.restart().await;
    let record = &site.records().await[0];
    assert_eq!((&record["outcome"], &record["usage_source"]), (&json!("abandoned"), &json!("estimated")), "{record}");
    assert_eq!(tokens_of(record).input, Answer::numbered(20).usage().input);
}

/// A client that left is no reason to wait: what it owes is settled at the end of the grace.
#[tokio::test]
async fn a_drain_ends_with_the_grace_and_is_booked() {
    let gate = Gate::new();
    let command = command().env("SHUTDOWN_GRACE", "300ms").env("DRAIN_TIME_MAX", "10m");
    let mut site = Site::start_as(command, [Script::always(halting(&gate))]).await;
    let mut client = begin(&site).await;
    let head = client.read_head().await.unwrap();
    client.read_body_up_to(&head, 600).await.unwrap();
    drop(client);
    eventually("the client's leaving is noticed", async || (site.metric("streams_open").await == 0).then_some(()))
        .await;
    assert_eq!(site.relay.terminate().await.unwrap().code(), Some(0));
    let site = site.restart().await;
    let record = &site.records().await[0];
    assert_eq!((&record["outcome"], &record["usage_source"]), (&json!("abandoned"), &json!("estimated")), "{record}");
}

#[tokio::test]
async fn a_relay_at_rest_ends_at_once_and_keeps_its_books() {
    let mut site = Site::start(Script::default()).await;
    assert_eq!(site.ask(Form::Json).await.status, 200);
    site.upstream().script().push(Reply::message(Answer::hello()).stop_after(700, Then::Close));
    assert_eq!(last_error(&site.ask(Form::Stream).await), "api_error");
    assert_eq!(site.relay.terminate().await.unwrap().code(), Some(0));
    let site = site.restart().await;
    let outcomes: Vec<_> = site.records().await.iter().map(|record| record["outcome"].clone()).collect();
    assert_eq!(outcomes, [json!("truncated"), json!("completed")]);
}
