//! The sentences of [`Leases`](crate::Leases).

use super::{
    Fixture, at_once,
    samples::{START, account, at, key, lease},
};
use crate::{Acquired, LeaseSubject, Leases, QueuePlace};
use domain::Timestamp;
use std::{future::poll_fn, num::NonZeroU32, pin::pin, sync::Arc, task::Poll, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);

/// How often it is looked whether everything is back: each look asks the store twice.
const LOOKS_MAX: usize = 10_000;

const TWO: NonZeroU32 = NonZeroU32::new(2).expect("not zero");

fn subject() -> LeaseSubject {
    LeaseSubject::Account(account(1))
}

async fn acquired(leases: &dyn Leases, number: u64, now: Timestamp) -> Acquired {
    leases.acquire(&subject(), &lease(number), TWO, MINUTE, now).await.expect("an answer")
}

async fn entered(leases: &dyn Leases, number: u64, now: Timestamp) -> QueuePlace {
    leases.enter(&key(1), &lease(number), TWO, MINUTE, now).await.expect("an answer")
}

/// Of parallel requests for a slot as many are granted as there are slots.
pub async fn of_parallel_requests_as_many_get_a_slot_as_there_are(fixture: impl Fixture) {
    let leases = fixture.store().leases;
    let ceiling = NonZeroU32::new(7).expect("not zero");
    let answers = at_once(1000, |number| {
        let leases = Arc::clone(&leases);
        async move { leases.acquire(&subject(), &lease(number.into()), ceiling, MINUTE, START).await.expect("an answer") }
    });
    let answers = answers.await;
    assert_eq!(answers.iter().filter(|answer| **answer == Acquired::Granted).count(), 7);
    assert!(answers.iter().all(|answer| matches!(answer, Acquired::Granted | Acquired::Full { held: 7 })));
    assert_eq!(leases.held(&subject(), START).await.expect("a read"), 7);
    assert_eq!(leases.held(&LeaseSubject::Key(key(1)), START).await.expect("a read"), 0);
}

/// Acquiring an id that is held renews it and counts once.
pub async fn acquiring_what_is_held_renews_it_and_counts_once(fixture: impl Fixture) {
    let leases = fixture.store().leases;
    for now in [START, at(30_000)] {
        assert_eq!(acquired(&*leases, 1, now).await, Acquired::Granted);
        assert_eq!(leases.held(&subject(), now).await.expect("a read"), 1);
    }
    assert_eq!(leases.held(&subject(), at(89_999)).await.expect("a read"), 1);
}

/// An expired slot counts no longer, swept or not.
pub async fn an_expired_slot_counts_no_longer(fixture: impl Fixture) {
    let leases = fixture.store().leases;
    for number in [1, 2] {
        assert_eq!(acquired(&*leases, number, START).await, Acquired::Granted);
    }
    assert_eq!(acquired(&*leases, 3, at(59_999)).await, Acquired::Full { held: 2 });
    assert_eq!(acquired(&*leases, 3, at(60_000)).await, Acquired::Granted);
    assert_eq!(leases.held(&subject(), at(60_000)).await.expect("a read"), 1);
}

/// Renewing prolongs slots that are held, and takes those again that had expired, without a test of the ceiling.
pub async fn renewing_takes_an_expired_slot_again_beyond_the_ceiling(fixture: impl Fixture) {
    let leases = fixture.store().leases;
    acquired(&*leases, 1, START).await;
    for number in [2, 3] {
        assert_eq!(acquired(&*leases, number, at(60_000)).await, Acquired::Granted);
    }
    let slots = [(subject(), lease(1)), (subject(), lease(2))];
    leases.renew(&slots, MINUTE, at(90_000)).await.expect("a renewal");
    assert_eq!(leases.held(&subject(), at(90_000)).await.expect("a read"), 3);
    assert_eq!(leases.held(&subject(), at(149_999)).await.expect("a read"), 2);
}

/// A slot that is given back is free at once; giving back what is not held does nothing.
pub async fn a_slot_given_back_is_free(fixture: impl Fixture) {
    let leases = fixture.store().leases;
    for number in [1, 2] {
        acquired(&*leases, number, START).await;
    }
    leases.release(&subject(), &lease(9));
    assert_eq!(acquired(&*leases, 3, START).await, Acquired::Full { held: 2 });
    leases.release(&subject(), &lease(1));
    leases.release(&subject(), &lease(1));
    assert_eq!(acquired(&*leases, 3, START).await, Acquired::Granted);
    assert_eq!(acquired(&*leases, 4, START).await, Acquired::Full { held: 2 });
}

/// What is taken for a caller that no longer waits is given back.
pub async fn what_is_taken_for_a_caller_that_is_gone_is_given_back(fixture: impl Fixture) {
    let leases = fixture.store().leases;
    let many = NonZeroU32::new(1_000).expect("not zero");
    for number in 0..200 {
        let (id, polls) = (lease(number), number % 40);
        if given_up_after(polls, leases.acquire(&subject(), &id, many, MINUTE, START)).await.is_some() {
            leases.release(&subject(), &id);
        }
        if given_up_after(polls, leases.enter(&key(1), &id, many, MINUTE, START)).await.is_some() {
            leases.leave(&key(1), &id);
        }
    }
    for _ in 0..LOOKS_MAX {
        let place = leases.enter(&key(1), &lease(1_000), many, MINUTE, START).await.expect("an answer");
        let held = leases.held(&subject(), START).await.expect("a read");
        leases.leave(&key(1), &lease(1_000));
        if (held, place) == (0, QueuePlace::Waiting { ahead: 0 }) {
            return;
        }
    }
    panic!("slots or places stay taken");
}

/// What `future` gives within so many polls; else it is dropped.
async fn given_up_after<T>(polls: u64, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let polled = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(given) = polled {
            return Some(given);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// Places are served in the order in which they were entered; renewing does not move one back.
pub async fn places_are_served_in_the_order_in_which_they_were_entered(fixture: impl Fixture) {
    let leases = fixture.store().leases;
    let three = NonZeroU32::new(3).expect("not zero");
    let place = async |number| leases.enter(&key(1), &lease(number), three, MINUTE, START).await.expect("an answer");
    for (number, ahead) in [(5, 0), (3, 1), (4, 2), (3, 1), (5, 0)] {
        assert_eq!(place(number).await, QueuePlace::Waiting { ahead }, "place {number}");
    }
    leases.leave(&key(1), &lease(5));
    assert_eq!(place(4).await, QueuePlace::Waiting { ahead: 1 });
    assert_eq!(place(5).await, QueuePlace::Waiting { ahead: 2 });
}

/// A queue at its length takes nobody but those who wait already.
pub async fn a_full_queue_takes_nobody(fixture: impl Fixture) {
    let leases = fixture.store().leases;
    let answers = at_once(100, |number| {
        let leases = Arc::clone(&leases);
        async move { (u64::from(number), entered(&*leases, number.into(), START).await) }
    });
    let answers = answers.await;
    let waiting: Vec<_> = answers.iter().filter(|(_, place)| *place != QueuePlace::Full).collect();
    assert_eq!(waiting.len(), 2);
    for (number, place) in waiting {
        assert_eq!(entered(&*leases, *number, START).await, *place);
    }
    leases.leave(&key(1), &lease(1_000_000));
    assert_eq!(entered(&*leases, 1_000_001, START).await, QueuePlace::Full);
}

/// An expired place counts no longer, and is entered again at the end.
pub async fn an_expired_place_counts_no_longer(fixture: impl Fixture) {
    let leases = fixture.store().leases;
    entered(&*leases, 1, START).await;
    assert_eq!(entered(&*leases, 2, at(30_000)).await, QueuePlace::Waiting { ahead: 1 });
    assert_eq!(entered(&*leases, 2, at(60_000)).await, QueuePlace::Waiting { ahead: 0 });
    assert_eq!(entered(&*leases, 1, at(60_000)).await, QueuePlace::Waiting { ahead: 1 });
}

/// A sweep removes what has expired, says how much, and nothing else.
pub async fn a_sweep_removes_expired_slots_and_places(fixture: impl Fixture) {
    let leases = fixture.store().leases;
    acquired(&*leases, 1, START).await;
    acquired(&*leases, 2, at(1)).await;
    entered(&*leases, 3, START).await;
    assert_eq!(leases.sweep(at(60_000)).await.expect("a sweep"), 2);
    assert_eq!(leases.sweep(at(60_000)).await.expect("a sweep"), 0);
    assert_eq!(leases.held(&subject(), at(60_000)).await.expect("a read"), 1);
}
