//! Settings out of their texts: each value read once, and what only two settings together can tell.

use super::{
    layers::Layers,
    parse::{self, Endpoint, StoreKind},
    reader::Reader,
    redis::{RedisSettings, RedisTls, RedisUrl},
    settings::{
        AdminSettings, AuditSettings, BookSettings, CooldownSettings, DrainSettings, FirstAdmin, ListenSettings,
        LogSettings, MetricsSettings, RelaySettings, RequestSettings, SecretSettings, Settings, StoreEngine,
        StoreSettings, TlsFiles, UpstreamSettings,
    },
    table,
};
use crate::note::Note;
use domain::Calendar;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};
use store_redis::Topology;

/// The share of the memory that buffered bodies may take unless somebody says otherwise.
const BUFFER_SHARE: u64 = 4;

/// What buffered bodies may take where the system does not say how much memory it has: five bodies of 100 MB.
const BUFFER_BYTES_FALLBACK: u64 = 512 * 1024 * 1024;

/// Reads every setting. With problems the settings are of no use.
pub(super) fn settings(layers: &Layers, memory_bytes: Option<u64>, notes: &mut Vec<Note>) -> (Settings, Vec<String>) {
    let mut reader = Reader::new(layers);
    let read = &mut reader;
    let data_dir = read.get(&table::DATA_DIR);
    let settings = Settings {
        log: log(read, &data_dir),
        data_dir,
        store: store(read, notes),
        listen: ListenSettings {
            endpoint: endpoint(read),
            tls: tls(read),
            trusted_hops: read.get(&table::TRUST_PROXY),
        },
        secrets: SecretSettings {
            encryption_key: read.optional(&table::ENCRYPTION_KEY),
            encryption_key_previous: read.optional(&table::ENCRYPTION_KEY_PREVIOUS),
            jwt_secret: read.optional(&table::JWT_SECRET),
        },
        first_admin: FirstAdmin {
            username: read.get(&table::ADMIN_USERNAME),
            password: read.optional(&table::ADMIN_PASSWORD),
        },
        api_key_prefix: read.get(&table::API_KEY_PREFIX),
        books: books(read, notes),
        audit: AuditSettings { retention: read.get(&table::AUDIT_RETENTION_DAYS) },
        metrics: MetricsSettings { token: read.optional(&table::METRICS_TOKEN) },
        requests: requests(read, memory_bytes),
        upstream: upstream(read),
        relay: relay(read),
        cooldowns: cooldowns(read),
        admin: AdminSettings { session_lifetime: read.get(&table::ADMIN_SESSION_LIFETIME) },
        shutdown_grace: read.get(&table::SHUTDOWN_GRACE),
    };
    (settings, reader.into_problems())
}

/// Redis where an address is given, unless somebody says otherwise.
fn store(read: &mut Reader<'_>, notes: &mut Vec<Note>) -> StoreSettings {
    let grace = read.get(&table::STORE_GRACE);
    let redis = redis_settings(read, notes);
    let engine = match (read.optional(&table::STORE), redis) {
        (Some(StoreKind::Redis) | None, Some(redis)) => StoreEngine::Redis(Box::new(redis)),
        (None, None) => StoreEngine::Sqlite,
        (Some(StoreKind::Sqlite), redis) => {
            if redis.is_some() {
                notes.push(Note::warning(
                    "Redis is not used: `store` is `sqlite`, records are kept in the embedded store",
                ));
            }
            StoreEngine::Sqlite
        }
        (Some(StoreKind::Redis), None) => {
            read.refuse("`store` is `redis`, but nothing says where: set REDIS_URL, or REDIS_HOST.".to_owned());
            StoreEngine::Sqlite
        }
    };
    StoreSettings { engine, grace }
}

fn redis_settings(read: &mut Reader<'_>, notes: &mut Vec<Note>) -> Option<RedisSettings> {
    let (url, host, port) =
        (read.optional(&table::REDIS_URL), read.optional(&table::REDIS_HOST), read.get(&table::REDIS_PORT));
    let (username, password) = (read.optional(&table::REDIS_USERNAME), read.optional(&table::REDIS_PASSWORD));
    let (database, is_tls) = (read.get(&table::REDIS_DB), read.get(&table::REDIS_ENABLE_TLS));
    let ca_file = read.optional(&table::REDIS_CA_FILE);
    let key_prefix = read.optional(&table::REDIS_KEY_PREFIX).unwrap_or_default();
    let timeout = read.get(&table::REDIS_TIMEOUT);
    if url.is_some() && host.is_some() {
        notes.push(Note::hint("`redis.host` is not used, because `redis.url` is set too"));
    }
    let from_parts = || {
        let addresses = vec![(host?, port)];
        Some(RedisUrl { addresses, topology: Topology::Single, is_tls, username: None, password: None, database: None })
    };
    let RedisUrl { addresses, topology, is_tls, username: own_name, password: own_password, database: own_database } =
        url.or_else(from_parts)?;
    if matches!(topology, Topology::Cluster) && database != 0 {
        read.refuse(format!("`redis.db` is {database}, but a Cluster has only database 0."));
    }
    Some(RedisSettings {
        addresses,
        topology,
        tls: is_tls.then_some(RedisTls { ca_file }),
        username: own_name.or(username),
        password: own_password.or(password),
        database: own_database.unwrap_or(database),
        key_prefix,
        timeout,
    })
}

/// `listen`, unless `host` or `port` was given in a place that goes before its own.
fn endpoint(read: &mut Reader<'_>) -> Endpoint {
    let (host, port) = (read.get(&table::HOST), read.get(&table::PORT));
    let parts = read.rank(&table::HOST.spec).max(read.rank(&table::PORT.spec));
    let whole = read.rank(&table::LISTEN.spec);
    let listen = read.optional(&table::LISTEN).filter(|_| whole >= parts);
    listen.unwrap_or_else(|| SocketAddr::new(host, port))
}

/// Both files or none.
fn tls(read: &mut Reader<'_>) -> Option<TlsFiles> {
    let files = (read.optional(&table::TLS_CERTIFICATE_FILE), read.optional(&table::TLS_KEY_FILE));
    let missing = match files {
        (Some(certificate), Some(key)) => return Some(TlsFiles { certificate, key }),
        (None, None) => return None,
        (Some(_), None) => ("tls.certificate_file", "tls.key_file"),
        (None, Some(_)) => ("tls.key_file", "tls.certificate_file"),
    };
    read.refuse(format!("`{}` is set, but `{}` is not: TLS needs both.", missing.0, missing.1));
    None
}

fn books(read: &mut Reader<'_>, notes: &mut Vec<Note>) -> BookSettings {
    let retention = read.get(&table::TOKEN_USAGE_RETENTION);
    let given = read.given(&table::TOKEN_USAGE_RETENTION.spec).filter(|given| parse::is_retention_in_ms(&given.text));
    if let (Some(given), parse::Retention::Days(days)) = (given, retention) {
        notes.push(Note::hint(format!(
            "`token_usage_retention` is {} ({}): taken as milliseconds, which are {days} days",
            given.text, given.source
        )));
    }
    BookSettings { calendar: calendar(read, notes), retention, model_prices: read.optional(&table::MODEL_PRICES) }
}

/// `timezone`, unless `timezone_offset` was given in a place that goes before its own.
fn calendar(read: &mut Reader<'_>, notes: &mut Vec<Note>) -> Calendar {
    let named = read.get(&table::TIMEZONE);
    let Some(offset) = read.optional(&table::TIMEZONE_OFFSET) else { return named };
    if read.rank(&table::TIMEZONE_OFFSET.spec) > read.rank(&table::TIMEZONE.spec) {
        return offset;
    }
    notes.push(Note::hint("`timezone_offset` is not used, because `timezone` is set too"));
    named
}

fn log(read: &mut Reader<'_>, data_dir: &Path) -> LogSettings {
    LogSettings {
        dir: read.optional(&table::LOG_DIR).unwrap_or_else(|| logs_beside(data_dir)),
        level: read.get(&table::LOG_LEVEL),
        format: read.get(&table::LOG_FORMAT),
        retention_days: read.get(&table::LOG_RETENTION_DAYS),
        bytes_max: read.get(&table::LOG_BYTES_MAX),
        http_traffic: read.get(&table::DEBUG_HTTP_TRAFFIC),
    }
}

/// `logs` in the directory that the data directory is in; in the data directory itself where that has no name.
fn logs_beside(data_dir: &Path) -> PathBuf {
    match data_dir.file_name() {
        Some(_) => data_dir.with_file_name("logs"),
        None => data_dir.join("logs"),
    }
}

fn requests(read: &mut Reader<'_>, memory_bytes: Option<u64>) -> RequestSettings {
    let bytes_max = read.get(&table::REQUEST_BYTES_MAX);
    let fallback = memory_bytes.map_or(BUFFER_BYTES_FALLBACK, |memory| memory / BUFFER_SHARE).max(bytes_max);
    let buffered_bytes_max = read.optional(&table::REQUEST_BUFFERED_BYTES_MAX).unwrap_or(fallback);
    if buffered_bytes_max < bytes_max {
        read.refuse(format!(
            "`request.buffered_bytes_max` ({buffered_bytes_max} bytes) is smaller than `request.bytes_max` ({bytes_max} \
             bytes): a request of that size could never be taken."
        ));
    }
    RequestSettings {
        bytes_max,
        buffered_bytes_max,
        body_timeout: read.get(&table::REQUEST_BODY_TIMEOUT),
        wait_max: read.get(&table::REQUEST_WAIT_MAX),
    }
}

fn upstream(read: &mut Reader<'_>) -> UpstreamSettings {
    UpstreamSettings {
        connect_timeout: read.get(&table::UPSTREAM_CONNECT_TIMEOUT),
        answer_timeout: read.get(&table::UPSTREAM_ANSWER_TIMEOUT),
        stall_timeout: read.get(&table::UPSTREAM_STALL_TIMEOUT),
        websocket: read.get(&table::UPSTREAM_WEBSOCKET),
    }
}

fn relay(read: &mut Reader<'_>) -> RelaySettings {
    RelaySettings {
        attempts_max: read.get(&table::RELAY_ATTEMPTS_MAX),
        keep_alive_every: read.get(&table::RELAY_KEEP_ALIVE_EVERY),
        drain: DrainSettings {
            time_max: read.get(&table::DRAIN_TIME_MAX),
            tokens_max: read.get(&table::DRAIN_TOKENS_MAX),
        },
        bound_keys_fall_back: read.get(&table::RELAY_BOUND_KEYS_FALL_BACK),
        sticky_ttl: read.get(&table::STICKY_TTL),
    }
}

fn cooldowns(read: &mut Reader<'_>) -> CooldownSettings {
    CooldownSettings {
        unavailable: read.get(&table::COOLDOWN_UNAVAILABLE),
        upstream: read.get(&table::COOLDOWN_UPSTREAM),
        overloaded: read.get(&table::COOLDOWN_OVERLOADED),
        credential: read.get(&table::COOLDOWN_CREDENTIAL),
        timeout: read.get(&table::COOLDOWN_TIMEOUT),
        rate_limit: read.get(&table::COOLDOWN_RATE_LIMIT),
        quota: read.get(&table::COOLDOWN_QUOTA),
        provider_max: read.get(&table::COOLDOWN_PROVIDER_MAX),
    }
}
