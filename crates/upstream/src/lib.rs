//! Talking to providers: one HTTP client with timeouts by phase, each account's own line and proxy, and where each call of a platform goes. No store is known here.

pub mod aws;
pub mod body;
pub mod client;
pub mod destination;
pub mod failure;
pub mod line;
pub mod oauth;
pub mod proxy;
pub mod sigv4;
pub mod socket;
mod tunnel;

pub use aws::{AwsChain, AwsChainError, AwsSource, AwsVariables};
pub use body::UpstreamBody;
pub use client::{Client, Timeouts};
pub use destination::{Call, Destination, DestinationError, Envelope, Opening};
pub use failure::{ProxyFailure, ProxyFault, SendError};
pub use line::Line;
pub use proxy::{Proxy, ProxyError, ProxyScheme};
pub use sigv4::{AwsKeys, SignError, sign};
pub use socket::{Handshake, Socket, SocketAnswer, SocketError};
