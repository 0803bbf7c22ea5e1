//! A client of each dialect that leaves in the middle of its stream, and an upstream of each that ends there: what the books say.

use crate::{
    platforms::{Case, Golden, converted_cases, native_cases, site, tokens_in},
    support::{Site, eventually},
};
use serde_json::{Value, json};
use testkit::{
    RawClient, Reply,
    client::RawHead,
    upstream::{Delivery, Gate, Then},
};

/// A stream that comes to this point of `golden`, which is behind its first content and before what it counts.
pub(crate) fn halting(golden: Golden, then: Then) -> Reply {
    let begin = golden.stream.find("Hel").unwrap();
    let event = begin + golden.stream[begin..].find("\n\n").unwrap() + 2;
    Reply::bytes(200, "text/event-stream", golden.stream).stop_after(event, then)
}

/// Every native and every converted pair, and Gemini's stream as an array.
pub(crate) fn cases() -> Vec<Case> {
    let as_array = native_cases(true)
        .into_iter()
        .filter(|case| case.account["platform"] == "gemini")
        .map(|case| Case { path: "/v1beta/models/gemini-2.5-pro:streamGenerateContent", ..case });
    native_cases(true).into_iter().chain(converted_cases(true)).chain(as_array).collect()
}

/// Asks as the case does, and reads the head of the answer.
pub(crate) async fn ask_raw(site: &Site, case: &Case) -> (RawClient, RawHead) {
    let mut client = RawClient::connect(site.relay.address()).await.unwrap();
    let bearer = format!("Bearer {}", site.key.key);
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "application/json"), ("anthropic-version", "2023-06-01")];
    client.request(&format!("POST {}", case.path), &headers, case.body.to_string()).await.unwrap();
    let head = client.read_head().await.unwrap();
    (client, head)
}

/// Asks as the case does, and reads the beginning of the stream.
async fn begin(site: &Site, case: &Case) -> RawClient {
    let (mut client, head) = ask_raw(site, case).await;
    client.read_body_up_to(&head, 1).await.unwrap();
    client
}

async fn settled(site: &Site) -> Value {
    let record = eventually("it is settled", async || site.records().await.pop()).await;
    site.at_rest().await;
    record
}

#[tokio::test]
async fn what_the_upstream_says_behind_a_client_s_leaving_is_booked_in_each_dialect() {
    for case in cases() {
        let told = format!("{} by {}", case.path, case.account["platform"]);
        let gate = Gate::new();
        let site = site(&case.account, halting(case.golden, Then::Gate(gate.clone()))).await;
        drop(begin(&site, &case).await);
        eventually("the leaving is noticed", async || (site.metric("streams_open").await == 0).then_some(())).await;
        gate.open();
        let record = settled(&site).await;
        assert_eq!((&record["outcome"], &record["failure"]), (&json!("abandoned"), &Value::Null), "{told}: {record}");
        assert_eq!((tokens_in(&record), &record["usage_source"]), (case.golden.tokens, &json!("reported")), "{told}");
        assert_eq!(site.metric("accounts_cooling").await, 0, "{told}");
        let exchange = site.upstream().settled(1).await.exchanges.remove(0);
        assert_eq!(exchange.delivery, Delivery::Whole, "{told}");
    }
}

#[tokio::test]
async fn what_was_read_and_written_of_a_stream_that_is_cut_is_estimated_in_each_dialect() {
    for case in cases() {
        let told = format!("{} by {}", case.path, case.account["platform"]);
        let site = site(&case.account, halting(case.golden, Then::Close)).await;
        drop(begin(&site, &case).await);
        let record = settled(&site).await;
        assert_eq!(record["usage_source"], "estimated", "{told}: {record}");
        let (input, output, _) = tokens_in(&record);
        assert!(input > 0 && output > 0, "{told}: {record}");
    }
}
