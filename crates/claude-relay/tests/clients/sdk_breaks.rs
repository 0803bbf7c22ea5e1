//! Streams that break: every SDK raises, and no broken answer ever looks like a whole one.

use crate::{
    sdk::{Order, question},
    stage::Stage,
};
use testkit::{
    Answer, ErrorKind, Reply, Script,
    upstream::{FailAt, Framing, Then},
};

const SONNET: &str = "claude-sonnet-5-5";

/// Bytes of the stream after which there are two deltas and no end.
const CUT_AT_BYTES: usize = 900;

/// What may happen to a stream that has begun.
fn breaks() -> [(&'static str, Reply); 5] {
    let answer = || Reply::message(Answer::numbered(40));
    [
        ("error event", Reply::message(Answer::numbered(40).failing(FailAt::Deltas(2), ErrorKind::Overloaded))),
        ("closed", answer().stop_after(CUT_AT_BYTES, Then::Close)),
        ("reset", answer().stop_after(CUT_AT_BYTES, Then::Reset)),
        // To HTTP this is a whole body: only the missing terminal event tells.
        ("ended cleanly", answer().framed(Framing::UntilClose).stop_after(CUT_AT_BYTES, Then::Close)),
        ("error event before content", Reply::message(Answer::hello().failing(FailAt::BeforeContent, ErrorKind::Api))),
    ]
}

#[tokio::test]
async fn a_stream_that_breaks_raises_in_every_sdk() {
    let named = |script: Script, (name, reply): (&str, Reply)| script.named(name, reply);
    let stage = Stage::start(breaks().into_iter().fold(Script::default(), named)).await;
    let ask = |order: Order, (name, _): (&str, Reply)| {
        order.call_for(name, "stream", &question(SONNET)).call_for(name, "raw_stream", &question(SONNET))
    };
    for (sdk, outcomes) in breaks().into_iter().fold(Order::to(&stage), ask).by_all().await {
        for ((name, _), outcomes) in breaks().iter().zip(outcomes.chunks(2)) {
            for outcome in outcomes {
                let body = outcome["body"].to_string();
                assert!(outcome["error"].is_string(), "{sdk} took it for whole ({name}): {outcome}");
                assert!(body.contains("error"), "{sdk} was not told in the protocol ({name}): {outcome}");
            }
        }
    }
}

#[tokio::test]
async fn a_document_that_breaks_raises_in_every_sdk() {
    let cut = Reply::message(Answer::numbered(400)).stop_after(200, Then::Close);
    let stage = Stage::start(Script::always(cut)).await;
    for (sdk, outcomes) in Order::to(&stage).call("create", &question(SONNET)).by_all().await {
        assert!(outcomes[0]["error"].is_string(), "{sdk} took it for whole: {}", outcomes[0]);
    }
    for record in stage.message_records().await {
        assert_ne!(record["outcome"], "completed", "{record}");
    }
}

#[tokio::test]
async fn a_broken_stream_is_in_the_books_as_broken() {
    let cut = Reply::message(Answer::numbered(40)).stop_after(CUT_AT_BYTES, Then::Close);
    let stage = Stage::start(Script::always(cut)).await;
    Order::to(&stage).call("stream", &question(SONNET)).by_all().await;
    let records = stage.message_records().await;
    assert_eq!(records.len(), 4);
    for record in records {
        assert_eq!(record["outcome"], "truncated", "{record}");
        assert_eq!(record["usage_source"], "estimated", "{record}");
    }
}
