//! Where the servers are and how they are spoken to. Nothing is connected here.

use secrecy::SecretString;
use std::time::Duration;

/// How the relay finds its store.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// The servers, or the sentinels: host and port, at least one.
    pub addresses: Vec<(String, u16)>,
    /// What stands at the addresses.
    pub topology: Topology,
    /// TLS; none: plain TCP.
    pub tls: Option<TlsOptions>,
    /// The ACL user; none: the server's `default` user.
    pub username: Option<String>,
    /// The password; none: no `AUTH` is sent.
    pub password: Option<SecretString>,
    /// The database number; 0 on a Cluster.
    pub database: u32,
    /// In front of every key: `[A-Za-z0-9_.:-]*`.
    pub key_prefix: String,
    /// How long one call may take, connecting and repeating included.
    pub timeout: Duration,
    /// How often scripts run.
    pub repeat: Repeat,
}

/// What stands at the addresses.
#[derive(Debug, Clone)]
pub enum Topology {
    /// One server.
    Single,
    /// Sentinels that know who is master.
    Sentinel {
        /// The name of the monitored master.
        master_name: String,
        /// The sentinels' own ACL user.
        username: Option<String>,
        /// The sentinels' own password.
        password: Option<SecretString>,
    },
    /// Some of the nodes of a Cluster.
    Cluster,
}

/// TLS by rustls.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// Certificates (PEM) that the server's is signed with; none: those that the platform trusts.
    pub roots_pem: Option<Vec<u8>>,
}

/// How often scripts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Once, unless a reply is lost.
    Once,
    /// Twice, the second reply counts: what a lost reply does, made the rule. For tests.
    Twice,
}
