//! A client that leaves in the middle: the upstream is read on for the books, within bounds.

use crate::support::{Form, MODEL, Site, body, command, eventually, exchange_of, tokens_of};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{
    Answer, RawClient, Reply, Script,
    relay::RelayCommand,
    upstream::{Delivery, Gate, Then, Wait},
};

/// Content has begun here, in the streams of these tests.
const BEGUN_BYTES: usize = 700;

fn answer() -> Answer {
    Answer::numbered(200)
}

/// Asks, reads a part of the stream, and leaves.
async fn leave_in_the_middle(site: &Site) {
    let mut client = RawClient::connect(site.relay.address()).await.unwrap();
    client.request("POST /v1/messages", &site.raw_headers(), body(MODEL, Form::Stream).to_string()).await.unwrap();
    let head = client.read_head().await.unwrap();
    client.read_body_up_to(&head, BEGUN_BYTES).await.unwrap();
}

/// The record of the one request, once it is settled.
async fn settled(site: &Site) -> Value {
    let record = eventually("it is settled", async || site.records().await.pop()).await;
    assert_eq!((&record["outcome"], &record["failure"]), (&json!("abandoned"), &Value::Null), "{record}");
    site.at_rest().await;
    assert_eq!(site.metric("accounts_cooling").await, 0, "a client's leaving is not the account's fault");
    record
}

async fn site_with(command: RelayCommand, reply: Reply) -> Site {
    Site::start_as(command, [Script::always(reply)]).await
}

/// A stream that halts behind its first content.
fn halting(gate: &Gate) -> Reply {
    Reply::message(answer()).stop_after(2 * BEGUN_BYTES, Then::Gate(gate.clone()))
}

#[tokio::test]
async fn what_the_upstream_says_to_nobody_is_booked() {
    let gate = Gate::new();
    let site = site_with(command(), halting(&gate)).await;
    leave_in_the_middle(&site).await;
    eventually("the leaving is noticed", async || (site.metric("streams_open").await == 0).then_some(())).await;
    gate.open();
    let record = settled(&site).await;
    assert_eq!((tokens_of(&record), &record["usage_source"]), (answer().usage(), &json!("reported")));
    let books = site.upstream().settled(1).await;
    assert_eq!(exchange_of(&books.exchanges, &record).delivery, Delivery::Whole);
}

#[tokio::test]
async fn a_document_that_nobody_waits_for_is_booked() {
    let gate = Gate::new();
    let site = site_with(command(), Reply::default().head_after(Wait::Gate(gate.clone()))).await;
    let mut client = RawClient::connect(site.relay.address()).await.unwrap();
    client.request("POST /v1/messages", &site.raw_headers(), body(MODEL, Form::Json).to_string()).await.unwrap();
    gate.reached_by(1).await;
    drop(client);
    gate.open();
    let record = eventually("it is settled", async || site.records().await.pop()).await;
    assert_eq!((tokens_of(&record), &record["usage_source"]), (Answer::hello().usage(), &json!("reported")));
}

#[tokio::test]
async fn a_document_that_does_not_come_in_time_is_estimated_by_its_request() {
    let gate = Gate::new();
    let reply = Reply::default().head_after(Wait::Gate(gate.clone()));
    let site = site_with(command().env("DRAIN_TIME_MAX", "100ms"), reply).await;
    let asked = body(MODEL, Form::Json).to_string();
    let mut client = RawClient::connect(site.relay.address()).await.unwrap();
    client.request("POST /v1/messages", &site.raw_headers(), asked.clone()).await.unwrap();
    gate.reached_by(1).await;
    drop(client);
    let record = settled(&site).await;
    assert_eq!(record["usage_source"], "estimated");
    assert_eq!(tokens_of(&record).input, asked.len().div_ceil(4) as u64);
    gate.open();
}

#[tokio::test]
async fn a_drain_ends_at_its_time_and_the_rest_is_estimated() {
    for time_max in ["100ms", "0s"] {
        let gate = Gate::new();
        let site = site_with(command().env("DRAIN_TIME_MAX", time_max), halting(&gate)).await;
        leave_in_the_middle(&site).await;
        let record = settled(&site).await;
        assert_eq!(record["usage_source"], "estimated", "{time_max}");
        assert_eq!(tokens_of(&record).input, answer().usage().input, "{time_max}");
        let books = site.upstream().settled(1).await;
        let delivery = exchange_of(&books.exchanges, &record).delivery;
        assert!(matches!(delivery, Delivery::Left { .. }), "the upstream is let go of: {delivery:?}");
    }
}

#[tokio::test]
async fn a_drain_ends_at_its_tokens_and_the_rest_is_estimated() {
    let paced = Reply::message(answer()).paced(Duration::from_millis(5));
    let site = site_with(command().env("DRAIN_TOKENS_MAX", "10"), paced).await;
    leave_in_the_middle(&site).await;
    let record = settled(&site).await;
    assert_eq!(record["usage_source"], "estimated");
    let books = site.upstream().settled(1).await;
    let delivery = exchange_of(&books.exchanges, &record).delivery;
    assert!(matches!(delivery, Delivery::Left { .. }), "the upstream is let go of: {delivery:?}");
}
