//! Reading the text of a setting as its value. Says what a value must be; where it came from is known elsewhere.

use super::redis::{self, RedisUrl};
use super::setting::Kind;
use domain::Calendar;
use secrecy::SecretString;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
    time::Duration,
};
use vault::{EncryptionKey, JwtSecret, KeyPrefix, Password};

type Parsed<T> = Result<T, String>;

/// Where to listen.
pub type Endpoint = SocketAddr;

/// Where records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreKind {
    /// The embedded store.
    Sqlite,
    /// Redis.
    Redis,
}

/// How long usage is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// For ever.
    Forever,
    /// This many days.
    Days(NonZeroU32),
}

/// What is logged: this and everything graver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What an operator should look at.
    Warn,
    /// What happens, a line per request.
    Info,
    /// What the relay does and why.
    Debug,
    /// Everything.
    Trace,
}

/// How lines look on the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
    /// Text on a terminal, JSON elsewhere.
    Auto,
}

const MS_PER_DAY: u64 = 86_400_000;
const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// Longest retention in days, a hundred years: larger numbers are no days but a mistake in the unit.
const RETENTION_DAYS_MAX: u64 = 36_500;

/// Longest span: a day. What is longer belongs to an operator's hand, not to a clock.
const SPAN_MAX: Duration = Duration::from_secs(24 * 3600);

/// Longest prefix of keys in bytes: it stands in front of each.
const REDIS_PREFIX_BYTES_MAX: usize = 64;

/// Shortest time for a call to Redis: less is a round trip across the world.
const REDIS_TIMEOUT_MIN: Duration = Duration::from_millis(100);

/// Longest time for a call to Redis: clients have given up by then.
const REDIS_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Longest grace: a key that was taken away must not work for longer.
const GRACE_MAX: Duration = Duration::from_secs(3600);

/// Longest session: a year.
const SESSION_LIFETIME_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// Longest name of an administrator, in characters.
const USERNAME_CHARS_MAX: usize = 64;

/// Fewest characters of a metrics token: one that cannot be tried out.
const METRICS_TOKEN_CHARS_MIN: usize = 16;

pub(super) const PATH: Kind<PathBuf> = Kind { parse: path, describe: "a path" };
pub(super) const STORE: Kind<StoreKind> = Kind { parse: store, describe: "`sqlite`, `redis`" };
pub(super) const REDIS_URL: Kind<RedisUrl> =
    Kind { parse: redis::url, describe: "an address, as `redis://:password@host:6379/0`" };
pub(super) const REDIS_HOST: Kind<String> = Kind { parse: redis_host, describe: "a host name or an IP address" };
pub(super) const REDIS_DB: Kind<u32> = Kind { parse: whole::<0, 65_535>, describe: "0 to 65535" };
pub(super) const REDIS_NAME: Kind<String> = Kind { parse: redis_name, describe: "a name" };
pub(super) const REDIS_PASSWORD: Kind<SecretString> = Kind { parse: redis_password, describe: "a password" };
pub(super) const REDIS_PREFIX: Kind<String> =
    Kind { parse: redis_prefix, describe: "up to 64 characters out of `A-Z a-z 0-9 _ . : -`" };
pub(super) const REDIS_TIMEOUT: Kind<Duration> = Kind { parse: redis_timeout, describe: "a time, 100ms to 1m" };
pub(super) const GRACE: Kind<Duration> = Kind { parse: grace, describe: "a time, 0s to 1h" };
pub(super) const ENDPOINT: Kind<Endpoint> =
    Kind { parse: endpoint, describe: "`ADDRESS:PORT`, as `127.0.0.1:3000` or `[::1]:3000`" };
pub(super) const HOST: Kind<IpAddr> = Kind { parse: host, describe: "an IP address, or `localhost`" };
pub(super) const PORT: Kind<u16> = Kind { parse: port, describe: "0 to 65535" };
pub(super) const HOPS: Kind<u8> = Kind { parse: hops, describe: "0 to 10, `true`, `false`" };
pub(super) const ENCRYPTION_KEY: Kind<EncryptionKey> =
    Kind { parse: encryption_key, describe: "32 characters, or 64 hex digits" };
pub(super) const JWT_SECRET: Kind<JwtSecret> = Kind { parse: jwt_secret, describe: "32 characters or more" };
pub(super) const ADMIN_USERNAME: Kind<String> =
    Kind { parse: admin_username, describe: "1 to 64 characters without spaces at the ends" };
pub(super) const PASSWORD: Kind<Password> = Kind { parse: password, describe: "8 characters or more" };
pub(super) const KEY_PREFIX: Kind<KeyPrefix> =
    Kind { parse: key_prefix, describe: "1 to 16 characters out of `A-Z a-z 0-9 _ -`" };
pub(super) const RETENTION: Kind<Retention> = Kind { parse: retention, describe: "days, or 0" };
pub(super) const TIMEZONE: Kind<Calendar> =
    Kind { parse: timezone, describe: "an IANA name, as `Asia/Shanghai` or `Europe/Berlin`" };
pub(super) const TIMEZONE_OFFSET: Kind<Calendar> =
    Kind { parse: timezone_offset, describe: "hours, as `8`, `0`, `-3.5`" };
pub(super) const LOG_LEVEL: Kind<LogLevel> =
    Kind { parse: log_level, describe: "`error`, `warn`, `info`, `debug`, `trace`" };
pub(super) const LOG_FORMAT: Kind<LogFormat> = Kind { parse: log_format, describe: "`text`, `json`, `auto`" };
pub(super) const LOG_DAYS: Kind<u32> = Kind { parse: whole::<1, 3650>, describe: "1 to 3650" };
pub(super) const LOG_SIZE: Kind<u64> = Kind { parse: size::<MIB, { 1024 * GIB }>, describe: "a size, 1MB to 1024GB" };
pub(super) const SWITCH: Kind<bool> = Kind { parse: switch, describe: "`true`, `false`" };
pub(super) const METRICS_TOKEN: Kind<SecretString> =
    Kind { parse: metrics_token, describe: "16 visible ASCII characters or more" };
pub(super) const BODY_SIZE: Kind<u64> = Kind { parse: size::<KIB, GIB>, describe: "a size, 1KB to 1GB" };
pub(super) const BUFFER_SIZE: Kind<u64> =
    Kind { parse: size::<MIB, { 1024 * GIB }>, describe: "a size, 1MB to 1024GB, at least `request.bytes_max`" };
pub(super) const TIMEOUT: Kind<Duration> = Kind { parse: timeout, describe: "a time, 1ms to 24h" };
pub(super) const SPAN: Kind<Duration> = Kind { parse: span, describe: "a time, 0s to 24h" };
pub(super) const SESSION_LIFETIME: Kind<Duration> = Kind { parse: session_lifetime, describe: "a time, 1m to 365d" };
pub(super) const ATTEMPTS: Kind<u8> = Kind { parse: attempts, describe: "1 to 10" };
pub(super) const TOKENS: Kind<u32> = Kind { parse: whole::<0, 1_000_000>, describe: "0 to 1000000" };

/// Whether a text of [`RETENTION`] is in the earlier service's unit.
pub(super) fn is_retention_in_ms(text: &str) -> bool {
    text.parse::<u64>().is_ok_and(|number| number >= MS_PER_DAY)
}

fn path(text: &str) -> Parsed<PathBuf> {
    if text.is_empty() || text.contains('\0') { Err("must be a path".to_owned()) } else { Ok(PathBuf::from(text)) }
}

fn store(text: &str) -> Parsed<StoreKind> {
    match text {
        "sqlite" => Ok(StoreKind::Sqlite),
        "redis" => Ok(StoreKind::Redis),
        _ => Err("must be `sqlite` or `redis`".to_owned()),
    }
}

fn redis_host(text: &str) -> Parsed<String> {
    let plain = !text.is_empty() && !text.contains(['/', '@', ' ', ',']) && !text.contains(char::is_control);
    if plain { Ok(text.to_owned()) } else { Err("must be one host; several go into REDIS_URL".to_owned()) }
}

fn redis_name(text: &str) -> Parsed<String> {
    let plain = !text.is_empty() && !text.contains(char::is_control);
    if plain { Ok(text.to_owned()) } else { Err("must be a text without control characters".to_owned()) }
}

fn redis_password(text: &str) -> Parsed<SecretString> {
    redis_name(text).map(SecretString::from)
}

fn redis_prefix(text: &str) -> Parsed<String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte));
    let fits = plain && text.len() <= REDIS_PREFIX_BYTES_MAX;
    if fits { Ok(text.to_owned()) } else { Err("must be up to 64 characters out of A-Z a-z 0-9 _ . : -".to_owned()) }
}

fn redis_timeout(text: &str) -> Parsed<Duration> {
    let timeout = timeout(text)?;
    let fits = (REDIS_TIMEOUT_MIN..=REDIS_TIMEOUT_MAX).contains(&timeout);
    if fits { Ok(timeout) } else { Err("must be between 100ms and 1m".to_owned()) }
}

fn grace(text: &str) -> Parsed<Duration> {
    let grace = span(text)?;
    if grace <= GRACE_MAX { Ok(grace) } else { Err("must be at most 1h".to_owned()) }
}

fn endpoint(text: &str) -> Parsed<Endpoint> {
    let wrong = || "must be an address and a port, as `127.0.0.1:3000`, `[::1]:3000` or `localhost:3000`".to_owned();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let port = text.strip_prefix("localhost:").ok_or_else(wrong)?;
    Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port.parse().map_err(|_| wrong())?))
}

fn host(text: &str) -> Parsed<IpAddr> {
    if text == "localhost" {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    text.parse().map_err(|_| "must be an IP address of this machine, or `localhost`".to_owned())
}

fn port(text: &str) -> Parsed<u16> {
    text.parse().map_err(|_| "must be a number from 0 to 65535".to_owned())
}

fn hops(text: &str) -> Parsed<u8> {
    match text {
        "true" => Ok(1),
        "false" => Ok(0),
        number => number
            .parse()
            .ok()
            .filter(|hops| *hops <= 10)
            .ok_or_else(|| "must be a number of proxies from 0 to 10, `true` (one) or `false` (none)".to_owned()),
    }
}

fn encryption_key(text: &str) -> Parsed<EncryptionKey> {
    EncryptionKey::parse(text).map_err(|error| error.to_string())
}

fn jwt_secret(text: &str) -> Parsed<JwtSecret> {
    JwtSecret::parse(text).map_err(|error| error.to_string())
}

/// An administrator's name: also what stands in `init.json`.
pub(crate) fn admin_username(text: &str) -> Parsed<String> {
    let fits = (1..=USERNAME_CHARS_MAX).contains(&text.chars().count());
    if fits && text.trim() == text && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err("must be a name of 1 to 64 characters without spaces at the ends".to_owned())
    }
}

fn password(text: &str) -> Parsed<Password> {
    Password::parse(text.into()).map_err(|error| error.to_string())
}

fn key_prefix(text: &str) -> Parsed<KeyPrefix> {
    KeyPrefix::parse(text).map_err(|error| error.to_string())
}

fn retention(text: &str) -> Parsed<Retention> {
    let number = text.parse::<u64>().ok();
    let days = number.map(|number| if number >= MS_PER_DAY { number.div_ceil(MS_PER_DAY) } else { number });
    let fitting = days.filter(|days| *days <= RETENTION_DAYS_MAX).and_then(|days| u32::try_from(days).ok());
    fitting.map(|days| NonZeroU32::new(days).map_or(Retention::Forever, Retention::Days)).ok_or_else(|| {
        "must be a number of days from 0 (for ever) to 36500, or of milliseconds from 86400000 on".to_owned()
    })
}

fn timezone(text: &str) -> Parsed<Calendar> {
    Calendar::named(text).map_err(|_| "must be an IANA time zone, as `Asia/Shanghai`".to_owned())
}

fn timezone_offset(text: &str) -> Parsed<Calendar> {
    Calendar::offset(text).map_err(|_| "must be an offset from UTC in hours, as `8`, `0` or `-3.5`".to_owned())
}

fn log_level(text: &str) -> Parsed<LogLevel> {
    match text.to_ascii_lowercase().as_str() {
        "error" => Ok(LogLevel::Error),
        "warn" => Ok(LogLevel::Warn),
        "info" => Ok(LogLevel::Info),
        "debug" | "http" | "verbose" => Ok(LogLevel::Debug),
        "trace" | "silly" => Ok(LogLevel::Trace),
        _ => Err("must be `error`, `warn`, `info`, `debug` or `trace`".to_owned()),
    }
}

fn log_format(text: &str) -> Parsed<LogFormat> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        "auto" => Ok(LogFormat::Auto),
        _ => Err("must be `text`, `json` or `auto`".to_owned()),
    }
}

fn switch(text: &str) -> Parsed<bool> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("must be `true` or `false`".to_owned()),
    }
}

fn metrics_token(text: &str) -> Parsed<SecretString> {
    let fits = text.len() >= METRICS_TOKEN_CHARS_MIN && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text.into()) } else { Err("must have 16 visible ASCII characters or more".to_owned()) }
}

fn attempts(text: &str) -> Parsed<u8> {
    let attempts = text.parse().ok().filter(|attempts| (1..=10).contains(attempts));
    attempts.ok_or_else(|| "must be a number from 1 to 10".to_owned())
}

fn whole<const MIN: u32, const MAX: u32>(text: &str) -> Parsed<u32> {
    let number = text.parse().ok().filter(|number| (MIN..=MAX).contains(number));
    number.ok_or_else(|| format!("must be a number from {MIN} to {MAX}"))
}

/// Bytes: a number and a unit, in powers of 1024 however it is spelt.
fn size<const MIN: u64, const MAX: u64>(text: &str) -> Parsed<u64> {
    let (number, unit) = split_unit(text);
    let factor = match unit.to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" if unit.eq_ignore_ascii_case("b") => Some(1),
        "k" => Some(KIB),
        "m" => Some(MIB),
        "g" => Some(GIB),
        _ => None,
    };
    let bytes = number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    let fitting = bytes.filter(|bytes| (MIN..=MAX).contains(bytes));
    fitting
        .ok_or_else(|| format!("must be a size with its unit, as `100MB`, from {} to {}", in_unit(MIN), in_unit(MAX)))
}

fn in_unit(bytes: u64) -> String {
    match bytes {
        GIB.. => format!("{}GB", bytes / GIB),
        MIB.. => format!("{}MB", bytes / MIB),
        _ => format!("{}KB", bytes / KIB),
    }
}

fn timeout(text: &str) -> Parsed<Duration> {
    let fitting = duration(text).filter(|span| !span.is_zero() && *span <= SPAN_MAX);
    fitting.ok_or_else(|| "must be a time with its unit, as `500ms`, `30s` or `10m`, from 1ms to 24h".to_owned())
}

fn span(text: &str) -> Parsed<Duration> {
    let fitting = duration(text).filter(|span| *span <= SPAN_MAX);
    fitting.ok_or_else(|| "must be a time with its unit, as `0s`, `30s` or `10m`, to 24h at most".to_owned())
}

fn session_lifetime(text: &str) -> Parsed<Duration> {
    let fitting = duration(text).filter(|span| (Duration::from_secs(60)..=SESSION_LIFETIME_MAX).contains(span));
    fitting.ok_or_else(|| "must be a time with its unit, as `8h` or `7d`, from 1m to 365d".to_owned())
}

/// A number and one of `ms`, `s`, `m`, `h`, `d`.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => MS_PER_DAY,
        _ => return None,
    };
    number?.checked_mul(unit_ms).map(Duration::from_millis)
}

/// The digits in front, as a number, and what stands behind them.
fn split_unit(text: &str) -> (Option<u64>, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].parse().ok(), text[end..].trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        let cases =
            [("500ms", 500), ("30s", 30_000), ("10m", 600_000), ("2h", 7_200_000), ("24h", 86_400_000), ("1 s", 1000)];
        for (text, ms) in cases {
            assert_eq!(timeout(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "30", "s", "-1s", "1.5s", "0s", "25h", "1w", "99999999999999999999s", "18446744073709551615d"]
        {
            assert!(timeout(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_span_may_be_nothing() {
        assert_eq!(span("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn sizes_are_powers_of_1024_however_the_unit_is_spelt() {
        for text in ["100MB", "100mb", "100M", "100MiB", "100 MB", "104857600B"] {
            assert_eq!(size::<KIB, GIB>(text), Ok(100 * MIB), "{text}");
        }
        for text in ["", "100", "MB", "1023B", "2GB", "1TB", "1.5MB", "-1MB", "1bb", "99999999999GB"] {
            assert!(size::<KIB, GIB>(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_retention_is_in_days_or_in_the_earlier_service_s_milliseconds() {
        let days = |days| Ok(Retention::Days(NonZeroU32::new(days).expect("not zero")));
        assert_eq!(retention("30"), days(30));
        assert_eq!(retention("0"), Ok(Retention::Forever));
        assert_eq!(retention("2592000000"), days(30));
        assert_eq!(retention("86400000"), days(1));
        assert_eq!(retention("86400001"), days(2));
        for text in ["", "-1", "36501", "86399999", "x", "3153600000001000"] {
            assert!(retention(text).is_err(), "{text:?}");
        }
        assert!(is_retention_in_ms("86400000") && !is_retention_in_ms("30"));
    }

    #[test]
    fn the_earlier_service_s_log_levels_are_understood() {
        let cases = [("http", LogLevel::Debug), ("verbose", LogLevel::Debug), ("silly", LogLevel::Trace)];
        for (text, level) in cases {
            assert_eq!(log_level(text), Ok(level));
        }
        assert_eq!(log_level("WARN"), Ok(LogLevel::Warn));
    }

    #[test]
    fn an_endpoint_names_its_address() {
        for text in ["127.0.0.1:3000", "[::1]:0", "0.0.0.0:80", "localhost:3000"] {
            assert!(endpoint(text).is_ok(), "{text}");
        }
        for text in ["", ":3000", "3000", "127.0.0.1", "example.org:80", "localhost:", "127.0.0.1:65536"] {
            assert!(endpoint(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn proxies_are_counted_and_true_is_one() {
        for (text, expected) in [("0", 0), ("2", 2), ("true", 1), ("false", 0)] {
            assert_eq!(hops(text), Ok(expected));
        }
        assert!(hops("11").is_err() && hops("yes").is_err());
    }
}
