//! The relay as its clients and its operator see it: the built program, scripted upstreams, real sockets. Nothing inside is known here.
//!
//! Each test has a relay, a data directory and upstreams of its own. None sleeps: what takes time is waited for with
//! [`support::eventually`], or held back with a gate.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, and these functions are parts of tests")]

mod aborts;
mod bindings;
mod bodies;
mod crash;
mod cuts;
mod dialects;
mod doors;
mod drains;
mod engine;
mod failover;
mod faults;
mod frames;
mod headers;
mod keep_alive;
mod keys;
mod leaving;
mod lists;
mod load;
mod own;
mod platforms;
mod rates;
mod shutdown;
mod signed_in;
mod silences;
mod sockets;
mod sockets_upstream;
mod stalls;
mod sticky;
mod support;
mod tools;
