//! What keeps the records of this program's relays: a Redis Cluster of six each.

use parking_lot::Mutex;
use std::sync::Arc;
use testkit::{redis::RedisCluster, relay::StoreServers};

/// The servers for one relay.
#[expect(clippy::unnecessary_wraps, reason = "the embedded store has none")]
pub(crate) fn servers() -> Option<StoreServers> {
    Some(StoreServers::Cluster(Arc::new(Mutex::new(RedisCluster::start()))))
}
