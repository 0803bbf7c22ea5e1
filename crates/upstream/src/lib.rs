//! Talking to providers: one HTTP client with timeouts by phase, and where each call of a platform goes. No store is known here.

pub mod client;
pub mod endpoint;
pub mod failure;
pub mod oauth;

pub use client::{Client, Timeouts, UpstreamBody};
pub use endpoint::{Destination, DestinationError, Operation};
pub use failure::SendError;
