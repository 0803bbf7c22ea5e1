//! The books in memory.

mod ranking;

use crate::{
    Batch, Epoch, Ledger, StoreError, checks,
    ledger::{
        AttemptCursor, AttemptFilter, AttemptPage, Dimension, KeyFilter, KeyTotals, Lineage, Period, UsageQuery,
        UsageRow, UsageSums, UsageView,
    },
};
use async_trait::async_trait;
use domain::{Attempt, Day, KeyId, NanoUsd, Platform, RequestId, Timestamp};
use parking_lot::Mutex;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum View {
    Keys,
    Accounts,
    Global,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct RollUp {
    view: View,
    period: Period,
    bucket: String,
    subject: String,
    user: String,
    model: String,
}

#[derive(Debug, Default)]
struct KeyBooks {
    sums: UsageSums,
    costs: HashMap<(Span, Day), NanoUsd>,
    last_used_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Span {
    Day,
    Week,
    Month,
}

#[derive(Debug, Default)]
struct Books {
    applied: HashMap<Epoch, u64>,
    attempts: BTreeMap<(Timestamp, RequestId, u8), Attempt>,
    roll_ups: HashMap<RollUp, UsageSums>,
    keys: HashMap<KeyId, KeyBooks>,
}

#[derive(Debug, Default)]
pub(super) struct MemoryLedger(Mutex<Books>);

#[async_trait]
impl Ledger for MemoryLedger {
    async fn apply(&self, batch: &Batch) -> Result<u64, StoreError> {
        checks::batch(batch)?;
        Ok(self.0.lock().apply(batch, |last| batch.number == last + 1))
    }

    async fn apply_again(&self, batch: &Batch) -> Result<u64, StoreError> {
        checks::batch(batch)?;
        Ok(self.0.lock().apply(batch, |last| batch.number > last))
    }

    async fn lineage(&self) -> Result<Lineage, StoreError> {
        Ok(Lineage("memory".into()))
    }

    async fn applied(&self, epoch: &Epoch) -> Result<u64, StoreError> {
        Ok(self.0.lock().applied.get(epoch).copied().unwrap_or(0))
    }

    async fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        checks::usage(query)?;
        let mut rows: HashMap<[Option<String>; 3], UsageSums> = HashMap::new();
        if query.group.is_empty() {
            rows.insert([None, None, None], UsageSums::default());
        }
        for (roll_up, sums) in self.0.lock().roll_ups.iter().filter(|(roll_up, _)| asked_for(query, roll_up)) {
            let told = |dimension, name: &String| query.group.contains(&dimension).then(|| name.clone());
            let subject = if matches!(query.view, UsageView::Users(_)) { &roll_up.user } else { &roll_up.subject };
            let names = [
                told(Dimension::Bucket, &roll_up.bucket),
                told(Dimension::Subject, subject),
                told(Dimension::Model, &roll_up.model),
            ];
            rows.entry(names).or_default().merge(sums);
        }
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_by(|(names, sums), (others, theirs)| {
            let amount = |sums| Reverse(query.order.amount(sums));
            (amount(sums), names).cmp(&(amount(theirs), others))
        });
        rows.truncate(query.limit);
        Ok(rows.into_iter().map(|([bucket, subject, model], sums)| UsageRow { bucket, subject, model, sums }).collect())
    }

    async fn key_totals(&self, keys: &[KeyId], today: Day) -> Result<Vec<KeyTotals>, StoreError> {
        checks::keys(keys)?;
        let books = self.0.lock();
        let totals = |key| books.keys.get(key).map(|key| key.totals(today)).unwrap_or_default();
        Ok(keys.iter().map(totals).collect())
    }

    async fn attempts(
        &self,
        filter: &AttemptFilter,
        after: Option<&AttemptCursor>,
        limit: usize,
    ) -> Result<AttemptPage, StoreError> {
        checks::attempts(limit)?;
        let books = self.0.lock();
        let end = after.map(|cursor| (cursor.admitted_at, cursor.request_id.clone(), cursor.attempt_no));
        let later = books.attempts.iter().rev().filter(|(place, _)| end.as_ref().is_none_or(|end| *place < end));
        let mut passing = later.map(|(_, attempt)| attempt).filter(|attempt| filter.passes(attempt));
        let attempts: Vec<_> = passing.by_ref().take(limit).cloned().collect();
        let more = passing.next().is_some();
        let next = attempts.last().filter(|_| more).map(AttemptCursor::of);
        Ok(AttemptPage { attempts, next })
    }

    async fn prune(&self, day: Day, hours_before: Day, limit: usize) -> Result<u64, StoreError> {
        Ok(self.0.lock().prune(day, hours_before, limit) as u64)
    }
}

impl Books {
    fn apply(&mut self, batch: &Batch, fits: impl FnOnce(u64) -> bool) -> u64 {
        let last = self.applied.get(&batch.epoch).copied().unwrap_or(0);
        if !fits(last) {
            return last;
        }
        for attempt in &batch.attempts {
            self.add(attempt);
        }
        self.applied.insert(batch.epoch.clone(), batch.number);
        batch.number
    }

    fn add(&mut self, attempt: &Attempt) {
        for (period, bucket) in buckets(attempt) {
            for (view, subject, user) in subjects(attempt) {
                let model = attempt.model.to_string();
                let roll_up = RollUp { view, period, bucket: bucket.clone(), subject, user, model };
                self.roll_ups.entry(roll_up).or_default().add(attempt);
            }
        }
        if let Some(key) = &attempt.key {
            self.keys.entry(key.clone()).or_default().add(attempt);
        }
        let place = (attempt.admitted_at, attempt.request_id.clone(), attempt.attempt_no);
        self.attempts.insert(place, attempt.clone());
    }

    fn prune(&mut self, day: Day, hours_before: Day, limit: usize) -> usize {
        let old = self.attempts.iter().filter(|(_, attempt)| attempt.hour.day() < day).map(|(place, _)| place.clone());
        let old: Vec<_> = old.take(limit).collect();
        for place in &old {
            self.attempts.remove(place);
        }
        let mut left = limit - old.len();
        let (day_name, hour_name) = (day.to_string(), hours_before.to_string());
        left -=
            drop_some(&mut self.roll_ups, left, |roll_up| roll_up.period == Period::Day && roll_up.bucket < day_name);
        left -=
            drop_some(&mut self.roll_ups, left, |roll_up| roll_up.period == Period::Hour && roll_up.bucket < hour_name);
        for key in self.keys.values_mut() {
            left -= drop_some(&mut key.costs, left, |(span, last)| *span != Span::Month && *last < day);
        }
        limit - left
    }
}

impl KeyBooks {
    fn add(&mut self, attempt: &Attempt) {
        self.sums.add(attempt);
        for span in spans(attempt.hour.day()) {
            *self.costs.entry(span).or_default() += attempt.cost_rated;
        }
        self.last_used_at = self.last_used_at.max(Some(attempt.admitted_at));
    }

    fn totals(&self, today: Day) -> KeyTotals {
        let [cost_day, cost_week, cost_month] =
            spans(today).map(|span| self.costs.get(&span).copied().unwrap_or_default());
        KeyTotals { sums: self.sums, cost_day, cost_week, cost_month, last_used_at: self.last_used_at }
    }
}

/// The spans that a day's cost falls into, each named by its last day, a month by its first.
fn spans(day: Day) -> [(Span, Day); 3] {
    let monday = day.week().first_day();
    [(Span::Day, day), (Span::Week, monday.plus_days(6)), (Span::Month, day.month().first_day())]
}

fn buckets(attempt: &Attempt) -> [(Period, String); 3] {
    let day = attempt.hour.day();
    [(Period::Hour, attempt.hour.to_string()), (Period::Day, day.to_string()), (Period::Month, day.month().to_string())]
}

fn subjects(attempt: &Attempt) -> [(View, String, String); 3] {
    let (key, user, account) = (attempt.key.as_ref(), attempt.user.as_ref(), attempt.account.as_ref());
    let name = |id: Option<&str>| id.unwrap_or_default().to_owned();
    [
        (View::Keys, name(key.map(KeyId::as_str)), name(user.map(domain::UserId::as_str))),
        (View::Accounts, name(account.map(domain::AccountId::as_str)), String::new()),
        (View::Global, name(attempt.platform.map(Platform::as_str)), String::new()),
    ]
}

fn asked_for(query: &UsageQuery, roll_up: &RollUp) -> bool {
    let in_view = match &query.view {
        UsageView::Keys(KeyFilter::All) => roll_up.view == View::Keys,
        UsageView::Keys(KeyFilter::Key(key)) => roll_up.view == View::Keys && roll_up.subject == key.as_str(),
        UsageView::Keys(KeyFilter::User(user)) => roll_up.view == View::Keys && roll_up.user == user.as_str(),
        UsageView::Users(user) => {
            roll_up.view == View::Keys && user.as_ref().is_none_or(|id| roll_up.user == id.as_str())
        }
        UsageView::Accounts(account) => {
            roll_up.view == View::Accounts && account.as_ref().is_none_or(|id| roll_up.subject == id.as_str())
        }
        UsageView::Global(platform) => {
            roll_up.view == View::Global && platform.is_none_or(|platform| roll_up.subject == platform.as_str())
        }
    };
    in_view
        && roll_up.period == query.period
        && (query.from.as_str()..=query.to.as_str()).contains(&roll_up.bucket.as_str())
        && query.model.as_ref().is_none_or(|model| roll_up.model == *model)
}

/// Removes up to `limit` entries that `is_old`; says how many.
fn drop_some<K: Clone + Eq + std::hash::Hash, V>(
    entries: &mut HashMap<K, V>,
    limit: usize,
    is_old: impl Fn(&K) -> bool,
) -> usize {
    let old: HashSet<K> = entries.keys().filter(|key| is_old(key)).take(limit).cloned().collect();
    entries.retain(|key, _| !old.contains(key));
    old.len()
}
