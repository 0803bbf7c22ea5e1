//! The journal from outside: slots, a full disk, a crash, the delivery to a ledger that fails in every way it may.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod support;

mod crash;
mod delivery;
mod full;
mod slots;
