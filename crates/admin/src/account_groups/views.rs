//! A group of accounts as it is shown.

use crate::wire::Instant;
use domain::AccountGroup;
use serde::Serialize;
use store::records::Versioned;
use utoipa::ToSchema;

/// Accounts that belong together.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountGroup)]
pub(crate) struct AccountGroupView {
    id: String,
    /// How often it was changed, from 1; `ETag` carries it in quotes.
    version: u64,
    #[schema(example = "research")]
    name: String,
    description: String,
    /// Ids of the accounts in it, ascending.
    members: Vec<String>,
    created_at: Instant,
    updated_at: Instant,
}

impl AccountGroupView {
    pub(crate) fn new(group: Versioned<AccountGroup>) -> Self {
        let Versioned { record: group, version } = group;
        Self {
            id: group.id.to_string(),
            version: version.0,
            name: group.name,
            description: group.description,
            members: group.members.iter().map(ToString::to_string).collect(),
            created_at: Instant(group.created_at),
            updated_at: Instant(group.updated_at),
        }
    }
}
