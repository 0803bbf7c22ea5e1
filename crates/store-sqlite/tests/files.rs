//! What lies on disk: the schema against the keyspace table, the file's identity, and what a crash leaves.

use domain::{Attempt, Day, NanoUsd, Timestamp};
use rusqlite::Connection;
use std::{fs, path::Path};
use store::{
    Batch, Epoch, Family, Ledger, Store,
    conformance::{Random, attempts},
    error::StoreFailure,
    keyspace::{COUNTED_BY, Column, ColumnKind, Entry, Listing, TABLE},
    ledger::AttemptFilter,
    records::Fields,
};
use store_sqlite::{OpenError, SqliteStore};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinSet};

/// Families without a table: those that live in the process, and those whose fields the keyspace table does not list yet.
const WITHOUT_TABLE: &[Family] = &[
    Family::RateLimit,
    Family::Concurrency,
    Family::ConcurrencyKey,
    Family::ConcurrencyQueue,
    Family::ConcurrencyQueueStats,
    Family::ConcurrencyQueueWaitTimes,
    Family::WebhookConfig,
    Family::UserMsgQueueLock,
    Family::UserMsgQueueLast,
    Family::SystemInfo,
    Family::ConcurrencyQueueEnds,
    Family::StickySessionEnds,
    Family::Cooldowns,
    Family::SessionIndex,
    Family::SessionEnds,
    Family::RateLimitReservations,
    Family::UsageRecordSeconds,
    Family::UsageRecordKey,
    Family::UsageRecordAccount,
    Family::UsageKeys,
    Family::UsageAccounts,
    Family::UsageCostEnds,
    Family::UsageBuckets,
    Family::LedgerBuckets,
    Family::LedgerApplied,
    Family::Call,
    Family::LedgerEpochs,
    Family::AuditOrder,
    Family::AuditDays,
];

fn open(directory: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(&directory.join("relay.db"), Timestamp::from_ms(7))
}

fn fresh() -> (TempDir, SqliteStore) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path()).expect("a store");
    (directory, store)
}

fn file(directory: &TempDir) -> Connection {
    Connection::open(directory.path().join("relay.db")).expect("the file")
}

fn texts(connection: &Connection, sql: &str, value: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).expect("a statement");
    let rows = statement.query_map([value], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

/// The table of the items of a column.
fn items_of(entry: &Entry, column: &Column) -> String {
    format!("{}_{}", entry.name.replace(':', "_"), column.name)
}

async fn insert(store: &Store, id: &str) -> bool {
    let fields = Fields::from([("name", "ci".into()), ("hash", id.into())]);
    store.records.insert(Family::ApiKey, id, fields).await.is_ok()
}

#[tokio::test]
async fn every_family_is_a_table_or_a_view_of_its_name() {
    let (directory, store) = fresh();
    let connection = file(&directory);
    for entry in TABLE {
        let sql = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?1";
        let is_there = !texts(&connection, sql, &entry.name.replace(':', "_")).is_empty();
        assert_eq!(is_there, !WITHOUT_TABLE.contains(&entry.family), "{}", entry.name);
    }
    store.shutdown().await;
}

#[tokio::test]
async fn the_columns_of_records_are_those_of_the_keyspace_table() {
    let (directory, store) = fresh();
    let connection = file(&directory);
    for entry in TABLE.iter().filter(|entry| !entry.columns.is_empty()) {
        let columns = entry.columns.iter().map(|column| match column.kind {
            ColumnKind::Integer => format!("{} INTEGER", column.name),
            ColumnKind::Text | ColumnKind::Secret => format!("{} TEXT", column.name),
        });
        let expected: Vec<_> = ["id TEXT", "version INTEGER"].map(str::to_owned).into_iter().chain(columns).collect();
        let sql = "SELECT name || ' ' || type FROM pragma_table_info(?1) ORDER BY cid";
        assert_eq!(texts(&connection, sql, entry.name), expected, "{}", entry.name);
    }
    store.shutdown().await;
}

#[tokio::test]
async fn every_listed_column_and_every_unique_one_has_an_index() {
    let (directory, store) = fresh();
    let connection = file(&directory);
    for entry in TABLE {
        let sql = "SELECT info.name FROM pragma_index_list(?1) AS list, pragma_index_info(list.name) AS info
            WHERE info.seqno = 0";
        let indexed = texts(&connection, sql, entry.name);
        for column in entry.columns.iter().filter(|column| column.listing != Listing::Unlisted) {
            if column.listing == Listing::Items {
                let items =
                    texts(&connection, "SELECT name FROM pragma_table_info(?1) ORDER BY cid", &items_of(entry, column));
                assert_eq!(items, [&["item", "id"], COUNTED_BY].concat(), "{}.{}", entry.name, column.name);
                continue;
            }
            assert!(indexed.iter().any(|name| name == column.name), "{}.{}", entry.name, column.name);
        }
        let sql = "SELECT info.name FROM pragma_index_list(?1) AS list, pragma_index_info(list.name) AS info
            WHERE list.\"unique\" AND list.origin = 'c'";
        let unique: Vec<_> = entry.unique.iter().map(|unique| unique.column.to_owned()).collect();
        if !entry.columns.is_empty() {
            assert_eq!(texts(&connection, sql, entry.name), unique, "{}", entry.name);
        }
    }
    store.shutdown().await;
}

#[tokio::test]
async fn a_store_keeps_its_id_and_is_empty_until_something_is_written() {
    let (directory, store) = fresh();
    let id = store.store_id().to_owned();
    assert!(id.len() == 32 && store.is_empty());
    store.shutdown().await;
    let store = open(directory.path()).expect("a store");
    assert!(store.is_empty());
    assert!(insert(&store.store(), "k1").await);
    store.shutdown().await;
    let store = open(directory.path()).expect("a store");
    assert_eq!((store.store_id(), store.is_empty()), (id.as_str(), false));
    store.shutdown().await;
    let (_other_directory, other) = fresh();
    assert_ne!(other.store_id(), id);
    other.shutdown().await;
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (directory, store) = fresh();
    store.shutdown().await;
    file(&directory).execute("UPDATE schema SET version = 99", []).expect("an update");
    let refusal = open(directory.path()).err().expect("a refusal");
    assert!(matches!(refusal, OpenError::Newer { found: 99, .. }), "{refusal}");
}

#[test]
fn a_database_of_another_program_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    file(&directory).execute_batch("CREATE TABLE theirs (a)").expect("a table");
    let refusal = open(directory.path()).err().expect("a refusal");
    assert!(matches!(refusal, OpenError::Foreign), "{refusal}");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("relay.db"), vec![b'x'; 8192]).expect("a file");
    let refusal = open(directory.path()).err().expect("a refusal");
    assert!(matches!(refusal, OpenError::Sqlite { .. }), "{refusal}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_file_and_its_log() {
    use std::os::unix::fs::PermissionsExt;
    let (directory, store) = fresh();
    for name in ["relay.db", "relay.db-wal"] {
        let mode = fs::metadata(directory.path().join(name)).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    store.shutdown().await;
}

#[tokio::test]
async fn a_store_that_was_closed_is_out_of_reach() {
    let (_directory, store) = fresh();
    let ports = store.store();
    store.shutdown().await;
    store.shutdown().await;
    assert!(!insert(&ports, "k1").await);
    let read = ports.records.get(Family::ApiKey, "k1").await;
    assert_eq!(read.expect_err("closed").kind, StoreFailure::Unavailable);
}

#[tokio::test]
async fn a_store_that_was_closed_leaves_its_log_empty() {
    let (directory, store) = fresh();
    assert!(insert(&store.store(), "k1").await);
    store.shutdown().await;
    let log = fs::metadata(directory.path().join("relay.db-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0);
}

#[tokio::test]
async fn the_view_of_a_unique_column_shows_the_records_that_have_it() {
    let (directory, store) = fresh();
    assert!(insert(&store.store(), "k1").await);
    let connection = file(&directory);
    assert_eq!(texts(&connection, "SELECT id FROM api_key_hash WHERE hash = ?1", "k1"), ["k1"]);
    store.store().records.remove(Family::ApiKey, "k1", None).await.expect("a removal");
    assert!(texts(&connection, "SELECT id FROM api_key_hash WHERE hash = ?1", "k1").is_empty());
    store.shutdown().await;
}

#[tokio::test]
async fn a_number_that_the_engine_cannot_hold_is_refused_and_leaves_nothing() {
    let (_directory, store) = fresh();
    let ledger = store.store().ledger;
    let mut attempts = attempts(0, 3, &mut Random::new(1));
    let first = attempts[0].clone();
    for attempt in &mut attempts {
        *attempt = Attempt { request_id: attempt.request_id.clone(), ..first.clone() };
    }
    let too_much = NanoUsd(i128::from(i64::MAX) + 1);
    let half = NanoUsd(i128::from(i64::MAX) / 2 + 1);
    for costs in [[NanoUsd(1), NanoUsd(1), too_much], [half, half, NanoUsd(1)]] {
        for (attempt, cost) in attempts.iter_mut().zip(costs) {
            attempt.cost = cost;
        }
        let batch = Batch { epoch: Epoch("e".into()), number: 1, attempts: attempts.clone() };
        assert_eq!(ledger.apply(&batch).await.expect_err("too much").kind, StoreFailure::Damaged);
    }
    assert_eq!(applied_one_by_one(&*ledger, &attempts, half).await, [true, false]);
    let kept = ledger.attempts(&AttemptFilter::default(), None, 10).await.expect("a page").attempts;
    assert_eq!(kept.len(), 1);
    store.shutdown().await;
}

/// Applies two batches whose costs together are more than the engine can hold; says which were applied.
async fn applied_one_by_one(ledger: &dyn Ledger, attempts: &[Attempt], cost: NanoUsd) -> Vec<bool> {
    let mut applied = Vec::new();
    for number in 1..=2 {
        let attempt = Attempt { request_id: attempts[number].request_id.clone(), cost, ..attempts[0].clone() };
        let batch = Batch { epoch: Epoch("e".into()), number: number as u64, attempts: vec![attempt] };
        applied.push(ledger.apply(&batch).await.is_ok());
    }
    applied
}

#[tokio::test]
async fn pruning_leaves_no_entry_in_the_filter_indexes() {
    let (directory, store) = fresh();
    let ledger = store.store().ledger;
    let attempts = attempts(0, 200, &mut Random::new(2));
    ledger.apply(&Batch { epoch: Epoch("e".into()), number: 1, attempts }).await.expect("a batch");
    while store.unindexed_records().await.expect("the lag") > 0 {
        tokio::task::yield_now().await;
    }
    let after_all = Day::parse("2026-12-31").expect("a day");
    while ledger.prune(after_all, after_all, 50).await.expect("a step") > 0 {}
    let connection = file(&directory);
    for index in ["time", "key", "account", "user", "request"] {
        let sql = format!("SELECT count(*) FROM usage_record_by_{index}");
        let left: u64 = connection.query_row(&sql, [], |row| row.get(0)).expect("a count");
        assert_eq!(left, 0, "{index}");
    }
    store.shutdown().await;
}

/// The file and its log are copied while writers write, which is what a crash of the process leaves. Too little is written for
/// the log to be moved meanwhile, so that the file itself does not change between the two copies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_amid_writes_loses_nothing_that_was_answered() {
    let (directory, store) = fresh();
    for round in 0..5 {
        let ports = store.store();
        let (answered, mut heard) = watch::channel(0);
        let mut writing = JoinSet::new();
        writing.spawn(write_many(ports, round, answered));
        heard.wait_for(|answered| *answered > 20).await.expect("writes");
        let known = *heard.borrow();
        let copy = copied(directory.path());
        writing.join_all().await;
        let crashed = open(copy.path()).expect("the copy opens");
        for number in 0..known {
            let id = format!("k{round}-{number}");
            let row = crashed.store().records.get(Family::ApiKey, &id).await.expect("a read");
            assert!(row.is_some(), "{id} was answered");
        }
        crashed.shutdown().await;
    }
    store.shutdown().await;
}

async fn write_many(store: Store, round: u32, answered: watch::Sender<u32>) {
    for number in 0..100 {
        assert!(insert(&store, &format!("k{round}-{number}")).await);
        answered.send_replace(number + 1);
    }
}

fn copied(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().expect("a directory");
    for name in ["relay.db", "relay.db-wal"] {
        fs::copy(directory.join(name), copy.path().join(name)).expect("a copy");
    }
    copy
}
