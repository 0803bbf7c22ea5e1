//! Keeps what is cached right: hears the store's notices and reads again what they name. Runs for as long as the relay.

use crate::relay::Relay;
use domain::{Account, KeyId};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use store::{Event, Family, Notice, Record, StoreError, Subscription, nouns::RATE_MULTIPLIERS};

/// How long a failed reading waits before it is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// What is kept as a whole, and read again as a whole when one of it has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    Accounts,
    Groups,
    Prices,
    Rates,
}

/// What could not be read again yet.
#[derive(Default)]
struct Stale {
    kept: BTreeSet<Kept>,
    /// That it cannot be read has been told.
    is_told: bool,
}

impl Relay {
    /// Follows the notices of `subscription` until the store is closed. What cannot be read is tried again between notices.
    pub(crate) async fn follow(self: Arc<Self>, mut subscription: Subscription) {
        let mut stale = Stale::default();
        loop {
            tokio::select! {
                event = subscription.next() => match event {
                    Some(event) => self.hear(event, &mut stale).await,
                    None => return,
                },
                () = tokio::time::sleep(RETRY_AFTER), if !stale.kept.is_empty() => {}
            }
            self.read_again(&mut stale).await;
        }
    }

    async fn hear(&self, event: Event, stale: &mut Stale) {
        match event {
            Event::Changed(Notice::Record { family: Family::ApiKey, id }) => self.key_changed(&id).await,
            Event::Changed(Notice::Record { family, id }) => stale.kept.extend(Kept::of(family, &id)),
            Event::Changed(Notice::Health { account }) => {
                if self.accounts.refresh_health(&account, self.clock.now()).await.is_err() {
                    stale.kept.insert(Kept::Accounts);
                }
            }
            Event::Changed(Notice::Affinity { session }) => self.affinities.forget(session.as_ref()),
            Event::Lost => {
                self.keys.doubt_all();
                self.affinities.doubt_all();
                stale.kept.extend(Kept::ALL);
            }
        }
    }

    async fn key_changed(&self, id: &str) {
        if let Ok(id) = KeyId::parse(id) {
            self.keys.refresh(&id).await;
        }
    }

    async fn read_again(&self, stale: &mut Stale) {
        let mut trouble = None;
        for kept in std::mem::take(&mut stale.kept) {
            if let Err(error) = self.reload(kept).await {
                stale.kept.insert(kept);
                trouble.get_or_insert(error);
            }
        }
        stale.tell(trouble);
    }

    async fn reload(&self, kept: Kept) -> Result<(), StoreError> {
        let records = &*self.store.records;
        match kept {
            Kept::Accounts => self.accounts.reload(self.clock.now()).await,
            Kept::Groups => self.groups.reload(records).await,
            Kept::Prices => self.prices.reload(records).await,
            Kept::Rates => self.rates.reload(records).await,
        }
    }
}

impl Kept {
    const ALL: [Self; 4] = [Self::Accounts, Self::Groups, Self::Prices, Self::Rates];

    /// What the record with this family and id is part of.
    fn of(family: Family, id: &str) -> Option<Self> {
        match family {
            Family::AccountGroup => Some(Self::Groups),
            Family::ModelPricing => Some(Self::Prices),
            Family::Setting if id == RATE_MULTIPLIERS => Some(Self::Rates),
            family => Account::FAMILIES.contains(&family).then_some(Self::Accounts),
        }
    }
}

impl Stale {
    /// Says once that something cannot be read, and once that it was.
    fn tell(&mut self, trouble: Option<StoreError>) {
        match trouble {
            Some(error) if !self.is_told => {
                tracing::error!(error = %error, "what has changed could not be read; what was known stays in use");
                self.is_told = true;
            }
            None if self.is_told => {
                tracing::info!("what has changed is read again");
                self.is_told = false;
            }
            _ => {}
        }
    }
}
