//! What is known of an account's grant, opened, and when it is due. Pure but for the opening.

use crate::{access::AccessToken, error::CredentialError};
use domain::{Account, AccountId, OAuthGrant, Platform, Sealed, Timestamp};
use secrecy::SecretString;
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};
use store::nouns::account::account_family;
use vault::{Keyring, Place};

/// How long before its end a token is refreshed at the latest, and half of how early at the earliest.
const AHEAD_MAX: Duration = Duration::from_secs(600);

/// A token with less left than this is not sent any more: clocks differ, and a request takes its time to arrive.
const END_MARGIN: Duration = Duration::from_secs(5);

/// The life of a token of which it is not known when it began.
const LIFE_ASSUMED: Duration = Duration::from_secs(3600);

/// Which account: enough to find its record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    pub(crate) id: AccountId,
    pub(crate) platform: Platform,
}

/// An account's grant, its access token opened.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) subject: Subject,
    /// The record's `updated_at`: of two, the later one counts.
    pub(crate) as_of: Timestamp,
    pub(crate) token: Option<AccessToken>,
    pub(crate) sign_in_needed: Option<String>,
    /// The refresh token as it is stored. Each refresh and sign-in seals it anew, so that it tells one grant from the next.
    pub(crate) refresh_token: Option<Sealed>,
    /// When a refresh was begun whose answer has not been stored.
    pub(crate) refresh_begun_at: Option<Timestamp>,
    refreshed_at: Option<Timestamp>,
}

/// How an access token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Freshness {
    /// It can be used.
    Good,
    /// It can be used, and should be refreshed.
    Due,
    /// It cannot be used: it has ended, or there is none.
    Ended,
}

impl Subject {
    pub(crate) fn of(account: &Account) -> Self {
        Self { id: account.id.clone(), platform: account.platform() }
    }

    /// Where a secret of the account is sealed for.
    pub(crate) fn place(&self, field: &'static str) -> Place<'_> {
        Place { family: account_family(self.platform).name(), id: self.id.as_str(), field }
    }
}

impl Known {
    /// Opens the grant of `account`.
    ///
    /// # Errors
    ///
    /// When the account does not sign in by OAuth, or its access token does not open.
    pub(crate) fn open(keyring: &Keyring, account: &Account) -> Result<Self, CredentialError> {
        let grant = &account.settings.oauth().ok_or(CredentialError::NotOAuth)?.grant;
        let subject = Subject::of(account);
        let opened = grant.access_token.as_ref().map(|sealed| keyring.open(subject.place("access_token"), sealed));
        let token = opened.transpose()?.map(|secret| AccessToken::new(secret, grant.access_expires_at));
        let OAuthGrant { sign_in_needed, refresh_token, refresh_begun_at, refreshed_at, .. } = grant.clone();
        Ok(Self {
            subject,
            as_of: account.updated_at,
            token,
            sign_in_needed,
            refresh_token,
            refresh_begun_at,
            refreshed_at,
        })
    }

    /// The refresh token, opened; none: there is none.
    ///
    /// # Errors
    ///
    /// When it does not open.
    pub(crate) fn open_refresh_token(&self, keyring: &Keyring) -> Result<Option<SecretString>, CredentialError> {
        let sealed = self.refresh_token.as_ref();
        Ok(sealed.map(|sealed| keyring.open(self.subject.place("refresh_token"), sealed)).transpose()?)
    }

    /// How the access token stands at `now`.
    pub(crate) fn freshness(&self, now: Timestamp) -> Freshness {
        let Some(token) = &self.token else { return Freshness::Ended };
        let Some(end) = token.expires_at() else { return Freshness::Good };
        let life = self.refreshed_at.map_or(LIFE_ASSUMED, |start| end.since(start));
        if now >= end.minus(END_MARGIN.min(life / 10)) {
            Freshness::Ended
        } else if now >= end.minus(ahead(&self.subject.id, life)) {
            Freshness::Due
        } else {
            Freshness::Good
        }
    }
}

/// How long before its end a token of this life is refreshed: a fifth to two fifths of it, 20 minutes at most; another for each account,
/// so that accounts that were signed in together are not refreshed together.
fn ahead(id: &AccountId, life: Duration) -> Duration {
    let least = (life / 5).min(AHEAD_MAX);
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    let share = u32::try_from(hasher.finish() % 1000).expect("below 1000");
    least + least * share / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(id: &str, life_s: u64) -> Known {
        let start = Timestamp::from_ms(0);
        let id = AccountId::parse(id).expect("an id");
        let end = start.plus(Duration::from_secs(life_s));
        Known {
            subject: Subject { id, platform: Platform::Claude },
            as_of: start,
            token: Some(AccessToken::new("t".into(), Some(end))),
            sign_in_needed: None,
            refresh_token: None,
            refresh_begun_at: None,
            refreshed_at: Some(start),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_ms(seconds * 1000)
    }

    #[test]
    fn a_token_is_due_before_its_end_and_not_sent_at_its_end() {
        let known = known("a", 3600);
        assert_eq!(known.freshness(at(0)), Freshness::Good);
        assert_eq!(known.freshness(at(3600 - 20 * 60 - 1)), Freshness::Good);
        assert_eq!(known.freshness(at(3600 - 10 * 60)), Freshness::Due);
        assert_eq!(known.freshness(at(3594)), Freshness::Due);
        assert_eq!(known.freshness(at(3595)), Freshness::Ended);
    }

    #[test]
    fn a_short_token_is_used_for_more_than_half_of_its_life() {
        let known = known("a", 10);
        assert_eq!(known.freshness(at(5)), Freshness::Good);
        assert_eq!(known.freshness(at(8)), Freshness::Due);
        assert_eq!(known.freshness(at(9)), Freshness::Ended);
    }

    #[test]
    fn accounts_that_were_signed_in_together_are_due_at_different_times() {
        let due = |id: &str| {
            let known = known(id, 8 * 3600);
            (0..8 * 3600).find(|second| known.freshness(at(*second)) == Freshness::Due)
        };
        let instants: std::collections::BTreeSet<_> = (0..20).map(|number| due(&format!("a{number}"))).collect();
        assert!(instants.len() > 15, "{instants:?}");
    }

    #[test]
    fn a_token_without_an_end_is_good_and_none_is_ended() {
        let endless = Known { token: Some(AccessToken::new("t".into(), None)), ..known("a", 1) };
        assert_eq!(endless.freshness(at(1 << 40)), Freshness::Good);
        assert_eq!(Known { token: None, ..known("a", 1) }.freshness(at(0)), Freshness::Ended);
    }
}
