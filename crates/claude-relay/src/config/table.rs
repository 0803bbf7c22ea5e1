//! Every setting there is. A setting that is not here cannot be read, and the manual's reference is made from this.

use super::{
    parse::{self, Endpoint, LogFormat, LogLevel, Retention, StoreKind},
    redis::RedisUrl,
    setting::{Earlier, Optional, Setting, Spec},
};
use domain::Calendar;
use secrecy::SecretString;
use std::{net::IpAddr, path::PathBuf, time::Duration};
use vault::{EncryptionKey, JwtSecret, KeyPrefix, Password};

pub(super) static DATA_DIR: Setting<PathBuf> = Setting::new(
    Spec::new("data_dir", "The directory that everything lasting is kept in. It is made with mode 0700 if it is missing; one process works \
     in it at a time.").flag("--data-dir"),
    &parse::PATH,
    "./data",
);

pub(super) static STORE: Optional<StoreKind> = Optional::new(
    Spec::new("store", "Where records are kept. `sqlite` is the embedded store, `relay.db` in the data directory; `redis` is a server, \
     or several, that other nodes may share. Say `sqlite` expressly to use the embedded store although `REDIS_URL` or `REDIS_HOST` is set.").flag("--store"),
    &parse::STORE,
    "`redis` where `redis.url` or `redis.host` is given, else `sqlite`",
);

pub(super) static STORE_GRACE: Setting<Duration> = Setting::new(
    Spec::new(
        "store_grace",
        "How long keys that are known go on while the store cannot be asked; for as long a key may work that was \
     taken away meanwhile. `0s` refuses at once.",
    ),
    &parse::GRACE,
    "60s",
);

pub(super) static REDIS_URL: Optional<RedisUrl> = Optional::new(
    Spec::new("redis.url", "Where Redis is: `redis://[user:password@]host[:port][/database]`, `rediss://` for TLS, \
     `redis+cluster://host:port,host:port` (and `rediss+cluster://`) for a Cluster, \
     `redis+sentinel://host:port,host:port/master-name[/database]` (and `rediss+sentinel://`) for a master that sentinels watch; \
     their own credentials are `?sentinel_username=…&sentinel_password=…`. Signs in a user or a password are percent-encoded.").secret(),
    &parse::REDIS_URL,
    "none",
);

pub(super) static REDIS_HOST: Optional<String> = Optional::new(
    Spec::new("redis.host", "The host of one Redis server, where `redis.url` does not say it."),
    &parse::REDIS_HOST,
    "none",
);

pub(super) static REDIS_PORT: Setting<u16> = Setting::new(Spec::new("redis.port", "Its port."), &parse::PORT, "6379");

pub(super) static REDIS_USERNAME: Optional<String> = Optional::new(
    Spec::new("redis.username", "The ACL user to sign in to Redis as, where `redis.url` names none."),
    &parse::REDIS_NAME,
    "Redis's `default` user",
);

pub(super) static REDIS_PASSWORD: Optional<SecretString> = Optional::new(
    Spec::new("redis.password", "The password to sign in to Redis with, where `redis.url` has none.").secret(),
    &parse::REDIS_PASSWORD,
    "none",
);

pub(super) static REDIS_DB: Setting<u32> = Setting::new(
    Spec::new("redis.db", "The number of the database, where `redis.url` has none; a Cluster has only 0."),
    &parse::REDIS_DB,
    "0",
);

pub(super) static REDIS_ENABLE_TLS: Setting<bool> = Setting::new(
    Spec::new("redis.enable_tls", "Whether `redis.host` is spoken to with TLS; a `redis.url` says it by its scheme."),
    &parse::SWITCH,
    "false",
);

pub(super) static REDIS_CA_FILE: Optional<PathBuf> = Optional::new(
    Spec::new("redis.ca_file", "A file of certificates (PEM) that Redis's own is signed with."),
    &parse::PATH,
    "the certificates that the platform believes",
);

pub(super) static REDIS_KEY_PREFIX: Optional<String> = Optional::new(
    Spec::new(
        "redis.key_prefix",
        "What stands in front of every key, so that several installations can share one Redis.",
    ),
    &parse::REDIS_PREFIX,
    "nothing",
);

pub(super) static REDIS_TIMEOUT: Setting<Duration> = Setting::new(
    Spec::new("redis.timeout", "How long one call to Redis may take, connecting and repeating included."),
    &parse::REDIS_TIMEOUT,
    "2s",
);

pub(super) static LISTEN: Optional<Endpoint> = Optional::new(
    Spec::new("listen", "The address and port to listen on. It wins over `host` and `port` from the same place.")
        .flag("--listen"),
    &parse::ENDPOINT,
    "`host` and `port`",
);

pub(super) static HOST: Setting<IpAddr> = Setting::new(
    Spec::new("host", "The address to listen on. `0.0.0.0` and `::` let other machines in."),
    &parse::HOST,
    "127.0.0.1",
);

pub(super) static PORT: Setting<u16> =
    Setting::new(Spec::new("port", "The port to listen on; 0 takes one that is free."), &parse::PORT, "3000");

pub(super) static TLS_CERTIFICATE_FILE: Optional<PathBuf> = Optional::new(
    Spec::new(
        "tls.certificate_file",
        "The chain of certificates (PEM), the relay's own first, with which the port speaks HTTPS. It is read again when it \
     changes, and at SIGHUP.",
    ),
    &parse::PATH,
    "the port speaks HTTP",
);

pub(super) static TLS_KEY_FILE: Optional<PathBuf> = Optional::new(
    Spec::new("tls.key_file", "The private key (PEM, without a password) of `tls.certificate_file`."),
    &parse::PATH,
    "none",
);

pub(super) static TRUST_PROXY: Setting<u8> = Setting::new(
    Spec::new(
        "trust_proxy",
        "How many reverse proxies stand in front of the relay: as many addresses are believed from the end of \
     `X-Forwarded-For`. `true` is one.",
    ),
    &parse::HOPS,
    "0",
);

pub(super) static ENCRYPTION_KEY: Optional<EncryptionKey> = Optional::new(
    Spec::new(
        "encryption_key",
        "What the stored credentials are encrypted with. Without it they are lost: keep a copy apart from the backups.",
    )
    .secret(),
    &parse::ENCRYPTION_KEY,
    "made at the first start, in `secrets.env`",
);

pub(super) static ENCRYPTION_KEY_PREVIOUS: Optional<EncryptionKey> = Optional::new(
    Spec::new(
        "encryption_key_previous",
        "The key before, while a rotation is under way: it opens what was not encrypted again yet.",
    )
    .secret(),
    &parse::ENCRYPTION_KEY,
    "none",
);

pub(super) static JWT_SECRET: Optional<JwtSecret> = Optional::new(
    Spec::new("jwt_secret", "What the administrators' session tokens are signed with. A new one signs everybody out.")
        .secret(),
    &parse::JWT_SECRET,
    "made at the first start, in `secrets.env`",
);

pub(super) static ADMIN_USERNAME: Setting<String> = Setting::new(
    Spec::new("admin_username", "The first administrator's name. Read at the first start only.").secret(),
    &parse::ADMIN_USERNAME,
    "admin",
);

pub(super) static ADMIN_PASSWORD: Optional<Password> = Optional::new(
    Spec::new("admin_password", "The first administrator's password. Read at the first start only.").secret(),
    &parse::PASSWORD,
    "made at the first start and shown once",
);

pub(super) static ADMIN_SESSION_LIFETIME: Setting<Duration> = Setting::new(
    Spec::new("admin.session_lifetime", "How long an administrator stays signed in.")
        .earlier(&[Earlier::in_unit("ADMIN_SESSION_TIMEOUT", "ms")]),
    &parse::SESSION_LIFETIME,
    "24h",
);

pub(super) static API_KEY_PREFIX: Setting<KeyPrefix> = Setting::new(
    Spec::new("api_key_prefix", "What new API keys begin with. Keys made before keep theirs."),
    &parse::KEY_PREFIX,
    "cr_",
);

pub(super) static TOKEN_USAGE_RETENTION: Setting<Retention> = Setting::new(
    Spec::new(
        "token_usage_retention",
        "How long usage by day and the records of single requests are kept; totals stay. 0 keeps them for ever. A number \
     from 86,400,000 on is taken as milliseconds, the earlier service's unit.",
    ),
    &parse::RETENTION,
    "30",
);

pub(super) static AUDIT_RETENTION_DAYS: Setting<Retention> = Setting::new(
    Spec::new(
        "audit.retention_days",
        "How many days entries of the audit log are kept. 0 keeps them for ever. Nothing else removes one.",
    ),
    &parse::RETENTION,
    "365",
);

pub(super) static TIMEZONE: Setting<Calendar> = Setting::new(
    Spec::new(
        "timezone",
        "The time zone whose days and months the books go by. It wins over `timezone_offset` from the same place.",
    ),
    &parse::TIMEZONE,
    "UTC",
);

pub(super) static TIMEZONE_OFFSET: Optional<Calendar> = Optional::new(
    Spec::new(
        "timezone_offset",
        "A fixed offset instead of a time zone, as the earlier service has it; without daylight saving.",
    ),
    &parse::TIMEZONE_OFFSET,
    "none",
);

pub(super) static MODEL_PRICES: Optional<PathBuf> = Optional::new(
    Spec::new("model_prices", "A file of model prices that go before those in the program.")
        .earlier(&[Earlier::named("MODEL_PRICING_FILE")]),
    &parse::PATH,
    "none: the prices in the program",
);

pub(super) static LOG_DIR: Optional<PathBuf> = Optional::new(
    Spec::new("log.dir", "The directory of the log files.").flag("--log-dir"),
    &parse::PATH,
    "`logs` beside the data directory",
);

pub(super) static LOG_LEVEL: Setting<LogLevel> = Setting::new(
    Spec::new(
        "log.level",
        "What is logged. The earlier service's `http` and `verbose` are `debug`, its `silly` is `trace`.",
    )
    .flag("--log-level"),
    &parse::LOG_LEVEL,
    "info",
);

pub(super) static LOG_FORMAT: Setting<LogFormat> = Setting::new(
    Spec::new("log.format", "How lines look on the terminal: `auto` is `text` on a terminal and `json` elsewhere.")
        .flag("--log-format"),
    &parse::LOG_FORMAT,
    "auto",
);

pub(super) static LOG_RETENTION_DAYS: Setting<u32> =
    Setting::new(Spec::new("log.retention_days", "How many days log files are kept."), &parse::LOG_DAYS, "14");

pub(super) static LOG_BYTES_MAX: Setting<u64> = Setting::new(
    Spec::new("log.bytes_max", "How much all log files together may take; the oldest are deleted first."),
    &parse::LOG_SIZE,
    "1GB",
);

pub(super) static DEBUG_HTTP_TRAFFIC: Setting<bool> = Setting::new(
    Spec::new(
        "debug_http_traffic",
        "Whether requests and answers are written to `http-debug-*.log`, with secrets masked and bodies cut.",
    ),
    &parse::SWITCH,
    "false",
);

pub(super) static METRICS_TOKEN: Optional<SecretString> = Optional::new(
    Spec::new("metrics.token", "The bearer token that `/metrics` asks for. With one, other machines may read it too.")
        .secret(),
    &parse::METRICS_TOKEN,
    "none: `/metrics` answers this machine only",
);

pub(super) static REQUEST_BYTES_MAX: Setting<u64> = Setting::new(
    Spec::new("request.bytes_max", "The largest body of a request, after decompression.")
        .earlier(&[Earlier::in_unit("REQUEST_MAX_SIZE_MB", "MB")]),
    &parse::BODY_SIZE,
    "100MB",
);

pub(super) static REQUEST_BUFFERED_BYTES_MAX: Optional<u64> = Optional::new(
    Spec::new(
        "request.buffered_bytes_max",
        "How much the bodies of all requests together may take in memory; beyond it requests wait, then get 503.",
    ),
    &parse::BUFFER_SIZE,
    "a quarter of the memory",
);

pub(super) static REQUEST_BODY_TIMEOUT: Setting<Duration> = Setting::new(
    Spec::new("request.body_timeout", "How long a client may take to send the body of its request."),
    &parse::TIMEOUT,
    "5m",
);

pub(super) static REQUEST_WAIT_MAX: Setting<Duration> = Setting::new(
    Spec::new("request.wait_max", "How long a request waits for memory before it gets 503; 0s: not at all."),
    &parse::SPAN,
    "30s",
);

pub(super) static UPSTREAM_CONNECT_TIMEOUT: Setting<Duration> = Setting::new(
    Spec::new("upstream.connect_timeout", "How long connecting to one address of a provider may take."),
    &parse::TIMEOUT,
    "10s",
);

pub(super) static UPSTREAM_ANSWER_TIMEOUT: Setting<Duration> = Setting::new(
    Spec::new(
        "upstream.answer_timeout",
        "How long a provider may take from the beginning of the request to the head of its answer.",
    )
    .earlier(&[Earlier::in_unit("REQUEST_TIMEOUT", "ms")]),
    &parse::TIMEOUT,
    "10m",
);

pub(super) static UPSTREAM_STALL_TIMEOUT: Setting<Duration> = Setting::new(
    Spec::new(
        "upstream.stall_timeout",
        "How long a provider may be silent in the middle of an answer. Clients give up after five minutes.",
    ),
    &parse::TIMEOUT,
    "3m",
);

pub(super) static UPSTREAM_WEBSOCKET: Setting<bool> = Setting::new(
    Spec::new(
        "upstream.websocket",
        "Whether requests that came over a WebSocket go to accounts of OpenAI's APIs over one. An upstream that does not take it is \
         asked over HTTP.",
    ),
    &parse::SWITCH,
    "true",
);

pub(super) static RELAY_ATTEMPTS_MAX: Setting<u8> = Setting::new(
    Spec::new("relay.attempts_max", "How many accounts are tried for one request before it fails."),
    &parse::ATTEMPTS,
    "3",
);

pub(super) static RELAY_KEEP_ALIVE_EVERY: Setting<Duration> = Setting::new(
    Spec::new(
        "relay.keep_alive_every",
        "How long a client that asked for a stream waits without a byte before it gets a keep-alive, and before the next.",
    ),
    &parse::TIMEOUT,
    "10s",
);

pub(super) static DRAIN_TIME_MAX: Setting<Duration> = Setting::new(
    Spec::new(
        "drain.time_max",
        "How long a provider's answer is read on after its client has left, to learn what it used; 0s: not at all.",
    ),
    &parse::SPAN,
    "30s",
);

pub(super) static DRAIN_TOKENS_MAX: Setting<u32> = Setting::new(
    Spec::new("drain.tokens_max", "How many output tokens are read on for the same reason: they are paid for."),
    &parse::TOKENS,
    "4000",
);

pub(super) static STICKY_TTL: Setting<Duration> = Setting::new(
    Spec::new(
        "sticky.ttl",
        "How long a client's session without requests stays with the account that served it, which has cached what it \
     was sent; 0s: each request goes to the first account in the order.",
    )
    .earlier(&[Earlier::in_unit("STICKY_SESSION_TTL_HOURS", "h")]),
    &parse::SPAN,
    "1h",
);

pub(super) static RELAY_BOUND_KEYS_FALL_BACK: Setting<bool> = Setting::new(
    Spec::new(
        "relay.bound_keys_fall_back",
        "Whether a key that is bound to an account or a group is served by the accounts of all while that cannot serve it. \
     `false`: it is refused.",
    )
    .earlier(&[Earlier::named("CLAUDE_DEDICATED_ACCOUNT_FALLBACK")]),
    &parse::SWITCH,
    "false",
);

pub(super) static SHUTDOWN_GRACE: Setting<Duration> = Setting::new(
    Spec::new("shutdown.grace", "How long running streams may go on when the relay is asked to stop."),
    &parse::SPAN,
    "30s",
);

pub(super) static COOLDOWN_UNAVAILABLE: Setting<Duration> = Setting::new(
    Spec::new("cooldown.unavailable", "How long an account is left alone after a 503. 0s, here and below: not at all.")
        .earlier(&[Earlier::in_unit("UPSTREAM_ERROR_503_TTL_SECONDS", "s")]),
    &parse::SPAN,
    "60s",
);

pub(super) static COOLDOWN_UPSTREAM: Setting<Duration> = Setting::new(
    Spec::new("cooldown.upstream", "The same after another 5xx.")
        .earlier(&[Earlier::in_unit("UPSTREAM_ERROR_5XX_TTL_SECONDS", "s")]),
    &parse::SPAN,
    "5m",
);

pub(super) static COOLDOWN_OVERLOADED: Setting<Duration> = Setting::new(
    Spec::new("cooldown.overloaded", "The same after a 529.")
        .earlier(&[Earlier::in_unit("UPSTREAM_ERROR_OVERLOAD_TTL_SECONDS", "s")]),
    &parse::SPAN,
    "10m",
);

pub(super) static COOLDOWN_CREDENTIAL: Setting<Duration> = Setting::new(
    Spec::new("cooldown.credential", "The same after a 401 or 403.")
        .earlier(&[Earlier::in_unit("UPSTREAM_ERROR_AUTH_TTL_SECONDS", "s")]),
    &parse::SPAN,
    "30m",
);

pub(super) static COOLDOWN_TIMEOUT: Setting<Duration> = Setting::new(
    Spec::new("cooldown.timeout", "The same after a failed connection, a 504, or no answer in time.")
        .earlier(&[Earlier::in_unit("UPSTREAM_ERROR_TIMEOUT_TTL_SECONDS", "s")]),
    &parse::SPAN,
    "5m",
);

pub(super) static COOLDOWN_RATE_LIMIT: Setting<Duration> = Setting::new(
    Spec::new("cooldown.rate_limit", "The same after a 429 that does not say until when."),
    &parse::SPAN,
    "5m",
);

pub(super) static COOLDOWN_QUOTA: Setting<Duration> = Setting::new(
    Spec::new("cooldown.quota", "The same when quota or credit is used up and the provider does not say until when."),
    &parse::SPAN,
    "30m",
);

pub(super) static COOLDOWN_PROVIDER_MAX: Setting<Duration> = Setting::new(
    Spec::new("cooldown.provider_max", "The longest that a provider is believed when it says itself until when.")
        .earlier(&[Earlier::in_unit("UPSTREAM_ERROR_MAX_CUSTOM_TTL_SECONDS", "s")]),
    &parse::SPAN,
    "30m",
);

/// All of them, in the order of the manual.
pub(super) static ALL: &[&Spec] = &[
    &DATA_DIR.spec,
    &STORE.spec,
    &STORE_GRACE.spec,
    &REDIS_URL.spec,
    &REDIS_HOST.spec,
    &REDIS_PORT.spec,
    &REDIS_USERNAME.spec,
    &REDIS_PASSWORD.spec,
    &REDIS_DB.spec,
    &REDIS_ENABLE_TLS.spec,
    &REDIS_CA_FILE.spec,
    &REDIS_KEY_PREFIX.spec,
    &REDIS_TIMEOUT.spec,
    &LISTEN.spec,
    &HOST.spec,
    &PORT.spec,
    &TLS_CERTIFICATE_FILE.spec,
    &TLS_KEY_FILE.spec,
    &TRUST_PROXY.spec,
    &ENCRYPTION_KEY.spec,
    &ENCRYPTION_KEY_PREVIOUS.spec,
    &JWT_SECRET.spec,
    &ADMIN_USERNAME.spec,
    &ADMIN_PASSWORD.spec,
    &ADMIN_SESSION_LIFETIME.spec,
    &API_KEY_PREFIX.spec,
    &TOKEN_USAGE_RETENTION.spec,
    &AUDIT_RETENTION_DAYS.spec,
    &TIMEZONE.spec,
    &TIMEZONE_OFFSET.spec,
    &MODEL_PRICES.spec,
    &LOG_DIR.spec,
    &LOG_LEVEL.spec,
    &LOG_FORMAT.spec,
    &LOG_RETENTION_DAYS.spec,
    &LOG_BYTES_MAX.spec,
    &DEBUG_HTTP_TRAFFIC.spec,
    &METRICS_TOKEN.spec,
    &REQUEST_BYTES_MAX.spec,
    &REQUEST_BUFFERED_BYTES_MAX.spec,
    &REQUEST_BODY_TIMEOUT.spec,
    &REQUEST_WAIT_MAX.spec,
    &UPSTREAM_CONNECT_TIMEOUT.spec,
    &UPSTREAM_ANSWER_TIMEOUT.spec,
    &UPSTREAM_STALL_TIMEOUT.spec,
    &UPSTREAM_WEBSOCKET.spec,
    &RELAY_ATTEMPTS_MAX.spec,
    &RELAY_KEEP_ALIVE_EVERY.spec,
    &DRAIN_TIME_MAX.spec,
    &DRAIN_TOKENS_MAX.spec,
    &RELAY_BOUND_KEYS_FALL_BACK.spec,
    &STICKY_TTL.spec,
    &SHUTDOWN_GRACE.spec,
    &COOLDOWN_UNAVAILABLE.spec,
    &COOLDOWN_UPSTREAM.spec,
    &COOLDOWN_OVERLOADED.spec,
    &COOLDOWN_CREDENTIAL.spec,
    &COOLDOWN_TIMEOUT.spec,
    &COOLDOWN_RATE_LIMIT.spec,
    &COOLDOWN_QUOTA.spec,
    &COOLDOWN_PROVIDER_MAX.spec,
];
