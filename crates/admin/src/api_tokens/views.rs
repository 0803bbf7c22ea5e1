//! A token as it is shown: without its hash.

use crate::wire::{Instant, RoleWord, ScopeWord};
use domain::{ApiToken, Timestamp};
use serde::Serialize;
use store::records::Versioned;
use utoipa::ToSchema;

/// A token of a program that administers the relay.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiToken)]
pub(crate) struct ApiTokenView {
    id: String,
    name: String,
    /// First and last characters of the token.
    #[schema(example = "crt_1a2b…9f")]
    hint: String,
    /// The id of the administrator who made it.
    admin_id: String,
    /// The role that it has at most; never more than its maker has at this moment.
    role: RoleWord,
    scopes: Vec<ScopeWord>,
    /// Whether its time is over.
    expired: bool,
    expires_at: Option<Instant>,
    /// To the minute.
    last_used_at: Option<Instant>,
    created_at: Instant,
}

/// A token that was just made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IssuedApiToken)]
pub(crate) struct IssuedApiTokenView {
    /// The token itself: shown here and never again.
    #[schema(example = "crt_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]
    token: String,
    #[serde(flatten)]
    record: ApiTokenView,
}

impl ApiTokenView {
    pub(crate) fn new(token: Versioned<ApiToken>, now: Timestamp) -> Self {
        let token = token.record;
        Self {
            expired: token.has_ended(now),
            id: token.id.to_string(),
            name: token.name,
            hint: token.hint,
            admin_id: token.maker.to_string(),
            role: RoleWord::from(token.role),
            scopes: token.scopes.into_iter().map(ScopeWord::from).collect(),
            expires_at: token.expires_at.map(Instant),
            last_used_at: token.last_used_at.map(Instant),
            created_at: Instant(token.created_at),
        }
    }
}

impl IssuedApiTokenView {
    pub(crate) const fn new(token: String, record: ApiTokenView) -> Self {
        Self { token, record }
    }
}
