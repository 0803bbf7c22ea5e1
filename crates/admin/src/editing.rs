//! Changes of records: read, change, write back at the version that was read, and again if somebody was quicker.

use crate::{
    extract::IfMatch,
    refusal::{Refusal, RefusalType},
};
use store::{
    Record, RecordError, Store, Version,
    records::{Condition, TypedRecords, Versioned},
};

/// Tries of one change; who loses so often is told.
const TRIES_MAX: usize = 8;

/// The record with this id.
pub(crate) async fn find<T: Record>(store: &Store, id: &str) -> Result<Option<Versioned<T>>, Refusal> {
    Ok(store.records.read(id).await?)
}

/// Changes the record with this id by `edit`, which may be called several times. None: there is no such record.
///
/// # Errors
///
/// When the precondition does not hold, `edit` refuses, or others changed the record each time.
pub(crate) async fn edit<T: Record + Sync>(
    store: &Store,
    id: &str,
    precondition: &IfMatch,
    edit: impl Fn(&T) -> Result<T, Refusal>,
) -> Result<Option<Versioned<T>>, Refusal> {
    for _ in 0..TRIES_MAX {
        let Some(old) = find::<T>(store, id).await? else { return Ok(None) };
        precondition.check(old.version)?;
        let record = edit(&old.record)?;
        let written = store.records.change(&old.record, &record, Condition::Version(old.version)).await;
        match written {
            Ok(version) => return Ok(Some(Versioned { record, version })),
            Err(RecordError::Conflict { .. }) => (),
            Err(RecordError::Missing) => return Ok(None),
            Err(error @ (RecordError::Duplicate { .. } | RecordError::Store(_))) => return Err(error.into()),
        }
    }
    let message = "It is being changed all the time by others: send the change again.";
    Err(Refusal::new(RefusalType::Conflict, message))
}

/// Adds `record` or puts it into the place of the one with its id, whichever it takes. One that is not there yet has version 0.
///
/// # Errors
///
/// When the precondition does not hold, or others set it each time.
pub(crate) async fn put<T: Record + Clone + Sync>(
    store: &Store,
    record: &T,
    precondition: &IfMatch,
) -> Result<Version, Refusal> {
    for _ in 0..TRIES_MAX {
        if let Some(changed) = edit::<T>(store, record.id(), precondition, |_| Ok(record.clone())).await? {
            return Ok(changed.version);
        }
        precondition.check(Version(0))?;
        match store.records.add(record).await {
            Ok(version) => return Ok(version),
            // Somebody else was first: theirs is replaced.
            Err(RecordError::Duplicate { .. }) => (),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Refusal::new(RefusalType::Conflict, "It is being set by others all the time: send it again."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Admin, AdminId, Role, Timestamp};
    use std::{
        cell::Cell,
        future::Future,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    /// The store in memory never waits.
    fn done<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("the store in memory waited"),
        }
    }

    fn admin() -> Admin {
        Admin {
            id: AdminId::parse("a1").expect("an id"),
            username: "admin".to_owned(),
            password_hash: String::new(),
            role: Role::Viewer,
            created_at: Timestamp::from_ms(1),
            updated_at: Timestamp::from_ms(1),
        }
    }

    /// Promotes the administrator; somebody else renames them so many times between reading and writing.
    fn promote(
        store: &Store,
        precondition: &IfMatch,
        disturbances: usize,
    ) -> Result<Option<Versioned<Admin>>, Refusal> {
        let left = Cell::new(disturbances);
        let promoted = edit::<Admin>(store, "a1", precondition, |read| {
            if left.get() > 0 {
                left.set(left.get() - 1);
                let renamed = Admin { username: format!("admin {}", left.get()), ..read.clone() };
                done(store.records.change(read, &renamed, Condition::Exists)).expect("renamed");
            }
            Ok(Admin { role: Role::Owner, ..read.clone() })
        });
        done(promoted)
    }

    fn store() -> Store {
        let store = store::memory::store();
        done(store.records.add(&admin())).expect("added");
        store
    }

    #[test]
    fn a_change_made_in_between_is_kept() {
        let store = store();
        let promoted = promote(&store, &IfMatch::Any, 1).expect("promoted").expect("exists");
        let found = done(find::<Admin>(&store, "a1")).expect("reads").expect("exists");
        assert_eq!(promoted, found);
        assert_eq!((found.record.username.as_str(), found.record.role), ("admin 0", Role::Owner));
    }

    #[test]
    fn a_change_for_one_version_is_not_made_to_the_next() {
        let store = store();
        let precondition = IfMatch::OneOf(vec![Version(1)]);
        let refusal = promote(&store, &precondition, 1).expect_err("changed in between");
        assert_eq!(refusal.r#type, RefusalType::PreconditionFailed);
    }

    #[test]
    fn who_loses_every_time_is_told() {
        let refusal = promote(&store(), &IfMatch::Any, TRIES_MAX).expect_err("never won");
        assert_eq!(refusal.r#type, RefusalType::Conflict);
    }
}
