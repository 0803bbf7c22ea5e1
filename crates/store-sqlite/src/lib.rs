//! The ports over SQLite, the embedded default: one file, one thread that writes, readers that never wait.
//!
//! Commits are made in groups and handed to the operating system; another thread syncs the log once a second and moves it into
//! the file. So `kill -9` loses nothing that was answered, and a power cut loses about a second. Limits, slots and locks live in
//! the process: one process owns the file.

mod affinity;
mod audit;
mod connection;
mod error;
mod health;
mod idempotency;
mod keeper;
mod ledger;
mod open;
mod readers;
mod records;
mod schema;
mod sessions;
mod sql;
mod writer;

pub use open::{OpenError, SqliteStore};
