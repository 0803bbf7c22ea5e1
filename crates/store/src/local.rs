//! Limits, slots and locks of one process: what an engine uses whose store belongs to that process alone. Nothing is written.
//!
//! Each is a state machine under one short lock that is never held across an `await`; each call costs `O(log n)`.

mod leases;
mod limits;
mod locks;

pub use leases::LocalLeases;
pub use limits::{LocalLimits, RESERVATIONS_MAX};
pub use locks::{LOCKS_MAX, LocalLocks};
