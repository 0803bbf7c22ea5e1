//! SQLite keeps the contracts.

use domain::Timestamp;
use store::{Store, conformance::Fixture};
use store_sqlite::SqliteStore;
use tempfile::TempDir;

/// A store in a directory of its own.
struct Sqlite {
    directory: TempDir,
    store: SqliteStore,
}

impl Fixture for Sqlite {
    async fn fresh() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = open(&directory);
        Self { directory, store }
    }

    fn store(&self) -> Store {
        self.store.store()
    }

    async fn restart(&mut self) {
        self.store.shutdown().await;
        self.store = open(&self.directory);
    }
}

fn open(directory: &TempDir) -> SqliteStore {
    SqliteStore::open(&directory.path().join("relay.db"), Timestamp::from_ms(0)).expect("a store")
}

store::conformance_suite!(Sqlite);
