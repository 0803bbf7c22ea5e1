//! Windows and budgets: a hash per counter and window, the open reservations beside them, all in the slot of their subject.
//!
//! What a counter is, its ceiling and its window are the caller's; scripts test and add. Amounts are texts on the way.

use crate::{
    call::{Call, Script, call_id},
    engine::{Engine, Lane},
    error::parsed,
    locks::millis,
};
use async_trait::async_trait;
use domain::{RequestId, Timestamp};
use parking_lot::Mutex;
use redis::Value;
use std::{collections::HashSet, time::Duration};
use store::{
    Family, Limits, Reserved, StoreError, checks,
    limits::{Charge, Counter, LimitSubject},
};

static RESERVE: Script =
    Script::new(concat!(include_str!("../scripts/limits.lua"), include_str!("../scripts/limits_reserve.lua")));
static SETTLE: Script =
    Script::new(concat!(include_str!("../scripts/limits.lua"), include_str!("../scripts/limits_settle.lua")));
static CANCEL: Script =
    Script::new(concat!(include_str!("../scripts/limits.lua"), include_str!("../scripts/limits_cancel.lua")));
static USED: Script =
    Script::new(concat!(include_str!("../scripts/limits.lua"), include_str!("../scripts/limits_used.lua")));
static SWEEP: Script =
    Script::memoized(concat!(include_str!("../scripts/limits.lua"), include_str!("../scripts/limits_sweep.lua")));

/// How long a window that has ended waits to be swept before the servers remove it themselves.
const BACKSTOP: Duration = Duration::from_secs(24 * 3600);

/// Subjects that this node sweeps at most: those beyond are left to the backstop.
const SWEPT_MAX: usize = 100_000;

/// The port of limits. `sweep` is for the subjects that this node has used, as it is for slots.
pub(crate) struct RedisLimits {
    engine: Engine,
    used: Mutex<HashSet<String>>,
}

impl RedisLimits {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine, used: Mutex::default() }
    }

    /// The four keys that the subject's scripts share.
    fn keys(&self, subject: &str) -> Vec<String> {
        let part = |part: &str| self.engine.names().key(Family::RateLimitReservations, &[subject, part]);
        ["open", "reserved", "expired", "windows"].map(part).into()
    }

    fn counter(&self, subject: &str, counter: &Counter) -> String {
        let window = format!("{}~{}", counter.name, counter.window_start.as_ms());
        self.engine.names().key(Family::RateLimit, &[subject, &window])
    }

    fn with_counters<'a>(&self, subject: &str, counters: impl Iterator<Item = &'a Counter>) -> Vec<String> {
        let mut keys = self.keys(subject);
        keys.extend(counters.map(|counter| self.counter(subject, counter)));
        keys
    }

    fn note_use(&self, subject: &str) {
        let mut used = self.used.lock();
        if used.len() < SWEPT_MAX && !used.contains(subject) {
            used.insert(subject.to_owned());
        }
    }
}

#[async_trait]
impl Limits for RedisLimits {
    async fn reserve(
        &self,
        request: &RequestId,
        subject: &LimitSubject,
        charges: &[Charge],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Reserved, StoreError> {
        checks::charges(charges)?;
        let subject = subject_text(subject);
        self.note_use(&subject);
        let keys = self.with_counters(&subject, charges.iter().map(|charge| &charge.counter));
        let kept = backstop(charges.iter().map(|charge| &charge.counter), now);
        let call = RESERVE.on(keys).arg(now.as_ms()).arg(request.as_str()).arg(expires_at.as_ms()).arg(kept);
        let call = charges.iter().fold(call, |call, charge| {
            call.arg(charge.amount).arg(charge.ceiling).arg(charge.counter.window_end.as_ms())
        });
        let (place, used): (usize, i64) = self.engine.ask("reserve", call).await?;
        let refused = place.checked_sub(1).and_then(|place| charges.get(place));
        Ok(refused.map_or(Reserved::Granted, |charge| Reserved::Exhausted { counter: charge.counter.clone(), used }))
    }

    async fn settle(
        &self,
        request: &RequestId,
        subject: &LimitSubject,
        truth: &[(Counter, i64)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        checks::truth(truth)?;
        let subject = subject_text(subject);
        let keys = self.with_counters(&subject, truth.iter().map(|(counter, _)| counter));
        let call = SETTLE.on(keys).arg(now.as_ms()).arg(request.as_str());
        let call = call.arg(backstop(truth.iter().map(|(counter, _)| counter), now));
        let call = truth.iter().fold(call, |call, (counter, amount)| call.arg(*amount).arg(counter.window_end.as_ms()));
        self.engine.ask::<Value>("settle a reservation", call).await.map(drop)
    }

    async fn cancel(&self, request: &RequestId, subject: &LimitSubject) -> Result<(), StoreError> {
        let call = CANCEL.on(self.keys(&subject_text(subject))).arg(request.as_str());
        self.engine.ask::<Value>("cancel a reservation", call).await.map(drop)
    }

    async fn used(&self, subject: &LimitSubject, counter: &Counter, now: Timestamp) -> Result<i64, StoreError> {
        let keys = self.with_counters(&subject_text(subject), [counter].into_iter());
        let used = self.engine.ask("read a counter", USED.on(keys).arg(now.as_ms())).await?;
        // Once its window has ended a counter holds nothing, swept or not.
        Ok(if now < counter.window_end { used } else { 0 })
    }

    async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        let operation = "forget ended windows";
        let used: Vec<_> = self.used.lock().iter().cloned().collect();
        let calls = used.iter().map(|subject| {
            let mut keys = self.keys(subject);
            keys.push(self.engine.names().call(&keys[0], &call_id()));
            SWEEP.on(keys).arg(now.as_ms())
        });
        let replies = self.engine.all(Lane::Bulk, operation, calls.collect::<Vec<Call>>()).await?;
        let mut removed = 0;
        for (subject, reply) in used.iter().zip(replies) {
            let (forgotten, left): (u64, u64) = parsed(operation, reply)?;
            removed += forgotten;
            if left == 0 {
                self.used.lock().remove(subject);
            }
        }
        Ok(removed)
    }
}

/// The subject's part of the keys: a key's id stands bare, as the specification has it, and no other can equal it.
fn subject_text(subject: &LimitSubject) -> String {
    match subject {
        LimitSubject::Key(id) => id.to_string(),
        LimitSubject::User(id) => format!("user~{id}"),
        LimitSubject::Account(id) => format!("account~{id}"),
    }
}

/// Milliseconds until the last of the windows has ended, and some time more.
fn backstop<'a>(counters: impl Iterator<Item = &'a Counter>, now: Timestamp) -> u64 {
    let last = counters.map(|counter| counter.window_end).max().unwrap_or(now);
    millis(last.since(now) + BACKSTOP)
}
