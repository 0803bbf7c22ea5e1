//! An OAuth client as it is shown: all but its secret.

use crate::wire::{ClientAuthWord, Instant, PlatformWord, TokenBodyWord};
use domain::OAuthClient;
use serde::Serialize;
use std::collections::BTreeMap;
use store::records::Versioned;
use utoipa::ToSchema;

/// The operator's registration at a platform's authorisation server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OAuthClient)]
pub(crate) struct OAuthClientView {
    platform: PlatformWord,
    /// How often it was changed, from 1; `ETag` carries it in quotes.
    version: u64,
    /// Where people agree; none: no sign-in by authorisation code.
    authorize_url: Option<String>,
    token_url: String,
    /// Where a device code is had; none: no sign-in by device.
    device_url: Option<String>,
    /// Where tokens are revoked; none: a sign-out only forgets them.
    revoke_url: Option<String>,
    redirect_uri: Option<String>,
    client_id: String,
    /// Whether there is a secret. It is never shown.
    has_client_secret: bool,
    client_auth: ClientAuthWord,
    /// What is asked for; separated by spaces.
    scopes: String,
    token_body: TokenBodyWord,
    /// Parameters that the authorisation URL carries beside the standard's own.
    authorize_parameters: BTreeMap<String, String>,
    created_at: Instant,
    updated_at: Instant,
}

impl OAuthClientView {
    pub(crate) fn new(client: Versioned<OAuthClient>) -> Self {
        let Versioned { record: client, version } = client;
        Self {
            platform: client.platform.into(),
            version: version.0,
            authorize_url: client.authorize_url,
            token_url: client.token_url,
            device_url: client.device_url,
            revoke_url: client.revoke_url,
            redirect_uri: client.redirect_uri,
            client_id: client.client_id,
            has_client_secret: client.client_secret.is_some(),
            client_auth: client.client_auth.into(),
            scopes: client.scopes,
            token_body: client.token_body.into(),
            authorize_parameters: client.authorize_parameters,
            created_at: Instant(client.created_at),
            updated_at: Instant(client.updated_at),
        }
    }
}
