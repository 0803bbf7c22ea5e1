//! The sentences of [`Locks`](crate::Locks).

use super::{
    Fixture, at_once,
    samples::{START, at},
};
use crate::{Fence, Locks};
use domain::Timestamp;
use std::{sync::Arc, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);

async fn acquired(locks: &dyn Locks, holder: &str, now: Timestamp) -> Option<Fence> {
    locks.acquire("refresh", holder, MINUTE, now).await.expect("an answer")
}

/// Of parallel holders one gets the lock; another lock is another's.
pub async fn of_parallel_holders_one_gets_the_lock(fixture: impl Fixture) {
    let locks = fixture.store().locks;
    let fences = at_once(100, |number| {
        let locks = Arc::clone(&locks);
        async move { acquired(&*locks, &format!("holder-{number}"), START).await }
    });
    assert_eq!(fences.await.into_iter().flatten().count(), 1);
    let other = locks.acquire("other", "holder", MINUTE, START).await.expect("an answer");
    assert!(other.is_some());
}

/// A fence is greater than every earlier one of that lock, after it was freed and after it expired.
pub async fn a_fence_is_greater_than_every_earlier_one(fixture: impl Fixture) {
    let locks = fixture.store().locks;
    let first = acquired(&*locks, "a", START).await;
    assert!(first.is_some());
    assert!(locks.release("refresh", "a").await.expect("an answer"));
    let second = acquired(&*locks, "b", START).await;
    assert!(second > first, "{second:?} after {first:?}");
    assert_eq!(acquired(&*locks, "c", at(59_999)).await, None);
    let third = acquired(&*locks, "c", at(60_000)).await;
    assert!(third > second, "{third:?} after {second:?}");
    let same_again = acquired(&*locks, "c", at(120_000)).await;
    assert!(same_again > third, "{same_again:?} after {third:?}");
}

/// A fence is greater than those that were given before a restart.
pub async fn a_fence_is_greater_than_those_before_a_restart(mut fixture: impl Fixture) {
    let mut last = None;
    for start in 0..4 {
        for round in 0..10 {
            // Long enough after the one before that it has expired.
            let fence = acquired(&*fixture.store().locks, "a", at((start * 10 + round) * 60_000)).await;
            assert!(fence > last, "{fence:?} after {last:?}");
            last = fence;
        }
        fixture.restart().await;
    }
}

/// The same holder renews and keeps its fence.
pub async fn the_same_holder_renews_and_keeps_its_fence(fixture: impl Fixture) {
    let locks = fixture.store().locks;
    let fence = acquired(&*locks, "a", START).await;
    assert!(fence.is_some());
    assert_eq!(acquired(&*locks, "a", at(50_000)).await, fence);
    assert_eq!(acquired(&*locks, "b", at(109_999)).await, None);
    assert!(acquired(&*locks, "b", at(110_000)).await.is_some());
}

/// Only the holder frees a lock, once.
pub async fn only_the_holder_frees_a_lock(fixture: impl Fixture) {
    let locks = fixture.store().locks;
    acquired(&*locks, "a", START).await;
    assert!(!locks.release("refresh", "b").await.expect("an answer"));
    assert_eq!(acquired(&*locks, "b", START).await, None);
    assert!(locks.release("refresh", "a").await.expect("an answer"));
    assert!(!locks.release("refresh", "a").await.expect("an answer"));
    assert!(acquired(&*locks, "b", START).await.is_some());
}
