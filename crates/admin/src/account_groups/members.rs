//! Who is in a group of accounts: added and removed one by one, checked to exist, and gone with the account.

use super::{find, missing, tagged, views::AccountGroupView};
use crate::{
    at_once::each,
    editing,
    extract::{IfMatch, PathIds},
    faults::Faults,
    gate::Caller,
    listing::{self, ListQuery},
    refusal::{Refusal, RefusalType},
    replies::Tagged,
    state::{Plane, Shared},
};
use axum::extract::State;
use domain::{Account, AccountGroup, AccountId, GroupId};
use std::collections::BTreeSet;
use store::{Family, records::Versioned};

/// Accounts in one group at most: more than one team has, and a list of them is still one document.
const MEMBERS_MAX: usize = 1000;

/// Puts an account into a group. One that is in it already changes nothing.
#[utoipa::path(put, path = "/admin/account-groups/{id}/members/{account_id}", tag = "Account groups",
    operation_id = "add_account_group_member",
    params(("id" = String, Path, description = "The group's id."),
        ("account_id" = String, Path, description = "The account's id."),
        ("If-Match" = String, Header, description = "Change the group only at this version.")),
    responses((status = 200, body = AccountGroupView, description = "The group as it is now.",
        headers(("ETag" = String, description = "Its version.")))))]
pub(crate) async fn add(
    State(plane): State<Shared>,
    caller: Caller,
    PathIds(id, account): PathIds<GroupId, AccountId>,
    precondition: IfMatch,
) -> Result<Tagged<AccountGroupView>, Refusal> {
    if !exists(&plane, &account).await? {
        return Err(Refusal::missing("account", "/admin/accounts"));
    }
    let with = |group: &AccountGroup| {
        let mut members = group.members.clone();
        members.insert(account.clone());
        if members.len() > MEMBERS_MAX {
            let message = format!("This group has {MEMBERS_MAX} accounts already: remove one that is not needed.");
            return Err(Refusal::new(RefusalType::Conflict, message));
        }
        Ok(members)
    };
    let group = edited(&plane, &id, &precondition, with).await?;
    tracing::info!(group.id = %id, account.id = %account, admin.id = %caller.admin.id, "an account joined a group");
    Ok(tagged(group))
}

/// Takes an account out of a group. One that is not in it changes nothing.
#[utoipa::path(delete, path = "/admin/account-groups/{id}/members/{account_id}", tag = "Account groups",
    operation_id = "remove_account_group_member",
    params(("id" = String, Path, description = "The group's id."),
        ("account_id" = String, Path, description = "The account's id."),
        ("If-Match" = String, Header, description = "Change the group only at this version.")),
    responses((status = 200, body = AccountGroupView, description = "The group as it is now.",
        headers(("ETag" = String, description = "Its version.")))))]
pub(crate) async fn remove(
    State(plane): State<Shared>,
    caller: Caller,
    PathIds(id, account): PathIds<GroupId, AccountId>,
    precondition: IfMatch,
) -> Result<Tagged<AccountGroupView>, Refusal> {
    let group = edited(&plane, &id, &precondition, |group| Ok(without(group, &account))).await?;
    tracing::info!(group.id = %id, account.id = %account, admin.id = %caller.admin.id, "an account left a group");
    Ok(tagged(group))
}

/// Takes an account that was removed out of every group.
pub(crate) async fn leave(plane: &Plane, account: &AccountId) -> Result<(), Refusal> {
    let mut cursor = None;
    loop {
        let query = ListQuery::walk(Vec::new(), cursor);
        let listed = listing::page::<AccountGroup>(plane, &[Family::AccountGroup], query).await?;
        for group in listed.records.iter().filter(|group| group.record.members.contains(account)) {
            match edited(plane, &group.record.id, &IfMatch::Any, |group| Ok(without(group, account))).await {
                Err(refusal) if refusal.r#type != RefusalType::NotFound => return Err(refusal),
                // A group that was deleted meanwhile has nobody in it.
                Ok(_) | Err(_) => (),
            }
        }
        cursor = listed.next_cursor;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

/// The accounts with these ids; those that are none's are noted by their places.
pub(super) async fn existing(
    plane: &Plane,
    ids: Vec<String>,
    faults: &mut Faults,
) -> Result<BTreeSet<AccountId>, Refusal> {
    if ids.len() > MEMBERS_MAX {
        faults.add("members", format!("are too many; keep at most {MEMBERS_MAX}"));
        return Ok(BTreeSet::new());
    }
    let looked_up = each(ids, async |text| match AccountId::parse(&text) {
        Ok(id) => Ok(exists(plane, &id).await?.then_some(id)),
        Err(_) => Ok(None),
    });
    let mut members = BTreeSet::new();
    for (place, found) in looked_up.await.into_iter().enumerate() {
        match found {
            Ok(Some(id)) => drop(members.insert(id)),
            Ok(None) => {
                faults.add(format!("members[{place}]"), "is no account's id; take one from the list of accounts");
            }
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(members)
}

async fn exists(plane: &Plane, account: &AccountId) -> Result<bool, Refusal> {
    Ok(editing::find::<Account>(plane.store(), account.as_str()).await?.is_some())
}

fn without(group: &AccountGroup, account: &AccountId) -> BTreeSet<AccountId> {
    group.members.iter().filter(|member| *member != account).cloned().collect()
}

/// The group with the members that `members` gives it; it is not written where they are the same.
async fn edited(
    plane: &Plane,
    id: &GroupId,
    precondition: &IfMatch,
    members: impl Fn(&AccountGroup) -> Result<BTreeSet<AccountId>, Refusal>,
) -> Result<Versioned<AccountGroup>, Refusal> {
    let (found, now) = (find(plane, id).await?, plane.now());
    precondition.check(found.version)?;
    if members(&found.record)? == found.record.members {
        return Ok(found);
    }
    let edited = editing::edit::<AccountGroup>(plane.store(), id.as_str(), precondition, |group| {
        Ok(AccountGroup { members: members(group)?, updated_at: now, ..group.clone() })
    });
    edited.await?.ok_or_else(missing)
}
