//! What this node holds of each account in memory: the grant as last known, the refresh under way, and what a failure has left.
//! Nothing is read or written here.

use crate::{
    error::CredentialError,
    known::{Known, Subject},
};
use domain::{AccountId, Sealed, Timestamp};
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::watch;
use upstream::oauth::TokenGrant;

/// The first wait after a failed refresh; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_secs(5);

/// The longest wait that the relay chooses by itself.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// The longest wait that a server is granted.
const PAUSE_ASKED_MAX: Duration = Duration::from_secs(3600);

/// Doublings of the wait: beyond these it is the longest.
const DOUBLINGS_MAX: u32 = 6;

/// How a refresh ends: with the grant as it is then, which may need a sign-in.
pub(crate) type Outcome = Result<Arc<Known>, CredentialError>;

/// A refresh under way, for all who wait for it.
#[derive(Debug, Clone)]
pub(crate) struct Flight(watch::Receiver<Option<Outcome>>);

/// Where a refresh tells its end.
#[derive(Debug)]
pub(crate) struct Landing(watch::Sender<Option<Outcome>>);

/// After a failure: when the next try may be made.
#[derive(Debug, Clone)]
pub(crate) struct Pause {
    pub(crate) until: Timestamp,
    failures: u32,
    error: CredentialError,
}

/// What a refresh has left to be done before its token may be used.
#[derive(Debug, Clone)]
pub(crate) enum Debt {
    /// The answer was stored, and could not be synced.
    Unsynced,
    /// The answer could not be stored.
    Unsaved(Arc<Unsaved>),
}

/// An answer that is in memory alone.
#[derive(Debug)]
pub(crate) struct Unsaved {
    /// The refresh token that it was had for, as it was stored.
    pub(crate) spent: Sealed,
    pub(crate) grant: TokenGrant,
    pub(crate) asked_at: Timestamp,
}

/// One account.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) known: Option<Arc<Known>>,
    pub(crate) flight: Option<Flight>,
    pub(crate) pause: Option<Pause>,
    /// When the token was last had because the one before was refused.
    pub(crate) forced_at: Option<Timestamp>,
    pub(crate) debt: Option<Debt>,
}

/// All accounts that were asked for: as many entries as accounts.
#[derive(Debug, Default)]
pub(crate) struct Desk(Mutex<HashMap<AccountId, Entry>>);

impl Desk {
    /// Looks at an account's entry, or changes it. Short: the desk is locked meanwhile.
    pub(crate) fn with<T>(&self, id: &AccountId, work: impl FnOnce(&mut Entry) -> T) -> T {
        let mut entries = self.0.lock();
        if let Some(entry) = entries.get_mut(id) {
            return work(entry);
        }
        work(entries.entry(id.clone()).or_default())
    }

    /// Forgets an account that is gone.
    pub(crate) fn forget(&self, id: &AccountId) {
        self.0.lock().remove(id);
    }
}

impl Entry {
    /// The refresh under way; none where it has ended, or broke off without a word.
    pub(crate) fn flight(&self) -> Option<&Flight> {
        self.flight.as_ref().filter(|flight| flight.is_under_way())
    }

    /// What is known, if it counts for more than a record of `as_of`: because it is later, or because the record's token may not be
    /// used yet.
    pub(crate) fn known_over(&self, as_of: Timestamp) -> Option<&Arc<Known>> {
        let is_unsettled = self.flight().is_some() || self.debt.is_some();
        self.known.as_ref().filter(|known| is_unsettled || known.as_of >= as_of)
    }

    /// Takes over what was read, unless something later is known.
    pub(crate) fn learn(&mut self, known: &Arc<Known>) {
        if self.known.as_ref().is_none_or(|before| before.as_of <= known.as_of) {
            self.known = Some(Arc::clone(known));
        }
    }

    /// The failure that is not over yet.
    pub(crate) fn paused(&self, now: Timestamp) -> Option<&CredentialError> {
        self.pause.as_ref().filter(|pause| now < pause.until).map(|pause| &pause.error)
    }

    /// Notes a failure; says when the next try may be made.
    pub(crate) fn fail(&mut self, error: &CredentialError, asked: Option<Duration>, now: Timestamp) -> Timestamp {
        let failures = self.pause.as_ref().map_or(0, |pause| pause.failures);
        let own = (PAUSE_MIN * (1 << failures.min(DOUBLINGS_MAX))).min(PAUSE_MAX);
        let until = now.plus(asked.map_or(own, |asked| asked.min(PAUSE_ASKED_MAX).max(own)));
        let error = match error {
            CredentialError::Unreachable { cause, .. } => {
                CredentialError::Unreachable { cause: cause.clone(), retry_at: until }
            }
            other => other.clone(),
        };
        self.pause = Some(Pause { until, failures: failures.saturating_add(1), error });
        until
    }
}

impl Flight {
    /// A refresh that begins.
    pub(crate) fn begin() -> (Landing, Self) {
        let (sender, receiver) = watch::channel(None);
        (Landing(sender), Self(receiver))
    }

    /// Waits for its end. Cancel-safe: it goes on without who waits.
    pub(crate) async fn end(mut self, subject: &Subject) -> Outcome {
        let ended = self.0.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        ended.unwrap_or_else(|| {
            tracing::error!(account.id = %subject.id, "a token refresh broke off");
            Err(CredentialError::Busy)
        })
    }

    fn is_under_way(&self) -> bool {
        self.0.has_changed().is_ok() && self.0.borrow().is_none()
    }
}

impl Landing {
    /// Tells the end to all who wait.
    pub(crate) fn land(&self, outcome: Outcome) {
        self.0.send_replace(Some(outcome));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_waits_twice_as_long_up_to_a_bound() {
        let mut entry = Entry::default();
        let now = Timestamp::from_ms(0);
        let mut waits: Vec<_> = (0..8).map(|_| entry.fail(&CredentialError::Busy, None, now).as_ms() / 1000).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300]);
        waits.clear();
        let mut entry = Entry::default();
        assert_eq!(entry.fail(&CredentialError::Busy, Some(Duration::from_secs(60)), now), Timestamp::from_ms(60_000));
        let long = entry.fail(&CredentialError::Busy, Some(Duration::from_secs(86_400)), now);
        assert_eq!(long, Timestamp::from_ms(3_600_000));
        assert!(entry.paused(Timestamp::from_ms(3_599_999)).is_some() && entry.paused(long).is_none());
    }

    #[test]
    fn a_refresh_that_broke_off_is_not_joined() {
        let mut entry = Entry::default();
        let (landing, flight) = Flight::begin();
        entry.flight = Some(flight);
        assert!(entry.flight().is_some());
        drop(landing);
        assert!(entry.flight().is_none());
    }
}
