//! Documents that add and change administrators, and what they come to.

use crate::{
    faults::Faults,
    refusal::Refusal,
    texts,
    wire::{ClearText, Patch, RoleWord},
};
use domain::{Admin, Timestamp};
use serde::Deserialize;
use utoipa::ToSchema;

/// An administrator to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"username": "mira", "role": "operator"}))]
pub(crate) struct NewAdmin {
    /// The name one signs in with; nobody else has it.
    #[schema(min_length = 1, max_length = 64)]
    pub(crate) username: String,
    pub(crate) role: RoleWord,
    /// 8 characters to 1,024 bytes; left out: one is generated, and shown in the answer.
    #[schema(value_type = Option<String>, format = Password, min_length = 8, max_length = 1024)]
    pub(crate) password: Option<ClearText>,
}

/// What shall be different about an administrator. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"role": "viewer"}))]
pub(crate) struct AdminPatch {
    /// The name one signs in with; cannot be cleared.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    username: Patch<String>,
    /// What they may do; cannot be cleared.
    #[serde(default)]
    #[schema(value_type = RoleWord)]
    role: Patch<RoleWord>,
}

/// A password to be set for somebody.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({"password": "a longer horse"}))]
pub(crate) struct PasswordReset {
    /// 8 characters to 1,024 bytes; left out: one is generated, and shown in the answer.
    #[schema(value_type = Option<String>, format = Password, min_length = 8, max_length = 1024)]
    pub(crate) password: Option<ClearText>,
}

impl AdminPatch {
    /// Whether it says what they may do.
    pub(crate) fn says_role(&self) -> bool {
        self.role != Patch::Keep
    }

    /// `admin` with the changes.
    pub(crate) fn apply(&self, admin: &Admin, now: Timestamp) -> Result<Admin, Refusal> {
        let mut faults = Faults::default();
        let mut admin = admin.clone();
        faults.patch_required(&mut admin.username, "username", &self.username, |text| texts::username(text));
        match self.role {
            Patch::Keep => (),
            Patch::Clear => faults.add("role", "cannot be empty; write owner, operator or viewer, or leave it out"),
            Patch::Set(word) => admin.role = word.0,
        }
        admin.updated_at = now;
        faults.settle().map(|()| admin)
    }
}
