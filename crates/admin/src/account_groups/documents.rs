//! Documents that make and change groups of accounts, and what they come to.

use super::members;
use crate::{faults::Faults, refusal::Refusal, state::Plane, texts, wire::Patch};
use domain::{AccountGroup, AccountId, GroupId, Timestamp};
use serde::Deserialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// A group to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "research", "members": ["0198c0de-0000-7000-8000-000000000001"]}))]
pub(crate) struct NewAccountGroup {
    /// What people call it; no other group has the same, whatever its case.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// A note.
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// Ids of the accounts in it, of any platforms; left out: none yet.
    #[schema(max_items = 1000)]
    members: Option<Vec<String>>,
}

/// What shall be different about a group. What is left out stays; `null` sets a field back to what a new group has.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "research and teaching"}))]
pub(crate) struct AccountGroupPatch {
    /// What people call it; cannot be cleared.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    name: Patch<String>,
    /// A note.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Patch<String>,
    /// Ids of all accounts in it; `null`: none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 1000)]
    members: Patch<Vec<String>>,
}

/// A change that can be made: what is none stays.
pub(super) struct Change {
    name: Option<String>,
    description: Option<String>,
    members: Option<BTreeSet<AccountId>>,
}

impl NewAccountGroup {
    /// The group that this makes.
    pub(super) async fn into_group(self, plane: &Plane, id: GroupId, now: Timestamp) -> Result<AccountGroup, Refusal> {
        let mut faults = Faults::default();
        let group = AccountGroup {
            id,
            name: faults.check("name", texts::name(&self.name)),
            description: faults.check("description", texts::description(&self.description.unwrap_or_default())),
            members: members::existing(plane, self.members.unwrap_or_default(), &mut faults).await?,
            created_at: now,
            updated_at: now,
        };
        faults.settle().map(|()| group)
    }
}

impl AccountGroupPatch {
    /// The change that this asks for.
    pub(super) async fn parse(self, plane: &Plane) -> Result<Change, Refusal> {
        let mut faults = Faults::default();
        let mut name = None;
        faults.patch_required(&mut name, "name", &self.name, |text| texts::name(text).map(Some));
        let description = self.description.or_cleared(String::new());
        let description = description.map(|text| faults.check("description", texts::description(&text)));
        let members = match self.members.or_cleared(Vec::new()) {
            None => None,
            Some(ids) => Some(members::existing(plane, ids, &mut faults).await?),
        };
        faults.settle().map(|()| Change { name, description, members })
    }
}

impl Change {
    /// `group` with the change.
    pub(super) fn apply(&self, group: &AccountGroup, now: Timestamp) -> AccountGroup {
        AccountGroup {
            name: self.name.clone().unwrap_or_else(|| group.name.clone()),
            description: self.description.clone().unwrap_or_else(|| group.description.clone()),
            members: self.members.clone().unwrap_or_else(|| group.members.clone()),
            updated_at: now,
            ..group.clone()
        }
    }
}
