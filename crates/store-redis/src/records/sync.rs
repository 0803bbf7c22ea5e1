//! Waits until a record is in the append-only file on disk. Nothing of the record is read or changed here.
//!
//! `WAITAOF` waits for the last write of its own connection, and holds that connection up meanwhile. Hence a connection of its own,
//! with a small write first: the file is in one order, so what was written before is on disk when that write is.

use crate::{
    call::call_id,
    engine::{Engine, Lane},
    error::{damaged, failed},
    locks::millis,
};
use redis::{RedisError, Value};
use std::time::Duration;
use store::{StoreError, error::StoreFailure, records::Synced};

/// How long the servers may take to sync. With `appendfsync everysec` it takes up to two seconds.
const SYNC_MAX: Duration = Duration::from_secs(5);

/// How long the small write lives, in milliseconds.
const MARK_MS: u32 = 60_000;

const OPERATION: &str = "sync a record to disk";

/// Returns when all that was written to `key` before is on the disk of the server that owns it.
///
/// A server older than 7.2, or one without an append-only file, cannot tell: then the record is as safe as it promises.
///
/// # Errors
///
/// When the servers cannot be asked, or do not sync in time.
pub(super) async fn sync(engine: &Engine, key: &str) -> Result<Synced, StoreError> {
    let mut mark = redis::cmd("SET");
    mark.arg(engine.names().call(key, &call_id())).arg("").arg("PX").arg(MARK_MS);
    let mut wait = redis::cmd("WAITAOF");
    wait.arg(1).arg(0).arg(millis(SYNC_MAX));
    match engine.link(Lane::Bulk).write_and_wait(key, [&mark, &wait], SYNC_MAX).await {
        Ok(reply) => judge(reply),
        Err(error) if cannot_tell(&error) => Ok(Synced::AsPromised),
        Err(error) => Err(failed(OPERATION, error)),
    }
}

/// The first number says on how many local files it is, the second on how many replicas.
fn judge(reply: Value) -> Result<Synced, StoreError> {
    let (local, _replicas): (u64, u64) = redis::from_redis_value(reply).map_err(|_| damaged(OPERATION))?;
    if local > 0 { Ok(Synced::OnDisk) } else { Err(StoreError::new(OPERATION, StoreFailure::Unavailable)) }
}

/// Whether the server does not know the command (before 7.2, or not allowed to this user), or keeps no append-only file.
fn cannot_tell(error: &RedisError) -> bool {
    matches!(error.code(), Some("ERR" | "NOPERM"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(local: i64) -> Value {
        Value::Array(vec![Value::Int(local), Value::Int(0)])
    }

    #[test]
    fn only_what_the_server_s_own_file_has_is_on_disk() {
        assert_eq!(judge(reply(1)).expect("synced"), Synced::OnDisk);
        assert_eq!(judge(reply(0)).expect_err("not in time").kind, StoreFailure::Unavailable);
        assert_eq!(judge(Value::Okay).expect_err("another reply").kind, StoreFailure::Damaged);
    }
}
