//! Tests only: what a test needs around the relay. Nothing here ships, and nothing here knows how the relay works.
//!
//! * [`clock`]: time that moves when the test says so.
//! * [`oauth`]: an authorisation server that follows a script.
//! * [`upstream`]: a provider that follows a script, plays every fault, and keeps its own books.
//! * [`client`]: a client that controls every byte, a friendlier one, and a reader of event streams.
//! * [`redis`]: real Redis servers: one, six in a Cluster, or watched by sentinels.
//! * [`relay`]: the built relay as a process, and its admin API.

pub mod client;
pub mod clock;
pub mod oauth;
pub mod redis;
pub mod relay;
pub mod upstream;

pub use client::{HttpClient, RawClient};
pub use clock::ManualClock;
pub use oauth::{OAuthFault, ScriptedOAuth};
pub use relay::{AdminClient, RelayProcess};
pub use upstream::{Answer, ErrorKind, Reply, Script, ScriptedUpstream};
