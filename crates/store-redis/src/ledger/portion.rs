//! A batch, cut into the portions of its subjects: one script call each. Nothing is sent here.

use super::place::{
    ATTEMPTS, COSTS, GROUP, NOBODY, PERIODS, SUMS, bucket, families, field, first_second, letter, numbers, second,
    spans, week_ends,
};
use crate::{
    call::{Call, Script},
    names::Names,
};
use domain::{Attempt, Day, NanoUsd, Platform, Timestamp, UserId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::{
    Batch, Family, StoreError,
    error::StoreFailure,
    ledger::{Period, UsageSums},
    packed,
};

static APPLY: Script = Script::new(include_str!("../../scripts/ledger_apply.lua"));

/// Bytes of a field of records: what is rewritten at most when a record is added to it.
const FIELD_BYTES_MAX: usize = 16 * 1024;

/// Bytes of the places of a subject's records in one day: beyond ten thousand seconds the day's own set serves as well.
pub(super) const PLACES_BYTES_MAX: usize = 32 * 1024;

/// A portion: the key with the last batches applied, and the call.
pub(super) struct Portion {
    pub(super) applied: String,
    pub(super) call: Call,
}

/// A batch in parts.
pub(super) struct Portions<'a> {
    names: &'a Names,
    batch: &'a Batch,
}

/// One portion while it is put together.
struct Draft {
    keys: Vec<String>,
    arguments: Vec<Vec<u8>>,
}

/// What a key has used in a batch.
#[derive(Default)]
struct OfKey {
    by_bucket: BTreeMap<(char, String, Family, String), BTreeMap<String, UsageSums>>,
    total: UsageSums,
    costs: BTreeMap<String, (NanoUsd, NanoUsd)>,
    last_used_at: Option<Timestamp>,
    seconds: BTreeSet<(Day, i64)>,
}

/// What went over an account in a batch.
#[derive(Default)]
struct OfAccount {
    by_bucket: BTreeMap<(Family, String), BTreeMap<String, UsageSums>>,
    seconds: BTreeSet<(Day, i64)>,
}

impl<'a> Portions<'a> {
    pub(super) const fn new(names: &'a Names, batch: &'a Batch) -> Self {
        Self { names, batch }
    }

    /// What finds the batch's parts again, written before them: it may name what never comes.
    pub(super) fn indexes(&self) -> Vec<Call> {
        let (mut buckets, mut sets) = (BTreeSet::new(), BTreeMap::<String, BTreeSet<String>>::new());
        for attempt in &self.batch.attempts {
            let key = attempt.key.as_ref().map_or(NOBODY, |key| key.as_str());
            let account = attempt.account.as_ref().map_or(NOBODY, |account| account.as_str());
            for period in PERIODS {
                let bucket = bucket(period, attempt);
                buckets.insert(format!("{}:{bucket}", letter(period)));
                let used = |family| self.names.key(family, &[&bucket]);
                sets.entry(used(Family::UsageKeys)).or_default().insert(format!("{key}{GROUP}{}", attempt.model));
                sets.entry(used(Family::UsageAccounts)).or_default().insert(account.to_owned());
            }
            let day = attempt.hour.day();
            for ends in [day, week_ends(day)].into_iter().filter(|_| attempt.key.is_some()) {
                buckets.insert(format!("{COSTS}:{ends}"));
                let key_set = self.names.key(Family::UsageCostEnds, &[&ends.to_string()]);
                sets.entry(key_set).or_default().insert(key.to_owned());
            }
        }
        let all = Call::command("ZADD").arg(self.names.key(Family::LedgerBuckets, &[]));
        let all = buckets.iter().fold(all, |call, bucket| call.arg(0).arg(bucket));
        let sets =
            sets.into_iter().map(|(set, members)| members.iter().fold(Call::command("SADD").arg(set), Call::arg));
        (!buckets.is_empty()).then_some(all).into_iter().chain(sets).collect()
    }

    /// Every portion.
    ///
    /// # Errors
    ///
    /// When a sum is greater than the servers can hold.
    pub(super) fn all(&self) -> Result<Vec<Portion>, StoreError> {
        let mut portions = self.of_keys()?;
        portions.extend(self.of_accounts()?);
        portions.extend(self.of_buckets()?);
        Ok(portions)
    }

    fn of_keys(&self) -> Result<Vec<Portion>, StoreError> {
        let mut keys: HashMap<Option<&str>, OfKey> = HashMap::new();
        for attempt in &self.batch.attempts {
            keys.entry(attempt.key.as_ref().map(domain::KeyId::as_str)).or_default().add(attempt);
        }
        let portion = |(key, of_key): (Option<&str>, OfKey)| self.of_key(key, of_key);
        keys.into_iter().map(portion).collect()
    }

    fn of_key(&self, key: Option<&str>, used: OfKey) -> Result<Portion, StoreError> {
        let subject = key.unwrap_or(NOBODY);
        let mut draft = self.draft(subject);
        let members = draft.key(self.names.key(Family::UsageBuckets, &[subject]));
        for ((letter, bucket, family, model), groups) in used.by_bucket {
            let sums = draft.key(self.names.key(family, &[&bucket, subject, &model]));
            draft.groups(sums, &groups)?;
            draft.operation("member", members, [format!("{letter}:{bucket}:{model}").into_bytes()]);
        }
        if key.is_some() {
            let usage = draft.key(self.names.key(Family::ApiKeyUsage, &[subject]));
            let counts = numbers(&used.total).into_iter().zip(SUMS).filter(|(_, name)| !name.starts_with("cost"));
            draft.sums(usage, counts.map(|(number, name)| (name.to_owned(), number)))?;
            let last_used_at = used.last_used_at.map_or(0, Timestamp::as_ms).to_string();
            draft.operation("latest", usage, [b"last_used_at".to_vec(), last_used_at.into_bytes()]);
            let cost = draft.key(self.names.key(Family::ApiKeyCost, &[subject]));
            let costs = used
                .costs
                .into_iter()
                .flat_map(|(span, (list, rated))| [(span.clone(), list.0), (format!("{span}{GROUP}rated"), rated.0)]);
            draft.sums(cost, costs)?;
            self.places(&mut draft, Family::UsageRecordKey, subject, &used.seconds);
        }
        Ok(draft.portion(&self.field("k"), self.batch.number))
    }

    fn of_accounts(&self) -> Result<Vec<Portion>, StoreError> {
        let mut accounts: HashMap<Option<&str>, OfAccount> = HashMap::new();
        for attempt in &self.batch.attempts {
            accounts.entry(attempt.account.as_ref().map(domain::AccountId::as_str)).or_default().add(attempt);
        }
        let portion = |(account, used): (Option<&str>, OfAccount)| {
            let subject = account.unwrap_or(NOBODY);
            let mut draft = self.draft(subject);
            for ((family, bucket), groups) in used.by_bucket {
                let sums = draft.key(self.names.key(family, &[subject, &bucket]));
                draft.groups(sums, &groups)?;
            }
            if account.is_some() {
                self.places(&mut draft, Family::UsageRecordAccount, subject, &used.seconds);
            }
            Ok(draft.portion(&self.field("a"), self.batch.number))
        };
        accounts.into_iter().map(portion).collect()
    }

    /// What belongs to hours, days and months: the sums of the whole relay, and the records themselves.
    fn of_buckets(&self) -> Result<Vec<Portion>, StoreError> {
        let mut sums: BTreeMap<(char, String), (Family, BTreeMap<String, UsageSums>)> = BTreeMap::new();
        let mut records: BTreeMap<Day, BTreeMap<i64, Vec<u8>>> = BTreeMap::new();
        for attempt in &self.batch.attempts {
            for period in PERIODS {
                let [_, _, family] = families(period);
                let place = (letter(period), bucket(period, attempt));
                let (_, groups) = sums.entry(place).or_insert_with(|| (family, BTreeMap::new()));
                let platform = attempt.platform.map_or("", Platform::as_str);
                groups.entry(format!("{platform}{GROUP}{}", attempt.model)).or_default().add(attempt);
            }
            push_record(records.entry(attempt.hour.day()).or_default().entry(second(attempt)).or_default(), attempt);
        }
        let mut portions = Vec::new();
        for ((kind, bucket), (family, groups)) in sums {
            let mut draft = self.draft(&bucket);
            let sums = draft.key(self.names.key(family, &[&bucket]));
            draft.groups(sums, &groups)?;
            if let Some((day, seconds)) = (kind == letter(Period::Day))
                .then(|| Day::parse(&bucket))
                .flatten()
                .and_then(|day| Some((day, records.remove(&day)?)))
            {
                self.records(&mut draft, day, seconds);
            }
            portions.push(draft.portion(&self.field("b"), self.batch.number));
        }
        Ok(portions)
    }

    fn records(&self, draft: &mut Draft, day: Day, seconds: BTreeMap<i64, Vec<u8>>) {
        let records = draft.key(self.names.key(Family::UsageRecord, &[&day.to_string()]));
        let set = draft.key(self.names.key(Family::UsageRecordSeconds, &[&day.to_string()]));
        for (second, bytes) in seconds {
            let offset = second - first_second(day);
            let numbers = [set.to_string(), second.to_string(), offset.to_string()].map(String::into_bytes);
            let most = FIELD_BYTES_MAX.to_string().into_bytes();
            draft.operation("record", records, numbers.into_iter().chain([bytes, most]));
        }
    }

    /// The places of a subject's records in their days.
    fn places(&self, draft: &mut Draft, family: Family, subject: &str, seconds: &BTreeSet<(Day, i64)>) {
        let mut days: BTreeMap<Day, Vec<u8>> = BTreeMap::new();
        for (day, second) in seconds {
            let offset = u32::try_from(second - first_second(*day)).unwrap_or(0).to_be_bytes();
            days.entry(*day).or_default().extend_from_slice(&offset[1..]);
        }
        for (day, places) in days {
            let key = draft.key(self.names.key(family, &[subject, &day.to_string()]));
            draft.operation("place", key, [places, PLACES_BYTES_MAX.to_string().into_bytes()]);
        }
    }

    fn draft(&self, subject: &str) -> Draft {
        Draft { keys: vec![self.names.key(Family::LedgerApplied, &[subject])], arguments: Vec::new() }
    }

    /// The epoch's field among the last batches: a key and an account may have one id.
    fn field(&self, kind: &str) -> String {
        epoch_field(kind, &self.batch.epoch.0)
    }
}

/// The field of an epoch among the last batches that were applied to a subject of this kind.
pub(super) fn epoch_field(kind: &str, epoch: &str) -> String {
    format!("{kind}:{epoch}")
}

impl OfKey {
    fn add(&mut self, attempt: &Attempt) {
        let user = attempt.user.as_ref().map_or("", UserId::as_str);
        for period in PERIODS {
            let [family, _, _] = families(period);
            let place = (letter(period), bucket(period, attempt), family, attempt.model.to_string());
            self.by_bucket.entry(place).or_default().entry(user.to_owned()).or_default().add(attempt);
        }
        self.total.add(attempt);
        let day = attempt.hour.day();
        for span in spans(day).into_iter().chain(["total".to_owned()]) {
            let (list, rated) = self.costs.entry(span).or_default();
            *list += attempt.cost;
            *rated += attempt.cost_rated;
        }
        self.last_used_at = self.last_used_at.max(Some(attempt.admitted_at));
        self.seconds.insert((day, second(attempt)));
    }
}

impl OfAccount {
    fn add(&mut self, attempt: &Attempt) {
        for period in PERIODS {
            let [_, family, _] = families(period);
            let groups = self.by_bucket.entry((family, bucket(period, attempt))).or_default();
            groups.entry(attempt.model.to_string()).or_default().add(attempt);
        }
        self.seconds.insert((attempt.hour.day(), second(attempt)));
    }
}

impl Draft {
    /// The place of a key, from 1, as an operation names it.
    fn key(&mut self, key: String) -> usize {
        self.keys.push(key);
        self.keys.len() - 1
    }

    fn operation(&mut self, name: &str, key: usize, arguments: impl IntoIterator<Item = Vec<u8>>) {
        self.arguments.extend([name.as_bytes().to_vec(), key.to_string().into_bytes()]);
        self.arguments.extend(arguments);
    }

    fn groups(&mut self, key: usize, groups: &BTreeMap<String, UsageSums>) -> Result<(), StoreError> {
        let sums = groups.iter().flat_map(|(group, sums)| {
            let named = numbers(sums).into_iter().zip(SUMS);
            named
                .filter(|(number, name)| *number != 0 || *name == ATTEMPTS)
                .map(|(number, name)| (field(name, group), number))
        });
        self.sums(key, sums)
    }

    fn sums(&mut self, key: usize, sums: impl Iterator<Item = (String, i128)>) -> Result<(), StoreError> {
        let mut arguments = vec![Vec::new()];
        for (name, number) in sums {
            let number = i64::try_from(number)
                .map_err(|_| StoreError::new(format!("keep the number {number}"), StoreFailure::Damaged))?;
            arguments.extend([name.into_bytes(), number.to_string().into_bytes()]);
        }
        arguments[0] = (arguments.len() / 2).to_string().into_bytes();
        self.operation("sum", key, arguments);
        Ok(())
    }

    fn portion(self, field: &str, number: u64) -> Portion {
        let call = APPLY.on(&self.keys).arg(field).arg(number);
        let call = self.arguments.iter().fold(call, |call, argument| call.arg(argument.as_slice()));
        let applied = self.keys.into_iter().next().expect("a draft begins with a key");
        Portion { applied, call }
    }
}

/// Appends a record with its length in front: four bytes, the least first.
fn push_record(bytes: &mut Vec<u8>, attempt: &Attempt) {
    let begin = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    packed::pack(attempt, bytes);
    let length = u32::try_from(bytes.len() - begin - 4).expect("a record has some hundred bytes");
    bytes[begin..begin + 4].copy_from_slice(&length.to_le_bytes());
}
