//! Concurrency slots and queue places: sorted sets by expiry, in the slot of their subject.
//!
//! Giving back does not wait: it is noted here and sent by a task. Until the servers have confirmed it, every call of the same
//! subject carries it along, so that a slot given back is free for this node at once. What was taken for a caller that is gone is
//! given back too. What a dead node held expires.

mod returns;
mod taking;

use crate::{
    call::{Call, Script, call_id},
    engine::{Engine, Lane},
    error::parsed,
    locks::millis,
};
use async_trait::async_trait;
use domain::{KeyId, Timestamp};
use parking_lot::Mutex;
use returns::Returns;
use std::{collections::HashSet, num::NonZeroU32, sync::Arc, time::Duration};
use store::{Acquired, Family, LeaseId, LeaseSubject, Leases, QueuePlace, StoreError};
use taking::Taking;

static ACQUIRE: Script = Script::new(include_str!("../scripts/lease_acquire.lua"));
static RENEW: Script = Script::new(include_str!("../scripts/lease_renew.lua"));
static HELD: Script = Script::new(include_str!("../scripts/lease_held.lua"));
static ENTER: Script = Script::new(include_str!("../scripts/queue_enter.lua"));
static SWEEP: Script = Script::memoized(include_str!("../scripts/lease_sweep.lua"));

/// How long a set outlives the last of its leases, in case nobody sweeps it.
const BACKSTOP: Duration = Duration::from_secs(600);

/// Subjects that this node sweeps at most: those beyond are left to the backstop.
const SWEPT_MAX: usize = 100_000;

/// Where leases stand: a subject's slots, or the queue of a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Stand {
    Slots(LeaseSubject),
    Queue(KeyId),
}

/// The port of slots and places. `sweep` is for the subjects that this node has used; other nodes sweep theirs, and what a dead
/// node leaves goes by the servers' own expiry.
pub(crate) struct RedisLeases {
    engine: Engine,
    returns: Arc<Returns>,
    used: Mutex<HashSet<Stand>>,
}

impl Stand {
    fn subject(&self) -> &str {
        match self {
            Self::Slots(LeaseSubject::Account(id)) => id.as_str(),
            Self::Slots(LeaseSubject::Key(id)) | Self::Queue(id) => id.as_str(),
        }
    }

    /// The set by expiry, and that by turn where there is one.
    pub(crate) fn keys(&self, engine: &Engine) -> Vec<String> {
        let families: &[Family] = match self {
            Self::Slots(LeaseSubject::Account(_)) => &[Family::Concurrency],
            Self::Slots(LeaseSubject::Key(_)) => &[Family::ConcurrencyKey],
            Self::Queue(_) => &[Family::ConcurrencyQueueEnds, Family::ConcurrencyQueue],
        };
        families.iter().map(|family| engine.names().key(*family, &[self.subject()])).collect()
    }
}

impl RedisLeases {
    /// Starts the task that gives back.
    pub(crate) fn new(engine: Engine) -> Self {
        let returns = Returns::start(engine.clone());
        Self { engine, returns, used: Mutex::default() }
    }

    fn note_use(&self, stand: &Stand) {
        let mut used = self.used.lock();
        if used.len() < SWEPT_MAX && !used.contains(stand) {
            used.insert(stand.clone());
        }
    }

    /// The reply to `call`, which takes `id` at `stand`. Cancel-safe: what is taken afterwards is given back.
    fn take(&self, stand: Stand, id: &LeaseId, operation: &'static str, call: Call) -> Taking {
        let engine = self.engine.clone();
        let call = async move { engine.ask(operation, call).await };
        Taking::new(call, Arc::clone(&self.returns), stand, id.clone())
    }

    /// The call on `stand`, with what is to be given back there first.
    fn with_returns(call: Call, returned: &[LeaseId]) -> Call {
        returned.iter().fold(call, |call, id| call.arg(&*id.0))
    }
}

#[async_trait]
impl Leases for RedisLeases {
    async fn acquire(
        &self,
        subject: &LeaseSubject,
        id: &LeaseId,
        ceiling: NonZeroU32,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Acquired, StoreError> {
        let stand = Stand::Slots(subject.clone());
        self.note_use(&stand);
        let returned = self.returns.before_taking(&stand, id).await;
        let call = ACQUIRE.on(stand.keys(&self.engine)).arg(now.as_ms()).arg(now.plus(ttl).as_ms()).arg(ceiling.get());
        let call = Self::with_returns(call.arg(millis(ttl + BACKSTOP)).arg(&*id.0), &returned);
        let held = self.take(stand, id, "take a slot", call).await?;
        Ok(u32::try_from(held).map_or(Acquired::Granted, |held| Acquired::Full { held }))
    }

    async fn renew(&self, slots: &[(LeaseSubject, LeaseId)], ttl: Duration, now: Timestamp) -> Result<(), StoreError> {
        let mut calls = Vec::with_capacity(slots.len());
        for (subject, id) in slots {
            let stand = Stand::Slots(subject.clone());
            self.note_use(&stand);
            self.returns.before_holding(&stand, id).await;
            let call = RENEW.on(stand.keys(&self.engine)).arg(now.as_ms()).arg(now.plus(ttl).as_ms());
            calls.push(call.arg(millis(ttl + BACKSTOP)).arg(&*id.0));
        }
        self.engine.all(Lane::Request, "renew slots", calls).await.map(drop)
    }

    fn release(&self, subject: &LeaseSubject, id: &LeaseId) {
        self.returns.give_back(Stand::Slots(subject.clone()), id.clone());
    }

    async fn held(&self, subject: &LeaseSubject, now: Timestamp) -> Result<u32, StoreError> {
        let stand = Stand::Slots(subject.clone());
        let call = HELD.on(stand.keys(&self.engine)).arg(now.as_ms());
        self.engine.ask("count slots", Self::with_returns(call, &self.returns.of(&stand))).await
    }

    async fn enter(
        &self,
        key: &KeyId,
        place: &LeaseId,
        length_max: NonZeroU32,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<QueuePlace, StoreError> {
        let stand = Stand::Queue(key.clone());
        self.note_use(&stand);
        let returned = self.returns.before_taking(&stand, place).await;
        let mut keys = stand.keys(&self.engine);
        keys.reverse();
        let call = ENTER.on(keys).arg(now.as_ms()).arg(now.plus(ttl).as_ms()).arg(length_max.get());
        let call = Self::with_returns(call.arg(millis(ttl + BACKSTOP)).arg(&*place.0), &returned);
        let ahead = self.take(stand, place, "enter a queue", call).await?;
        Ok(u32::try_from(ahead).map_or(QueuePlace::Full, |ahead| QueuePlace::Waiting { ahead }))
    }

    fn leave(&self, key: &KeyId, place: &LeaseId) {
        self.returns.give_back(Stand::Queue(key.clone()), place.clone());
    }

    async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        let operation = "remove expired slots and places";
        self.returns.flush().await?;
        let used: Vec<_> = self.used.lock().iter().cloned().collect();
        let calls = used.iter().map(|stand| {
            let mut keys = stand.keys(&self.engine);
            keys.push(self.engine.names().call(&keys[0], &call_id()));
            SWEEP.on(keys).arg(now.as_ms())
        });
        let replies = self.engine.all(Lane::Bulk, operation, calls.collect()).await?;
        let mut removed = 0;
        for (stand, reply) in used.iter().zip(replies) {
            let (expired, left): (u64, u64) = parsed(operation, reply)?;
            removed += expired;
            if left == 0 {
                self.used.lock().remove(stand);
            }
        }
        Ok(removed)
    }
}
