//! Keeps what is cached right: hears the store's notices and reads again what they name. Runs for as long as the relay.

use crate::relay::Relay;
use domain::{Account, KeyId};
use std::{sync::Arc, time::Duration};
use store::{Event, Family, Notice, Record, StoreError, Subscription, nouns::RATE_MULTIPLIERS};

/// How long a failed reading waits before it is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// What could not be read again yet.
#[derive(Default)]
struct Stale {
    accounts: bool,
    groups: bool,
    prices: bool,
    rates: bool,
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
                () = tokio::time::sleep(RETRY_AFTER), if stale.is_any() => {}
            }
            self.read_again(&mut stale).await;
        }
    }

    async fn hear(&self, event: Event, stale: &mut Stale) {
        match event {
            Event::Changed(Notice::Record { family: Family::ApiKey, id }) => self.key_changed(&id).await,
            Event::Changed(Notice::Record { family: Family::AccountGroup, .. }) => stale.groups = true,
            Event::Changed(Notice::Record { family: Family::ModelPricing, .. }) => stale.prices = true,
            Event::Changed(Notice::Record { family: Family::Setting, id }) => stale.rates |= *id == *RATE_MULTIPLIERS,
            Event::Changed(Notice::Record { family, .. }) => stale.accounts |= Account::FAMILIES.contains(&family),
            Event::Changed(Notice::Health { account }) => {
                stale.accounts |= self.accounts.refresh_health(&account, self.clock.now()).await.is_err();
            }
            Event::Lost => {
                self.keys.doubt_all();
                *stale = Stale { is_told: stale.is_told, ..Stale::all() };
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
        if stale.accounts {
            let read = self.accounts.reload(self.clock.now()).await;
            stale.accounts = read.is_err();
            trouble = read.err();
        }
        if stale.groups {
            let read = self.groups.reload(&*self.store.records).await;
            stale.groups = read.is_err();
            trouble = trouble.or(read.err());
        }
        if stale.prices {
            let read = self.prices.reload(&*self.store.records).await;
            stale.prices = read.is_err();
            trouble = trouble.or(read.err());
        }
        if stale.rates {
            let read = self.rates.reload(&*self.store.records).await;
            stale.rates = read.is_err();
            trouble = trouble.or(read.err());
        }
        stale.tell(trouble);
    }
}

impl Stale {
    const fn is_any(&self) -> bool {
        self.accounts || self.groups || self.prices || self.rates
    }

    const fn all() -> Self {
        Self { accounts: true, groups: true, prices: true, rates: true, is_told: false }
    }

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
