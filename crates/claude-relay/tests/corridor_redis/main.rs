//! The corridor's tests once more, with the records on one Redis server. Nothing inside is known here.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, and these functions are parts of tests")]

#[path = "../corridor/aborts.rs"]
mod aborts;
#[path = "../corridor/bindings.rs"]
mod bindings;
#[path = "../corridor/bodies.rs"]
mod bodies;
#[path = "../corridor/crash.rs"]
mod crash;
#[path = "../corridor/cuts.rs"]
mod cuts;
#[path = "../corridor/dialects.rs"]
mod dialects;
#[path = "../corridor/doors.rs"]
mod doors;
#[path = "../corridor/drains.rs"]
mod drains;
mod engine;
#[path = "../corridor/failover.rs"]
mod failover;
#[path = "../corridor/faults.rs"]
mod faults;
#[path = "../corridor/frames.rs"]
mod frames;
#[path = "../corridor/headers.rs"]
mod headers;
#[path = "../corridor/keep_alive.rs"]
mod keep_alive;
#[path = "../corridor/keys.rs"]
mod keys;
#[path = "../corridor/leaving.rs"]
mod leaving;
#[path = "../corridor/lists.rs"]
mod lists;
#[path = "../corridor/load.rs"]
mod load;
#[path = "../corridor/own.rs"]
mod own;
#[path = "../corridor/platforms.rs"]
mod platforms;
#[path = "../corridor/rates.rs"]
mod rates;
#[path = "../corridor/shutdown.rs"]
mod shutdown;
#[path = "../corridor/signed_in.rs"]
mod signed_in;
#[path = "../corridor/silences.rs"]
mod silences;
#[path = "../corridor/stalls.rs"]
mod stalls;
#[path = "../corridor/sticky.rs"]
mod sticky;
#[path = "../corridor/support.rs"]
mod support;
#[path = "../corridor/tools.rs"]
mod tools;
