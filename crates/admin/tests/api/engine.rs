//! What keeps the records of this program's control planes: the memory of the process.

use store::Store;

/// The store of one test.
pub(crate) struct TestStore(Store);

impl TestStore {
    /// A new, empty one.
    #[expect(clippy::unused_async, reason = "others are opened")]
    pub(crate) async fn fresh() -> Self {
        Self(store::memory::store())
    }

    /// The same as another node opens it: one process's memory has no other.
    #[expect(clippy::unused_async, reason = "others are opened")]
    pub(crate) async fn of_another_node(&self) -> Self {
        Self(self.0.clone())
    }

    /// Its ports, usable as long as it is kept.
    pub(crate) fn ports(&self) -> Store {
        self.0.clone()
    }
}
