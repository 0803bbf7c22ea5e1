//! An administrator as they are shown: without anything of their password.

use crate::wire::{Instant, RoleWord};
use domain::Admin;
use serde::Serialize;
use store::records::Versioned;
use utoipa::ToSchema;

/// An administrator.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Admin)]
pub(crate) struct AdminView {
    id: String,
    /// How often they were changed, from 1; `ETag` carries it in quotes.
    version: u64,
    /// The name one signs in with.
    #[schema(example = "mira")]
    username: String,
    role: RoleWord,
    created_at: Instant,
    updated_at: Instant,
}

/// An administrator who was just added.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddedAdmin)]
pub(crate) struct AddedAdminView {
    /// The password that was generated: shown here and never again. Null where one was given.
    #[schema(example = "h7Wq2mTzR4kXc9VbNs3d")]
    password: Option<String>,
    #[serde(flatten)]
    record: AdminView,
}

/// A password that was set.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SetPassword)]
pub(crate) struct SetPasswordView {
    /// The password that was generated: shown here and never again. Null where one was given.
    #[schema(example = "h7Wq2mTzR4kXc9VbNs3d")]
    pub(crate) password: Option<String>,
}

impl AdminView {
    pub(crate) fn new(admin: Versioned<Admin>) -> Self {
        let Versioned { record: admin, version } = admin;
        Self {
            id: admin.id.to_string(),
            version: version.0,
            username: admin.username,
            role: RoleWord::from(admin.role),
            created_at: Instant(admin.created_at),
            updated_at: Instant(admin.updated_at),
        }
    }
}

impl AddedAdminView {
    pub(crate) const fn new(password: Option<String>, record: AdminView) -> Self {
        Self { password, record }
    }
}
