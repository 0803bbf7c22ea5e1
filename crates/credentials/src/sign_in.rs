//! Signing in and out: what a grant from elsewhere makes of an account. Who asks stores the account, and then has it settled.

use crate::{
    client::OpenedClient,
    credentials::Credentials,
    error::{CredentialError, SignInReason},
    grant::PastedTokens,
    known::{Known, Subject},
};
use domain::{Account, OAuthGrant, Platform, Sealed, Timestamp};
use secrecy::SecretString;
use std::sync::Arc;
use upstream::oauth::{Calls, TokenGrant};

impl Credentials {
    /// The operator's OAuth client of `platform`.
    ///
    /// # Errors
    ///
    /// When there is none, or it cannot be read.
    pub async fn client(&self, platform: Platform) -> Result<OpenedClient, CredentialError> {
        OpenedClient::read(&*self.0.store.records, &self.0.keyring, platform).await
    }

    /// The way that the account's calls take.
    ///
    /// # Errors
    ///
    /// When it has none.
    pub fn way(&self, account: &Account) -> Result<Arc<dyn Calls>, CredentialError> {
        (self.0.ways)(account).map_err(CredentialError::NoWay)
    }

    /// `account` with what a sign-in at `asked_at` has granted. A sign-in without a refresh token leaves none of an earlier one.
    #[must_use]
    pub fn granted(&self, account: &Account, grant: &TokenGrant, asked_at: Timestamp) -> Account {
        let mut account = account.clone();
        if let Some(access) = account.settings.oauth_mut() {
            access.grant = OAuthGrant { scopes: std::mem::take(&mut access.grant.scopes), ..OAuthGrant::default() };
        }
        let subject = Subject::of(&account);
        self.0.grant_into(&mut account, &subject, grant, asked_at);
        account
    }

    /// `account` with tokens that were made elsewhere.
    #[must_use]
    pub fn pasted(&self, account: &Account, tokens: &PastedTokens) -> Account {
        let (mut account, subject) = (account.clone(), Subject::of(account));
        let seal = |field, token: &Option<SecretString>| -> Option<Sealed> {
            token.as_ref().map(|token| self.0.keyring.seal(subject.place(field), token))
        };
        let now = self.0.clock.now();
        if let Some(access) = account.settings.oauth_mut() {
            access.grant = OAuthGrant {
                access_token: seal("access_token", &tokens.access_token),
                access_expires_at: tokens.expires_at,
                refresh_token: seal("refresh_token", &tokens.refresh_token),
                refreshed_at: tokens.access_token.as_ref().map(|_| now),
                ..OAuthGrant::default()
            };
        }
        account.updated_at = self.0.after(account.updated_at);
        account
    }

    /// `account` without its tokens; whose it was stays.
    #[must_use]
    pub fn signed_out(&self, account: &Account) -> Account {
        let mut account = account.clone();
        if let Some(access) = account.settings.oauth_mut() {
            let OAuthGrant { provider_account_id, email, .. } = std::mem::take(&mut access.grant);
            let sign_in_needed = Some(SignInReason::SignedOut.to_string());
            access.grant = OAuthGrant { provider_account_id, email, sign_in_needed, ..OAuthGrant::default() };
        }
        account.updated_at = self.0.after(account.updated_at);
        account
    }

    /// The tokens of `account`, opened: access token, refresh token. For their revocation.
    ///
    /// # Errors
    ///
    /// When one does not open.
    pub fn open_tokens(&self, account: &Account) -> Result<[Option<SecretString>; 2], CredentialError> {
        let known = Known::open(&self.0.keyring, account)?;
        let access_token = known.token.as_ref().map(|token| SecretString::from(token.expose()));
        Ok([access_token, known.open_refresh_token(&self.0.keyring)?])
    }

    /// Syncs what was stored of `account`, so that it may be used, and takes it over.
    ///
    /// # Errors
    ///
    /// When it cannot be synced: the account is stored all the same, and settled by its next refresh.
    pub async fn settle(&self, account: &Account) -> Result<(), CredentialError> {
        let known = self.0.settle(&Subject::of(account)).await?;
        self.0.desk.with(&account.id, |entry| {
            entry.learn(&known);
            (entry.pause, entry.forced_at) = (None, None);
        });
        Ok(())
    }
}
