//! Tokens by which programs administer the relay on behalf of an administrator.

use crate::{
    admin::Role,
    api_key::KeyHash,
    id::{AdminId, TokenId},
    platform::named,
    time::Timestamp,
};
use std::collections::BTreeSet;

named!(
    /// A part of the control plane that a token may be let into. There is none for administrators, sessions and tokens.
    Scope {
        /// Look at API keys.
        ApiKeysRead = "api-keys:read",
        /// Make, change and delete API keys.
        ApiKeysWrite = "api-keys:write",
        /// Look at accounts.
        AccountsRead = "accounts:read",
        /// Add, change, test and remove accounts.
        AccountsWrite = "accounts:write",
        /// Look at users.
        UsersRead = "users:read",
        /// Add, change and remove users.
        UsersWrite = "users:write",
        /// Look at usage and records.
        UsageRead = "usage:read",
        /// Look at prices.
        PricesRead = "prices:read",
        /// Set prices.
        PricesWrite = "prices:write",
        /// Look at the state of the system.
        SystemRead = "system:read",
        /// Read the audit log; the token's role has to be owner.
        AuditRead = "audit:read",
    }
);

/// A token that was issued to an administrator's program. The token itself is known to its holder only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id.
    pub id: TokenId,
    /// What people call it; not unique.
    pub name: String,
    /// Hash of the token.
    pub hash: KeyHash,
    /// First and last characters of the token, for people to recognise it.
    pub hint: String,
    /// Who made it: it can do no more than they can at this moment.
    pub maker: AdminId,
    /// The role that it has at most.
    pub role: Role,
    /// What it is let into.
    pub scopes: BTreeSet<Scope>,
    /// When it stops to work, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl ApiToken {
    /// Whether it has ended at `now`: the instant itself counts as ended.
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}
