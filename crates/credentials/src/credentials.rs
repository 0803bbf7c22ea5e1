//! What the rest of the relay asks: a token for a request, another where one was refused, a refresh ahead of time.

use crate::{
    access::AccessToken,
    desk::{Desk, Flight, Landing, Outcome},
    error::{CredentialError, SignInReason},
    known::{Freshness, Known, Subject},
    refresh::{Why, asked_pause},
    refresh_error,
};
use domain::{Account, AccountId, Timestamp};
use std::{sync::Arc, time::Duration};
use store::{Clock, Store};
use tokio_util::task::TaskTracker;
use upstream::oauth::Calls;
use vault::Keyring;

/// A token that is refused so soon after it was had for a refused one is not tried to be mended by a third.
const REFUSED_AGAIN_WITHIN: Duration = Duration::from_secs(300);

/// How an account's calls go out; an error is told to people.
pub type Ways = Arc<dyn Fn(&Account) -> Result<Arc<dyn Calls>, String> + Send + Sync>;

/// What credentials are made of.
pub struct Parts {
    /// Records and locks.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What secrets are sealed with.
    pub keyring: Arc<Keyring>,
    /// How calls go out.
    pub ways: Ways,
    /// This node's own name, which no other has.
    pub node: String,
}

/// The credentials of accounts that sign in by OAuth. Clones are the same.
#[derive(Clone)]
pub struct Credentials(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) ways: Ways,
    pub(crate) node: Arc<str>,
    pub(crate) desk: Desk,
    flights: TaskTracker,
}

impl Credentials {
    /// Credentials of which none is known yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { store, clock, keyring, ways, node } = parts;
        let (node, desk) = (node.into(), Desk::default());
        Self(Arc::new(Shared { store, clock, keyring, ways, node, desk, flights: TaskTracker::new() }))
    }

    /// A token for a request of `account`, as its record was last read.
    ///
    /// Waits only where the token has ended, for one refresh that all who ask share: a minute or so at most. A token near its end is
    /// given, and refreshed meanwhile; a refresh that fails leaves it in use until its end. Cancel-safe: a refresh goes on.
    ///
    /// # Errors
    ///
    /// When there is no token that could be sent.
    pub async fn access_token(&self, account: &Account) -> Result<AccessToken, CredentialError> {
        let known = self.latest(account)?;
        if known.sign_in_needed.is_some() {
            return usable(&known);
        }
        match (known.freshness(self.0.clock.now()), &known.token) {
            (Freshness::Good, Some(token)) => Ok(token.clone()),
            (Freshness::Due, Some(token)) => {
                if known.refresh_token.is_some() {
                    // Not waited for: the token is good for a while.
                    let _ = self.begin(&known.subject, Why::Due);
                }
                Ok(token.clone())
            }
            (_, token) => match self.fly(&known.subject, Why::Due).await {
                Ok(known) => usable(&known),
                Err(error) => {
                    let now = self.0.clock.now();
                    let still_valid = token.as_ref().filter(|token| token.is_valid(now));
                    still_valid.cloned().ok_or(error)
                }
            },
        }
    }

    /// Another token, because the provider has refused this one (401), which looked good: of a refresh, if nobody had one already. A
    /// token that is refused again soon after, or cannot be refreshed, marks the account as one that needs a sign-in. Cancel-safe.
    ///
    /// # Errors
    ///
    /// When there is no other.
    pub async fn refused(&self, id: &AccountId, refused: &AccessToken) -> Result<AccessToken, CredentialError> {
        let now = self.0.clock.now();
        let (known, forced_at) = self.0.desk.with(id, |entry| (entry.known.clone(), entry.forced_at));
        let known = known.ok_or(CredentialError::Missing)?;
        if known.token.as_ref() != Some(refused) {
            return usable(&known);
        }
        let was_forced = forced_at.is_some_and(|at| now.since(at) < REFUSED_AGAIN_WITHIN);
        let refused = refused.clone();
        let why = if was_forced { Why::RefusedAgain(refused) } else { Why::Refused(refused) };
        usable(&*self.fly(&known.subject, why).await?)
    }

    /// Refreshes the account's token now, also where it needs a sign-in: what was revoked may be granted again. Cancel-safe: a
    /// refresh goes on.
    ///
    /// # Errors
    ///
    /// When there is no new token.
    pub async fn refresh_now(&self, account: &Account) -> Result<AccessToken, CredentialError> {
        let known = self.latest(account)?;
        if known.refresh_token.is_none() {
            return Err(CredentialError::NoRefreshToken);
        }
        usable(&*self.fly(&known.subject, Why::Asked).await?)
    }

    /// Begins no further refresh, and ends when none runs any more, within the bounds that each has; nothing is cut off.
    pub async fn stop(&self) {
        self.0.flights.close();
        self.0.flights.wait().await;
    }

    /// The grant as last known: in `account`, or in memory where that is later.
    pub(crate) fn latest(&self, account: &Account) -> Result<Arc<Known>, CredentialError> {
        let held = self.0.desk.with(&account.id, |entry| entry.known_over(account.updated_at).cloned());
        if let Some(known) = held {
            return Ok(known);
        }
        let read = Arc::new(Known::open(&self.0.keyring, account)?);
        Ok(self.0.desk.with(&account.id, |entry| {
            if let Some(known) = entry.known_over(account.updated_at) {
                return Arc::clone(known);
            }
            entry.learn(&read);
            read
        }))
    }

    async fn fly(&self, subject: &Subject, why: Why) -> Outcome {
        self.begin(subject, why)?.end(subject).await
    }

    /// Joins the refresh of the account that is under way, or begins one, unless the last failure is too young.
    pub(crate) fn begin(&self, subject: &Subject, why: Why) -> Result<Flight, CredentialError> {
        let now = self.0.clock.now();
        self.0.desk.with(&subject.id, |entry| {
            if let Some(flight) = entry.flight() {
                return Ok(flight.clone());
            }
            if self.0.flights.is_closed() {
                return Err(CredentialError::Stopping);
            }
            if let Some(error) = entry.paused(now).filter(|_| !matches!(why, Why::Asked)) {
                return Err(error.clone());
            }
            let (landing, flight) = Flight::begin();
            entry.flight = Some(flight.clone());
            let (shared, subject) = (Arc::clone(&self.0), subject.clone());
            self.0.flights.spawn(async move { shared.fly(&subject, &why, landing).await });
            Ok(flight)
        })
    }
}

impl Shared {
    /// Runs a refresh to its end and tells it.
    async fn fly(&self, subject: &Subject, why: &Why, landing: Landing) {
        let outcome = self.refresh(subject, why).await;
        let outcome = self.note(subject, why, outcome);
        landing.land(outcome);
    }

    /// Notes how a refresh ended, for who asks next.
    fn note(&self, subject: &Subject, why: &Why, outcome: Outcome) -> Outcome {
        let now = self.clock.now();
        let error = match outcome {
            Ok(known) => {
                let had_failed = self.desk.with(&subject.id, |entry| entry.succeed(&known, why, now));
                if had_failed && known.sign_in_needed.is_none() {
                    tracing::info!(account.id = %subject.id, platform = %subject.platform, "a token could be refreshed again");
                }
                return Ok(known);
            }
            Err(error) => error,
        };
        if matches!(error, CredentialError::Missing) {
            self.desk.forget(&subject.id);
            return Err(error);
        }
        let retry_at = self.desk.with(&subject.id, |entry| {
            entry.flight = None;
            entry.fail(&error, asked_pause(&error), now)
        });
        refresh_error::failed(subject, &error, retry_at);
        Err(match error {
            CredentialError::Unreachable { cause, .. } => CredentialError::Unreachable { cause, retry_at },
            other => other,
        })
    }
}

impl crate::desk::Entry {
    /// Takes over how a refresh ended well; says whether others had failed before.
    fn succeed(&mut self, known: &Arc<Known>, why: &Why, now: Timestamp) -> bool {
        self.flight = None;
        self.learn(known);
        if let Why::Refused(refused) = why
            && known.token.as_ref() != Some(refused)
        {
            self.forced_at = Some(now);
        }
        self.pause.take().is_some()
    }
}

/// The token of a grant.
///
/// # Errors
///
/// When there is none, or a sign-in is needed.
fn usable(known: &Known) -> Result<AccessToken, CredentialError> {
    if let Some(reason) = &known.sign_in_needed {
        return Err(CredentialError::SignInNeeded { reason: reason.clone() });
    }
    known.token.clone().ok_or_else(|| CredentialError::sign_in(SignInReason::Never))
}
