//! What keeps the records of this program's relays: one Redis server each.

use parking_lot::Mutex;
use std::sync::Arc;
use testkit::{redis::RedisServer, relay::StoreServers};

/// The servers for one relay.
#[expect(clippy::unnecessary_wraps, reason = "the embedded store has none")]
pub(crate) fn servers() -> Option<StoreServers> {
    Some(StoreServers::Redis(Arc::new(Mutex::new(RedisServer::start()))))
}
