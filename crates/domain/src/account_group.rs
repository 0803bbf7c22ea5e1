//! Accounts that belong together, so that a key can be bound to several at once.

use crate::{
    id::{AccountId, GroupId},
    time::Timestamp,
};
use std::collections::BTreeSet;

/// A group of accounts. An account may be in several, and one group may hold accounts of any platforms: what a request asks
/// for picks among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountGroup {
    /// Its id.
    pub id: GroupId,
    /// What people call it; no two groups have the same, whatever its case.
    pub name: String,
    /// A note.
    pub description: String,
    /// Who is in it. One that was removed meanwhile may stand here for a moment, and serves nobody.
    pub members: BTreeSet<AccountId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the record last changed.
    pub updated_at: Timestamp,
}

impl AccountGroup {
    /// The name as it is compared with others: without regard to case.
    #[must_use]
    pub fn folded_name(&self) -> String {
        self.name.to_lowercase()
    }
}
