//! What keeps the records of this program's control planes: one Redis server for all tests, and a prefix of names for each.

use domain::Timestamp;
use parking_lot::Mutex;
use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use store::Store;
use store_redis::{RedisOptions, RedisStore, Repeat, Topology};
use testkit::redis::RedisServer;

/// The server, while a test uses it: with the last one it ends, and its directory goes.
static SERVER: Mutex<Weak<RedisServer>> = Mutex::new(Weak::new());

/// Tests that took a prefix.
static PREFIXES: AtomicU32 = AtomicU32::new(0);

/// How long one call may take: longer than anything that a busy machine lets it wait for.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The store of one test.
pub(crate) struct TestStore {
    store: RedisStore,
    server: Arc<RedisServer>,
    key_prefix: String,
}

impl TestStore {
    /// A new, empty one.
    pub(crate) async fn fresh() -> Self {
        let key_prefix = format!("test-{}:", PREFIXES.fetch_add(1, Ordering::Relaxed));
        Self::open(server(), key_prefix).await
    }

    /// The same as another node opens it: over connections of its own, with what it keeps in memory of its own.
    pub(crate) async fn of_another_node(&self) -> Self {
        Self::open(Arc::clone(&self.server), self.key_prefix.clone()).await
    }

    /// Its ports, usable as long as it is kept.
    pub(crate) fn ports(&self) -> Store {
        self.store.store()
    }

    async fn open(server: Arc<RedisServer>, key_prefix: String) -> Self {
        let options = RedisOptions {
            addresses: vec![("127.0.0.1".to_owned(), server.port())],
            topology: Topology::Single,
            tls: None,
            username: None,
            password: None,
            database: 0,
            key_prefix: key_prefix.clone(),
            timeout: TIMEOUT,
            repeat: Repeat::Once,
        };
        let store = RedisStore::open(&options, Timestamp::from_ms(0)).await.expect("a store");
        Self { store, server, key_prefix }
    }
}

/// Starts it where none runs; others wait meanwhile.
fn server() -> Arc<RedisServer> {
    let mut running = SERVER.lock();
    running.upgrade().unwrap_or_else(|| {
        let server = Arc::new(RedisServer::start());
        *running = Arc::downgrade(&server);
        server
    })
}
