//! The sentences of [`Idempotency`](crate::Idempotency).

use super::{Fixture, at_once, samples::at};
use crate::idempotency::{Claim, Claimed};
use std::sync::Arc;

fn claim(holder: &str, until: i64) -> Claim {
    Claim { holder: holder.to_owned(), request: format!("of {holder}"), until: at(until) }
}

fn taken(holder: &str, answer: Option<&str>) -> Claimed {
    Claimed::Taken { request: format!("of {holder}"), answer: answer.map(str::to_owned) }
}

/// Of parallel claims one holds.
pub async fn of_parallel_claims_one_holds(fixture: impl Fixture) {
    let port = fixture.store().idempotency;
    let claims = at_once(20, |number| {
        let port = Arc::clone(&port);
        async move { port.claim("k", &claim(&format!("h{number}"), 100), at(0)).await.expect("an answer") }
    });
    let yours = claims.await.into_iter().filter(|claimed| *claimed == Claimed::Yours).count();
    assert_eq!(yours, 1);
}

/// The same holder may claim again, and keys do not mix.
pub async fn the_same_holder_may_claim_again(fixture: impl Fixture) {
    let port = fixture.store().idempotency;
    for (key, holder, expected) in [
        ("k", "h1", Claimed::Yours),
        ("k", "h1", Claimed::Yours),
        ("k", "h2", taken("h1", None)),
        ("other", "h2", Claimed::Yours),
    ] {
        assert_eq!(port.claim(key, &claim(holder, 100), at(0)).await.expect("an answer"), expected);
    }
}

/// A claim ends when its end is reached, and its holder answers no longer.
pub async fn a_claim_is_over_when_its_end_is_reached(mut fixture: impl Fixture) {
    let port = fixture.store().idempotency;
    assert_eq!(port.claim("k", &claim("h1", 100), at(0)).await.expect("an answer"), Claimed::Yours);
    fixture.restart().await;
    let port = fixture.store().idempotency;
    assert_eq!(port.claim("k", &claim("h2", 200), at(99)).await.expect("an answer"), taken("h1", None));
    assert!(!port.answer("k", "h1", "late", at(900), at(100)).await.expect("an answer"));
    assert_eq!(port.claim("k", &claim("h2", 200), at(100)).await.expect("an answer"), Claimed::Yours);
    assert!(!port.answer("k", "h1", "late", at(900), at(110)).await.expect("an answer"));
    assert!(!port.release("k", "h1").await.expect("an answer"));
}

/// An answer is given again until its end, after a restart too, and is not replaced.
pub async fn an_answer_is_given_again_until_its_end(mut fixture: impl Fixture) {
    let port = fixture.store().idempotency;
    assert_eq!(port.claim("k", &claim("h1", 100), at(0)).await.expect("an answer"), Claimed::Yours);
    assert!(port.answer("k", "h1", "the answer", at(900), at(10)).await.expect("an answer"));
    fixture.restart().await;
    let port = fixture.store().idempotency;
    for holder in ["h1", "h2"] {
        let again = port.claim("k", &claim(holder, 1000), at(899)).await.expect("an answer");
        assert_eq!(again, taken("h1", Some("the answer")));
    }
    assert!(!port.answer("k", "h1", "another", at(900), at(20)).await.expect("an answer"));
    assert!(!port.release("k", "h1").await.expect("an answer"));
    assert_eq!(port.claim("k", &claim("h2", 1000), at(900)).await.expect("an answer"), Claimed::Yours);
}

/// What is given up may be claimed at once.
pub async fn what_is_given_up_may_be_claimed_at_once(fixture: impl Fixture) {
    let port = fixture.store().idempotency;
    assert!(!port.release("k", "h1").await.expect("an answer"));
    port.claim("k", &claim("h1", 100), at(0)).await.expect("an answer");
    assert!(!port.release("k", "h2").await.expect("an answer"));
    assert!(port.release("k", "h1").await.expect("an answer"));
    assert_eq!(port.claim("k", &claim("h2", 100), at(0)).await.expect("an answer"), Claimed::Yours);
}

/// A sweep removes at most as many as it may, and nothing that has not ended.
pub async fn a_sweep_removes_nothing_that_has_not_ended(fixture: impl Fixture) {
    let port = fixture.store().idempotency;
    for number in 0..5 {
        let holder = format!("h{number}");
        port.claim(&format!("k{number}"), &claim(&holder, 10 * (number + 1)), at(0)).await.expect("an answer");
    }
    let mut removed = 0;
    for _ in 0..4 {
        let step = port.sweep(at(40), 2).await.expect("a sweep");
        assert!(step <= 2, "{step} at once");
        removed += step;
    }
    assert!(removed <= 4);
    assert_eq!(port.claim("k4", &claim("other", 100), at(40)).await.expect("an answer"), taken("h4", None));
}
