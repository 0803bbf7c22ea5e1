//! Tells the store what was learnt about accounts. Off every request's path: requests see the seat, which knows at once.

use crate::directory::Seat;
use domain::{AccountId, Cooldown, CooldownScope, Timestamp};
use std::sync::Arc;
use store::Health;
use tokio::sync::mpsc;

/// Findings that may wait. More at once is a storm of failures: the seats know of them all the same.
const FINDINGS_MAX: usize = 1024;

/// Something learnt about an account.
#[derive(Debug)]
enum Finding {
    Cooldown(AccountId, Cooldown),
    Recovered(AccountId),
}

/// Where findings are put.
#[derive(Debug, Clone)]
pub(crate) struct HealthReports(mpsc::Sender<Finding>);

/// Where they come out: run by one task.
pub(crate) struct HealthWriter(mpsc::Receiver<Finding>);

/// The two ends.
pub(crate) fn reports() -> (HealthReports, HealthWriter) {
    let (sender, receiver) = mpsc::channel(FINDINGS_MAX);
    (HealthReports(sender), HealthWriter(receiver))
}

impl HealthReports {
    /// An account failed: it cools down from now on.
    pub(crate) fn cooled_down(&self, seat: &Arc<Seat>, cooldown: Cooldown) {
        tracing::warn!(
            account.id = %seat.account.id,
            account.name = seat.account.name,
            cause = %cooldown.cause,
            status = cooldown.status,
            until = %cooldown.until,
            source = &*cooldown.source,
            "an account cools down"
        );
        seat.cool_down(&cooldown);
        self.put(Finding::Cooldown(seat.account.id.clone(), cooldown));
    }

    /// An account served: doubts about it are over.
    pub(crate) fn served(&self, seat: &Arc<Seat>) {
        if seat.end_doubts() {
            tracing::info!(account.id = %seat.account.id, account.name = seat.account.name, "an account serves again");
            self.put(Finding::Recovered(seat.account.id.clone()));
        }
    }

    fn put(&self, finding: Finding) {
        if self.0.try_send(finding).is_err() {
            tracing::warn!(
                "more is learnt about accounts than can be written; other nodes and a restart will not know"
            );
        }
    }
}

impl HealthWriter {
    /// Writes findings until no one can put any more.
    pub(crate) async fn run(mut self, health: Arc<dyn Health>, now: impl Fn() -> Timestamp + Send) {
        while let Some(finding) = self.0.recv().await {
            let written = match &finding {
                Finding::Cooldown(account, cooldown) => health.begin(account, cooldown).await.map(drop),
                Finding::Recovered(account) => recovered(&*health, account, now()).await,
            };
            if let Err(error) = written {
                tracing::warn!(error = %error, "an account's state could not be written");
            }
        }
    }
}

/// Ends what was only a doubt; a limit that began in the meantime stays.
async fn recovered(health: &dyn Health, account: &AccountId, now: Timestamp) -> Result<(), store::StoreError> {
    for cooldown in health.of(account, now).await? {
        if cooldown.scope == CooldownScope::Account && !scheduling::eligibility::excludes(cooldown.cause) {
            health.end(account, Some(&cooldown.scope)).await?;
        }
    }
    Ok(())
}
