//! The groups of accounts at hand, for keys that are bound to one. Read without a lock on any request's path.

use arc_swap::ArcSwap;
use domain::{AccountGroup, AccountId, Binding, GroupId};
use scheduling::Bound;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use store::{
    Family, Records, StoreError,
    records::{PageQuery, Versioned},
};

/// Who is in a group that is not there.
static NOBODY: BTreeSet<AccountId> = BTreeSet::new();

/// Who is in which group.
#[derive(Debug, Default)]
pub(crate) struct Members(HashMap<GroupId, BTreeSet<AccountId>>);

/// All groups.
#[derive(Default)]
pub(crate) struct Groups(ArcSwap<Members>);

impl Groups {
    /// Who is in which group now.
    pub(crate) fn members(&self) -> Arc<Members> {
        self.0.load_full()
    }

    /// Reads every group again.
    pub(crate) async fn reload(&self, records: &dyn Records) -> Result<(), StoreError> {
        let mut query = PageQuery::whole(Family::AccountGroup);
        let mut members = HashMap::new();
        loop {
            let page = records.page(&query).await?;
            for row in &page.rows {
                match Versioned::<AccountGroup>::read(Family::AccountGroup, row) {
                    Ok(group) => drop(members.insert(group.record.id, group.record.members)),
                    Err(error) => tracing::error!(group.id = row.id, error = %error, "a group serves nobody"),
                }
            }
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        self.0.store(Arc::new(Members(members)));
        Ok(())
    }
}

impl Members {
    /// The accounts that alone serve a key with this binding. A group that is not there has nobody in it: a bound key never
    /// falls back to the accounts of all.
    pub(crate) fn bound<'a>(&'a self, binding: Option<&'a Binding>) -> Bound<'a> {
        match binding {
            None => Bound::Free,
            Some(Binding::Account(id)) => Bound::Account(id),
            Some(Binding::Group(id)) => Bound::Group(self.0.get(id).unwrap_or(&NOBODY)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_bound_to_a_group_that_is_gone_is_served_by_nobody() {
        let members = Members::default();
        let binding = Binding::parse("group:gone").expect("a binding");
        assert!(!members.bound(Some(&binding)).includes(&AccountId::parse("a1").expect("an id")));
        assert_eq!(members.bound(None), Bound::Free);
    }
}
