//! The document that makes a token, and what it comes to.

use crate::{
    faults::Faults,
    refusal::Refusal,
    texts,
    wire::{Instant, RoleWord, ScopeWord, Words},
};
use domain::{Admin, ApiToken, Scope, Timestamp, TokenId};
use serde::Deserialize;
use utoipa::ToSchema;
use vault::IssuedKey;

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "nightly report", "role": "viewer", "scopes": ["usage:read", "api-keys:read"],
    "expires_at": "2027-01-01T00:00:00Z"}))]
pub(crate) struct NewApiToken {
    /// What people call it; need not be unique.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// The role that it has at most; left out: one's own.
    role: Option<RoleWord>,
    /// What it is let into, and nothing else: `write` does not include `read`.
    #[schema(value_type = Vec<ScopeWord>, min_items = 1)]
    scopes: Words<Scope>,
    /// When it stops to work; left out: it does not.
    expires_at: Option<Instant>,
}

impl NewApiToken {
    /// The token that this makes of a fresh `issued` one.
    pub(crate) fn into_token(
        self,
        id: TokenId,
        issued: IssuedKey,
        by: &Admin,
        now: Timestamp,
    ) -> Result<ApiToken, Refusal> {
        let mut faults = Faults::default();
        let role = self.role.map_or(by.role, |word| word.0);
        if !by.role.includes(role) {
            faults.add("role", format!("is above your own, `{}`; write that or one below it", by.role));
        }
        if self.scopes.0.is_empty() {
            faults.add("scopes", "are none; write at least one, such as usage:read");
        }
        if self.expires_at.is_some_and(|Instant(at)| at <= now) {
            faults.add("expires_at", "is over; write an instant to come, or leave it out");
        }
        let token = ApiToken {
            id,
            name: faults.check("name", texts::name(&self.name)),
            hash: issued.hash,
            hint: issued.hint,
            maker: by.id.clone(),
            role,
            scopes: self.scopes.0.into_iter().collect(),
            expires_at: self.expires_at.map(|Instant(at)| at),
            last_used_at: None,
            created_at: now,
        };
        faults.settle().map(|()| token)
    }
}
