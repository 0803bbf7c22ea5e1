//! What the embedded store costs: microseconds per record and per call. Prints one line per measurement; asserts nothing.

#![expect(clippy::cast_precision_loss, reason = "figures for people")]
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]

use domain::{
    AccountId, Attempt, AttemptKind, Calendar, Dialect, KeyId, NanoUsd, Outcome, Platform, RequestId, Timestamp,
    TokenUsage, UsageSource,
};
use std::{
    collections::BTreeSet,
    future::Future,
    time::{Duration, Instant},
};
use store::{
    Batch, Epoch, Family, Store,
    conformance::Random,
    ledger::{AttemptFilter, Dimension, KeyFilter, Period, UsageOrder, UsageQuery, UsageView},
    records::{Changes, Condition, Fields, Value},
};
use store_sqlite::SqliteStore;
use tokio::task::JoinSet;

const KEYS: u64 = 1000;
const ACCOUNTS: u64 = 50;
const BATCHES: u64 = 60;

/// Keys in use, and how long requests last, in milliseconds.
const LOADS: [(&str, &str, u64, u64); 4] = [
    ("10 keys, 10 ms", "a", 10, 10),
    ("1,000 keys, 10 ms", "b", KEYS, 10),
    ("1,000 keys, 250 ms", "c", KEYS, 250),
    ("1,000 keys, 3 s", "d", KEYS, 3000),
];

const RECORDS: u64 = 4096;

#[tokio::main]
async fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("relay.db");
    let engine = SqliteStore::open(&path, Timestamp::from_ms(0)).expect("a store");
    let store = engine.store();
    println!("resident, idle             {:>9} KiB", resident_kib());
    ledger(&engine, &store).await;
    println!("file after the ledger      {:>9} KiB", std::fs::metadata(&path).expect("the file").len() / 1024);
    questions(&store).await;
    records(&store).await;
    println!("resident, at the end       {:>9} KiB", resident_kib());
    engine.shutdown().await;
}

async fn ledger(engine: &SqliteStore, store: &Store) {
    for (name, epoch, keys, spread_ms) in LOADS {
        let mut random = Random::new(1);
        let (mut spent, mut slowest) = (Duration::ZERO, Duration::ZERO);
        let cpu_before = writer_cpu();
        for number in 1..=BATCHES {
            let batch = batch(epoch, number, keys, spread_ms, &mut random);
            let begun = Instant::now();
            store.ledger.apply(&batch).await.expect("applied");
            spent += begun.elapsed();
            slowest = slowest.max(begun.elapsed());
        }
        let lag = engine.unindexed_records().await.expect("the lag");
        let applied = writer_cpu().saturating_sub(cpu_before);
        while engine.unindexed_records().await.expect("the lag") > 64 {
            tokio::task::yield_now().await;
        }
        let indexed = writer_cpu().saturating_sub(cpu_before);
        let micros = |span: Duration| span.as_secs_f64() * 1e6 / (BATCHES * RECORDS) as f64;
        println!(
            "apply, {name:<20} {:>6.2} µs per record ({:.2} µs CPU, {:.2} µs with its index), slowest batch {slowest:.1?}, lag {lag}",
            micros(spent),
            micros(applied),
            micros(indexed),
        );
    }
}

async fn questions(store: &Store) {
    let key = KeyId::parse("key-7").expect("an id");
    let any = AttemptFilter::default;
    let filters = [
        ("latest 50 attempts", any()),
        ("latest 50 attempts of a key", AttemptFilter { key: Some(key.clone()), ..any() }),
        ("attempts of a request", AttemptFilter { request: RequestId::parse("a-00030-0007").ok(), ..any() }),
    ];
    for (name, filter) in filters {
        timed(name, 20, || async { store.ledger.attempts(&filter, None, 50).await.expect("a page").attempts.len() })
            .await;
    }
    for (name, view) in
        [("keys", UsageView::Keys(KeyFilter::All)), ("one key", UsageView::Keys(KeyFilter::Key(key.clone())))]
    {
        let query = UsageQuery {
            view,
            period: Period::Day,
            from: "2026-11-01".to_owned(),
            to: "2026-12-31".to_owned(),
            model: None,
            group: BTreeSet::from([Dimension::Subject]),
            order: UsageOrder::Cost,
            limit: 100,
        };
        timed(&format!("usage by day of {name}"), 20, || async {
            store.ledger.usage(&query).await.expect("rows").len()
        })
        .await;
    }
    let today = Calendar::utc().day(Timestamp::from_ms(1_795_392_000_000));
    let keys = [key];
    timed("totals of a key", 200, || async { store.ledger.key_totals(&keys, today).await.expect("totals").len() })
        .await;
}

async fn records(store: &Store) {
    let records = &store.records;
    let mut number = 0;
    timed("insert an API key, alone", 1000, || {
        number += 1;
        let (id, fields) = (format!("k{number}"), fields(number));
        async move { records.insert(Family::ApiKey, &id, fields).await.expect("inserted") }
    })
    .await;
    timed("find an API key by its hash", 2000, || async {
        records.find(Family::ApiKeyHash, "hash-77").await.expect("a read")
    })
    .await;
    let mut updates = JoinSet::new();
    let begun = Instant::now();
    for task in 1..=64 {
        let records = store.records.clone();
        updates.spawn(async move {
            for round in 0..200 {
                let changes = Changes::from([("first_used_at", Some(Value::Integer(round)))]);
                records.update(Family::ApiKey, &format!("k{task}"), changes, Condition::Exists).await.expect("updated");
            }
        });
    }
    updates.join_all().await;
    let micros = begun.elapsed().as_secs_f64() * 1e6 / (64.0 * 200.0);
    println!("update, 64 callers         {micros:>9.2} µs per update");
}

fn fields(number: u64) -> Fields {
    let texts = [("name", "ci".to_owned()), ("hash", format!("hash-{number}")), ("state", "active".to_owned())];
    texts.into_iter().map(|(name, text)| (name, Value::Text(text))).collect()
}

async fn timed<T, F: Future<Output = T>>(name: &str, times: u32, mut call: impl FnMut() -> F) {
    let mut spans: Vec<_> = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        call().await;
        spans.push(begun.elapsed());
    }
    spans.sort();
    println!("{name:<27}{:>9.1?} median, {:.1?} slowest", spans[spans.len() / 2], spans[spans.len() - 1]);
}

fn batch(epoch: &str, number: u64, keys: u64, spread_ms: u64, random: &mut Random) -> Batch {
    let attempts = (0..RECORDS).map(|place| attempt(epoch, number, place, keys, spread_ms, random)).collect();
    Batch { epoch: Epoch(epoch.into()), number, attempts }
}

fn attempt(epoch: &str, batch: u64, place: u64, keys: u64, spread_ms: u64, random: &mut Random) -> Attempt {
    // 4,096 records are a tenth of a second at full load; requests last up to a minute.
    let ms = 1_795_392_000_000 + u64::from(epoch.as_bytes()[0]) * 100_000 + batch * 100 + random.below(spread_ms);
    let admitted_at = Timestamp::from_ms(i64::try_from(ms).expect("an instant"));
    let cost = NanoUsd(i128::from(random.below(5_000_000)));
    Attempt {
        request_id: RequestId::parse(&format!("{epoch}-{batch:05}-{place:04}")).expect("an id"),
        attempt_no: 1,
        is_final: true,
        kind: AttemptKind::Message,
        key: KeyId::parse(&format!("key-{}", random.below(keys))).ok(),
        user: None,
        account: AccountId::parse(&format!("account-{}", random.below(ACCOUNTS))).ok(),
        platform: Some(Platform::ClaudeConsole),
        dialect: Dialect::Anthropic,
        model: (*random.one_of(&["claude-opus-5", "claude-haiku-5", "claude-sonnet-5"])).into(),
        model_requested: "claude-opus-5-20260901".into(),
        model_upstream: "claude-opus-5-20260901".into(),
        streamed: true,
        admitted_at,
        hour: Calendar::utc().hour(admitted_at),
        started_at: admitted_at,
        ended_at: admitted_at.plus(Duration::from_secs(3)),
        first_byte_ms: Some(400),
        outcome: Outcome::Completed,
        failure: None,
        status: Some(200),
        usage: TokenUsage { input: 1200, output: 300, cache_write_5m: 40, cache_write_1h: 0, cache_read: 20_000 },
        usage_source: UsageSource::Reported,
        cost,
        cost_rated: cost,
        price: "embedded/claude-opus-5@2026-09-01".into(),
        client: "claude-cli/2.0.14 (external, cli)".into(),
        upstream_request_id: "req_011CUxyzABCDEF0123456789".into(),
        note: "priority 50, least recently used".into(),
    }
}

/// Time that the writer's thread has spent on a processor.
fn writer_cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let spent = tasks.filter_map(|task| {
        let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
        let times = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        let nanos = times.split_whitespace().next()?.parse().ok()?;
        (name.trim() == "sqlite-writer").then(|| Duration::from_nanos(nanos))
    });
    spent.sum()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
