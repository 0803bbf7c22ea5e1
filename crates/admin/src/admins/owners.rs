//! Who may do everything: there is always one. Whatever takes an owner away is done alone, after looking for another.

use crate::{
    refusal::{Refusal, RefusalType},
    state::Plane,
};
use domain::{Admin, Role};
use std::future::Future;
use store::{
    Family,
    records::{Comparison, Filter, Value},
};

/// The lock under which roles are changed and administrators removed.
const LOCK: &str = "administrators";

/// Does `work`, which may change who is an owner, while nobody else does.
pub(super) async fn alone<T: Send>(
    plane: &Plane,
    work: impl Future<Output = Result<T, Refusal>> + Send,
) -> Result<T, Refusal> {
    crate::alone::alone(plane.store(), &*plane.given.clock, LOCK, work).await
}

/// Refuses when `admin` is the last owner; what is decided holds only within [`alone`].
pub(super) async fn check_not_last(plane: &Plane, admin: &Admin) -> Result<(), Refusal> {
    if admin.role != Role::Owner {
        return Ok(());
    }
    let owners = Filter { column: "role", comparison: Comparison::Equal, value: Value::from(Role::Owner.as_str()) };
    if plane.store().records.count(Family::Admin, &[owners]).await? > 1 {
        return Ok(());
    }
    let message = format!("`{}` is the last owner: make somebody else an owner first.", admin.username);
    Err(Refusal::new(RefusalType::Conflict, message))
}
