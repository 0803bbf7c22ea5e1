//! Throw-away Redis servers: real processes on loopback, each in a directory of its own, none of which outlives the test program.
//!
//! Runtime-free: plain threads and blocking sockets, so that servers can be made before a test's own runtime is there.

mod child;
mod cluster;
mod lossy;
mod sentinel;
mod server;
mod wire;

pub use cluster::{MASTERS, RedisCluster};
pub use lossy::LossyProxy;
pub use sentinel::RedisSentinel;
pub use server::{RedisServer, ServerOptions};
