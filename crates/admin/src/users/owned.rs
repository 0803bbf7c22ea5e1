//! The keys that belong to a user: which they are, how many, and their end with the user.

use crate::{
    editing,
    extract::IfMatch,
    listing::{self, ListQuery},
    refusal::Refusal,
    state::Plane,
};
use domain::{ApiKey, KeyState, UserId};
use store::{
    Family,
    records::{Comparison, Filter, Value},
};

/// The keys of `user` that were not deleted.
pub(crate) fn filters(user: &UserId) -> Vec<Filter> {
    let owner = Filter { column: "owner", comparison: Comparison::Equal, value: Value::from(user.as_str()) };
    let state = Filter { column: "state", comparison: Comparison::NotEqual, value: Value::from("deleted") };
    vec![owner, state]
}

/// How many keys `user` has.
pub(crate) async fn count(plane: &Plane, user: &UserId) -> Result<u64, Refusal> {
    Ok(plane.store().records.count(Family::ApiKey, &filters(user)).await?)
}

/// Deletes every key of `user`: they are refused from now on and stay in the books.
pub(super) async fn delete_all(plane: &Plane, user: &UserId) -> Result<(), Refusal> {
    let now = plane.now();
    loop {
        let query = ListQuery::walk(filters(user), None);
        let listed = listing::page::<ApiKey>(plane, &[Family::ApiKey], query).await?;
        for key in &listed.records {
            let deleted = editing::edit::<ApiKey>(plane.store(), key.record.id.as_str(), &IfMatch::Any, |key| {
                Ok(ApiKey { state: KeyState::Deleted { at: now }, updated_at: now, ..key.clone() })
            });
            deleted.await?;
        }
        if listed.next_cursor.is_none() {
            return Ok(());
        }
    }
}
