//! The numbers that the rooms obey. Who configures them is not known here.

use scheduling::CooldownRules;
use std::{num::NonZeroU32, time::Duration};

/// What a key does while the account or group that it is bound to cannot serve it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenOut {
    /// It is refused.
    Refuse,
    /// The accounts of all serve it, until its own can again.
    FallBack,
}

/// Whether requests that came over a WebSocket go to the account over one, where its API has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamSockets {
    /// They do; over HTTP where the upstream does not take it.
    Tried,
    /// They go over HTTP.
    Off,
}

/// Bounds and times of the corridor.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    /// Largest request body, in bytes, before and after decompression.
    pub body_bytes_max: u64,
    /// Bytes that all requests together may hold in memory.
    pub buffer_bytes_max: u64,
    /// How long a request waits for memory before it is refused.
    pub buffer_wait_max: Duration,
    /// How long the client may take to send its body.
    pub body_timeout: Duration,
    /// Upstream attempts for one request, 1 to 16.
    pub attempts_max: u8,
    /// How long the upstream may be silent within an answer.
    pub stall_max: Duration,
    /// When a stream without an answer begins to send keep-alives, and how far apart they are.
    pub keepalive_every: Duration,
    /// Whether accounts are asked over WebSockets.
    pub upstream_sockets: UpstreamSockets,
    /// How long an upstream is read on after its client has left.
    pub drain_max: Duration,
    /// Output tokens, as far as known or estimated, at which a drain ends.
    pub drain_tokens_max: u64,
    /// How long keys that are known go on while the store cannot be asked about them.
    pub store_grace: Duration,
    /// What a bound key does while what it is bound to cannot serve.
    pub when_bound_is_out: WhenOut,
    /// How long a session without requests stays with its account; zero: sessions are no matter.
    pub sticky_ttl: Duration,
    /// Proxies of the operator in front of the relay, which tell a client's address.
    pub trusted_hops: u8,
    /// Days before today whose daily sums are kept; none: all.
    pub retention_days: Option<NonZeroU32>,
    /// What failures do to accounts.
    pub cooldowns: CooldownRules,
}
