//! The node's append-only log of attempts, and its delivery to the ledger. No engine but the log's own file is known here.
//!
//! An attempt takes an [`AttemptSlot`] at the door, where back-pressure belongs; from then on its record can always be queued,
//! synchronously, from any `Drop`. One thread writes the queue in groups to an SQLite file (WAL; handed to the operating
//! system, not synced), another one syncs it once a second. [`Delivery`] cuts the log into numbered batches and puts them to
//! the [`store::Ledger`] until each is applied.
//!
//! Why SQLite and not a plain file: operators know how to look into it and repair it, and its WAL is a group commit that
//! survives a torn write. Why records lie in chunks (one row per written group): it makes a record under load cost as much
//! as a copy of its bytes.

mod checkpoint;
mod delivery;
mod error;
mod file;
mod inbox;
mod journal;
mod reader;
mod slot;
mod writer;

pub use delivery::Delivery;
pub use error::{JournalError, JournalRefusal, NotDelivered, NotWritten};
pub use journal::{Journal, JournalLag, JournalOptions};
pub use slot::{AttemptSlot, Written};
