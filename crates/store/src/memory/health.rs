//! Cooldowns in memory.

use crate::{Events, Health, Notice, StoreError, events::LocalEvents};
use async_trait::async_trait;
use domain::{AccountId, Cooldown, CooldownScope, Timestamp};
use parking_lot::Mutex;
use std::collections::BTreeMap;

type Cooldowns = BTreeMap<(AccountId, CooldownScope), Cooldown>;

#[derive(Debug)]
pub(super) struct MemoryHealth {
    cooldowns: Mutex<Cooldowns>,
    events: LocalEvents,
}

impl MemoryHealth {
    pub(super) fn new(events: LocalEvents) -> Self {
        Self { cooldowns: Mutex::default(), events }
    }

    fn announce(&self, account: &AccountId) {
        self.events.publish(Notice::Health { account: account.clone() });
    }
}

#[async_trait]
impl Health for MemoryHealth {
    async fn begin(&self, account: &AccountId, cooldown: &Cooldown) -> Result<Cooldown, StoreError> {
        let place = (account.clone(), cooldown.scope.clone());
        {
            let mut cooldowns = self.cooldowns.lock();
            if let Some(older) = cooldowns.get(&place).filter(|older| older.outweighs(cooldown)) {
                return Ok(older.clone());
            }
            cooldowns.insert(place, cooldown.clone());
        }
        self.announce(account);
        Ok(cooldown.clone())
    }

    async fn end(&self, account: &AccountId, scope: Option<&CooldownScope>) -> Result<u64, StoreError> {
        let ended = {
            let mut cooldowns = self.cooldowns.lock();
            let before = cooldowns.len();
            cooldowns.retain(|(of, covered), _| of != account || scope.is_some_and(|scope| scope != covered));
            before - cooldowns.len()
        };
        if ended > 0 {
            self.announce(account);
        }
        Ok(ended as u64)
    }

    async fn of(&self, account: &AccountId, now: Timestamp) -> Result<Vec<Cooldown>, StoreError> {
        Ok(self.all(now).await?.into_iter().filter(|(of, _)| of == account).map(|(_, cooldown)| cooldown).collect())
    }

    async fn all(&self, now: Timestamp) -> Result<Vec<(AccountId, Cooldown)>, StoreError> {
        let cooldowns = self.cooldowns.lock();
        let holding = cooldowns.iter().filter(|(_, cooldown)| now < cooldown.until);
        Ok(holding.map(|((account, _), cooldown)| (account.clone(), cooldown.clone())).collect())
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let mut cooldowns = self.cooldowns.lock();
        let over = cooldowns.iter().filter(|(_, cooldown)| cooldown.until <= now);
        let mut over: Vec<_> = over.map(|(place, cooldown)| (cooldown.until, place.clone())).collect();
        over.sort();
        over.truncate(limit);
        for (_, place) in &over {
            cooldowns.remove(place);
        }
        Ok(over.len() as u64)
    }
}
