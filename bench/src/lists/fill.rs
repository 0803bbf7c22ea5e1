//! Fills a store as a large installation has it, through its ports: keys, and what they used. The relay does not run meanwhile.

use domain::{
    AccountId, ApiKey, Attempt, AttemptKind, Calendar, Dialect, Expiry, HashScheme, KeyHash, KeyId, KeyState, NanoUsd,
    Outcome, Permissions, Platform, RateMultipliers, RequestId, Timestamp, TokenUsage, UsageSource, UserId,
};
use std::{collections::BTreeMap, error::Error, time::Duration};
use store::{Batch, Epoch, Store, ledger::BATCH_RECORDS_MAX, records::TypedRecords};
use tokio::task::JoinSet;

/// Inserts under way at once.
const AT_ONCE: u64 = 256;

/// Days that the records are spread over.
const DAYS: i32 = 30;

/// Days of which hours are kept.
const HOURS_DAYS: i32 = 7;

/// Models in the books, the first ones used more.
const MODELS: [&str; 5] = ["claude-haiku-5", "claude-opus-5", "claude-sonnet-5", "glm-5", "rarely-used"];

/// Owners of keys.
const OWNERS: u64 = 1000;

/// How much a store is filled with.
#[derive(Debug, Clone, Copy)]
pub struct Amounts {
    /// API keys.
    pub keys: u64,
    /// Accounts.
    pub accounts: u64,
    /// Records of attempts.
    pub records: u64,
}

/// Fills `store`; the records end at `now`.
///
/// # Errors
///
/// When the store refuses something.
pub async fn fill(store: &Store, amounts: Amounts, now: Timestamp) -> Result<(), Box<dyn Error>> {
    let mut inserts = JoinSet::new();
    for number in 0..amounts.keys {
        let (store, key) = (store.clone(), key(number, now));
        inserts.spawn(async move { store.records.add(&key).await });
        while inserts.len() as u64 > AT_ONCE {
            inserts.join_next().await.transpose()?.transpose()?;
        }
    }
    while let Some(inserted) = inserts.join_next().await {
        inserted??;
    }
    let mut batch = Batch { epoch: Epoch("bench".into()), number: 0, attempts: Vec::new() };
    for number in 0..amounts.records {
        batch.attempts.push(attempt(number, amounts, now));
        if batch.attempts.len() == BATCH_RECORDS_MAX || number + 1 == amounts.records {
            batch.number += 1;
            store.ledger.apply(&batch).await?;
            batch.attempts.clear();
        }
    }
    // What the clean-up would remove while it is measured.
    let today = Calendar::utc().day(now);
    let (day, hours) = (today.plus_days(-DAYS), today.plus_days(-HOURS_DAYS));
    while store.ledger.prune(day, hours, BATCH_RECORDS_MAX).await? > 0 {}
    Ok(())
}

/// The owner of every tenth key.
#[must_use]
pub fn owner(number: u64) -> String {
    format!("owner-{:04}", number / 10 % OWNERS)
}

/// The id of a key.
#[must_use]
pub fn key_id(number: u64) -> String {
    format!("0198c0de-0000-7000-8000-{number:012x}")
}

fn key(number: u64, now: Timestamp) -> ApiKey {
    let created_at = now.minus(Duration::from_secs(3600 + 60 * (200_000 - number.min(200_000))));
    let mut tags = vec![format!("team-{:03}", number % 200)];
    tags.extend(number.is_multiple_of(3).then(|| "production".to_owned()));
    tags.extend(number.is_multiple_of(9973).then(|| "rare".to_owned()));
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&number.to_le_bytes());
    let state = match number % 100 {
        1 => KeyState::Deleted { at: now },
        2 | 52 => KeyState::Disabled,
        _ => KeyState::Active,
    };
    ApiKey {
        bindings: BTreeMap::new(),
        icon: None,
        rate_multipliers: RateMultipliers::default(),
        id: KeyId::parse(&key_id(number)).expect("an id"),
        name: format!("service {} of team {:03}", number / 200, number % 200),
        description: format!("Issued for build {:06x}, see the hand-book of the team", mixed(number) & 0xff_ffff),
        hash: KeyHash(hash),
        hash_scheme: HashScheme::Plain,
        hint: format!("cr_{:04x}…{:02x}", mixed(number) >> 48, number & 0xff),
        permissions: Permissions::All,
        allowed_clients: Vec::new(),
        restricted_models: Vec::new(),
        tags,
        owner: number.is_multiple_of(10).then(|| UserId::parse(&owner(number)).expect("an id")),
        expiry: if number.is_multiple_of(4) {
            Expiry::At(now.plus(Duration::from_secs(number)))
        } else {
            Expiry::Never
        },
        state,
        created_at,
        created_by: "bench".to_owned(),
        updated_at: created_at,
    }
}

/// Record `number` of all, in the order of time: some key, some account, now and then the rare model.
fn attempt(number: u64, amounts: Amounts, now: Timestamp) -> Attempt {
    let random = mixed(number);
    let span_ms = u64::from(DAYS.unsigned_abs() - 1) * 86_400_000;
    let before = Duration::from_millis(span_ms - span_ms / amounts.records * number.min(amounts.records));
    let admitted_at = now.minus(before);
    let model = match random >> 32 & 0xffff {
        0..32_000 => MODELS[0],
        32_000..50_000 => MODELS[1],
        50_000..60_000 => MODELS[2],
        60_000..65_500 => MODELS[3],
        _ => MODELS[4],
    };
    let cost = NanoUsd(i128::from(random & 0x3f_ffff));
    Attempt {
        request_id: RequestId::parse(&format!("bench-{number:09}")).expect("an id"),
        attempt_no: 1,
        is_final: true,
        kind: AttemptKind::Message,
        key: KeyId::parse(&key_id(random % amounts.keys)).ok(),
        user: None,
        account: AccountId::parse(&format!("account-{:04}", random % amounts.accounts)).ok(),
        platform: Some(Platform::ClaudeConsole),
        dialect: Dialect::Anthropic,
        model: model.into(),
        model_requested: model.into(),
        model_upstream: model.into(),
        streamed: true,
        admitted_at,
        hour: Calendar::utc().hour(admitted_at),
        started_at: admitted_at,
        ended_at: admitted_at.plus(Duration::from_millis(1500)),
        first_byte_ms: Some(300),
        outcome: if random.is_multiple_of(50) { Outcome::Refused } else { Outcome::Completed },
        failure: None,
        status: Some(200),
        usage: TokenUsage { input: 1000, output: 200, cache_write_5m: 0, cache_write_1h: 0, cache_read: 5000 },
        usage_source: UsageSource::Reported,
        cost,
        cost_rated: cost,
        price: "embedded-2026-11/claude-opus-5@always>0".into(),
        client: "claude-cli/2.0".into(),
        upstream_request_id: "req_bench".into(),
        note: "".into(),
    }
}

/// A number that looks random (splitmix64, public domain).
const fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
