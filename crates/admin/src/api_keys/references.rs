//! What a key's document names beside the key: its owner, and who serves it. All of it has to exist. Looked up before the key is
//! written, so that a refusal leaves nothing.

use super::bindings;
use crate::{editing, extract::IfMatch, faults::Faults, refusal::Refusal, state::Plane};
use domain::{ApiKey, Binding, KeyId, KeyState, Service, User, UserId};
use std::collections::BTreeMap;

/// Refuses an owner or a binding that is not there, by its field.
pub(super) async fn check(
    plane: &Plane,
    owner: Option<&UserId>,
    bindings: &BTreeMap<Service, Binding>,
) -> Result<(), Refusal> {
    let mut faults = Faults::default();
    check_owner(plane, owner, &mut faults).await?;
    bindings::check(plane, bindings, &mut faults).await?;
    faults.settle()
}

/// Once more after a key was given to `owner`: one who was removed in between takes it along, as they did with their others.
pub(super) async fn check_given(plane: &Plane, id: &KeyId, owner: Option<&UserId>) -> Result<(), Refusal> {
    let mut faults = Faults::default();
    check_owner(plane, owner, &mut faults).await?;
    let refused = faults.settle();
    if refused.is_err() {
        let now = plane.now();
        let deleted = editing::edit::<ApiKey>(plane.store(), id.as_str(), &IfMatch::Any, |key| {
            Ok(ApiKey { state: KeyState::Deleted { at: now }, updated_at: now, ..key.clone() })
        });
        deleted.await?;
    }
    refused
}

async fn check_owner(plane: &Plane, owner: Option<&UserId>, faults: &mut Faults) -> Result<(), Refusal> {
    if let Some(owner) = owner
        && editing::find::<User>(plane.store(), owner.as_str()).await?.is_none()
    {
        faults.add("owner", "is no user's id, or that of one who was removed; take one from the list of users");
    }
    Ok(())
}
