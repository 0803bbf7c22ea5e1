//! Windows and budgets within one process.

use crate::{
    Limits, Reserved, StoreError, checks,
    error::StoreFailure,
    limits::{Charge, Counter, LimitSubject},
};
use async_trait::async_trait;
use domain::{RequestId, Timestamp};
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};

/// Reservations remembered at once: many times more than requests that one process has open.
pub const RESERVATIONS_MAX: usize = 1_000_000;

/// What one request has reserved of one subject.
#[derive(Debug)]
struct Reservation {
    charges: Vec<(Counter, i64)>,
    expires_at: Timestamp,
    /// Whether its amounts have been returned because it expired. It is remembered, so that a late settlement still counts once.
    is_returned: bool,
}

#[derive(Debug, Default)]
struct Account {
    held: HashMap<Counter, i64>,
    reservations: HashMap<RequestId, Reservation>,
    by_expiry: BTreeSet<(Timestamp, RequestId)>,
}

#[derive(Debug, Default)]
struct State {
    accounts: HashMap<LimitSubject, Account>,
    reservations: usize,
}

/// The port of limits, within one process.
///
/// Nothing is written: after a start, what a counter of an open window holds is summed up from the books (roll-ups, and records
/// for windows shorter than an hour) and given to [`restore`](Self::restore) before the first request is admitted. Requests that
/// were open when the process died are settled by the journal as crashed, and so are in those sums; their reservations are not.
///
/// A request is forgotten once it is settled or cancelled, so that settling twice does nothing; one that expired is remembered
/// until the last of its windows has ended.
#[derive(Debug, Default)]
pub struct LocalLimits(Mutex<State>);

impl LocalLimits {
    /// Adds what `counter` of `subject` held before this process started.
    pub fn restore(&self, subject: &LimitSubject, counter: &Counter, amount: i64) {
        self.0.lock().accounts.entry(subject.clone()).or_default().add(counter, amount);
    }
}

#[async_trait]
impl Limits for LocalLimits {
    async fn reserve(
        &self,
        request: &RequestId,
        subject: &LimitSubject,
        charges: &[Charge],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Reserved, StoreError> {
        checks::charges(charges)?;
        self.0.lock().reserve(request, subject, charges, expires_at, now)
    }

    async fn settle(
        &self,
        request: &RequestId,
        subject: &LimitSubject,
        truth: &[(Counter, i64)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        checks::truth(truth)?;
        let mut state = self.0.lock();
        if state.cancel(request, subject) {
            let account = state.accounts.entry(subject.clone()).or_default();
            for (counter, amount) in truth.iter().filter(|(counter, _)| now < counter.window_end) {
                account.add(counter, *amount);
            }
        }
        Ok(())
    }

    async fn cancel(&self, request: &RequestId, subject: &LimitSubject) -> Result<(), StoreError> {
        self.0.lock().cancel(request, subject);
        Ok(())
    }

    async fn used(&self, subject: &LimitSubject, counter: &Counter, now: Timestamp) -> Result<i64, StoreError> {
        let mut state = self.0.lock();
        let Some(account) = state.accounts.get_mut(subject) else { return Ok(0) };
        account.expire(now);
        Ok(account.used(counter, now))
    }

    async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        Ok(self.0.lock().sweep(now))
    }
}

impl State {
    fn reserve(
        &mut self,
        request: &RequestId,
        subject: &LimitSubject,
        charges: &[Charge],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Reserved, StoreError> {
        let has_room = self.reservations < RESERVATIONS_MAX;
        let account = self.accounts.entry(subject.clone()).or_default();
        account.expire(now);
        if account.reservations.contains_key(request) {
            return Ok(Reserved::Granted);
        }
        if !has_room {
            return Err(StoreError::new("keep one more reservation", StoreFailure::Full));
        }
        if let Some(refusal) = account.charge(charges, now) {
            return Ok(refusal);
        }
        let charges = charges.iter().map(|charge| (charge.counter.clone(), charge.amount)).collect();
        account.reservations.insert(request.clone(), Reservation { charges, expires_at, is_returned: false });
        account.by_expiry.insert((expires_at, request.clone()));
        self.reservations += 1;
        Ok(Reserved::Granted)
    }

    /// Returns and forgets a reservation; says whether there was one.
    fn cancel(&mut self, request: &RequestId, subject: &LimitSubject) -> bool {
        let Some(account) = self.accounts.get_mut(subject) else { return false };
        let Some(reservation) = account.reservations.remove(request) else { return false };
        account.by_expiry.remove(&(reservation.expires_at, request.clone()));
        if !reservation.is_returned {
            account.give_back(&reservation.charges);
        }
        self.reservations -= 1;
        true
    }

    fn sweep(&mut self, now: Timestamp) -> u64 {
        let mut swept = 0;
        self.accounts.retain(|_, account| {
            swept += account.expire(now) + account.forget_windows(now);
            !account.held.is_empty() || !account.reservations.is_empty()
        });
        self.reservations = self.accounts.values().map(|account| account.reservations.len()).sum();
        swept
    }
}

impl Account {
    /// Makes all charges, or none and says which had no room.
    fn charge(&mut self, charges: &[Charge], now: Timestamp) -> Option<Reserved> {
        for (made, charge) in charges.iter().enumerate() {
            let used = self.used(&charge.counter, now);
            if used.checked_add(charge.amount).is_none_or(|sum| sum > charge.ceiling) {
                for undone in &charges[..made] {
                    self.add(&undone.counter, -undone.amount);
                }
                return Some(Reserved::Exhausted { counter: charge.counter.clone(), used });
            }
            self.add(&charge.counter, charge.amount);
        }
        None
    }

    /// What a counter holds; nothing once its window has ended, swept or not.
    fn used(&self, counter: &Counter, now: Timestamp) -> i64 {
        if now < counter.window_end { self.held.get(counter).copied().unwrap_or(0) } else { 0 }
    }

    fn add(&mut self, counter: &Counter, amount: i64) {
        let held = self.held.entry(counter.clone()).or_default();
        *held = held.saturating_add(amount);
    }

    fn give_back(&mut self, charges: &[(Counter, i64)]) {
        for (counter, amount) in charges {
            // A window that was forgotten stays so.
            if let Some(held) = self.held.get_mut(counter) {
                *held = held.saturating_sub(*amount);
            }
        }
    }

    /// Returns what expired reservations hold; says how many there were.
    fn expire(&mut self, now: Timestamp) -> u64 {
        let mut expired = 0;
        while self.by_expiry.first().is_some_and(|(end, _)| *end <= now) {
            let Some((_, request)) = self.by_expiry.pop_first() else { break };
            let Some(reservation) = self.reservations.get_mut(&request) else { continue };
            reservation.is_returned = true;
            let charges = reservation.charges.clone();
            self.give_back(&charges);
            expired += 1;
        }
        expired
    }

    /// Forgets windows that have ended, and expired reservations of which no window is left; says how many windows.
    fn forget_windows(&mut self, now: Timestamp) -> u64 {
        let before = self.held.len();
        self.held.retain(|counter, _| now < counter.window_end);
        self.reservations.retain(|_, reservation| {
            !reservation.is_returned || reservation.charges.iter().any(|(counter, _)| now < counter.window_end)
        });
        (before - self.held.len()) as u64
    }
}
