//! The people who run the relay.

use crate::{id::AdminId, platform::named, time::Timestamp};

named!(
    /// What an administrator may do; each role includes those below it.
    Role {
        /// Everything, other administrators included.
        Owner = "owner",
        /// Everything but administrators and credentials.
        Operator = "operator",
        /// Look, not touch.
        Viewer = "viewer",
    }
);

/// An administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Their id.
    pub id: AdminId,
    /// Unique; compared as given.
    pub username: String,
    /// An argon2id hash as a PHC string; of an older installation perhaps bcrypt.
    pub password_hash: String,
    /// What they may do.
    pub role: Role,
    /// When they were added.
    pub created_at: Timestamp,
    /// When the record last changed.
    pub updated_at: Timestamp,
}

impl Role {
    /// Whether this role may do what `needed` may.
    #[must_use]
    pub fn includes(self, needed: Self) -> bool {
        self <= needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_includes_those_below_it() {
        assert!(Role::Owner.includes(Role::Viewer) && Role::Operator.includes(Role::Operator));
        assert!(!Role::Viewer.includes(Role::Operator) && !Role::Operator.includes(Role::Owner));
    }
}
