//! The sentences of [`Rankings`](crate::Rankings).

use super::{
    Fixture, Random,
    samples::{START, at, attempt, attempts, key},
};
use crate::{Batch, Epoch, Store, rankings::Days};
use domain::{Attempt, Calendar, Day, KeyId, NanoUsd, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

async fn applied(store: &Store, number: u64, attempts: &[Attempt]) {
    let batch = Batch { epoch: Epoch("a".into()), number, attempts: attempts.to_vec() };
    assert_eq!(store.ledger.apply(&batch).await.expect("an answer"), number);
}

fn days(from: i32, to: i32) -> Days {
    let first = Calendar::utc().day(START);
    Days::new(first.plus_days(from), first.plus_days(to)).expect("some days")
}

/// Records of four days in two months, so that ranges end amid months, weeks and days.
fn some_attempts() -> Vec<Attempt> {
    let mut random = Random::new(7);
    let mut some = attempts(0, 300, &mut random);
    for number in 300..340 {
        let admitted_at = at(i64::try_from(number - 290).expect("small") * 86_400_000);
        some.push(Attempt { admitted_at, hour: Calendar::utc().hour(admitted_at), ..attempt(number, &mut random) });
    }
    some
}

fn within(attempt: &Attempt, days: Days) -> bool {
    (days.from()..=days.to()).contains(&attempt.hour.day())
}

fn sorted<T: Ord>(mut answer: Vec<T>) -> Vec<T> {
    answer.sort();
    answer
}

/// A key was last used when the latest of its records was admitted, whatever order they came in, and after they are removed.
pub async fn a_key_was_last_used_when_its_latest_record_was_admitted(mut fixture: impl Fixture) {
    let store = fixture.store();
    assert_eq!(store.rankings.last_uses().await.expect("an answer"), []);
    let some = some_attempts();
    applied(&store, 1, &some[150..]).await;
    applied(&store, 2, &some[..150]).await;
    let mut expected: BTreeMap<KeyId, Timestamp> = BTreeMap::new();
    for attempt in &some {
        let Some(key) = &attempt.key else { continue };
        let last = expected.entry(key.clone()).or_insert(attempt.admitted_at);
        *last = (*last).max(attempt.admitted_at);
    }
    let expected: Vec<_> = expected.into_iter().collect();
    let day = Calendar::utc().day(START).plus_days(90);
    while store.ledger.prune(day, day, 500).await.expect("a step") > 0 {}
    assert_eq!(sorted(store.rankings.last_uses().await.expect("an answer")), expected);
    drop(store);
    fixture.restart().await;
    assert_eq!(sorted(fixture.store().rankings.last_uses().await.expect("an answer")), expected);
}

/// The rated cost of a key over some days is the sum of its records of these days; a key without any is not named.
pub async fn a_key_s_rated_cost_over_days_is_the_sum_of_its_records(fixture: impl Fixture) {
    let store = fixture.store();
    let some = some_attempts();
    applied(&store, 1, &some).await;
    for (from, to) in [(0, 0), (0, 3), (1, 2), (-30, 60), (0, 6), (7, 8), (8, 38), (50, 60)] {
        let days = days(from, to);
        let mut expected: BTreeMap<KeyId, NanoUsd> = BTreeMap::new();
        for attempt in some.iter().filter(|attempt| within(attempt, days)) {
            let Some(key) = &attempt.key else { continue };
            *expected.entry(key.clone()).or_default() += attempt.cost_rated;
        }
        let costs = sorted(store.rankings.rated_costs(days).await.expect("an answer"));
        assert_eq!(costs, expected.into_iter().collect::<Vec<_>>(), "{from} to {to}");
    }
}

/// The keys of a model are those with a record of it in these days, each once; a name that is like it is another.
pub async fn the_keys_of_a_model_are_those_that_used_it_in_these_days(fixture: impl Fixture) {
    let store = fixture.store();
    let mut some = some_attempts();
    some[0].model = "us.claude/*[x]".into();
    some[0].key = Some(key(7));
    applied(&store, 1, &some).await;
    for model in ["claude-opus-5", "other", "claude-opus-*", "*", "us.claude/*[x]", "*[x]", "", "nobody-s"] {
        for (from, to) in [(0, 0), (0, 3), (2, 14), (-30, 60), (60, 70)] {
            let days = days(from, to);
            let of_model = some.iter().filter(|attempt| *attempt.model == *model && within(attempt, days));
            let expected: BTreeSet<KeyId> = of_model.filter_map(|attempt| attempt.key.clone()).collect();
            let keys = sorted(store.rankings.keys_of_model(model, days).await.expect("an answer"));
            assert_eq!(keys, expected.into_iter().collect::<Vec<_>>(), "{model}, {from} to {to}");
        }
    }
}

/// What was applied is in the next answer, and what is no longer kept in none.
pub async fn what_was_applied_is_ranked_until_it_is_removed(fixture: impl Fixture) {
    let store = fixture.store();
    let some = some_attempts();
    let keys = async |days| {
        let costs = store.rankings.rated_costs(days).await.expect("an answer").len();
        (costs, store.rankings.keys_of_model("other", days).await.expect("an answer").len())
    };
    assert_eq!(keys(days(0, 0)).await, (0, 0));
    applied(&store, 1, &some).await;
    assert_ne!(keys(days(0, 0)).await, (0, 0));
    let day: Day = Calendar::utc().day(START).plus_days(1);
    while store.ledger.prune(day, day, 500).await.expect("a step") > 0 {}
    assert_eq!(keys(days(0, 0)).await, (0, 0));
    assert_ne!(keys(days(1, 1)).await, (0, 0));
}
