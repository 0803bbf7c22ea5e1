//! What the books take in Redis's memory, and pages over many records.

use crate::fixture::{open, options};
use domain::{Attempt, Calendar, KeyId, RequestId, Timestamp};
use std::{collections::HashSet, time::Duration};
use store::{
    Batch, Epoch,
    conformance::{Random, attempts},
    ledger::{AttemptCursor, AttemptFilter, BATCH_RECORDS_MAX},
};
use store_redis::{RedisOptions, Repeat, Topology};
use testkit::redis::RedisServer;

/// 2026-11-23T00:00:00Z.
const START_MS: i64 = 1_795_392_000_000;

/// Records in these tests.
const RECORDS: usize = 20_480;

/// Records a second, as a busy relay has them.
const PER_SECOND: usize = 100;

/// What a record takes in Redis's memory at most, with all that finds it again, in hundredths of its packed bytes.
const MEMORY_PERCENT_MAX: usize = 140;

fn once(server: &RedisServer) -> RedisOptions {
    RedisOptions { repeat: Repeat::Once, ..options(Topology::Single, [server.port()]) }
}

/// As many records as a busy relay has in some minutes, of so many keys, in batches.
fn batches(keys: usize) -> Vec<Batch> {
    let mut random = Random::new(1);
    let mut records = attempts(0, RECORDS as u64, &mut random);
    for (place, record) in records.iter_mut().enumerate() {
        let ms = START_MS + i64::try_from(place * 1000 / PER_SECOND).expect("small");
        record.admitted_at = Timestamp::from_ms(ms);
        record.hour = Calendar::utc().hour(record.admitted_at);
        record.started_at = record.admitted_at;
        record.ended_at = record.admitted_at.plus(Duration::from_millis(900));
        record.key = KeyId::parse(&format!("key-{}", place % keys)).ok();
        record.request_id = RequestId::from_uuid(uuid::Uuid::from_u128(place as u128 + (0x7 << 76)));
    }
    let batch = |(place, attempts): (usize, &[Attempt])| Batch {
        epoch: Epoch("e".into()),
        number: place as u64 + 1,
        attempts: attempts.to_vec(),
    };
    records.chunks(BATCH_RECORDS_MAX / 4).enumerate().map(batch).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_takes_little_more_than_its_packed_bytes() {
    let server = RedisServer::start();
    let redis = open(&once(&server)).await;
    let mut packed = Vec::new();
    for batch in batches(50) {
        batch.attempts.iter().for_each(|attempt| store::packed::pack(attempt, &mut packed));
        assert_eq!(redis.store().ledger.apply(&batch).await.expect("applied"), batch.number);
    }
    let bytes =
        |key: &str| server.command(&["MEMORY", "USAGE", key, "SAMPLES", "0"]).expect("a reply").parse().unwrap_or(0);
    let mut total: usize = ["usage_record:{2026-11-23}", "usage_record:seconds:{2026-11-23}"].map(bytes).iter().sum();
    for keys in ["usage_record:key:*", "usage_record:account:*"] {
        let names = server.command(&["KEYS", keys]).expect("a reply");
        total += names.lines().map(bytes).sum::<usize>();
    }
    let (each, packed) = (total / RECORDS, packed.len() / RECORDS);
    assert!(each * 100 <= packed * MEMORY_PERCENT_MAX, "{each} bytes a record that has {packed} bytes packed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_one_key_over_many_records_hold_each_of_its_records_once() {
    const KEYS: usize = 50;
    let server = RedisServer::start();
    let ledger = open(&once(&server)).await.store().ledger;
    for batch in batches(KEYS) {
        ledger.apply(&batch).await.expect("applied");
    }
    let filter = AttemptFilter { key: KeyId::parse("key-7").ok(), ..AttemptFilter::default() };
    let (mut seen, mut after): (_, Option<AttemptCursor>) = (HashSet::new(), None);
    loop {
        let page = ledger.attempts(&filter, after.as_ref(), 100).await.expect("a page");
        for attempt in &page.attempts {
            assert_eq!(attempt.key, filter.key);
            assert!(seen.insert(attempt.request_id.clone()), "listed twice: {attempt:?}");
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected = (0..RECORDS).filter(|place| place % KEYS == 7).count();
    assert_eq!(seen.len(), expected);
}
