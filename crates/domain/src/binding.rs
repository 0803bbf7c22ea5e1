//! What keys are bound to.

use crate::id::{AccountId, GroupId};
use std::fmt;

/// Who alone serves a key: one account, or the members of one group.
///
/// A key has at most one for each [`Service`](crate::Service), and for a service without one the pool that all keys share. By
/// service and not by platform, because a request asks for a service, and a group may hold accounts of any platforms; and not
/// one for the whole key, because a key that is confined to one Claude account may still use everybody's Gemini accounts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Binding {
    /// This account.
    Account(AccountId),
    /// Whoever is in this group at the moment.
    Group(GroupId),
}

impl Binding {
    /// Reads what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("account", id) => AccountId::parse(id).ok().map(Self::Account),
            ("group", id) => GroupId::parse(id).ok().map(Self::Group),
            _ => None,
        }
    }

    /// The id of the account or the group.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Account(id) => id.as_str(),
            Self::Group(id) => id.as_str(),
        }
    }
}

impl fmt::Display for Binding {
    /// `account:ID` or `group:ID`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => write!(f, "account:{id}"),
            Self::Group(id) => write!(f, "group:{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_reads_as_it_prints() {
        for text in ["account:a-1", "group:g_1"] {
            assert_eq!(Binding::parse(text).map(|binding| binding.to_string()).as_deref(), Some(text));
        }
        for wrong in ["", "a-1", "account:", "account:a b", "groups:g", "group:g:h"] {
            assert_eq!(Binding::parse(wrong), None, "{wrong:?}");
        }
    }
}
