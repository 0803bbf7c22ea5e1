//! Concurrency slots and queue places within one process.

use crate::{Acquired, LeaseId, LeaseSubject, Leases, QueuePlace, StoreError};
use async_trait::async_trait;
use domain::{KeyId, Timestamp};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::Hash,
    num::NonZeroU32,
    time::Duration,
};

/// Leases of one subject, in the order in which they were taken.
#[derive(Debug, Default)]
struct Held {
    by_id: HashMap<LeaseId, (u64, Timestamp)>,
    by_end: BTreeSet<(Timestamp, LeaseId)>,
    by_turn: BTreeMap<u64, LeaseId>,
    turns: u64,
}

#[derive(Debug, Default)]
struct State {
    slots: HashMap<LeaseSubject, Held>,
    queues: HashMap<KeyId, Held>,
}

/// The port of slots and places, within one process.
///
/// Bounded by its callers: a subject holds as many slots as its ceiling, a queue as many places as its length, and an empty
/// one is forgotten. Telling how many places are in front costs as many steps as there are.
#[derive(Debug, Default)]
pub struct LocalLeases(Mutex<State>);

#[async_trait]
impl Leases for LocalLeases {
    async fn acquire(
        &self,
        subject: &LeaseSubject,
        id: &LeaseId,
        ceiling: NonZeroU32,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Acquired, StoreError> {
        let mut state = self.0.lock();
        let held = state.slots.entry(subject.clone()).or_default();
        held.expire(now);
        let granted = held.take(id, ceiling, now.plus(ttl));
        Ok(if granted { Acquired::Granted } else { Acquired::Full { held: held.count() } })
    }

    async fn renew(&self, slots: &[(LeaseSubject, LeaseId)], ttl: Duration, now: Timestamp) -> Result<(), StoreError> {
        let mut state = self.0.lock();
        for (subject, id) in slots {
            let held = state.slots.entry(subject.clone()).or_default();
            held.expire(now);
            held.take(id, NonZeroU32::MAX, now.plus(ttl));
        }
        Ok(())
    }

    fn release(&self, subject: &LeaseSubject, id: &LeaseId) {
        give_back(&mut self.0.lock().slots, subject, id);
    }

    async fn held(&self, subject: &LeaseSubject, now: Timestamp) -> Result<u32, StoreError> {
        let mut state = self.0.lock();
        let Some(held) = state.slots.get_mut(subject) else { return Ok(0) };
        held.expire(now);
        Ok(held.count())
    }

    async fn enter(
        &self,
        key: &KeyId,
        place: &LeaseId,
        length_max: NonZeroU32,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<QueuePlace, StoreError> {
        let mut state = self.0.lock();
        let queue = state.queues.entry(key.clone()).or_default();
        queue.expire(now);
        let entered = queue.take(place, length_max, now.plus(ttl));
        Ok(if entered { QueuePlace::Waiting { ahead: queue.ahead_of(place) } } else { QueuePlace::Full })
    }

    fn leave(&self, key: &KeyId, place: &LeaseId) {
        give_back(&mut self.0.lock().queues, key, place);
    }

    async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut state = self.0.lock();
        Ok(sweep(&mut state.slots, now) + sweep(&mut state.queues, now))
    }
}

impl Held {
    /// Takes or renews a lease until `end`; false while there are `ceiling` others.
    fn take(&mut self, id: &LeaseId, ceiling: NonZeroU32, end: Timestamp) -> bool {
        let turn = match self.by_id.get(id) {
            Some((turn, earlier)) => {
                self.by_end.remove(&(*earlier, id.clone()));
                *turn
            }
            None if self.count() >= ceiling.get() => return false,
            None => {
                self.turns += 1;
                self.by_turn.insert(self.turns, id.clone());
                self.turns
            }
        };
        self.by_id.insert(id.clone(), (turn, end));
        self.by_end.insert((end, id.clone()));
        true
    }

    fn give_back(&mut self, id: &LeaseId) {
        if let Some((turn, end)) = self.by_id.remove(id) {
            self.by_turn.remove(&turn);
            self.by_end.remove(&(end, id.clone()));
        }
    }

    /// Drops the leases that have ended at `now`; says how many.
    fn expire(&mut self, now: Timestamp) -> u64 {
        let mut expired = 0;
        while let Some((_, id)) = self.by_end.first().filter(|(end, _)| *end <= now).cloned() {
            self.give_back(&id);
            expired += 1;
        }
        expired
    }

    fn count(&self) -> u32 {
        u32::try_from(self.by_id.len()).unwrap_or(u32::MAX)
    }

    fn ahead_of(&self, id: &LeaseId) -> u32 {
        let turn = self.by_id.get(id).map_or(0, |(turn, _)| *turn);
        u32::try_from(self.by_turn.range(..turn).count()).unwrap_or(u32::MAX)
    }
}

fn give_back<S: Eq + Hash>(subjects: &mut HashMap<S, Held>, subject: &S, id: &LeaseId) {
    let Some(held) = subjects.get_mut(subject) else { return };
    held.give_back(id);
    if held.by_id.is_empty() {
        subjects.remove(subject);
    }
}

fn sweep<S: Eq + Hash>(subjects: &mut HashMap<S, Held>, now: Timestamp) -> u64 {
    let expired = subjects.values_mut().map(|held| held.expire(now)).sum();
    subjects.retain(|_, held| !held.by_id.is_empty());
    expired
}
