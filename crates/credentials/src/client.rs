//! The operator's OAuth client of a platform, with its secret opened.

use crate::error::CredentialError;
use domain::{OAuthClient, Platform};
use secrecy::SecretString;
use store::{Family, Records, records::TypedRecords};
use upstream::oauth::{Calls, OAuthServer};
use vault::{Keyring, Place};

/// The field of the record that holds the sealed secret.
const SECRET: &str = "client_secret";

/// An OAuth client that can be used.
#[derive(Debug, Clone)]
pub struct OpenedClient {
    /// The client.
    pub client: OAuthClient,
    /// Its secret.
    pub secret: Option<SecretString>,
}

impl OpenedClient {
    /// Reads the client of `platform`.
    ///
    /// # Errors
    ///
    /// When there is none, its secret does not open, or the store fails.
    pub async fn read(records: &dyn Records, keyring: &Keyring, platform: Platform) -> Result<Self, CredentialError> {
        let found = records.read::<OAuthClient>(platform.as_str()).await?;
        let client = found.ok_or(CredentialError::NotConfigured { platform })?.record;
        let opened = client.client_secret.as_ref().map(|sealed| keyring.open(Self::place(platform), sealed));
        let secret = opened.transpose()?;
        Ok(Self { client, secret })
    }

    /// Where the secret of the client of `platform` is sealed for.
    #[must_use]
    pub fn place(platform: Platform) -> Place<'static> {
        Place { family: Family::OAuthClient.name(), id: platform.as_str(), field: SECRET }
    }

    /// Its authorisation server, by this way.
    #[must_use]
    pub fn server<'a>(&'a self, calls: &'a dyn Calls) -> OAuthServer<'a> {
        OAuthServer { client: &self.client, secret: self.secret.as_ref(), calls }
    }
}
