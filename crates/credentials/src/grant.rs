//! What a grant makes of an account's record, and how it is kept: written at the record's version, synced, and only then used.

use crate::{
    credentials::Shared,
    desk::{Debt, Unsaved},
    error::{CredentialError, SignInReason},
    known::{Known, Subject},
    refresh_error,
};
use domain::{Account, OAuthGrant, Sealed, Timestamp};
use secrecy::SecretString;
use std::{sync::Arc, time::Duration};
use store::{
    RecordError, StoreError, Version,
    nouns::account::account_family,
    records::{Condition, TypedRecords, Versioned},
};
use tokio::time::Instant;
use upstream::oauth::TokenGrant;

/// How often a change is tried at the version just read, while others write to the record too.
const TRIES_MAX: u32 = 16;

/// How long an answer that the store does not take is tried to be stored, before who waits is told. It is not lost then: the next refresh
/// of this node stores it first.
const KEEP_MAX: Duration = Duration::from_secs(2);

/// The wait before it is tried again.
const KEEP_EVERY: Duration = Duration::from_millis(250);

/// Tokens that were made elsewhere.
#[derive(Debug, Clone)]
pub struct PastedTokens {
    /// The access token, or a long-lived set-up token; none: the refresh token gives the first.
    pub access_token: Option<SecretString>,
    /// When the access token ends; none: it does not say, or does not.
    pub expires_at: Option<Timestamp>,
    /// The refresh token.
    pub refresh_token: Option<SecretString>,
}

impl Shared {
    /// The account's record, and the grant in it opened.
    ///
    /// # Errors
    ///
    /// When it is gone, damaged, does not open, or the store fails.
    pub(crate) async fn read(&self, subject: &Subject) -> Result<(Versioned<Account>, Arc<Known>), CredentialError> {
        let family = account_family(subject.platform);
        let row = self.store.records.get(family, subject.id.as_str()).await?.ok_or(CredentialError::Missing)?;
        let account = Versioned::<Account>::read(family, &row)?;
        let known = Arc::new(Known::open(&self.keyring, &account.record)?);
        Ok((account, known))
    }

    /// Stores what a refresh gave for the refresh token `spent`, syncs it, and gives the grant that may be used from then on.
    ///
    /// An answer that cannot be stored is kept in memory, and stored by the next refresh of this node. A record whose refresh token is
    /// another meanwhile has gone on without it: its own grant is given.
    ///
    /// # Errors
    ///
    /// When it cannot be stored or synced: then it is not used.
    pub(crate) async fn keep(&self, subject: &Subject, unsaved: Unsaved) -> Result<Arc<Known>, CredentialError> {
        let give_up = Instant::now() + KEEP_MAX;
        let error = loop {
            match self.store_grant(subject, &unsaved).await {
                Err(CredentialError::Store(error)) if Instant::now() >= give_up => break error,
                Err(CredentialError::Store(_)) => tokio::time::sleep(KEEP_EVERY).await,
                stored => {
                    stored?;
                    return self.settle(subject).await;
                }
            }
        };
        tracing::error!(account.id = %subject.id, error = %error, "a new token is in memory alone until the store takes it");
        self.desk.with(&subject.id, |entry| entry.debt = Some(Debt::Unsaved(Arc::new(unsaved))));
        Err(error.into())
    }

    /// Pays what an earlier refresh has left: stores its answer, syncs it.
    ///
    /// # Errors
    ///
    /// When it still cannot be done.
    pub(crate) async fn pay(&self, subject: &Subject) -> Result<(), CredentialError> {
        match self.desk.with(&subject.id, |entry| entry.debt.clone()) {
            None => Ok(()),
            Some(Debt::Unsynced) => self.settle(subject).await.map(drop),
            Some(Debt::Unsaved(unsaved)) => {
                self.store_grant(subject, &unsaved).await?;
                self.settle(subject).await.map(drop)
            }
        }
    }

    /// Syncs the record; what is read of it then may be used.
    pub(crate) async fn settle(&self, subject: &Subject) -> Result<Arc<Known>, CredentialError> {
        self.desk.with(&subject.id, |entry| entry.debt = Some(Debt::Unsynced));
        self.store.records.sync(account_family(subject.platform), subject.id.as_str()).await?;
        let (_, known) = self.read(subject).await?;
        self.desk.with(&subject.id, |entry| entry.debt = None);
        Ok(known)
    }

    async fn store_grant(&self, subject: &Subject, unsaved: &Unsaved) -> Result<(), CredentialError> {
        let written = self.change_while(subject, Some(&unsaved.spent), |account| {
            self.grant_into(account, subject, &unsaved.grant, unsaved.asked_at);
        });
        if written.await?.is_none() {
            tracing::warn!(account.id = %subject.id, "a refresh came too late: the account has another grant already");
        }
        Ok(())
    }

    /// Marks that a new sign-in is needed, unless the account has another refresh token than `tried` meanwhile.
    ///
    /// # Errors
    ///
    /// When it cannot be stored.
    pub(crate) async fn mark(
        &self,
        subject: &Subject,
        tried: Option<&Sealed>,
        reason: SignInReason,
    ) -> Result<Arc<Known>, CredentialError> {
        let marked = self.change_while(subject, tried, |account| {
            if let Some(access) = account.settings.oauth_mut() {
                access.grant.sign_in_needed = Some(reason.to_string());
                access.grant.refresh_begun_at = None;
            }
            account.updated_at = self.after(account.updated_at);
        });
        if marked.await?.is_some() {
            refresh_error::sign_in_needed(subject, &reason.to_string());
        }
        self.read(subject).await.map(|(_, known)| known)
    }

    /// Takes the intent of a refresh back that did not take place.
    pub(crate) async fn take_back(&self, subject: &Subject, spent: &Sealed) {
        let taken_back = self.change_while(subject, Some(spent), |account| {
            if let Some(access) = account.settings.oauth_mut() {
                access.grant.refresh_begun_at = None;
            }
        });
        if let Err(error) = taken_back.await {
            // It stands for a refresh of which nothing is known, and the next one treats it so.
            tracing::debug!(account.id = %subject.id, error = %error, "the intent of a refresh is left");
        }
    }

    /// Makes `change` at the version of the record that was read, while its refresh token is `expected`; none: it is another.
    ///
    /// The version is what holds off a node whose lock has ended meanwhile: whoever wrote in between is seen first.
    pub(crate) async fn change_while(
        &self,
        subject: &Subject,
        expected: Option<&Sealed>,
        change: impl Fn(&mut Account),
    ) -> Result<Option<Version>, CredentialError> {
        for _ in 0..TRIES_MAX {
            let (found, known) = self.read(subject).await?;
            if known.refresh_token.as_ref() != expected {
                return Ok(None);
            }
            let mut changed = found.record.clone();
            change(&mut changed);
            match self.store.records.change(&found.record, &changed, Condition::Version(found.version)).await {
                Err(RecordError::Conflict { .. }) => {}
                done => return Ok(Some(done?)),
            }
        }
        Err(StoreError::new(
            "change an account that others change all the time",
            store::error::StoreFailure::Unavailable,
        )
        .into())
    }

    /// Writes a server's grant into the record. The refresh token is sealed anew also where it stays the same, so that its envelope
    /// tells this grant from the one before.
    pub(crate) fn grant_into(
        &self,
        account: &mut Account,
        subject: &Subject,
        granted: &TokenGrant,
        asked_at: Timestamp,
    ) {
        let updated_at = self.after(account.updated_at);
        let Some(access) = account.settings.oauth_mut() else { return };
        let before = std::mem::take(&mut access.grant);
        let reopened = || {
            let sealed = before.refresh_token.as_ref()?;
            self.keyring.open(subject.place("refresh_token"), sealed).ok()
        };
        let refresh_token = granted.refresh_token.clone().or_else(reopened);
        access.grant = OAuthGrant {
            access_token: Some(self.keyring.seal(subject.place("access_token"), &granted.access_token)),
            access_expires_at: granted.expires_in.map(|life| asked_at.plus(life)),
            refresh_token: refresh_token.map(|token| self.keyring.seal(subject.place("refresh_token"), &token)),
            scopes: granted.scopes.clone().unwrap_or(before.scopes),
            provider_account_id: granted.provider_account_id.clone().or(before.provider_account_id),
            email: granted.email.clone().or(before.email),
            sign_in_needed: None,
            refreshed_at: Some(asked_at),
            refresh_begun_at: None,
        };
        account.updated_at = updated_at;
    }

    /// Now, and later than `before`, whatever the clock says.
    pub(crate) fn after(&self, before: Timestamp) -> Timestamp {
        self.clock.now().max(before.plus(Duration::from_millis(1)))
    }
}
