//! What is known of accounts beside their records: cooldowns and the windows of their subscriptions.

use crate::{refusal::Refusal, state::Plane};
use domain::{Account, AccountId, Cooldown, Timestamp, UsageWindow};
use scheduling::Known;
use std::collections::HashMap;

/// Of one account, at one instant.
#[derive(Debug, Default)]
pub(crate) struct Health {
    pub(crate) cooldowns: Vec<Cooldown>,
    pub(crate) windows: Vec<UsageWindow>,
}

impl Health {
    /// `account` with this.
    pub(crate) fn of<'a>(&'a self, account: &'a Account) -> Known<'a> {
        Known { account, cooldowns: &self.cooldowns, windows: &self.windows }
    }
}

/// Of these accounts, as far as anything is known.
pub(crate) async fn read(
    plane: &Plane,
    accounts: impl Iterator<Item = &AccountId>,
    now: Timestamp,
) -> Result<HashMap<AccountId, Health>, Refusal> {
    let mut known: HashMap<AccountId, Health> = accounts.map(|id| (id.clone(), Health::default())).collect();
    let ids: Vec<_> = known.keys().cloned().collect();
    let cooldowns = match ids.as_slice() {
        [only] => plane.store().health.of(only, now).await?.into_iter().map(|it| (only.clone(), it)).collect(),
        _ => plane.store().health.all(now).await?,
    };
    for (account, cooldown) in cooldowns {
        if let Some(health) = known.get_mut(&account) {
            health.cooldowns.push(cooldown);
        }
    }
    for (account, window) in plane.store().health.windows(&ids, now).await? {
        if let Some(health) = known.get_mut(&account) {
            health.windows.push(window);
        }
    }
    Ok(known)
}
