//! SQLite's errors as the store's. Nothing is logged here.

use rusqlite::{Error, ErrorCode};
use std::borrow::Cow;
use store::{StoreError, error::StoreFailure};

/// Turns an error of SQLite into a failure of `operation`.
pub(crate) fn failed(operation: impl Into<Cow<'static, str>>) -> impl FnOnce(Error) -> StoreError {
    move |error| StoreError::new(operation, failure(&error)).caused_by(error)
}

fn failure(error: &Error) -> StoreFailure {
    match error {
        Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull | ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
                StoreFailure::Full
            }
            // `Unknown` is SQLITE_ERROR: of statements that are known to be right, a sum that overflowed.
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::Unknown => StoreFailure::Damaged,
            _ => StoreFailure::Unavailable,
        },
        Error::FromSqlConversionFailure(..)
        | Error::InvalidColumnType(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::ToSqlConversionFailure(_) => StoreFailure::Damaged,
        _ => StoreFailure::Unavailable,
    }
}

/// The failure of a call that came after the store was closed.
pub(crate) fn closed() -> StoreError {
    StoreError::new("take the call: it is closed", StoreFailure::Unavailable)
}
