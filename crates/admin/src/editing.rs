//! Changes of records: read, change, write back at the version that was read, and again if somebody was quicker.

use crate::{
    extract::IfMatch,
    refusal::{Refusal, RefusalType},
    state::Plane,
};
use store::{
    Record, RecordError,
    records::{Condition, TypedRecords, Versioned},
};

/// Tries of one change; who loses so often is told.
const TRIES_MAX: usize = 8;

/// The record with this id.
pub(crate) async fn find<T: Record>(plane: &Plane, id: &str) -> Result<Option<Versioned<T>>, Refusal> {
    Ok(plane.store().records.read(id).await?)
}

/// Changes the record with this id by `edit`, which may be called several times. None: there is no such record.
///
/// # Errors
///
/// When the precondition does not hold, `edit` refuses, or others changed the record each time.
pub(crate) async fn edit<T: Record + Sync>(
    plane: &Plane,
    id: &str,
    precondition: &IfMatch,
    edit: impl Fn(&T) -> Result<T, Refusal> + Send,
) -> Result<Option<Versioned<T>>, Refusal> {
    for _ in 0..TRIES_MAX {
        let Some(old) = find::<T>(plane, id).await? else { return Ok(None) };
        precondition.check(old.version)?;
        let record = edit(&old.record)?;
        let written = plane.store().records.change(&old.record, &record, Condition::Version(old.version)).await;
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
