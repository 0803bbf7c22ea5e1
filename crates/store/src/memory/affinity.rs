//! Sticky sessions in memory.

use crate::{Affinity, AffinityKey, Bindings, Events, Notice, StoreError, events::LocalEvents};
use async_trait::async_trait;
use domain::{AccountId, Timestamp};
use parking_lot::Mutex;
use std::{collections::BTreeMap, time::Duration};

#[derive(Debug)]
struct Binding {
    account: AccountId,
    until: Timestamp,
}

#[derive(Debug)]
pub(super) struct MemoryAffinity {
    bindings: Mutex<BTreeMap<AffinityKey, Binding>>,
    events: LocalEvents,
}

impl MemoryAffinity {
    pub(super) fn new(events: LocalEvents) -> Self {
        Self { bindings: Mutex::default(), events }
    }

    fn announce(&self, session: Option<&AffinityKey>) {
        self.events.publish(Notice::Affinity { session: session.cloned() });
    }
}

#[async_trait]
impl Affinity for MemoryAffinity {
    async fn get(
        &self,
        key: &AffinityKey,
        renew: Option<Duration>,
        now: Timestamp,
    ) -> Result<Option<AccountId>, StoreError> {
        let mut bindings = self.bindings.lock();
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
        let moves = {
            let mut bindings = self.bindings.lock();
            let current = bindings.get(key).filter(|binding| now < binding.until).map(|binding| &binding.account);
            if let Some(other) = current.filter(|current| Some(*current) != expected) {
                return Ok(other.clone());
            }
            let moves = current.is_some_and(|current| current != account);
            bindings.insert(key.clone(), Binding { account: account.clone(), until: now.plus(ttl) });
            moves
        };
        if moves {
            self.announce(Some(key));
        }
        Ok(account.clone())
    }

    async fn unbind(&self, key: &AffinityKey) -> Result<bool, StoreError> {
        let was_bound = self.bindings.lock().remove(key).is_some();
        if was_bound {
            self.announce(Some(key));
        }
        Ok(was_bound)
    }

    async fn flush(&self, which: Bindings<'_>) -> Result<u64, StoreError> {
        let removed = {
            let mut bindings = self.bindings.lock();
            let before = bindings.len();
            match which {
                Bindings::All => bindings.clear(),
                Bindings::To(account) => bindings.retain(|_, binding| *account != binding.account),
                Bindings::In(scope) => {
                    let prefix = scope.prefix();
                    bindings.retain(|key, _| !key.as_str().starts_with(&prefix));
                }
            }
            (before - bindings.len()) as u64
        };
        if removed > 0 {
            self.announce(None);
        }
        Ok(removed)
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let mut bindings = self.bindings.lock();
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
