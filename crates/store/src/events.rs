//! Change notices between the parts of a node, and between nodes. Lossy: who hears [`Event::Lost`] reads again what it cached.

use crate::{affinity::AffinityKey, keyspace::Family};
use domain::AccountId;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Notices that a subscriber may be behind before it hears [`Event::Lost`]; a burst of bulk edits fits.
pub const NOTICES_BEHIND_MAX: usize = 4096;

/// Something that caches may hold has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A record was written or removed.
    Record {
        /// Its family.
        family: Family,
        /// Its id.
        id: Arc<str>,
    },
    /// An account's cooldowns changed.
    Health {
        /// The account.
        account: AccountId,
    },
    /// Sticky sessions were bound elsewhere, or to nothing.
    Affinity {
        /// The one; none: any of them.
        session: Option<AffinityKey>,
    },
}

/// What a subscriber hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// One change.
    Changed(Notice),
    /// Notices may have been missed: everything cached may be out of date.
    Lost,
}

/// The port of change notices.
///
/// * A change is announced after it has taken effect, never before, and at least once unless lost.
/// * The writer's own node hears it too.
/// * A node without a live connection hears [`Event::Lost`] within a second, and again when it is back.
pub trait Events: Send + Sync {
    /// Announces a change that has taken effect. Does not wait.
    fn publish(&self, notice: Notice);

    /// Hears every change from now on.
    fn subscribe(&self) -> Subscription;
}

/// One subscriber's end.
#[derive(Debug)]
pub struct Subscription(broadcast::Receiver<Event>);

/// Notices within one process: all that a store of one node needs, and the inner half of a shared one.
#[derive(Debug, Clone)]
pub struct LocalEvents(broadcast::Sender<Event>);

impl Subscription {
    /// Waits for the next event; none when the store has been closed. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Event::Lost),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Default for LocalEvents {
    fn default() -> Self {
        Self(broadcast::Sender::new(NOTICES_BEHIND_MAX))
    }
}

impl LocalEvents {
    /// Tells every subscriber that it may have missed something.
    pub fn lose(&self) {
        // Nobody subscribed: nobody has a cache.
        let _ = self.0.send(Event::Lost);
    }
}

impl Events for LocalEvents {
    fn publish(&self, notice: Notice) {
        // Nobody subscribed: nobody has a cache.
        let _ = self.0.send(Event::Changed(notice));
    }

    fn subscribe(&self) -> Subscription {
        Subscription(self.0.subscribe())
    }
}
