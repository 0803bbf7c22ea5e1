//! Windows and budgets: reserve at the door, settle at the end. Policy is elsewhere: here are names, ceilings and amounts.

use crate::error::StoreError;
use async_trait::async_trait;
use domain::{AccountId, KeyId, RequestId, Timestamp, UserId};

/// Charges that one reservation may carry: more than all limits of a subject there are.
pub const CHARGES_MAX: usize = 16;

/// Whose limits. All limits of a subject are tested and charged in one step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LimitSubject {
    /// An API key's.
    Key(KeyId),
    /// A user's, over all keys.
    User(UserId),
    /// An account's.
    Account(AccountId),
}

/// One counter in one window: `requests` of the minute window that began at an instant, `cost` of a day.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Counter {
    /// What is counted and in which kind of window, `cost:day`, `requests:window`.
    pub name: &'static str,
    /// Which window: its first instant. Amounts of another window never mix with it.
    pub window_start: Timestamp,
    /// When the window ends and the counter may be forgotten.
    pub window_end: Timestamp,
}

/// One amount to charge if its ceiling allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// What is charged.
    pub counter: Counter,
    /// The most that the counter may hold, reservations included.
    pub ceiling: i64,
    /// How much is charged; not negative.
    pub amount: i64,
}

/// The answer to a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// Every charge was made.
    Granted,
    /// None was: this counter had no room.
    Exhausted {
        /// Which.
        counter: Counter,
        /// What it holds, reservations included.
        used: i64,
    },
}

/// The port of limits (`rate_limit:{keyId}:{window}`).
///
/// * `reserve` is atomic per subject: every charge or none. The same request and subject again changes nothing and is granted.
/// * An open reservation counts until it is settled or `expires_at` is reached; an expired one counts as returned.
/// * `settle` replaces the reservation by the truth in the windows that admitted it, once; a settlement whose reservation has
///   expired still charges the truth. A settlement for a window that is forgotten does nothing.
/// * `cancel` returns the reservation whole. Settling or cancelling twice does nothing, and so does settling
///   what was never reserved.
#[async_trait]
pub trait Limits: Send + Sync {
    /// Charges all of `charges` (at most [`CHARGES_MAX`]) to `subject` for `request`, or none.
    async fn reserve(
        &self,
        request: &RequestId,
        subject: &LimitSubject,
        charges: &[Charge],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Reserved, StoreError>;

    /// Replaces what `request` reserved by `truth`, per counter; counters that were not reserved are charged too.
    async fn settle(
        &self,
        request: &RequestId,
        subject: &LimitSubject,
        truth: &[(Counter, i64)],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Returns what `request` reserved.
    async fn cancel(&self, request: &RequestId, subject: &LimitSubject) -> Result<(), StoreError>;

    /// What `counter` of `subject` holds at `now`, open reservations included.
    async fn used(&self, subject: &LimitSubject, counter: &Counter, now: Timestamp) -> Result<i64, StoreError>;

    /// Forgets windows that have ended and reservations that have expired at `now`; says how many.
    async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError>;
}
