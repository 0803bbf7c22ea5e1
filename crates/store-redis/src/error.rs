//! What a server's refusal means for the caller of a port.

use redis::{ErrorKind, FromRedisValue, RedisError, RetryMethod, ServerErrorKind, Value};
use std::borrow::Cow;
use store::{StoreError, error::StoreFailure};

/// Whether the same call may succeed in a moment: the connection broke, or the server is about to change its part.
pub(crate) fn may_pass(error: &RedisError) -> bool {
    !matches!(error.retry_method(), RetryMethod::NoRetry) || error.is_connection_dropped() || error.is_io_error()
}

/// Whether the connection is of no use any more: it is gone, or leads to a server that is no master now.
pub(crate) fn spoils_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_connection_dropped()
        || matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
                | ErrorKind::ClusterConnectionNotFound
                | ErrorKind::AuthenticationFailed
        )
}

/// Whether the server lacks the script that it was asked for by digest.
pub(crate) fn lacks_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// The failure of `operation`.
pub(crate) fn failed(operation: impl Into<Cow<'static, str>>, error: RedisError) -> StoreError {
    StoreError::new(operation, failure(&error)).caused_by(error)
}

/// A reply that is not of the form that was asked for.
pub(crate) fn damaged(operation: impl Into<Cow<'static, str>>) -> StoreError {
    StoreError::new(operation, StoreFailure::Damaged)
}

/// A reply as what it should be.
pub(crate) fn parsed<T: FromRedisValue>(operation: &'static str, reply: Value) -> Result<T, StoreError> {
    T::from_redis_value(reply).map_err(|_| damaged(operation))
}

fn failure(error: &RedisError) -> StoreFailure {
    match error.code() {
        // Out of memory under `noeviction`; a disk that takes no snapshot or append-only file any more.
        Some("OOM" | "MISCONF") => StoreFailure::Full,
        Some("WRONGTYPE") => StoreFailure::Damaged,
        _ if error.kind() == ErrorKind::UnexpectedReturnType => StoreFailure::Damaged,
        _ => StoreFailure::Unavailable,
    }
}
