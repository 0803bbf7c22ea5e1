//! What keeps the records of this program's control planes: the embedded store, a file for each test.

use domain::Timestamp;
use std::sync::Arc;
use store::Store;
use store_sqlite::SqliteStore;
use tempfile::TempDir;

/// The store of one test.
pub(crate) struct TestStore(Arc<Opened>);

struct Opened {
    store: SqliteStore,
    /// Removed with it.
    _directory: TempDir,
}

impl TestStore {
    /// A new, empty one.
    #[expect(clippy::unused_async, reason = "others are connected to")]
    pub(crate) async fn fresh() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::open(&directory.path().join("relay.db"), Timestamp::from_ms(0)).expect("a store");
        Self(Arc::new(Opened { store, _directory: directory }))
    }

    /// The same as another node has it: one process owns the file, so it is the same.
    #[expect(clippy::unused_async, reason = "others are connected to")]
    pub(crate) async fn of_another_node(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Its ports, usable as long as it is kept.
    pub(crate) fn ports(&self) -> Store {
        self.0.store.store()
    }
}
