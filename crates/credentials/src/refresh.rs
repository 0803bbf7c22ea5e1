//! One refresh, step by step: the lock, the record as it is now, the intent, the call, the answer. What happens where it dies in between
//! stands beside each step.

use crate::{
    access::AccessToken,
    client::OpenedClient,
    credentials::Shared,
    desk::Unsaved,
    error::{CredentialError, SignInReason},
    known::{Freshness, Known, Subject},
    lock::{Attempt, Held, Turns},
};
use domain::Sealed;
use secrecy::SecretString;
use std::{sync::Arc, time::Duration};
use store::{
    RecordError,
    records::{Condition, TypedRecords, Versioned},
};
use upstream::oauth::OAuthError;

/// How often the record is read anew because somebody else has changed it before the intent could be written.
const TRIES_MAX: u32 = 8;

/// Why a refresh is wanted.
#[derive(Debug, Clone)]
pub(crate) enum Why {
    /// The token is near its end, or beyond it.
    Due,
    /// The provider has refused this token.
    Refused(AccessToken),
    /// The provider has refused this token, which was had because the one before was refused.
    RefusedAgain(AccessToken),
    /// An administrator wants it.
    Asked,
}

/// What an account needs, by its record.
enum Need {
    /// Nothing: the grant can be used, or needs a sign-in already.
    Nothing,
    /// A refresh.
    Refresh,
    /// A sign-in, which the record does not say yet.
    SignIn(SignInReason),
}

/// A refresh whose intent is written.
struct Begun {
    spent: Sealed,
    token: SecretString,
    /// Whether an earlier refresh has left its intent: nobody knows what became of it.
    was_cut_off: bool,
}

impl Shared {
    /// Refreshes the account's token if `why` still holds, and gives its grant as it is then.
    ///
    /// Not cancel-safe: to be run to its end.
    ///
    /// # Errors
    ///
    /// When neither a token nor the need of a sign-in could be stored.
    pub(crate) async fn refresh(&self, subject: &Subject, why: &Why) -> Result<Arc<Known>, CredentialError> {
        let turns = Turns::begin();
        let lock = loop {
            match Held::ask(&self.store, &*self.clock, &subject.id, &self.node).await? {
                Attempt::Held(lock) => break lock,
                Attempt::Taken => {}
            }
            // Another node is at it, or has died at it: then the lock ends by itself.
            turns.next().await?;
            let (_, known) = self.read(subject).await?;
            if known.refresh_begun_at.is_none() && matches!(self.need(&known, why), Need::Nothing) {
                return Ok(known);
            }
        };
        let refreshed = self.refresh_under(&lock, subject, why).await;
        lock.release().await;
        refreshed
    }

    async fn refresh_under(&self, lock: &Held, subject: &Subject, why: &Why) -> Result<Arc<Known>, CredentialError> {
        self.pay(subject).await?;
        let (found, known) = self.read(subject).await?;
        match self.need(&known, why) {
            Need::Nothing => return Ok(known),
            Need::SignIn(reason) => return self.mark(subject, known.refresh_token.as_ref(), reason).await,
            Need::Refresh => {}
        }
        let client = OpenedClient::read(&*self.store.records, &self.keyring, subject.platform).await?;
        let calls = (self.ways)(&found.record).map_err(CredentialError::NoWay)?;
        // Dead before this is stored: nothing has happened. Dead after it: the next refresh finds it, and does not know whether
        // the provider has taken the token.
        let begun = match self.begin(subject, why).await? {
            Ok(begun) => begun,
            Err(known) => return Ok(known),
        };
        if !lock.has_time_for_a_call() {
            self.take_back(subject, &begun.spent).await;
            return Err(CredentialError::Busy);
        }
        let asked_at = self.clock.now();
        // Dead in here: the token that is stored may be spent, and the one that came for it is lost.
        match client.server(&*calls).refresh(&begun.token).await {
            Ok(grant) => self.keep(subject, Unsaved { spent: begun.spent, grant, asked_at }).await,
            Err(error) => self.fail(subject, &begun, error).await,
        }
    }

    /// Writes the intent at the version that was read; the grant where there is nothing to do any more.
    async fn begin(&self, subject: &Subject, why: &Why) -> Result<Result<Begun, Arc<Known>>, CredentialError> {
        for _ in 0..TRIES_MAX {
            let (Versioned { record: account, version }, known) = self.read(subject).await?;
            let token = known.open_refresh_token(&self.keyring)?;
            let (Need::Refresh, Some(token), Some(spent)) =
                (self.need(&known, why), token, known.refresh_token.clone())
            else {
                return Ok(Err(known));
            };
            let mut intending = account.clone();
            if let Some(access) = intending.settings.oauth_mut() {
                access.grant.refresh_begun_at = Some(self.clock.now());
            }
            match self.store.records.change(&account, &intending, Condition::Version(version)).await {
                Err(RecordError::Conflict { .. }) => {}
                written => {
                    written?;
                    let was_cut_off = known.refresh_begun_at.is_some();
                    return Ok(Ok(Begun { spent, token, was_cut_off }));
                }
            }
        }
        Err(CredentialError::Busy)
    }

    /// What a refused or lost refresh makes of the account.
    async fn fail(&self, subject: &Subject, begun: &Begun, error: OAuthError) -> Result<Arc<Known>, CredentialError> {
        if error.is_revoked() {
            let reason = if begun.was_cut_off { SignInReason::AnswerLost } else { SignInReason::Revoked };
            return self.mark(subject, Some(&begun.spent), reason).await;
        }
        // Where the server may have taken the token, or an earlier refresh may have been, the intent goes on to say so.
        if !error.may_have_been_taken() && !begun.was_cut_off {
            self.take_back(subject, &begun.spent).await;
        }
        Err(match error {
            OAuthError::Refused { .. } | OAuthError::Settings(_) => CredentialError::Client(error),
            cause => CredentialError::Unreachable { cause, retry_at: self.clock.now() },
        })
    }

    fn need(&self, known: &Known, why: &Why) -> Need {
        let can_refresh = known.refresh_token.is_some();
        let refresh_or = |reason| if can_refresh { Need::Refresh } else { Need::SignIn(reason) };
        let is_current = |refused: &AccessToken| known.token.as_ref() == Some(refused);
        match why {
            Why::Asked if can_refresh => Need::Refresh,
            _ if known.sign_in_needed.is_some() => Need::Nothing,
            Why::Asked => Need::Nothing,
            Why::Refused(token) if is_current(token) => refresh_or(SignInReason::Refused),
            Why::RefusedAgain(token) if is_current(token) => Need::SignIn(SignInReason::Refused),
            Why::Due | Why::Refused(_) | Why::RefusedAgain(_) => match known.freshness(self.clock.now()) {
                _ if known.refresh_begun_at.is_some() && can_refresh => Need::Refresh,
                Freshness::Due if can_refresh => Need::Refresh,
                Freshness::Good | Freshness::Due => Need::Nothing,
                Freshness::Ended if known.token.is_none() => refresh_or(SignInReason::Never),
                Freshness::Ended => refresh_or(SignInReason::Ended),
            },
        }
    }
}

/// How long the server asked to wait, where it did.
pub(crate) fn asked_pause(error: &CredentialError) -> Option<Duration> {
    match error {
        CredentialError::Unreachable { cause, .. } => cause.retry_after(),
        _ => None,
    }
}
