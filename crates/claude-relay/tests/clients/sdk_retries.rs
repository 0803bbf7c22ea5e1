//! The SDKs' own retries through the relay: they come back when told, and succeed. No waiting is done here but theirs.

use crate::{
    sdk::{Order, question},
    stage::Stage,
};
use testkit::{ErrorKind, Reply, Script};

/// What the provider says to the first try of a call with this model.
fn first_replies() -> [(&'static str, Reply); 3] {
    [
        ("claude-opus-5-5", Reply::error(ErrorKind::RateLimit).with_header("retry-after", "1")),
        ("claude-sonnet-5-5", Reply::status(500)),
        ("claude-haiku-5-5", Reply::error(ErrorKind::Overloaded)),
    ]
}

#[tokio::test]
async fn a_second_try_after_429_500_and_529_succeeds() {
    let script = Script::default().by(|request| {
        let is_first = request.header("x-stainless-retry-count") == Some("0");
        let reply = first_replies().into_iter().find(|(model, _)| request.model.as_deref() == Some(model));
        reply.filter(|_| is_first).map(|(_, reply)| reply)
    });
    let stage = Stage::start(script).await;
    let ask = |order: Order, (model, _): (&str, Reply)| {
        order.call("create", &question(model)).call("stream", &question(model))
    };
    for (sdk, outcomes) in first_replies().into_iter().fold(Order::to(&stage).retrying(2), ask).by_all().await {
        for outcome in outcomes {
            assert_eq!(outcome["stop_reason"], "end_turn", "{sdk}: {outcome}");
        }
    }
    assert_eq!(stage.upstream.books().messages().count(), 48, "six calls of four SDKs, each tried twice");
    stage.assert_books_match().await;
}
