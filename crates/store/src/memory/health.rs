//! Cooldowns and windows in memory.

use crate::{Events, Health, Notice, StoreError, events::LocalEvents};
use async_trait::async_trait;
use domain::{AccountId, Cooldown, CooldownScope, Timestamp, UsageWindow};
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};

type Cooldowns = BTreeMap<(AccountId, CooldownScope), Cooldown>;

/// By account and name.
type Windows = BTreeMap<(AccountId, Arc<str>), UsageWindow>;

#[derive(Debug)]
pub(super) struct MemoryHealth {
    cooldowns: Mutex<Cooldowns>,
    windows: Mutex<Windows>,
    events: LocalEvents,
}

impl MemoryHealth {
    pub(super) fn new(events: LocalEvents) -> Self {
        Self { cooldowns: Mutex::default(), windows: Mutex::default(), events }
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

    async fn tell_windows(&self, account: &AccountId, windows: &[UsageWindow]) -> Result<(), StoreError> {
        {
            let mut held = self.windows.lock();
            for window in windows {
                let place = (account.clone(), Arc::clone(&window.name));
                if held.get(&place).is_none_or(|older| older.told_at <= window.told_at) {
                    held.insert(place, window.clone());
                }
            }
        }
        self.announce(account);
        Ok(())
    }

    async fn windows(
        &self,
        accounts: &[AccountId],
        now: Timestamp,
    ) -> Result<Vec<(AccountId, UsageWindow)>, StoreError> {
        let windows = self.windows.lock();
        let of = |account: &AccountId| {
            let own = windows.iter().filter(|((of, _), window)| of == account && now < window.resets_at);
            own.map(|((account, _), window)| (account.clone(), window.clone())).collect::<Vec<_>>()
        };
        Ok(accounts.iter().flat_map(of).collect())
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let mut windows = self.windows.lock();
        let over = windows.iter().filter(|(_, window)| window.resets_at <= now).map(|(place, _)| place.clone());
        let over: Vec<_> = over.take(limit).collect();
        for place in &over {
            windows.remove(place);
        }
        let (removed, limit) = (over.len() as u64, limit - over.len());
        let mut cooldowns = self.cooldowns.lock();
        let over = cooldowns.iter().filter(|(_, cooldown)| cooldown.until <= now);
        let mut over: Vec<_> = over.map(|(place, cooldown)| (cooldown.until, place.clone())).collect();
        over.sort();
        over.truncate(limit);
        for (_, place) in &over {
            cooldowns.remove(place);
        }
        Ok(removed + over.len() as u64)
    }
}
