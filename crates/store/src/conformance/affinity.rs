//! The sentences of [`Affinity`](crate::Affinity).

use super::{
    Fixture, at_once,
    samples::{START, account, affinity_key, at},
};
use crate::{AffinityKey, AffinityScope, Bindings, Event, Notice, Store};
use domain::{KeyId, Service};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);

/// A binding is found until its time to live is over.
pub async fn a_binding_is_found_until_its_time_is_over(fixture: impl Fixture) {
    let affinity = fixture.store().affinity;
    let bound = affinity.bind(&affinity_key(1), None, &account(1), MINUTE, START).await.expect("a binding");
    assert_eq!(bound, account(1));
    for (now, expected) in [(at(0), Some(account(1))), (at(59_999), Some(account(1))), (at(60_000), None)] {
        assert_eq!(affinity.get(&affinity_key(1), None, now).await.expect("a read"), expected, "{now}");
    }
    assert_eq!(affinity.get(&affinity_key(2), None, START).await.expect("a read"), None);
}

/// Reading with a time to live starts it again; one that is over stays so.
pub async fn a_binding_that_is_renewed_lives_on(fixture: impl Fixture) {
    let affinity = fixture.store().affinity;
    affinity.bind(&affinity_key(1), None, &account(1), MINUTE, START).await.expect("a binding");
    let renewed = affinity.get(&affinity_key(1), Some(MINUTE), at(30_000)).await.expect("a read");
    assert_eq!(renewed, Some(account(1)));
    assert_eq!(affinity.get(&affinity_key(1), None, at(89_999)).await.expect("a read"), Some(account(1)));
    assert_eq!(affinity.get(&affinity_key(1), Some(MINUTE), at(90_000)).await.expect("a read"), None);
    assert_eq!(affinity.get(&affinity_key(1), None, at(90_000)).await.expect("a read"), None);
}

/// A binding, with its end, survives a restart.
pub async fn a_binding_survives_a_restart(mut fixture: impl Fixture) {
    let affinity = fixture.store().affinity;
    affinity.bind(&affinity_key(1), None, &account(1), MINUTE, START).await.expect("a binding");
    fixture.restart().await;
    let affinity = fixture.store().affinity;
    assert_eq!(affinity.get(&affinity_key(1), None, at(59_999)).await.expect("a read"), Some(account(1)));
    assert_eq!(affinity.get(&affinity_key(1), None, at(60_000)).await.expect("a read"), None);
}

/// A binding takes effect only over the one that is expected, or over none.
pub async fn a_binding_takes_effect_only_over_the_one_expected(fixture: impl Fixture) {
    let affinity = fixture.store().affinity;
    let bind = async |expected: Option<u64>, to: u64, now| {
        let expected = expected.map(account);
        affinity.bind(&affinity_key(1), expected.as_ref(), &account(to), MINUTE, now).await.expect("an answer")
    };
    assert_eq!(bind(None, 1, START).await, account(1));
    assert_eq!(bind(None, 2, START).await, account(1));
    assert_eq!(bind(Some(2), 3, START).await, account(1));
    assert_eq!(bind(Some(1), 2, START).await, account(2));
    assert_eq!(bind(Some(1), 3, at(60_000)).await, account(3));
}

/// Of parallel bindings one takes effect, and all hear of it.
pub async fn of_parallel_bindings_all_hear_of_the_same_account(fixture: impl Fixture) {
    let affinity = fixture.store().affinity;
    let bound = at_once(100, |number| {
        let affinity = Arc::clone(&affinity);
        async move {
            affinity.bind(&affinity_key(1), None, &account(number.into()), MINUTE, START).await.expect("an answer")
        }
    });
    assert_eq!(bound.await.into_iter().collect::<BTreeSet<_>>().len(), 1);
}

/// Bindings are removed one by one, by account, and all at once.
pub async fn bindings_are_removed_one_by_one_and_by_account(fixture: impl Fixture) {
    let affinity = fixture.store().affinity;
    for number in 0..6 {
        affinity.bind(&affinity_key(number), None, &account(number % 2), MINUTE, START).await.expect("a binding");
    }
    assert!(affinity.unbind(&affinity_key(0)).await.expect("an answer"));
    assert!(!affinity.unbind(&affinity_key(0)).await.expect("an answer"));
    assert_eq!(affinity.flush(Bindings::To(&account(0))).await.expect("an answer"), 2);
    assert_eq!(affinity.get(&affinity_key(1), None, START).await.expect("a read"), Some(account(1)));
    assert_eq!(affinity.flush(Bindings::All).await.expect("an answer"), 3);
}

/// The bindings of a scope are removed together, and no other.
pub async fn bindings_of_a_scope_are_removed_together(fixture: impl Fixture) {
    let affinity = fixture.store().affinity;
    let scope = |number: u64| AffinityScope::Key(KeyId::parse(&format!("k{number}")).expect("an id"));
    let session = |number, name: &str| AffinityKey::of(&scope(number), Service::Claude, name.as_bytes());
    for (number, name) in [(1, "a"), (1, "b"), (2, "a"), (3, "a")] {
        affinity.bind(&session(number, name), None, &account(1), MINUTE, START).await.expect("a binding");
    }
    assert_eq!(affinity.flush(Bindings::In(&scope(1))).await.expect("an answer"), 2);
    assert_eq!(affinity.flush(Bindings::In(&scope(1))).await.expect("an answer"), 0);
    for (number, bound) in [(1, None), (2, Some(account(1))), (3, Some(account(1)))] {
        assert_eq!(affinity.get(&session(number, "a"), None, START).await.expect("a read"), bound, "{number}");
    }
}

/// That a binding moves or is removed is announced; that there is a new one, and that it stays, is not.
pub async fn moved_and_removed_bindings_are_announced(fixture: impl Fixture) {
    let Store { affinity, events, .. } = fixture.store();
    let mut heard = events.subscribe();
    let bind = async |session: u64, expected: u64, to: u64| {
        let (session, expected, to) = (affinity_key(session), account(expected), account(to));
        assert_eq!(affinity.bind(&session, Some(&expected), &to, MINUTE, START).await.expect("a binding"), to);
    };
    for session in [1, 2, 1, 2] {
        bind(session, 1, 1).await;
    }
    bind(1, 1, 2).await;
    affinity.unbind(&affinity_key(2)).await.expect("an answer");
    affinity.unbind(&affinity_key(2)).await.expect("an answer");
    affinity.flush(Bindings::To(&account(1))).await.expect("an answer");
    affinity.flush(Bindings::To(&account(2))).await.expect("an answer");
    for session in [Some(affinity_key(1)), Some(affinity_key(2)), None] {
        assert_eq!(heard.next().await, Some(Event::Changed(Notice::Affinity { session })));
    }
}

/// A sweep removes bindings that have ended, at most as many as it may, and no other.
pub async fn a_sweep_removes_ended_bindings_up_to_its_limit(fixture: impl Fixture) {
    let affinity = fixture.store().affinity;
    for number in 0..4 {
        let ttl = MINUTE * u32::try_from(number + 1).expect("a small number");
        affinity.bind(&affinity_key(number), None, &account(1), ttl, START).await.expect("a binding");
    }
    for expected in [2, 1, 0] {
        assert_eq!(affinity.sweep(at(180_000), 2).await.expect("a sweep"), expected);
    }
    assert_eq!(affinity.get(&affinity_key(3), None, at(180_000)).await.expect("a read"), Some(account(1)));
}
