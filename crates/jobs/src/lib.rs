//! Scheduled work: what has ended is removed, in bounded steps that never hold up a request. No HTTP is known here.

use domain::{CalendarSchedule, Timestamp};
use std::{num::NonZeroU32, sync::Arc, time::Duration};
use store::{Clock, Store, StoreError};
use tokio::time::{MissedTickBehavior, interval};

/// Entries that one step removes at most: some milliseconds of the store's writer.
const STEP_MAX: usize = 1000;

/// Steps of one job in a row at most; what is left waits for the job's next turn.
const STEPS_MAX: usize = 1000;

/// How often expired slots and queue places are removed.
const SLOTS_EVERY: Duration = Duration::from_secs(60);

/// How often ended cooldowns, windows, sessions, sticky sessions and answers to repeated requests are removed.
const STATES_EVERY: Duration = Duration::from_secs(5 * 60);

/// How often usage beyond its retention is removed.
const USAGE_EVERY: Duration = Duration::from_secs(3600);

/// How often entries of the audit log beyond their retention are removed.
const AUDIT_EVERY: Duration = Duration::from_secs(3600);

/// How long a day is where none is meant by name.
const A_DAY: Duration = Duration::from_secs(24 * 3600);

/// Days that hour roll-ups are kept, today not counted.
const HOURS_KEPT_DAYS: i32 = 7;

/// The clean-up of one node.
pub struct Cleanup {
    /// What is cleaned.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// In which zone days are counted.
    pub calendar: CalendarSchedule,
    /// Days that daily usage and attempt records are kept, today not counted; none: for ever.
    pub retention_days: Option<NonZeroU32>,
    /// Days that entries of the audit log are kept; none: for ever.
    pub audit_days: Option<NonZeroU32>,
    /// This node's own name, which no other has: of several nodes on one store one does each job at a time.
    pub node: String,
}

impl Cleanup {
    /// Works for ever. Cancel-safe: a step is done or not.
    pub async fn run(self) {
        let every = |span| {
            let mut ticks = interval(span);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let (mut slots, mut states, mut usage) = (every(SLOTS_EVERY), every(STATES_EVERY), every(USAGE_EVERY));
        let mut audit = every(AUDIT_EVERY);
        loop {
            let (job, done) = tokio::select! {
                _ = slots.tick() => ("slots", self.slots().await),
                _ = states.tick() => ("states", self.states().await),
                _ = usage.tick() => ("usage", self.alone("usage", USAGE_EVERY, self.usage()).await),
                _ = audit.tick() => ("audit", self.alone("audit", AUDIT_EVERY, self.audit()).await),
            };
            match done {
                Ok(0) => tracing::debug!(job, "nothing to remove"),
                Ok(removed) => tracing::info!(job, removed, "removed what has ended"),
                Err(error) => tracing::warn!(job, error = %error, "a clean-up failed and will be tried again"),
            }
        }
    }

    async fn slots(&self) -> Result<u64, StoreError> {
        self.store.leases.sweep(self.clock.now()).await
    }

    /// Does `job` if no other node does it now.
    async fn alone(
        &self,
        job: &'static str,
        longest: Duration,
        work: impl Future<Output = Result<u64, StoreError>>,
    ) -> Result<u64, StoreError> {
        let lock = format!("job:{job}");
        if self.store.locks.acquire(&lock, &self.node, longest, self.clock.now()).await?.is_none() {
            return Ok(0);
        }
        let done = work.await;
        self.store.locks.release(&lock, &self.node).await?;
        done
    }

    async fn states(&self) -> Result<u64, StoreError> {
        // Windows are counted where they are used, as slots are.
        let windows = self.store.limits.sweep(self.clock.now()).await?;
        Ok(windows + self.alone("states", STATES_EVERY, self.shared_states()).await?)
    }

    async fn shared_states(&self) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let mut removed = in_steps(|| self.store.health.sweep(now, STEP_MAX)).await?;
        removed += in_steps(|| self.store.sessions.sweep(now, STEP_MAX)).await?;
        removed += in_steps(|| self.store.affinity.sweep(now, STEP_MAX)).await?;
        removed += in_steps(|| self.store.idempotency.sweep(now, STEP_MAX)).await?;
        Ok(removed)
    }

    async fn audit(&self) -> Result<u64, StoreError> {
        let Some(days) = self.audit_days else { return Ok(0) };
        let before = self.clock.now().minus(A_DAY * days.get());
        in_steps(|| self.store.audit.prune(before, STEP_MAX)).await
    }

    async fn usage(&self) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let today = self.calendar.at(now).day(now);
        let days = self.retention_days.map_or(i32::MAX, |days| i32::try_from(days.get()).unwrap_or(i32::MAX));
        let (first_day, first_hours) = (today.plus_days(-days), today.plus_days(-HOURS_KEPT_DAYS));
        in_steps(|| self.store.ledger.prune(first_day, first_hours, STEP_MAX)).await
    }
}

/// Repeats `step` until it finds nothing more, at most [`STEPS_MAX`] times; says how many entries it removed.
async fn in_steps<F: Future<Output = Result<u64, StoreError>>>(step: impl Fn() -> F) -> Result<u64, StoreError> {
    let mut removed = 0;
    for _ in 0..STEPS_MAX {
        let step_removed = step().await?;
        removed += step_removed;
        if step_removed == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    Ok(removed)
}

/// The instant from which a changed zone counts: the next local midnight, so that no day is counted in two zones.
#[must_use]
pub fn zone_change_at(calendar: &CalendarSchedule, now: Timestamp) -> Timestamp {
    let zone = calendar.at(now);
    zone.start_of(zone.day(now).plus_days(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{AuditId, Calendar};
    use std::sync::atomic::{AtomicU64, Ordering};
    use store::{
        AuditEntry,
        audit::{Actor, ActorKind, AuditOutcome, AuditQuery},
    };

    #[tokio::test]
    async fn a_job_goes_on_until_nothing_is_left() {
        let left = AtomicU64::new(2500);
        let step = || async {
            let now = left.load(Ordering::Relaxed).min(1000);
            left.fetch_sub(now, Ordering::Relaxed);
            Ok(now)
        };
        assert_eq!(in_steps(step).await.expect("no error"), 2500);
    }

    struct Standing(Timestamp);

    impl Clock for Standing {
        fn now(&self) -> Timestamp {
            self.0
        }
    }

    fn node(store: &Store, name: &str) -> Cleanup {
        Cleanup {
            store: store.clone(),
            clock: Arc::new(Standing(Timestamp::from_ms(0))),
            calendar: CalendarSchedule::new(Calendar::utc()),
            retention_days: None,
            audit_days: NonZeroU32::new(365),
            node: name.to_owned(),
        }
    }

    #[tokio::test]
    async fn of_several_nodes_one_does_a_job_at_a_time() {
        let store = store::memory::store();
        let (one, other) = (node(&store, "one"), node(&store, "other"));
        let minute = Duration::from_secs(60);
        let work = async { Ok(other.alone("x", minute, async { Ok(7) }).await? + 1) };
        assert_eq!(one.alone("x", minute, work).await.expect("no error"), 1, "the other one leaves it alone");
        assert_eq!(other.alone("x", minute, async { Ok(7) }).await.expect("no error"), 7, "afterwards it may");
    }

    #[tokio::test]
    async fn entries_of_the_audit_log_go_when_their_days_are_over() {
        let store = store::memory::store();
        let now = Timestamp::from_ms(1_795_426_200_000);
        for days in [366, 364] {
            let entry = AuditEntry {
                id: AuditId::first_of(now.minus(A_DAY * days)),
                request: "r".to_owned(),
                actor: Actor { kind: ActorKind::Relay, id: None, name: None, token: None },
                origin: String::new(),
                operation: days.to_string(),
                resource: None,
                changes: Vec::new(),
                outcome: AuditOutcome::Done,
                status: None,
                refusal: None,
            };
            store.audit.append(&entry).await.expect("appended");
        }
        let one = Cleanup { clock: Arc::new(Standing(now)), ..node(&store, "one") };
        let forever = Cleanup { audit_days: None, clock: Arc::new(Standing(now)), ..node(&store, "one") };
        assert_eq!(forever.audit().await.expect("no error"), 0);
        assert_eq!(one.audit().await.expect("no error"), 1);
        let left = store.audit.page(&AuditQuery { limit: 10, ..AuditQuery::default() }).await.expect("a page");
        assert_eq!(left.entries.iter().map(|entry| entry.operation.as_str()).collect::<Vec<_>>(), ["364"]);
    }

    #[test]
    fn a_zone_changes_at_the_next_local_midnight() {
        let at = |text| Timestamp::parse_rfc3339(text).expect("RFC 3339");
        let shanghai = CalendarSchedule::new(Calendar::named("Asia/Shanghai").expect("a zone"));
        assert_eq!(zone_change_at(&shanghai, at("2026-11-23T15:59:59Z")), at("2026-11-23T16:00:00Z"));
    }
}
