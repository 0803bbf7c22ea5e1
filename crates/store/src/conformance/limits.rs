//! The sentences of [`Limits`](crate::Limits).

use super::{
    Fixture, Random, at_once,
    samples::{START, account, at, key, request},
};
use crate::{
    Limits, Reserved,
    error::StoreFailure,
    limits::{CHARGES_MAX, Charge, Counter, LimitSubject},
};
use domain::Timestamp;
use std::sync::Arc;

/// When reservations of these tests expire, in milliseconds from their start.
const EXPIRY_MS: i64 = 1000;

fn subject() -> LimitSubject {
    LimitSubject::Key(key(1))
}

fn counter(name: &'static str) -> Counter {
    Counter { name, window_start: START, window_end: at(60_000) }
}

fn charge(name: &'static str, ceiling: i64, amount: i64) -> Charge {
    Charge { counter: counter(name), ceiling, amount }
}

async fn reserved(limits: &dyn Limits, number: u64, charges: &[Charge], now: Timestamp) -> Reserved {
    limits.reserve(&request(number), &subject(), charges, at(EXPIRY_MS), now).await.expect("an answer")
}

async fn settled(limits: &dyn Limits, number: u64, truth: &[(Counter, i64)], now: Timestamp) {
    limits.settle(&request(number), &subject(), truth, now).await.expect("a settlement");
}

async fn used(limits: &dyn Limits, name: &'static str, now: Timestamp) -> i64 {
    limits.used(&subject(), &counter(name), now).await.expect("a read")
}

/// Of 1,000 parallel reservations with room for 137, 137 are granted.
pub async fn of_parallel_reservations_as_many_are_granted_as_have_room(fixture: impl Fixture) {
    let limits = fixture.store().limits;
    let answers = at_once(1000, |number| {
        let limits = Arc::clone(&limits);
        async move {
            let charges = [charge("requests:window", 137, 1), charge("cost:day", i64::MAX, 5)];
            reserved(&*limits, number.into(), &charges, START).await
        }
    });
    let answers = answers.await;
    assert_eq!(answers.iter().filter(|answer| **answer == Reserved::Granted).count(), 137);
    let exhausted = Reserved::Exhausted { counter: counter("requests:window"), used: 137 };
    assert_eq!(answers.iter().filter(|answer| **answer == exhausted).count(), 1000 - 137);
    assert_eq!((used(&*limits, "requests:window", START).await, used(&*limits, "cost:day", START).await), (137, 685));
}

/// All charges are made or none, and the answer names the counter without room.
pub async fn all_charges_are_made_or_none(fixture: impl Fixture) {
    let limits = fixture.store().limits;
    let charges = [charge("tokens:window", 100, 60), charge("cost:day", 10, 6)];
    assert_eq!(reserved(&*limits, 1, &charges, START).await, Reserved::Granted);
    let charges = [charge("tokens:window", 100, 40), charge("cost:day", 10, 5), charge("cost:week", 1, 1)];
    let exhausted = Reserved::Exhausted { counter: counter("cost:day"), used: 6 };
    assert_eq!(reserved(&*limits, 2, &charges, START).await, exhausted);
    for (name, expected) in [("tokens:window", 60), ("cost:day", 6), ("cost:week", 0)] {
        assert_eq!(used(&*limits, name, START).await, expected, "{name}");
    }
    let overflowing = [charge("tokens:window", i64::MAX, i64::MAX)];
    let exhausted = Reserved::Exhausted { counter: counter("tokens:window"), used: 60 };
    assert_eq!(reserved(&*limits, 3, &overflowing, START).await, exhausted);
}

/// The same request and subject again changes nothing and is granted, even without room.
pub async fn a_request_is_charged_once_per_subject(fixture: impl Fixture) {
    let limits = fixture.store().limits;
    let again = at_once(50, |_| {
        let limits = Arc::clone(&limits);
        async move { reserved(&*limits, 1, &[charge("requests:window", 1, 1)], START).await }
    });
    assert!(again.await.iter().all(|answer| *answer == Reserved::Granted));
    assert_eq!(used(&*limits, "requests:window", START).await, 1);
    let other = LimitSubject::Account(account(1));
    let charges = [charge("requests:window", 1, 1)];
    let answer = limits.reserve(&request(1), &other, &charges, at(EXPIRY_MS), START).await.expect("an answer");
    assert_eq!(answer, Reserved::Granted);
    assert_eq!(limits.used(&other, &counter("requests:window"), START).await.expect("a read"), 1);
}

/// An open reservation counts until it expires.
pub async fn a_reservation_counts_until_it_expires(fixture: impl Fixture) {
    let limits = fixture.store().limits;
    let charges = [charge("requests:window", 1, 1)];
    reserved(&*limits, 1, &charges, START).await;
    assert_eq!(used(&*limits, "requests:window", at(EXPIRY_MS - 1)).await, 1);
    assert_ne!(reserved(&*limits, 2, &charges, at(EXPIRY_MS - 1)).await, Reserved::Granted);
    let later = limits.reserve(&request(2), &subject(), &charges, at(2 * EXPIRY_MS), at(EXPIRY_MS)).await;
    assert_eq!(later.expect("an answer"), Reserved::Granted);
    assert_eq!(used(&*limits, "requests:window", at(EXPIRY_MS)).await, 1);
    assert_eq!(used(&*limits, "requests:window", at(2 * EXPIRY_MS)).await, 0);
}

/// A settlement replaces the reservation by the truth, also beyond the ceiling, and charges counters that were not reserved.
pub async fn a_settlement_replaces_the_reservation_by_the_truth(fixture: impl Fixture) {
    let limits = fixture.store().limits;
    reserved(&*limits, 1, &[charge("tokens:window", 100, 80), charge("cost:day", 10, 8)], START).await;
    settled(&*limits, 1, &[(counter("tokens:window"), 130), (counter("cost:week"), 7)], at(5)).await;
    for (name, expected) in [("tokens:window", 130), ("cost:day", 0), ("cost:week", 7)] {
        assert_eq!(used(&*limits, name, at(EXPIRY_MS)).await, expected, "{name}");
    }
}

/// A settlement whose reservation has expired, swept or not, still charges the truth, once.
pub async fn a_settlement_after_the_expiry_still_charges_the_truth(fixture: impl Fixture) {
    let limits = fixture.store().limits;
    for number in [1, 2] {
        reserved(&*limits, number, &[charge("tokens:window", 100, 10)], START).await;
    }
    settled(&*limits, 1, &[(counter("tokens:window"), 3)], at(EXPIRY_MS)).await;
    assert_eq!(limits.sweep(at(EXPIRY_MS)).await.expect("a sweep"), 1);
    for _ in 0..2 {
        settled(&*limits, 2, &[(counter("tokens:window"), 4)], at(EXPIRY_MS)).await;
        assert_eq!(used(&*limits, "tokens:window", at(EXPIRY_MS)).await, 7);
    }
}

/// A settlement for a window that has ended does nothing.
pub async fn a_settlement_for_a_window_that_has_ended_does_nothing(fixture: impl Fixture) {
    let limits = fixture.store().limits;
    let next = Counter { name: "tokens:window", window_start: at(60_000), window_end: at(120_000) };
    reserved(&*limits, 1, &[charge("tokens:window", 100, 10)], START).await;
    settled(&*limits, 1, &[(counter("tokens:window"), 3)], at(60_000)).await;
    assert_eq!(used(&*limits, "tokens:window", at(60_000)).await, 0);
    assert_eq!(limits.used(&subject(), &next, at(60_000)).await.expect("a read"), 0);
}

/// Settling or cancelling twice does nothing, and so does settling what was never reserved.
pub async fn settling_or_cancelling_twice_does_nothing(fixture: impl Fixture) {
    let limits = fixture.store().limits;
    for number in [1, 2] {
        reserved(&*limits, number, &[charge("tokens:window", 100, 10)], START).await;
    }
    for _ in 0..2 {
        settled(&*limits, 1, &[(counter("tokens:window"), 3)], START).await;
        limits.cancel(&request(1), &subject()).await.expect("an answer");
        limits.cancel(&request(2), &subject()).await.expect("an answer");
        settled(&*limits, 2, &[(counter("tokens:window"), 50)], START).await;
        settled(&*limits, 3, &[(counter("tokens:window"), 50)], START).await;
        assert_eq!(used(&*limits, "tokens:window", START).await, 3);
    }
}

/// A cancelled reservation is returned whole.
pub async fn a_cancelled_reservation_is_returned_whole(fixture: impl Fixture) {
    let limits = fixture.store().limits;
    reserved(&*limits, 1, &[charge("tokens:window", 100, 100), charge("cost:day", 10, 10)], START).await;
    limits.cancel(&request(1), &subject()).await.expect("an answer");
    for name in ["tokens:window", "cost:day"] {
        assert_eq!(used(&*limits, name, START).await, 0, "{name}");
    }
    assert_eq!(reserved(&*limits, 2, &[charge("tokens:window", 100, 100)], START).await, Reserved::Granted);
}

/// Amounts of another window, counter or subject never mix.
pub async fn windows_and_subjects_do_not_mix(fixture: impl Fixture) {
    let limits = fixture.store().limits;
    let next = Counter { name: "tokens:window", window_start: at(60_000), window_end: at(120_000) };
    let charges = [charge("tokens:window", 10, 10), Charge { counter: next.clone(), ceiling: 10, amount: 4 }];
    assert_eq!(reserved(&*limits, 1, &charges, START).await, Reserved::Granted);
    assert_eq!(limits.used(&subject(), &next, START).await.expect("a read"), 4);
    let other = LimitSubject::Key(key(2));
    assert_eq!(limits.used(&other, &counter("tokens:window"), START).await.expect("a read"), 0);
}

/// A sweep forgets windows that have ended and returns reservations that have expired, and says how many.
pub async fn a_sweep_forgets_ended_windows_and_expired_reservations(fixture: impl Fixture) {
    let limits = fixture.store().limits;
    reserved(&*limits, 1, &[charge("tokens:window", 100, 10)], START).await;
    assert_eq!(limits.sweep(START).await.expect("a sweep"), 0);
    assert_eq!(limits.sweep(at(EXPIRY_MS)).await.expect("a sweep"), 1);
    assert_eq!(limits.sweep(at(60_000)).await.expect("a sweep"), 1);
    assert_eq!(limits.sweep(at(60_000)).await.expect("a sweep"), 0);
}

/// Too many charges, or a negative one, are refused as a bug of the caller.
pub async fn what_a_reservation_cannot_carry_is_refused(fixture: impl Fixture) {
    let limits = fixture.store().limits;
    for charges in [vec![charge("tokens:window", 10, 0); CHARGES_MAX + 1], vec![charge("tokens:window", 10, -1)]] {
        let refused = limits.reserve(&request(1), &subject(), &charges, at(EXPIRY_MS), START).await;
        assert_eq!(refused.expect_err("a wrong call").kind, StoreFailure::Unsupported);
    }
}

/// Parallel lives of requests, settled, cancelled or left to expire in any order, leave exactly the truth that was settled.
pub async fn parallel_lives_of_requests_leave_exactly_their_truth(fixture: impl Fixture) {
    let limits = fixture.store().limits;
    let lives = at_once(500, |number| {
        let limits = Arc::clone(&limits);
        async move {
            let mut random = Random::new(number.into());
            let amount = i64::try_from(random.below(100)).expect("a small number");
            let charges = [charge("tokens:window", 2000, amount)];
            if reserved(&*limits, number.into(), &charges, START).await != Reserved::Granted {
                return 0;
            }
            tokio::task::yield_now().await;
            let truth = i64::try_from(random.below(100)).expect("a small number");
            match random.below(3) {
                0 => limits.cancel(&request(number.into()), &subject()).await.expect("an answer"),
                1 => {
                    settled(&*limits, number.into(), &[(counter("tokens:window"), truth)], START).await;
                    return truth;
                }
                _ => {}
            }
            0
        }
    });
    let truth: i64 = lives.await.into_iter().sum();
    assert_eq!(used(&*limits, "tokens:window", at(EXPIRY_MS)).await, truth);
}
