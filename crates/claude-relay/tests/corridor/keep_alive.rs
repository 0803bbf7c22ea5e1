//! A client that asked for a stream hears from the relay while the upstream is silent, and never in the middle of an event.

use crate::support::{Form, MODEL, Site, body, command, tokens_of};
use serde_json::json;
use std::time::Duration;
use testkit::{
    Answer, RawClient, Reply, Script,
    client::{RawHead, SseTranscript, StreamFlaw},
    relay::RelayCommand,
    upstream::{Gate, Then, Wait},
};

/// Enough of a body to hold three pings.
const THREE_PINGS_BYTES: usize = 3 * "event: ping\ndata: {\"type\": \"ping\"}\n\n".len();

fn talkative() -> RelayCommand {
    command().env("RELAY_KEEP_ALIVE_EVERY", "30ms")
}

/// Asks for a stream and reads the head of the answer.
async fn begin(site: &Site) -> (RawClient, RawHead) {
    let mut client = RawClient::connect(site.relay.address()).await.unwrap();
    let request = body(MODEL, Form::Stream).to_string();
    client.request("POST /v1/messages", &site.raw_headers(), request).await.unwrap();
    let head = client.read_head().await.unwrap();
    (client, head)
}

#[tokio::test]
async fn pings_come_before_an_answer_that_is_late() {
    let gate = Gate::new();
    let site = Site::start_as(talkative(), [Script::always(late(&gate, Reply::default()))]).await;
    let (mut client, head) = begin(&site).await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream; charset=utf-8")));
    assert!(head.header("x-request-id").is_some());
    let pings = client.read_body_up_to(&head, THREE_PINGS_BYTES).await.unwrap().bytes;
    gate.open();
    let rest = client.read_body(&head).await.unwrap().bytes;
    let message = SseTranscript::read(&[pings, rest].concat()).message().unwrap();
    assert_eq!(message.usage, Answer::hello().usage());
    assert!(message.pings > 3, "three of the relay, one of the upstream: {}", message.pings);
}

#[tokio::test]
async fn a_failure_behind_pings_is_an_error_event() {
    for (reply, told) in [
        (Reply::status(529), "overloaded_error"),
        (Reply::status(400), "invalid_request_error"),
        (Reply::status(401), "api_error"),
        (Reply::no_answer(Then::Close), "api_error"),
        (Reply::html(200), "api_error"),
    ] {
        let gate = Gate::new();
        let site = Site::start_as(talkative(), [Script::always(late(&gate, reply.clone()))]).await;
        let (mut client, head) = begin(&site).await;
        let pings = client.read_body_up_to(&head, THREE_PINGS_BYTES).await.unwrap().bytes;
        gate.open();
        let rest = client.read_body(&head).await.unwrap();
        let transcript = SseTranscript::read(&[pings, rest.bytes].concat());
        assert_eq!(transcript.message(), Err(StreamFlaw::Error(told.to_owned())), "{reply:?}");
        assert_eq!((transcript.leftover.as_str(), transcript.names().last()), ("", Some(&"error")));
    }
}

fn late(gate: &Gate, reply: Reply) -> Reply {
    reply.head_after(Wait::Gate(gate.clone()))
}

/// The status is sent, and still the second account serves.
#[tokio::test]
async fn another_account_serves_behind_pings() {
    let gate = Gate::new();
    let failing = Script::always(late(&gate, Reply::status(500)));
    let site = Site::start_as(talkative(), [failing, Script::default()]).await;
    let (mut client, head) = begin(&site).await;
    let pings = client.read_body_up_to(&head, THREE_PINGS_BYTES).await.unwrap().bytes;
    gate.open();
    let rest = client.read_body(&head).await.unwrap().bytes;
    SseTranscript::read(&[pings, rest].concat()).message().unwrap();
}

/// The stream is held in the middle of an event, at each of its bytes: pings must stand between events.
#[tokio::test]
async fn pings_stand_between_events_wherever_the_stream_halts() {
    let site = Site::start_as(talkative(), [Script::default()]).await;
    let sample = site.ask(Form::Stream).await.body;
    let content_from = sample.len() / 2;
    for at in (content_from..sample.len()).step_by(13) {
        let gate = Gate::new();
        site.upstream().script().push(Reply::default().stop_after(at, Then::Gate(gate.clone())));
        let (mut client, head) = begin(&site).await;
        let bytes = content_from.min(at) / 2 + THREE_PINGS_BYTES;
        let mut begun = client.read_body_up_to(&head, bytes).await.unwrap().bytes.to_vec();
        while SseTranscript::read(&begun).message_pings() < 3 {
            begun.extend(client.read_body_up_to(&head, 1).await.unwrap().bytes);
        }
        gate.open();
        let rest = client.read_body(&head).await.unwrap().bytes;
        let message = SseTranscript::read(&[&begun[..], &rest].concat()).message().unwrap();
        assert_eq!(message.usage, Answer::hello().usage(), "halted at byte {at}");
    }
}

/// The number of pings so far, of whole events only.
trait Pings {
    fn message_pings(&self) -> usize;
}

impl Pings for SseTranscript {
    fn message_pings(&self) -> usize {
        self.names().iter().filter(|name| **name == "ping").count()
    }
}

#[tokio::test]
async fn a_stall_is_pinged_until_its_bound_and_then_told() {
    let command = talkative().env("UPSTREAM_STALL_TIMEOUT", "200ms");
    let stalled = Reply::message(Answer::numbered(20)).stop_after(1200, Then::Stall);
    let site = Site::start_as(command, [Script::always(stalled)]).await;
    let answered = site.ask(Form::Stream).await;
    assert_eq!(crate::support::last_error(&answered), "api_error");
    assert!(answered.events().message_pings() > 2, "pings while it was silent");
    assert_eq!(site.record_of(&answered).await["failure"], json!("timeout"));
}

/// A client that leaves while it hears pings is booked, with what the upstream then used.
#[tokio::test]
async fn leaving_during_pings_is_booked_with_the_usage() {
    let gate = Gate::new();
    let site = Site::start_as(talkative(), [Script::always(late(&gate, Reply::default()))]).await;
    let (mut client, head) = begin(&site).await;
    client.read_body_up_to(&head, THREE_PINGS_BYTES).await.unwrap();
    drop(client);
    gate.open();
    site.at_rest().await;
    let records = site.records().await;
    let told: Vec<_> = records.iter().map(|record| (record["outcome"].clone(), tokens_of(record))).collect();
    assert_eq!(told, [(json!("abandoned"), Answer::hello().usage())]);
}

/// A document cannot be pinged: whoever asked for one waits for it.
#[tokio::test]
async fn a_document_is_waited_for_without_pings() {
    let reply = Reply::default().head_after(Wait::For(Duration::from_millis(100)));
    let site = Site::start_as(talkative(), [Script::always(reply)]).await;
    assert_eq!(site.ask(Form::Json).await.json()["type"], "message");
}
