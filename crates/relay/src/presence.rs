//! Whether the client is still there: told once, by whoever is dropped with its connection.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// A client's presence, shared by all who work for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Presence(Arc<AtomicBool>);

impl Presence {
    /// The client has left.
    pub(crate) fn leave(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it has left.
    pub(crate) fn has_left(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
