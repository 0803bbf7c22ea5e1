//! Talking to providers: one HTTP client with timeouts by phase, and where each call of a platform goes. No store is known here.

pub mod client;
pub mod destination;
pub mod failure;

pub use client::{Client, Timeouts, UpstreamBody};
pub use destination::{Call, Destination, DestinationError, Envelope, Opening};
pub use failure::SendError;
