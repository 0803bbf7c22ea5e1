//! The settings as values. Nothing here can be wrong any more; `Debug` shows no secret.

use super::{
    parse::{Endpoint, LogFormat, LogLevel, Retention},
    redis::RedisSettings,
};
use domain::Calendar;
use secrecy::SecretString;
use std::{path::PathBuf, time::Duration};
use vault::{EncryptionKey, JwtSecret, KeyPrefix, Password};

/// Everything that is settled before the relay starts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data directory; relative to the working directory unless absolute.
    pub data_dir: PathBuf,
    /// Where records are kept.
    pub store: StoreSettings,
    /// Where to listen.
    pub listen: ListenSettings,
    /// The installation's secrets, as far as the environment gives them.
    pub secrets: SecretSettings,
    /// The first administrator; of no use once there is one.
    pub first_admin: FirstAdmin,
    /// What new API keys begin with.
    pub api_key_prefix: KeyPrefix,
    /// The books.
    pub books: BookSettings,
    /// The audit log.
    pub audit: AuditSettings,
    /// Logging.
    pub log: LogSettings,
    /// `/metrics`.
    pub metrics: MetricsSettings,
    /// What a client may send.
    pub requests: RequestSettings,
    /// Patience with providers.
    pub upstream: UpstreamSettings,
    /// The path of a request.
    pub relay: RelaySettings,
    /// How long an account is left alone, by cause.
    pub cooldowns: CooldownSettings,
    /// The control plane.
    pub admin: AdminSettings,
    /// How long running streams may go on when the relay is asked to stop.
    pub shutdown_grace: Duration,
}

/// Where records are kept.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// By what.
    pub engine: StoreEngine,
    /// How long known keys go on while the store is away; zero: not at all.
    pub grace: Duration,
}

/// What keeps the records.
#[derive(Debug, Clone)]
pub enum StoreEngine {
    /// The embedded store.
    Sqlite,
    /// Redis, which other nodes may share.
    Redis(Box<RedisSettings>),
}

/// The listener's own TLS, both as files in PEM form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain of certificates, the relay's own first.
    pub certificate: PathBuf,
    /// The private key of the first.
    pub key: PathBuf,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenSettings {
    /// Address and port; port 0 takes one that is free.
    pub endpoint: Endpoint,
    /// TLS of the relay's own; none: HTTP.
    pub tls: Option<TlsFiles>,
    /// Reverse proxies in front of the relay: addresses believed from the end of `X-Forwarded-For`.
    pub trusted_hops: u8,
}

/// The installation's secrets, as far as the environment gives them. What is missing stands in `secrets.env`.
#[derive(Debug, Clone, Default)]
pub struct SecretSettings {
    /// `ENCRYPTION_KEY`.
    pub encryption_key: Option<EncryptionKey>,
    /// `ENCRYPTION_KEY_PREVIOUS`.
    pub encryption_key_previous: Option<EncryptionKey>,
    /// `JWT_SECRET`.
    pub jwt_secret: Option<JwtSecret>,
}

/// The first administrator.
#[derive(Debug, Clone)]
pub struct FirstAdmin {
    /// The name to sign in with.
    pub username: String,
    /// The password; none: one is made and shown once.
    pub password: Option<Password>,
}

/// The books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookSettings {
    /// Whose days and months they go by.
    pub calendar: Calendar,
    /// How long usage is kept.
    pub retention: Retention,
    /// A file of prices that go before those in the program.
    pub model_prices: Option<PathBuf>,
}

/// The audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditSettings {
    /// How long its entries are kept.
    pub retention: Retention,
}

/// Logging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// Directory of the log files.
    pub dir: PathBuf,
    /// What is logged.
    pub level: LogLevel,
    /// How lines look on the terminal.
    pub format: LogFormat,
    /// Days that log files are kept, 1 to 3,650.
    pub retention_days: u32,
    /// Bytes that all log files together may take.
    pub bytes_max: u64,
    /// Whether requests and answers are written to `http-debug-*.log`.
    pub http_traffic: bool,
}

/// `/metrics`.
#[derive(Debug, Clone)]
pub struct MetricsSettings {
    /// The bearer token to ask for; none: only this machine gets an answer.
    pub token: Option<SecretString>,
}

/// What a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestSettings {
    /// Bytes of a body, after decompression.
    pub bytes_max: u64,
    /// Bytes of all bodies in memory together; never below `bytes_max`.
    pub buffered_bytes_max: u64,
    /// For sending a body.
    pub body_timeout: Duration,
    /// For memory to become free, before a request is refused; zero: not at all.
    pub wait_max: Duration,
}

/// Patience with providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// For a TCP connection, per address tried.
    pub connect_timeout: Duration,
    /// From the beginning of the request, TLS included, to the head of the answer.
    pub answer_timeout: Duration,
    /// Between two pieces of an answer.
    pub stall_timeout: Duration,
    /// Over WebSockets, for requests that came over one.
    pub websocket: bool,
}

/// The path of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelaySettings {
    /// Accounts tried for one request, 1 to 10.
    pub attempts_max: u8,
    /// The wait before the first keep-alive, and between two.
    pub keep_alive_every: Duration,
    /// Reading on after a client has left.
    pub drain: DrainSettings,
    /// What a bound key does while what it is bound to cannot serve.
    pub bound_keys_fall_back: bool,
    /// How long a session without requests stays with its account; zero: sessions are no matter.
    pub sticky_ttl: Duration,
}

/// Reading on after a client has left, to learn what its request used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainSettings {
    /// For how long; zero: not at all.
    pub time_max: Duration,
    /// For how many output tokens.
    pub tokens_max: u32,
}

/// How long an account is left alone, by cause; zero: not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CooldownSettings {
    /// 503.
    pub unavailable: Duration,
    /// Another 5xx.
    pub upstream: Duration,
    /// 529.
    pub overloaded: Duration,
    /// 401 and 403.
    pub credential: Duration,
    /// No connection, 504, or no answer in time.
    pub timeout: Duration,
    /// 429 that does not say until when.
    pub rate_limit: Duration,
    /// Quota or credit used up, and not said until when.
    pub quota: Duration,
    /// The longest time of the provider's own that is believed.
    pub provider_max: Duration,
}

/// The control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminSettings {
    /// How long an administrator stays signed in.
    pub session_lifetime: Duration,
}
