//! A user as they are shown: without anything of their password.

use crate::wire::Instant;
use domain::{User, UserState};
use serde::Serialize;
use store::records::Versioned;
use utoipa::ToSchema;

/// A person who owns keys.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserView {
    id: String,
    /// How often they were changed, from 1; `ETag` carries it in quotes.
    version: u64,
    /// The address that they sign in with.
    #[schema(example = "mira@example.com")]
    email: String,
    name: String,
    /// Whether they may sign in.
    active: bool,
    /// Keys that they may have at once.
    keys_max: u32,
    created_at: Instant,
    updated_at: Instant,
}

/// A user who was just added.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddedUser)]
pub(crate) struct AddedUserView {
    /// The password that was generated: shown here and never again. Null where one was given.
    #[schema(example = "h7Wq2mTzR4kXc9VbNs3d")]
    password: Option<String>,
    #[serde(flatten)]
    record: UserView,
}

impl UserView {
    pub(crate) fn new(user: Versioned<User>) -> Self {
        let Versioned { record: user, version } = user;
        Self {
            id: user.id.to_string(),
            version: version.0,
            email: user.email,
            name: user.name,
            active: user.state == UserState::Active,
            keys_max: user.keys_max,
            created_at: Instant(user.created_at),
            updated_at: Instant(user.updated_at),
        }
    }
}

impl AddedUserView {
    pub(crate) const fn new(password: Option<String>, record: UserView) -> Self {
        Self { password, record }
    }
}
