//! Tells the store what was learnt about accounts. Off every request's path: requests see the seat, which knows at once.

use crate::{directory::Seat, standing::Standing};
use domain::{AccountId, Cooldown, CooldownScope, Platform, Timestamp, UsageWindow};
use http::HeaderMap;
use protocol::usage_windows;
use std::{sync::Arc, time::Duration};
use store::{Health, StoreError, error::StoreFailure};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Findings that may wait. More at once is a storm of failures: the seats know of them all the same.
const FINDINGS_MAX: usize = 1024;

/// How long is waited before a finding is tried to be written again. What comes meanwhile waits in the queue.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Something learnt about an account.
#[derive(Debug)]
struct Finding {
    account: AccountId,
    /// Where it is known already.
    standing: Arc<Standing>,
    what: Found,
}

#[derive(Debug)]
enum Found {
    Cooldown(Cooldown),
    Recovered,
    Windows(Vec<UsageWindow>),
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
        if seat.standing.cool_down(&cooldown) {
            self.put(seat, Found::Cooldown(cooldown));
        }
    }

    /// An account served: doubts about it are over.
    pub(crate) fn served(&self, seat: &Arc<Seat>) {
        if seat.standing.end_doubts() {
            tracing::info!(account.id = %seat.account.id, account.name = seat.account.name, "an account serves again");
            self.put(seat, Found::Recovered);
        }
    }

    /// A provider answered with `headers`: what they tell of the subscription's windows is kept where it is news.
    pub(crate) fn answered(&self, seat: &Seat, headers: &HeaderMap, now: Timestamp) {
        if !matches!(seat.account.platform(), Platform::Claude | Platform::OpenAi) {
            return;
        }
        let texts = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let windows = usage_windows(texts, now);
        if seat.standing.tell_windows(&windows) {
            self.put(seat, Found::Windows(windows));
        }
    }

    fn put(&self, seat: &Seat, what: Found) {
        let (account, standing) = (seat.account.id.clone(), Arc::clone(&seat.standing));
        if let Err(unsent) = self.0.try_send(Finding { account, standing, what }) {
            unsent.into_inner().written();
            tracing::warn!(
                "more is learnt about accounts than can be written; other nodes and a restart will not know"
            );
        }
    }
}

impl HealthWriter {
    /// Writes findings until `stop`, and then those that are there.
    pub(crate) async fn run(
        mut self,
        health: Arc<dyn Health>,
        now: impl Fn() -> Timestamp + Send,
        stop: CancellationToken,
    ) {
        loop {
            let finding = tokio::select! {
                biased;
                finding = self.0.recv() => finding,
                () = stop.cancelled() => None,
            };
            let Some(finding) = finding else { return };
            let mut is_told = false;
            while let Err(error) = write(&*health, &finding, now()).await {
                if !is_told {
                    tracing::warn!(error = %error, "an account's state could not be written; it is tried again until it can");
                    is_told = true;
                }
                if error.kind != StoreFailure::Unavailable || stop.is_cancelled() {
                    break;
                }
                tokio::time::sleep(RETRY_AFTER).await;
            }
            finding.written();
            // Notices that came while it was on its way were passed over: what they spoke of is read now.
            let reading = finding.standing.begin_reading();
            if let Ok(stored) = health.of(&finding.account, now()).await {
                finding.standing.take_over(reading, stored);
            }
        }
    }
}

impl Finding {
    /// It is in the store, or will never be.
    fn written(&self) {
        match self.what {
            Found::Cooldown(_) | Found::Recovered => self.standing.written(),
            // What was told of windows stands for itself: what is told later takes its place.
            Found::Windows(_) => {}
        }
    }
}

async fn write(health: &dyn Health, finding: &Finding, now: Timestamp) -> Result<(), StoreError> {
    match &finding.what {
        Found::Cooldown(cooldown) => health.begin(&finding.account, cooldown).await.map(drop),
        Found::Recovered => recovered(health, &finding.account, now).await,
        Found::Windows(windows) => health.tell_windows(&finding.account, windows).await,
    }
}

/// Ends what was only a doubt; a limit that began in the meantime stays.
async fn recovered(health: &dyn Health, account: &AccountId, now: Timestamp) -> Result<(), StoreError> {
    for cooldown in health.of(account, now).await? {
        if cooldown.scope == CooldownScope::Account && !cooldown.cause.excludes() {
            health.end(account, Some(&cooldown.scope)).await?;
        }
    }
    Ok(())
}
