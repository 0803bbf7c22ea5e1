//! What writers leave that die in between, and what one subject's servers lose: disregarded, taken over, completed.

use crate::fixture::{open, options};
use domain::{AdminId, Calendar, SessionId, Timestamp};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use store::{
    Batch, Epoch, Family, Records, Session, Store,
    conformance::{Random, attempts},
    ledger::{AttemptFilter, Dimension, KeyFilter, Period, UsageOrder, UsageQuery, UsageView},
    records::{Condition, Direction, Fields, PageQuery, Value},
    sessions::SessionSubject,
};
use store_redis::{RedisStore, Topology};
use testkit::redis::RedisServer;
use tokio::task::JoinSet;

const KEYS: Family = Family::ApiKey;

async fn fresh() -> (RedisServer, RedisStore) {
    let server = RedisServer::start();
    let store = open(&options(Topology::Single, [server.port()])).await;
    (server, store)
}

fn key_fields(hash: &str) -> Fields {
    [("name", "a key"), ("hash", hash), ("state", "active")].map(|(name, text)| (name, Value::from(text))).into()
}

async fn insert(records: &dyn Records, id: &str, hash: &str) -> bool {
    records.insert(KEYS, id, key_fields(hash)).await.is_ok()
}

async fn found(records: &dyn Records, hash: &str) -> Option<String> {
    records.find(Family::ApiKeyHash, hash).await.expect("a look-up").map(|row| row.id)
}

#[tokio::test]
async fn an_entry_without_its_record_counts_as_missing_and_is_taken_over() {
    let (server, store) = fresh().await;
    let records = store.store().records;
    for (hash, entry) in [("h1", "ghost"), ("h2", "ghost|dead|1|"), ("h3", "ghost|dead|1|ghost")] {
        server.command(&["SET", &format!("api_key_hash:{{{hash}}}"), entry]).expect("a reply");
        assert_eq!(found(&*records, hash).await, None);
        assert!(insert(&*records, &format!("of-{hash}"), hash).await);
        assert_eq!(found(&*records, hash).await, Some(format!("of-{hash}")));
        assert_eq!(
            server.command(&["GET", &format!("api_key_hash:{{{hash}}}")]).expect("a reply"),
            format!("of-{hash}")
        );
    }
}

#[tokio::test]
async fn a_claim_is_waited_for_until_it_ends() {
    let (server, store) = fresh().await;
    let time = server.command(&["TIME"]).expect("a reply");
    let ms = time.lines().next().and_then(|seconds| seconds.parse::<u64>().ok()).expect("seconds") * 1000 + 1500;
    server.command(&["SET", "api_key_hash:{h1}", &format!("ghost|other|{ms}|")]).expect("a reply");
    assert!(insert(&*store.store().records, "k1", "h1").await);
    let time = server.command(&["TIME"]).expect("a reply");
    let now = time.lines().next().and_then(|seconds| seconds.parse::<u64>().ok()).expect("seconds") * 1000 + 999;
    assert!(now >= ms, "the claim was respected");
    assert_eq!(found(&*store.store().records, "h1").await.as_deref(), Some("k1"));
}

#[tokio::test]
async fn a_change_whose_writer_died_before_it_was_numbered_is_in_the_sequence() {
    let (server, store) = fresh().await;
    let records = store.store().records;
    assert!(insert(&*records, "k1", "h1").await);
    let page = PageQuery {
        family: KEYS,
        filters: Vec::new(),
        search: None,
        order: "name",
        direction: Direction::Ascending,
        after: None,
        limit: 10,
    };
    assert_eq!(records.page(&page).await.expect("a page").rows.len(), 1);
    let last = records.changes_after(0, 10).await.expect("changes").last().map_or(0, |change| change.sequence);
    // As a writer leaves it that died behind the record: the mark, and the record itself.
    server.command(&["HSET", "api_key:{k1}", "name", "renamed", "version", "2"]).expect("a reply");
    server.command(&["ZADD", "change:{log}:marks", "1", "api_key|k1|dead"]).expect("a reply");
    let changes = records.changes_after(last, 10).await.expect("changes");
    assert_eq!(changes.iter().map(|change| change.id.as_str()).collect::<Vec<_>>(), ["k1"]);
    let rows = records.page(&page).await.expect("a page").rows;
    assert_eq!(rows[0].fields["name"], Value::from("renamed"));
    assert_eq!(server.command(&["ZCARD", "change:{log}:marks"]).expect("a reply"), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_write_the_same_few_records_keep_unique_values_unique() {
    const WRITERS: u64 = 8;
    const WRITES: usize = 60;
    let (server, one) = fresh().await;
    let two = open(&options(Topology::Single, [server.port()])).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let records = if writer % 2 == 0 { one.store().records } else { two.store().records };
        writers.spawn(async move {
            let mut random = Random::new(writer);
            for _ in 0..WRITES {
                let (id, hash) = (format!("k{}", random.below(4)), format!("h{}", random.below(3)));
                match random.below(4) {
                    0 => drop(records.insert(KEYS, &id, key_fields(&hash)).await),
                    1 => drop(records.remove(KEYS, &id, None).await),
                    _ => {
                        let changes = [("hash", Some(Value::from(hash.as_str())))].into();
                        drop(records.update(KEYS, &id, changes, Condition::Exists).await);
                    }
                }
            }
        });
    }
    writers.join_all().await;
    let mut holders = BTreeSet::new();
    for number in 0..4 {
        let Some(row) = one.store().records.get(KEYS, &format!("k{number}")).await.expect("a read") else { continue };
        let Some(Value::Text(hash)) = row.fields.get("hash") else { panic!("a hash") };
        assert!(holders.insert(hash.clone()), "two records have {hash}");
        assert_eq!(found(&*two.store().records, hash).await, Some(row.id), "what a record has is found by it");
    }
}

async fn answers(store: &Store) -> String {
    let query = |view, period, from: &str, to: &str| UsageQuery {
        view,
        period,
        from: from.to_owned(),
        to: to.to_owned(),
        model: None,
        group: [Dimension::Bucket, Dimension::Subject, Dimension::Model].into(),
        order: UsageOrder::Cost,
        limit: 5000,
    };
    let mut told = Vec::new();
    for (period, from, to) in [
        (Period::Hour, "2026-11-20T00", "2026-12-01T00"),
        (Period::Day, "2026-11-20", "2026-12-01"),
        (Period::Month, "2026-11", "2026-12"),
    ] {
        for view in [UsageView::Keys(KeyFilter::All), UsageView::Accounts(None), UsageView::Global(None)] {
            told.push(format!("{:?}", store.ledger.usage(&query(view, period, from, to)).await.expect("an answer")));
        }
    }
    let keys: Vec<_> = (0..4).map(|number| domain::KeyId::parse(&format!("key-{number}")).expect("an id")).collect();
    let today = Calendar::utc().day(Timestamp::from_ms(1_795_392_000_000));
    told.push(format!("{:?}", store.ledger.key_totals(&keys, today).await.expect("an answer")));
    told.push(format!("{:?}", store.ledger.attempts(&AttemptFilter::default(), None, 500).await.expect("a page")));
    told.join("\n")
}

#[tokio::test]
async fn what_one_subject_has_lost_again_is_completed_by_sending_everything_once_more() {
    let (server, store) = fresh().await;
    let reference = store::memory::store();
    let mut random = Random::new(5);
    let batches: Vec<_> = (1..=6)
        .map(|number| Batch { epoch: Epoch("e".into()), number, attempts: attempts(number * 100, 40, &mut random) })
        .collect();
    for batch in &batches {
        reference.ledger.apply(batch).await.expect("applied");
    }
    for subject in ["key-1", "account-2", "2026-11-24", "2026-11", "2026-11-25T07"] {
        server.command(&["FLUSHALL"]).expect("a reply");
        let ledger = Arc::clone(&store.store().ledger);
        for batch in &batches[..3] {
            ledger.apply(batch).await.expect("applied");
        }
        let own = || {
            let keys = server.command(&["KEYS", &format!("*{{{subject}}}*")]).expect("keys");
            keys.lines().filter(|key| !key.starts_with("kept:")).map(str::to_owned).collect::<Vec<_>>()
        };
        for key in own() {
            server.command(&["COPY", &key, &format!("kept:{key}")]).expect("a copy");
        }
        let kept = own();
        for batch in &batches[3..] {
            ledger.apply(batch).await.expect("applied");
        }
        // As when the servers of this one subject fall back to an earlier state.
        for key in own() {
            server.command(&["DEL", &key]).expect("removed");
        }
        for key in &kept {
            server.command(&["RENAME", &format!("kept:{key}"), key]).expect("renamed");
        }
        for batch in &batches {
            ledger.apply_again(batch).await.expect("applied");
        }
        assert_eq!(answers(&store.store()).await, answers(&reference).await, "{subject}");
    }
}

#[tokio::test]
async fn a_subject_that_many_journals_have_written_to_forgets_those_that_have_ended() {
    let (server, store) = fresh().await;
    let mut random = Random::new(6);
    let mut sent = Vec::new();
    for journal in 0..30_u64 {
        let mut records = attempts(journal * 10, 3, &mut random);
        for record in &mut records {
            // Each journal ends days before the next one begins.
            record.ended_at =
                Timestamp::from_ms(1_795_392_000_000 + i64::try_from(journal).expect("small") * 3 * 86_400_000);
            record.key = domain::KeyId::parse("key-1").ok();
        }
        let batch = Batch { epoch: Epoch(format!("journal-{journal}").into()), number: 1, attempts: records };
        store.store().ledger.apply(&batch).await.expect("applied");
        sent.push(batch);
    }
    let remembered: usize =
        server.command(&["HLEN", "ledger_applied:{key-1}"]).expect("a reply").parse().expect("a number");
    assert!(remembered <= 10, "{remembered} journals are remembered");
    // The last ones are: sent again they count nothing twice.
    let before = answers(&store.store()).await;
    store.store().ledger.apply_again(sent.last().expect("one")).await.expect("applied");
    assert_eq!(answers(&store.store()).await, before);
}

#[tokio::test]
async fn of_a_person_whose_sessions_were_all_ended_nothing_is_left() {
    let (server, store) = fresh().await;
    let sessions = store.store().sessions;
    let id = |number: u32| SessionId::parse(&format!("s{number}")).expect("an id");
    let subject = SessionSubject::Admin(AdminId::parse("a1").expect("an id"));
    for number in 0..1200 {
        let created_at = Timestamp::from_ms(1_795_392_000_000 + i64::from(number));
        let session = Session {
            id: id(number),
            subject: subject.clone(),
            created_at,
            expires_at: created_at.plus(Duration::from_secs(3600)),
            address: String::new(),
            user_agent: String::new(),
        };
        sessions.create(&session).await.expect("a session");
    }
    assert_eq!(sessions.revoke_all(&subject, Some(&id(600))).await.expect("ended"), 1199);
    assert_eq!(server.command(&["ZRANGE", "session_index:{admin~a1}", "0", "-1"]).expect("a reply"), "s600");
    assert_eq!(sessions.revoke_all(&subject, None).await.expect("ended"), 1);
    assert_eq!(server.command(&["KEYS", "*session*"]).expect("a reply"), "");
}
