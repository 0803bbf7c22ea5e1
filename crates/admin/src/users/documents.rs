//! Documents that add and change users, and what they come to.

use crate::{
    faults::{Faults, Reason},
    refusal::Refusal,
    texts,
    wire::{ClearText, Patch},
};
use domain::{Timestamp, User, UserState};
use serde::Deserialize;
use utoipa::ToSchema;

/// Keys of a user unless an administrator says otherwise: a machine or two, and one to spare.
const KEYS_MAX_DEFAULT: u32 = 3;

/// Keys that one user may have at most.
const KEYS_MAX_MAX: u32 = 1000;

/// A user to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"email": "mira@example.com", "name": "Mira", "keys_max": 3}))]
pub(crate) struct NewUser {
    /// The address that they sign in with; nobody else has it. Capitals do not matter.
    #[schema(format = Email, min_length = 3, max_length = 254)]
    pub(super) email: String,
    /// What people call them; need not be unique.
    #[schema(min_length = 1, max_length = 100)]
    pub(super) name: String,
    /// 8 characters to 1,024 bytes; left out: one is generated, and shown in the answer.
    #[schema(value_type = Option<String>, format = Password, min_length = 8, max_length = 1024)]
    pub(super) password: Option<ClearText>,
    /// Keys that they may have at once; left out: 3.
    #[schema(minimum = 0, maximum = 1000)]
    keys_max: Option<u32>,
    /// Whether they may sign in; left out: they may.
    active: Option<bool>,
}

/// What shall be different about a user. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"active": false}))]
pub(crate) struct UserPatch {
    /// The address that they sign in with; cannot be cleared.
    #[serde(default)]
    #[schema(value_type = String, format = Email, min_length = 3, max_length = 254)]
    email: Patch<String>,
    /// What people call them; cannot be cleared.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    name: Patch<String>,
    /// Keys that they may have at once; those beyond it stay. `null`: 3.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 1000)]
    keys_max: Patch<u32>,
    /// Whether they may sign in; `null`: they may.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    active: Patch<bool>,
}

impl NewUser {
    /// Notes what is wrong; gives address, name, keys and state.
    pub(super) fn parse(&self, faults: &mut Faults) -> (String, String, u32, UserState) {
        let email = faults.check("email", texts::email(&self.email));
        let name = faults.check("name", texts::name(&self.name));
        let keys_max = faults.check("keys_max", keys_max(self.keys_max.unwrap_or(KEYS_MAX_DEFAULT)));
        (email, name, keys_max, state(self.active.unwrap_or(true)))
    }
}

impl UserPatch {
    /// `user` with the changes.
    pub(super) fn apply(&self, user: &User, now: Timestamp) -> Result<User, Refusal> {
        let mut faults = Faults::default();
        let mut user = user.clone();
        faults.patch_required(&mut user.email, "email", &self.email, |text| texts::email(text));
        faults.patch_required(&mut user.name, "name", &self.name, |text| texts::name(text));
        if let Some(number) = self.keys_max.or_cleared(KEYS_MAX_DEFAULT) {
            user.keys_max = faults.check("keys_max", keys_max(number));
        }
        if let Some(active) = self.active.or_cleared(true) {
            user.state = state(active);
        }
        user.updated_at = now;
        faults.settle().map(|()| user)
    }
}

fn keys_max(number: u32) -> Result<u32, Reason> {
    if number <= KEYS_MAX_MAX { Ok(number) } else { Err(format!("is too many; write at most {KEYS_MAX_MAX}").into()) }
}

const fn state(active: bool) -> UserState {
    if active { UserState::Active } else { UserState::Disabled }
}
