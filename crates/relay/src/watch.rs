//! Keeps what is cached right: hears the store's notices and reads again what they name. Runs for as long as the relay.

use crate::relay::Relay;
use domain::{Account, KeyId};
use std::{sync::Arc, time::Duration};
use store::{Event, Family, Notice, Record, Subscription};

/// How long a failed reading waits before it is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(250);

impl Relay {
    /// Follows the notices of `subscription` until the store is closed.
    pub(crate) async fn follow(self: Arc<Self>, mut subscription: Subscription) {
        while let Some(event) = subscription.next().await {
            match event {
                Event::Changed(Notice::Record { family: Family::ApiKey, id }) => self.key_changed(&id).await,
                Event::Changed(Notice::Record { family: Family::ModelPricing, .. }) => self.prices_changed().await,
                Event::Changed(Notice::Record { family, .. }) if Account::FAMILIES.contains(&family) => {
                    self.accounts_changed().await;
                }
                Event::Changed(Notice::Record { .. }) => {}
                Event::Changed(Notice::Health { account }) => {
                    if self.accounts.refresh_health(&account, self.clock.now()).await.is_err() {
                        self.accounts_changed().await;
                    }
                }
                Event::Lost => {
                    self.keys.forget_all();
                    self.accounts_changed().await;
                    self.prices_changed().await;
                }
            }
        }
    }

    async fn key_changed(&self, id: &str) {
        if let Ok(id) = KeyId::parse(id) {
            self.keys.refresh(&id).await;
        }
    }

    async fn accounts_changed(&self) {
        while let Err(error) = self.accounts.reload(self.clock.now()).await {
            tracing::error!(error = %error, "the accounts could not be read again; the last known ones stay in use");
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    async fn prices_changed(&self) {
        while let Err(error) = self.prices.reload(&*self.store.records).await {
            tracing::error!(error = %error, "the prices could not be read again; the last known ones stay in use");
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
}
