//! The ports over Redis 7: one server, Sentinel or Cluster, under the names of the keyspace table. No HTTP is known here.
//!
//! Every change of more than one key's worth is a Lua script on one slot, idempotent, sent by its digest: a call whose reply
//! was lost is sent again. What spans slots is ordered so that it can be interrupted anywhere and is completed or
//! disregarded by the next one who comes by.

mod affinity;
mod announce;
mod audit;
mod breaker;
mod call;
mod engine;
mod error;
mod health;
mod idempotency;
mod leases;
mod ledger;
mod limits;
mod link;
mod listen;
mod locks;
mod names;
mod open;
mod options;
mod records;
mod schema;
mod server;
mod sessions;

pub use open::{OpenError, RedisStore};
pub use options::{RedisOptions, Repeat, TlsOptions, Topology};
pub use schema::SchemaError;
pub use server::{ServerError, ServerWarning};
