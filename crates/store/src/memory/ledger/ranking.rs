//! What the books in memory say of every key at once.

use super::{Books, MemoryLedger, RollUp, UsageSums, View};
use crate::{Rankings, StoreError, ledger::Period, rankings::Days};
use async_trait::async_trait;
use domain::{KeyId, NanoUsd, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

#[async_trait]
impl Rankings for MemoryLedger {
    async fn last_uses(&self) -> Result<Vec<(KeyId, Timestamp)>, StoreError> {
        let books = self.0.lock();
        Ok(books.keys.iter().filter_map(|(key, books)| Some((key.clone(), books.last_used_at?))).collect())
    }

    async fn rated_costs(&self, days: Days) -> Result<Vec<(KeyId, NanoUsd)>, StoreError> {
        let books = self.0.lock();
        let mut costs: BTreeMap<KeyId, NanoUsd> = BTreeMap::new();
        for (key, _, sums) in books.of_keys(days) {
            *costs.entry(key).or_default() += sums.cost_rated;
        }
        Ok(costs.into_iter().collect())
    }

    async fn keys_of_model(&self, model: &str, days: Days) -> Result<Vec<KeyId>, StoreError> {
        let books = self.0.lock();
        let keys: BTreeSet<_> = books.of_keys(days).filter(|(_, of, _)| *of == model).map(|(key, ..)| key).collect();
        Ok(keys.into_iter().collect())
    }
}

impl Books {
    /// The sums of keys in these days: key, model, sums.
    fn of_keys(&self, days: Days) -> impl Iterator<Item = (KeyId, &str, &UsageSums)> {
        let (from, to) = (days.from().to_string(), days.to().to_string());
        self.roll_ups.iter().filter_map(move |(RollUp { view, period, bucket, subject, model, .. }, sums)| {
            let is_asked_for = *view == View::Keys && *period == Period::Day && (&from..=&to).contains(&bucket);
            let key = KeyId::parse(subject).ok().filter(|_| is_asked_for)?;
            Some((key, model.as_str(), sums))
        })
    }
}
