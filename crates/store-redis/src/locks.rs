//! Locks across nodes: one hash each, which keeps the last fence when nobody holds it.

use crate::{
    call::{Script, call_id},
    engine::Engine,
};
use async_trait::async_trait;
use domain::Timestamp;
use std::time::Duration;
use store::{Family, Fence, Locks, StoreError};

static ACQUIRE: Script = Script::new(include_str!("../scripts/lock_acquire.lua"));
static RELEASE: Script = Script::memoized(include_str!("../scripts/lock_release.lua"));

/// How long a lock that nobody takes is remembered. Its next fence is greater all the same: it is told from the time.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3600);

pub(crate) struct RedisLocks(pub(crate) Engine);

#[async_trait]
impl Locks for RedisLocks {
    async fn acquire(
        &self,
        name: &str,
        holder: &str,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Option<Fence>, StoreError> {
        let lock = self.0.names().key(Family::Lock, &[name]);
        let call =
            ACQUIRE.on([lock]).arg(now.as_ms()).arg(now.plus(ttl).as_ms()).arg(holder).arg(millis(REMEMBERED + ttl));
        let fence: Option<u64> = self.0.ask("take a lock", call).await?;
        Ok(fence.map(Fence))
    }

    async fn release(&self, name: &str, holder: &str) -> Result<bool, StoreError> {
        let names = self.0.names();
        let lock = names.key(Family::Lock, &[name]);
        let own = names.call(&lock, &call_id());
        self.0.ask("free a lock", RELEASE.on([lock, own]).arg(holder)).await
    }
}

/// Milliseconds, as a script takes them.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX >> 11)
}
