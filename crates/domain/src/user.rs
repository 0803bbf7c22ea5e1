//! The people who own keys.

use crate::{id::UserId, platform::named, time::Timestamp};

named!(
    /// Whether a user may sign in.
    UserState {
        /// They may.
        Active = "active",
        /// Switched off by an administrator.
        Disabled = "disabled",
    }
);

/// A person who owns keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// The address that they sign in with: unique, in small letters.
    pub email: String,
    /// What people call them; not unique.
    pub name: String,
    /// An argon2id hash as a PHC string; of an older installation perhaps bcrypt.
    pub password_hash: String,
    /// Whether they may sign in.
    pub state: UserState,
    /// Keys that they may have at once.
    pub keys_max: u32,
    /// When they were added.
    pub created_at: Timestamp,
    /// When the record last changed.
    pub updated_at: Timestamp,
}
