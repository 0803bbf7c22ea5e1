//! The relay on Redis that goes away, is killed, fails over, is copied, and is shared by several nodes. Nothing inside is known here.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, and these functions are parts of tests")]
#![allow(dead_code, reason = "the corridor's support is used in part")]

mod copies;
#[path = "../corridor_redis/engine.rs"]
mod engine;
mod failover;
mod kills;
#[path = "../corridor/load.rs"]
mod load;
mod nodes;
mod outages;
mod refreshes;
mod round_trips;
mod stage;
#[path = "../corridor/support.rs"]
mod support;
