//! Sticky sessions in memory.

use crate::{Affinity, AffinityKey, StoreError};
use async_trait::async_trait;
use domain::{AccountId, Timestamp};
use parking_lot::Mutex;
use std::{collections::BTreeMap, time::Duration};

#[derive(Debug)]
struct Binding {
    account: AccountId,
    until: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct MemoryAffinity(Mutex<BTreeMap<AffinityKey, Binding>>);

#[async_trait]
impl Affinity for MemoryAffinity {
    async fn get(
        &self,
        key: &AffinityKey,
        renew: Option<Duration>,
        now: Timestamp,
    ) -> Result<Option<AccountId>, StoreError> {
        let mut bindings = self.0.lock();
        let Some(binding) = bindings.get_mut(key).filter(|binding| now < binding.until) else { return Ok(None) };
        if let Some(ttl) = renew {
            binding.until = now.plus(ttl);
        }
        Ok(Some(binding.account.clone()))
    }

    async fn bind(
        &self,
        key: &AffinityKey,
        expected: Option<&AccountId>,
        account: &AccountId,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<AccountId, StoreError> {
        let mut bindings = self.0.lock();
        let current = bindings.get(key).filter(|binding| now < binding.until).map(|binding| &binding.account);
        if let Some(other) = current.filter(|current| Some(*current) != expected) {
            return Ok(other.clone());
        }
        bindings.insert(key.clone(), Binding { account: account.clone(), until: now.plus(ttl) });
        Ok(account.clone())
    }

    async fn unbind(&self, key: &AffinityKey) -> Result<bool, StoreError> {
        Ok(self.0.lock().remove(key).is_some())
    }

    async fn flush(&self, account: Option<&AccountId>) -> Result<u64, StoreError> {
        let mut bindings = self.0.lock();
        let before = bindings.len();
        bindings.retain(|_, binding| account.is_some_and(|account| *account != binding.account));
        Ok((before - bindings.len()) as u64)
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let mut bindings = self.0.lock();
        let ended =
            |(key, binding): (&AffinityKey, &Binding)| (binding.until <= now).then(|| (binding.until, key.clone()));
        let mut ended: Vec<_> = bindings.iter().filter_map(ended).collect();
        ended.sort();
        ended.truncate(limit);
        for (_, key) in &ended {
            bindings.remove(key);
        }
        Ok(ended.len() as u64)
    }
}
