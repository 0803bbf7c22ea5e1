//! How many WebSockets there may be: of one key, and in all.

use crate::{metrics::RelayMetrics, refuse::BUSY_RETRY_AFTER};
use domain::KeyId;
use parking_lot::Mutex;
use protocol::Refusal;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// WebSockets of one key at once: a person's sessions and their agents, each with one.
const PLACES_PER_KEY_MAX: usize = 128;

/// WebSockets at once: a quarter of the connections that the listener takes.
const PLACES_MAX: usize = 4096;

/// When a key with too many may try again: sessions end in minutes.
const FULL_RETRY_AFTER: Duration = Duration::from_secs(10);

/// The places that are taken.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    by_key: HashMap<KeyId, usize>,
    all: usize,
}

/// A place; its drop gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    key: KeyId,
    metrics: Arc<RelayMetrics>,
}

impl Places {
    /// Takes a place for a connection of `key`.
    ///
    /// # Errors
    ///
    /// When the key, or the relay, has none left.
    pub(crate) fn take(self: &Arc<Self>, key: &KeyId, metrics: &Arc<RelayMetrics>) -> Result<Place, Refusal> {
        let mut taken = self.0.lock();
        if taken.all >= PLACES_MAX {
            return Err(Refusal::Busy { retry_after: BUSY_RETRY_AFTER });
        }
        let of_key = taken.by_key.entry(key.clone()).or_default();
        if *of_key >= PLACES_PER_KEY_MAX {
            return Err(Refusal::RateLimited { retry_after: FULL_RETRY_AFTER });
        }
        *of_key += 1;
        taken.all += 1;
        metrics.sockets_open.inc();
        Ok(Place { places: Arc::clone(self), key: key.clone(), metrics: Arc::clone(metrics) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock();
        taken.all -= 1;
        if let Some(of_key) = taken.by_key.get_mut(&self.key) {
            *of_key -= 1;
            if *of_key == 0 {
                taken.by_key.remove(&self.key);
            }
        }
        self.metrics.sockets_open.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::registry::Registry;

    #[test]
    fn places_are_bounded_by_key_and_come_back() {
        let (places, metrics) = (Arc::new(Places::default()), Arc::new(RelayMetrics::new(&mut Registry::default())));
        let key = |name: &str| KeyId::parse(name).expect("an id");
        let mut held: Vec<_> =
            (0..PLACES_PER_KEY_MAX).map(|_| places.take(&key("k1"), &metrics).expect("a place")).collect();
        assert!(matches!(places.take(&key("k1"), &metrics), Err(Refusal::RateLimited { .. })));
        let other = places.take(&key("k2"), &metrics).expect("another key's place");
        held.pop();
        held.push(places.take(&key("k1"), &metrics).expect("what came back"));
        drop((held, other));
        assert!(places.0.lock().by_key.is_empty());
        assert_eq!((places.0.lock().all, metrics.sockets_open.get()), (0, 0));
    }
}
