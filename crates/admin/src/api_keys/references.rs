//! What a key's document names beside the key: its owner, and who serves it. All of it has to exist. Looked up before the key is
//! written, so that a refusal leaves nothing.

use super::bindings;
use crate::{editing, faults::Faults, refusal::Refusal, state::Plane};
use domain::{Binding, Service, User, UserId};
use std::collections::BTreeMap;

/// Refuses an owner or a binding that is not there, by its field.
pub(super) async fn check(
    plane: &Plane,
    owner: Option<&UserId>,
    bindings: &BTreeMap<Service, Binding>,
) -> Result<(), Refusal> {
    let mut faults = Faults::default();
    if let Some(owner) = owner
        && editing::find::<User>(plane.store(), owner.as_str()).await?.is_none()
    {
        faults.add("owner", "is no user's id, or that of one who was removed; take one from the list of users");
    }
    bindings::check(plane, bindings, &mut faults).await?;
    faults.settle()
}
