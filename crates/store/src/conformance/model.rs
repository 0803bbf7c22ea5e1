//! The same random calls to an engine and to the reference: every answer is the same.

use super::{
    Fixture, Random,
    audit::entry as audit_entry,
    samples::{
        START, account, admin, affinity_key, at, attempts, cooldown, key, key_fields, lease, request, session, user,
    },
};
use crate::{
    AuditEntry, Batch, Bindings, Epoch, Family, LeaseSubject, RecordError, Store, StoreError, Version,
    audit::{AuditOutcome, AuditQuery},
    idempotency::Claim,
    ledger::{AttemptFilter, Dimension, KeyFilter, Period, UsageOrder, UsageQuery, UsageView},
    limits::{Charge, Counter, LimitSubject},
    records::{Changes, Comparison, Condition, Direction, Filter, ItemsQuery, PageQuery, Value},
    sessions::SessionSubject,
};
use domain::{Calendar, CooldownScope, Timestamp};
use std::{fmt::Debug, num::NonZeroU32, time::Duration};

const KEYS: Family = Family::ApiKey;

/// Calls per seed: a few of each kind of call after each other of each kind.
const CALLS: u64 = 400;

/// Seeds per run.
const SEEDS: u64 = 6;

/// An answer as a text, without what engines may tell differently: their own errors' causes and words.
fn told<T: Debug>(answer: Result<T, StoreError>) -> String {
    answer.map_or_else(|error| error.kind.to_string(), |answer| format!("{answer:?}"))
}

fn told_change<T: Debug>(answer: Result<T, RecordError>) -> String {
    match answer {
        Err(RecordError::Store(error)) => error.kind.to_string(),
        other => format!("{other:?}"),
    }
}

/// Records, affinity, health, sessions, audit log, idempotency keys and ledger answer as the reference does, over restarts.
pub async fn durable_ports_answer_as_the_reference_does_over_restarts<F: Fixture>(first: F) {
    let mut first = Some(first);
    for seed in 0..SEEDS {
        let mut fixture = match first.take() {
            Some(fixture) => fixture,
            None => F::fresh().await,
        };
        let reference = crate::memory::store();
        let mut random = Random::new(seed);
        for call in 0..CALLS {
            if random.below(80) == 0 {
                fixture.restart().await;
            }
            let (kind, choice) = (random.below(7), random.clone());
            let engine = durable_call(&fixture.store(), kind, call, &mut random).await;
            let expected = durable_call(&reference, kind, call, &mut choice.clone()).await;
            assert_eq!(engine, expected, "call {call} of seed {seed}, kind {kind}");
        }
    }
}

/// Limits, slots and locks answer as the reference does while the process runs.
pub async fn limits_slots_and_locks_answer_as_the_reference_does<F: Fixture>(first: F) {
    let mut first = Some(first);
    for seed in 0..SEEDS {
        let fixture = match first.take() {
            Some(fixture) => fixture,
            None => F::fresh().await,
        };
        let (engine, reference) = (fixture.store(), crate::memory::store());
        let mut random = Random::new(seed);
        let mut now = START;
        for call in 0..CALLS {
            now = now.plus(Duration::from_millis(random.below(2000)));
            let (kind, choice) = (random.below(3), random.clone());
            let answer = live_call(&engine, kind, now, &mut random).await;
            let expected = live_call(&reference, kind, now, &mut choice.clone()).await;
            assert_eq!(answer, expected, "call {call} of seed {seed}");
        }
    }
}

async fn durable_call(store: &Store, kind: u64, call: u64, random: &mut Random) -> String {
    match kind {
        0 => record_call(store, random).await,
        1 => affinity_call(store, random).await,
        2 => health_call(store, random).await,
        3 => session_call(store, random).await,
        4 => audit_call(store, random).await,
        5 => idempotency_call(store, random).await,
        _ => ledger_call(store, call, random).await,
    }
}

async fn live_call(store: &Store, kind: u64, now: Timestamp, random: &mut Random) -> String {
    match kind {
        0 => limit_call(store, now, random).await,
        1 => lease_call(store, now, random).await,
        _ => lock_call(store, now, random).await,
    }
}

async fn record_call(store: &Store, random: &mut Random) -> String {
    let records = &store.records;
    let id = format!("k{}", random.below(6));
    let hash = format!("h{}", random.below(6));
    let name = *random.one_of(&["Alpha", "beta", "%"]);
    let version = Version(1 + random.below(4));
    match random.below(10) {
        0 | 1 => told_change(records.insert(KEYS, &id, key_fields(name, &hash)).await),
        2 => told(records.get(KEYS, &id).await),
        3 => told(records.find(Family::ApiKeyHash, &hash).await),
        4 => {
            let changes = record_changes(name, &hash, random);
            let absent = Condition::FieldAbsent("owner");
            let condition = *random.one_of(&[Condition::Exists, Condition::Version(version), absent]);
            told_change(records.update(KEYS, &id, changes, condition).await)
        }
        5 => told_change(records.remove(KEYS, &id, (random.below(2) > 0).then_some(version)).await),
        6 => page_call(store, random).await,
        7 => {
            let changes = records.changes_after(0, 100).await;
            told(
                changes.map(|changes| changes.into_iter().map(|change| (change.family, change.id)).collect::<Vec<_>>()),
            )
        }
        8 => told(records.count(KEYS, &[owned(random)]).await),
        _ => {
            let (family, column, filters) = (KEYS, "tags", Vec::new());
            let items = ItemsQuery { family, column, filters, search: None, after: None, limit: 5 };
            told(records.items(&items).await)
        }
    }
}

fn record_changes(name: &str, hash: &str, random: &mut Random) -> Changes {
    let mut changes = Changes::from([("name", Some(name.into()))]);
    match random.below(5) {
        0 => drop(changes.insert("tags", Some((*random.one_of(&[r#"["x"]"#, r#"["x","u1"]"#, "["])).into()))),
        4 => drop(changes.insert("hash", Some(hash.into()))),
        1 => drop(changes.insert("hash", None)),
        2 => drop(changes.insert("owner", Some(format!("u{}", random.below(2)).into()))),
        _ => drop(changes.insert("owner", None)),
    }
    changes
}

fn owned(random: &mut Random) -> Filter {
    let (column, comparison) = *random.one_of(&[
        ("owner", Comparison::Equal),
        ("owner", Comparison::NotEqual),
        ("owner", Comparison::Less),
        ("owner", Comparison::AtLeast),
        ("tags", Comparison::Contains),
    ]);
    Filter { column, comparison, value: Value::from("u1") }
}

async fn page_call(store: &Store, random: &mut Random) -> String {
    let mut query = PageQuery {
        family: KEYS,
        filters: if random.below(2) > 0 { vec![owned(random)] } else { Vec::new() },
        search: (random.below(3) == 0).then(|| (*random.one_of(&["a", "ET", "%"])).to_owned()),
        order: random.one_of::<&str>(&["owner", "name", "created_at"]),
        direction: *random.one_of(&[Direction::Ascending, Direction::Descending]),
        after: None,
        limit: usize::try_from(1 + random.below(3)).expect("a small number"),
    };
    let first = store.records.page(&query).await;
    query.after = first.as_ref().ok().and_then(|page| page.next.clone());
    told(first) + &told(store.records.page(&query).await)
}

fn some_time(random: &mut Random) -> Timestamp {
    at(i64::try_from(random.below(100)).expect("a small number"))
}

fn some_limit(random: &mut Random) -> usize {
    usize::try_from(random.below(4)).expect("a small number")
}

async fn affinity_call(store: &Store, random: &mut Random) -> String {
    let affinity = &store.affinity;
    let (key, account_id) = (affinity_key(random.below(4)), account(random.below(3)));
    let (ttl, now) = (Duration::from_millis(random.below(60)), some_time(random));
    match random.below(7) {
        0 | 1 => told(affinity.get(&key, (random.below(2) > 0).then_some(ttl), now).await),
        2 | 3 => {
            let expected = (random.below(2) > 0).then(|| account(random.below(3)));
            told(affinity.bind(&key, expected.as_ref(), &account_id, ttl, now).await)
        }
        4 => told(affinity.unbind(&key).await),
        5 if random.below(4) > 0 => told(affinity.flush(Bindings::To(&account_id)).await),
        5 => told(affinity.flush(Bindings::All).await),
        _ => told(affinity.sweep(now, some_limit(random)).await),
    }
}

async fn health_call(store: &Store, random: &mut Random) -> String {
    let health = &store.health;
    let (id, now) = (account(random.below(3)), some_time(random));
    let family = |name: &str| CooldownScope::ModelFamily(name.into());
    let scope = random.one_of(&[CooldownScope::Account, family("opus"), family("haiku")]).clone();
    match random.below(7) {
        0..=2 => told(health.begin(&id, &cooldown(scope, some_time(random))).await),
        3 => told(health.end(&id, (random.below(2) > 0).then_some(&scope)).await),
        4 => told(health.of(&id, now).await),
        5 => told(health.all(now).await),
        _ => told(health.sweep(now, some_limit(random)).await),
    }
}

async fn session_call(store: &Store, random: &mut Random) -> String {
    let sessions = &store.sessions;
    let subject = random.one_of(&[admin(1), admin(2), SessionSubject::User(user(1))]).clone();
    let session = session(random.below(6), subject.clone(), some_time(random));
    let now = some_time(random);
    match random.below(8) {
        0..=2 => told(sessions.create(&session).await),
        3 => told(sessions.get(&session.id, now).await),
        4 => told(sessions.revoke(&session.id).await),
        5 => told(sessions.revoke_all(&subject, (random.below(2) > 0).then_some(&session.id)).await),
        6 => told(sessions.list(&subject, now, some_limit(random)).await),
        _ => told(sessions.sweep(now, some_limit(random)).await),
    }
}

async fn audit_call(store: &Store, random: &mut Random) -> String {
    let audit = &store.audit;
    let made = audit_entry(at(i64::try_from(random.below(12)).expect("a small number") * 7_000_000), 7);
    match random.below(6) {
        0 | 1 => told(audit.append(&made).await),
        2 => told(audit.append(&AuditEntry { outcome: AuditOutcome::Begun, ..made }).await),
        3 => told(audit.get(&made.id).await),
        4 => {
            let to = (random.below(2) > 0).then(|| at(50_000_000));
            let query = AuditQuery { to, limit: 500, ..AuditQuery::default() };
            told(audit.page(&query).await)
        }
        _ => told(audit.prune(at(i64::try_from(random.below(20_000_000)).expect("small")), some_limit(random)).await),
    }
}

async fn idempotency_call(store: &Store, random: &mut Random) -> String {
    let (port, now) = (&store.idempotency, some_time(random));
    let (key, holder) = (*random.one_of(&["a", "b"]), (*random.one_of(&["h1", "h2", "h3"])).to_owned());
    let until = some_time(random);
    match random.below(5) {
        0..=2 => told(port.claim(key, &Claim { request: format!("of {holder}"), holder, until }, now).await),
        3 => told(port.answer(key, &holder, "an answer", until, now).await),
        _ => told(port.release(key, &holder).await),
    }
}

async fn ledger_call(store: &Store, call: u64, random: &mut Random) -> String {
    let ledger = &store.ledger;
    let epoch = Epoch((*random.one_of(&["a", "b"])).into());
    let today = Calendar::utc().day(START).plus_days(i32::try_from(random.below(9)).expect("a small number"));
    match random.below(8) {
        0..=2 => {
            let next = ledger.applied(&epoch).await.unwrap_or_default() + 1;
            let number = *random.one_of(&[next, next, next, next + 1, next.saturating_sub(1).max(1)]);
            let count = random.below(30);
            told(ledger.apply(&Batch { epoch, number, attempts: attempts(call * 100, count, random) }).await)
        }
        3 => told(ledger.applied(&epoch).await),
        4 => told(ledger.usage(&usage_query(random)).await),
        5 => told(ledger.key_totals(&[key(0), key(1), key(2), key(9)], today).await),
        6 => {
            let filter = AttemptFilter { key: (random.below(2) > 0).then(|| key(1)), ..AttemptFilter::default() };
            let first = ledger.attempts(&filter, None, 20).await;
            let after = first.as_ref().ok().and_then(|page| page.next.clone());
            told(first) + &told(ledger.attempts(&filter, after.as_ref(), 20).await)
        }
        _ => {
            // Where a step stops is the engine's choice: only the end of all steps is compared.
            let day = Calendar::utc().day(START).plus_days(i32::try_from(random.below(3)).expect("a small number"));
            let mut removed = 0;
            while let Ok(step @ 1..) = ledger.prune(day, day, 50).await {
                removed += step;
            }
            removed.to_string()
        }
    }
}

fn usage_query(random: &mut Random) -> UsageQuery {
    let views = [
        UsageView::Keys(KeyFilter::All),
        UsageView::Keys(KeyFilter::User(user(1))),
        UsageView::Users(None),
        UsageView::Accounts(Some(account(1))),
        UsageView::Global(None),
    ];
    let (period, from, to) = *random.one_of(&[
        (Period::Hour, "2026-11-23T05", "2026-11-25T20"),
        (Period::Day, "2026-11-24", "2026-11-30"),
        (Period::Month, "2026-11", "2026-11"),
    ]);
    UsageQuery {
        view: random.one_of(&views).clone(),
        period,
        from: from.to_owned(),
        to: to.to_owned(),
        model: (random.below(3) == 0).then(|| "other".to_owned()),
        group: [Dimension::Bucket, Dimension::Subject, Dimension::Model]
            .into_iter()
            .filter(|_| random.below(2) > 0)
            .collect(),
        order: *random.one_of(&[UsageOrder::Cost, UsageOrder::Tokens, UsageOrder::Requests]),
        limit: usize::try_from(1 + random.below(30)).expect("a small number"),
    }
}

async fn limit_call(store: &Store, now: Timestamp, random: &mut Random) -> String {
    let limits = &store.limits;
    let subject = random.one_of(&[LimitSubject::Key(key(1)), LimitSubject::User(user(1))]).clone();
    let request = request(random.below(12));
    let window_ms = 20_000;
    let start = Timestamp::from_ms(now.as_ms() / window_ms * window_ms);
    let counter =
        |name| Counter { name, window_start: start, window_end: Timestamp::from_ms(start.as_ms() + window_ms) };
    let mut amount = || i64::try_from(random.below(30)).expect("a small number");
    let (tokens, cost) = (amount(), amount());
    match random.below(6) {
        0..=2 => {
            let charge = |name, amount| Charge { counter: counter(name), ceiling: 60, amount };
            let charges = [charge("tokens:window", tokens), charge("cost:day", cost)];
            let expires_at = now.plus(Duration::from_millis(random.below(8000)));
            told(limits.reserve(&request, &subject, &charges, expires_at, now).await)
        }
        3 => {
            let truth = [(counter("tokens:window"), tokens), (counter("cost:week"), cost)];
            told(limits.settle(&request, &subject, &truth, now).await)
        }
        4 => told(limits.cancel(&request, &subject).await),
        _ => told(limits.used(&subject, &counter("tokens:window"), now).await),
    }
}

async fn lease_call(store: &Store, now: Timestamp, random: &mut Random) -> String {
    let leases = &store.leases;
    let subject = random.one_of(&[LeaseSubject::Key(key(1)), LeaseSubject::Account(account(1))]).clone();
    let (id, three) = (lease(random.below(8)), NonZeroU32::new(3).expect("not zero"));
    let ttl = Duration::from_millis(random.below(30_000));
    match random.below(8) {
        0..=2 => told(leases.acquire(&subject, &id, three, ttl, now).await),
        3 => {
            leases.release(&subject, &id);
            told(leases.held(&subject, now).await)
        }
        4 => told(leases.renew(&[(subject, id)], ttl, now).await),
        5 | 6 => told(leases.enter(&key(1), &id, three, ttl, now).await),
        _ => {
            leases.leave(&key(1), &id);
            told(leases.sweep(now).await)
        }
    }
}

/// Fences differ between engines: whether one was given is compared.
async fn lock_call(store: &Store, now: Timestamp, random: &mut Random) -> String {
    let (name, holder) = (*random.one_of(&["a", "b"]), *random.one_of(&["x", "y", "z"]));
    let ttl = Duration::from_millis(random.below(30_000));
    match random.below(3) {
        0 => told(store.locks.release(name, holder).await),
        _ => told(store.locks.acquire(name, holder, ttl, now).await.map(|fence| fence.is_some())),
    }
}
