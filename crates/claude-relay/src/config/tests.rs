//! Whole loads, from what the operator wrote to what the relay gets or says.

use super::*;
use crate::note::Severity;
use secrecy::ExposeSecret;
use std::{fs, net::SocketAddr, path::Path, time::Duration};
use tempfile::{TempDir, tempdir};

const KEY: &str = "0123456789abcdef0123456789ABCDEF";

fn load_from(environment: Environment, flags: Flags) -> Result<Loaded, ConfigError> {
    load(&Inputs { flags, environment, memory_bytes: Some(8 << 30) })
}

fn from_environment<const N: usize>(variables: [(&str, &str); N]) -> Result<Loaded, ConfigError> {
    load_from(Environment::from(variables), Flags { data_dir: Some("/nowhere/data".to_owned()), ..Flags::default() })
}

/// Loads a file with this text from the data directory.
fn from_file(text: &str) -> (TempDir, Result<Loaded, ConfigError>) {
    let dir = tempdir().expect("a directory");
    fs::write(dir.path().join(FILE_NAME), text).expect("written");
    let flags = Flags { data_dir: Some(shown(dir.path())), ..Flags::default() };
    let loaded = load_from(Environment::default(), flags);
    (dir, loaded)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn problem(loaded: Result<Loaded, ConfigError>) -> String {
    let mut problems = loaded.expect_err("must be refused").problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

fn settings(loaded: Result<Loaded, ConfigError>) -> Settings {
    loaded.expect("settings").settings
}

#[test]
fn nothing_given_is_a_relay_for_this_machine_alone() {
    let loaded = load(&Inputs::default()).expect("settings");
    let settings = &loaded.settings;
    assert_eq!(settings.data_dir, Path::new("./data"));
    assert_eq!(settings.log.dir, Path::new("./logs"));
    assert_eq!(settings.listen.endpoint, SocketAddr::from(([127, 0, 0, 1], 3000)));
    assert!(matches!(settings.store.engine, StoreEngine::Sqlite));
    assert_eq!(settings.books.calendar, domain::Calendar::utc());
    assert_eq!(settings.relay.attempts_max, 3);
    assert_eq!(settings.api_key_prefix.as_str(), "cr_");
    assert_eq!(settings.first_admin.username, "admin");
    assert_eq!(settings.admin.session_lifetime, Duration::from_secs(24 * 3600));
    assert_eq!(settings.relay.keep_alive_every, Duration::from_secs(10));
    assert_eq!(settings.requests.bytes_max, 100 << 20);
    assert!(loaded.notes.is_empty() && loaded.file.is_none());
}

#[test]
fn every_default_that_is_a_value_is_read_as_that_value_when_it_is_given() {
    for spec in table::ALL.iter().filter(|spec| spec.default_kind == setting::DefaultKind::Value) {
        let name = spec.environment_name();
        let loaded = from_environment([(name.as_str(), spec.default)]);
        assert!(loaded.is_ok(), "{name}={}: {loaded:?}", spec.default);
    }
}

#[test]
fn every_setting_is_read() {
    let paths = ["data_dir", "log.dir", "model_prices", "redis.ca_file", "tls.certificate_file", "tls.key_file"];
    for spec in table::ALL.iter().filter(|spec| !paths.contains(&spec.name)) {
        let name = spec.environment_name();
        let text = problem(from_environment([(name.as_str(), "\u{1}")]));
        assert!(text.contains(&format!("`{}`", spec.name)) && text.contains(&name), "{text}");
    }
}

#[test]
fn no_two_settings_share_a_name() {
    let mut names: Vec<String> = table::ALL.iter().map(|spec| spec.environment_name()).collect();
    names.extend(table::ALL.iter().flat_map(|spec| spec.earlier).map(|earlier| earlier.name.to_owned()));
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let dir = tempdir().expect("a directory");
    fs::write(dir.path().join(FILE_NAME), "[log]\nlevel = \"error\"\nformat = \"json\"\nretention_days = 3\n")
        .expect("written");
    let flags = Flags { data_dir: Some(shown(dir.path())), log_level: Some("trace".to_owned()), ..Flags::default() };
    let environment = Environment::from([("LOG_LEVEL", "warn"), ("LOG_FORMAT", "text")]);
    let loaded = load_from(environment, flags).expect("settings");
    let log = &loaded.settings.log;
    assert_eq!((log.level, log.format, log.retention_days), (LogLevel::Trace, LogFormat::Text, 3));
    assert_eq!(loaded.file, Some(dir.path().join(FILE_NAME)));
}

#[test]
fn a_named_file_is_read_instead_of_the_directory_s_and_may_name_the_directory() {
    let dir = tempdir().expect("a directory");
    let path = dir.path().join("other.toml");
    fs::write(&path, "data_dir = \"/srv/relay/data\"\n").expect("written");
    let flags = Flags { config: Some(path), ..Flags::default() };
    let settings = settings(load_from(Environment::default(), flags));
    assert_eq!(settings.data_dir, Path::new("/srv/relay/data"));
    assert_eq!(settings.log.dir, Path::new("/srv/relay/logs"));
}

#[test]
fn a_named_file_that_is_not_there_is_a_problem() {
    let flags = Flags { config: Some("/nowhere/relay.toml".into()), ..Flags::default() };
    let text = problem(load_from(Environment::default(), flags));
    assert!(text.starts_with("cannot read the configuration file /nowhere/relay.toml: "), "{text}");
}

#[test]
fn the_directory_s_own_file_cannot_name_another_directory() {
    let (_dir, loaded) = from_file("data_dir = \"/elsewhere\"\n");
    let text = problem(loaded);
    assert!(text.starts_with("`data_dir` may not stand in the file that was found by it"), "{text}");
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_known_one() {
    let cases = [
        ("\nlissten = \"x\"\n", "there is no setting `lissten` (FILE, line 2). Did you mean `listen`?"),
        (
            "[relay]\nattempt_max = 1\n",
            "there is no setting `relay.attempt_max` (FILE, line 2). Did you mean `relay.attempts_max`?",
        ),
        ("attempts_max = 1\n", "there is no setting `attempts_max` (FILE, line 1). Did you mean `relay.attempts_max`?"),
        ("xyzzy = 1\n", "there is no setting `xyzzy` (FILE, line 1)."),
    ];
    for (text, expected) in cases {
        let (dir, loaded) = from_file(text);
        let file = shown(&dir.path().join(FILE_NAME));
        assert_eq!(problem(loaded), expected.replace("FILE", &file));
    }
}

#[test]
fn a_broken_file_is_refused_with_its_line() {
    let (dir, loaded) = from_file("port = 3000\nhost = \n");
    let start = format!("{}, line 2: ", shown(&dir.path().join(FILE_NAME)));
    let text = problem(loaded);
    assert!(text.starts_with(&start), "{text}");
}

#[test]
fn a_value_of_the_wrong_shape_is_refused() {
    let (dir, loaded) = from_file("listen = [\"127.0.0.1:3000\"]\n");
    let file = shown(&dir.path().join(FILE_NAME));
    assert_eq!(problem(loaded), format!("`listen` ({file}, line 1) must be a text, a number or a switch."));
}

#[test]
fn a_secret_in_the_file_is_refused_with_the_reason_and_not_repeated() {
    let names = ["encryption_key", "encryption_key_previous", "jwt_secret", "admin_password", "metrics.token"];
    for name in names {
        let (_dir, loaded) = from_file(&format!("{name} = \"{KEY}\"\n"));
        let text = problem(loaded);
        assert!(text.contains("such files are copied and shared") && !text.contains(KEY), "{text}");
    }
}

#[test]
fn a_wrong_value_is_refused_with_its_place_and_what_it_must_be() {
    assert_eq!(
        problem(from_environment([("PORT", "http")])),
        "`port` is `http` (environment variable PORT), but must be a number from 0 to 65535."
    );
    let flags = Flags { listen: Some("3000".to_owned()), ..Flags::default() };
    assert_eq!(
        problem(load_from(Environment::default(), flags)),
        "`listen` is `3000` (flag --listen), but must be an address and a port, as `127.0.0.1:3000`, `[::1]:3000` or \
         `localhost:3000`."
    );
    let (dir, loaded) = from_file("[upstream]\nconnect_timeout = 10\n");
    let file = shown(&dir.path().join(FILE_NAME));
    assert_eq!(
        problem(loaded),
        format!(
            "`upstream.connect_timeout` is `10` ({file}, line 2), but must be a time with its unit, as `500ms`, `30s` or \
             `10m`, from 1ms to 24h."
        )
    );
}

#[test]
fn every_problem_is_told_at_once() {
    let error = from_environment([("PORT", "x"), ("JWT_SECRET", "short")]).expect_err("two problems");
    assert_eq!(
        error.to_string(),
        "2 settings are wrong:\n  - `port` is `x` (environment variable PORT), but must be a number from 0 to 65535.\n  \
         - `jwt_secret` (environment variable JWT_SECRET) is wrong: a JWT secret has 32 characters or more; this one has 5."
    );
}

#[test]
fn a_wrong_secret_is_refused_without_being_shown() {
    let text = problem(from_environment([("ENCRYPTION_KEY", "hunter2-hunter2")]));
    assert_eq!(
        text,
        "`encryption_key` (environment variable ENCRYPTION_KEY) is wrong: an encryption key has exactly 32 characters, or \
         64 hex digits; this one has 15 characters."
    );
}

#[test]
fn secrets_of_the_environment_are_taken_as_they_are() {
    let previous = "ab".repeat(32);
    let loaded = from_environment([
        ("ENCRYPTION_KEY", KEY),
        ("ENCRYPTION_KEY_PREVIOUS", &previous),
        ("JWT_SECRET", "a-jwt-secret-of-more-than-32-characters"),
    ]);
    let secrets = settings(loaded).secrets;
    assert_eq!(secrets.encryption_key.expect("given").expose().expose_secret(), KEY);
    assert_eq!(secrets.encryption_key_previous.expect("given").expose().expose_secret(), previous);
    assert!(secrets.jwt_secret.is_some());
}

#[test]
fn debug_shows_no_secret() {
    let loaded = from_environment([
        ("ENCRYPTION_KEY", KEY),
        ("JWT_SECRET", "a-jwt-secret-of-more-than-32-characters"),
        ("ADMIN_PASSWORD", "correct horse"),
        ("METRICS_TOKEN", "metrics-token-0123456789"),
    ]);
    let printed = format!("{loaded:?}");
    for secret in [KEY, "a-jwt-secret", "horse", "metrics-token"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
    let inputs = Inputs { environment: Environment::from([("ENCRYPTION_KEY", KEY)]), ..Inputs::default() };
    assert!(!format!("{inputs:?}").contains(KEY));
}

#[test]
fn a_variable_set_to_nothing_is_not_set() {
    assert_eq!(settings(from_environment([("PORT", ""), ("TIMEZONE", "  ")])).listen.endpoint.port(), 3000);
}

#[test]
fn a_variable_that_is_no_text_is_a_problem_if_it_is_a_setting() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = || std::ffi::OsString::from_vec(vec![0xff]);
    let environment = Environment::from_variables([("LOG_DIR".into(), bytes()), ("OTHER".into(), bytes())]);
    assert_eq!(problem(load_from(environment, Flags::default())), "the environment variable LOG_DIR is not UTF-8.");
}

#[test]
fn host_and_port_are_the_endpoint_unless_listen_comes_from_the_same_place_or_later() {
    let endpoint = |loaded| settings(loaded).listen.endpoint.to_string();
    assert_eq!(endpoint(from_environment([("HOST", "0.0.0.0"), ("PORT", "8080")])), "0.0.0.0:8080");
    assert_eq!(endpoint(from_environment([("LISTEN", "[::1]:1"), ("PORT", "8080")])), "[::1]:1");
    let dir = tempdir().expect("a directory");
    fs::write(dir.path().join(FILE_NAME), "listen = \"127.0.0.2:1\"\n").expect("written");
    let flags = || Flags { data_dir: Some(shown(dir.path())), ..Flags::default() };
    assert_eq!(endpoint(load_from(Environment::default(), flags())), "127.0.0.2:1");
    assert_eq!(endpoint(load_from(Environment::from([("PORT", "8080")]), flags())), "127.0.0.1:8080");
    let by_flag = Flags { listen: Some("127.0.0.3:3".to_owned()), ..flags() };
    assert_eq!(endpoint(load_from(Environment::from([("PORT", "8080")]), by_flag)), "127.0.0.3:3");
}

#[test]
fn a_time_zone_wins_over_an_offset_from_the_same_place() {
    let calendar = |loaded| settings(loaded).books.calendar;
    assert_eq!(
        calendar(from_environment([("TIMEZONE_OFFSET", "0")])).name(),
        domain::Calendar::offset("0").expect("zero").name()
    );
    assert_eq!(calendar(from_environment([("TIMEZONE_OFFSET", "8")])), domain::Calendar::offset("8").expect("eight"));
    let both = [("TIMEZONE", "Europe/Berlin"), ("TIMEZONE_OFFSET", "8")];
    let loaded = from_environment(both).expect("settings");
    assert_eq!(loaded.settings.books.calendar.name(), "Europe/Berlin");
    assert_eq!(loaded.notes, [Note::hint("`timezone_offset` is not used, because `timezone` is set too")]);
    let (dir, _) = from_file("timezone = \"Europe/Berlin\"\n");
    let flags = Flags { data_dir: Some(shown(dir.path())), ..Flags::default() };
    let later = load_from(Environment::from([("TIMEZONE_OFFSET", "8")]), flags);
    assert_eq!(calendar(later), domain::Calendar::offset("8").expect("eight"));
}

#[test]
fn the_earlier_service_s_names_keep_their_units() {
    let settings = settings(from_environment([
        ("ADMIN_SESSION_TIMEOUT", "86400000"),
        ("REQUEST_MAX_SIZE_MB", "60"),
        ("REQUEST_TIMEOUT", "600000"),
        ("UPSTREAM_ERROR_503_TTL_SECONDS", "0"),
        ("UPSTREAM_ERROR_5XX_TTL_SECONDS", "1"),
        ("UPSTREAM_ERROR_OVERLOAD_TTL_SECONDS", "2"),
        ("UPSTREAM_ERROR_AUTH_TTL_SECONDS", "3"),
        ("UPSTREAM_ERROR_TIMEOUT_TTL_SECONDS", "4"),
        ("UPSTREAM_ERROR_MAX_CUSTOM_TTL_SECONDS", "5"),
        ("TRUST_PROXY", "true"),
        ("MODEL_PRICING_FILE", "prices.json"),
        ("DEBUG_HTTP_TRAFFIC", "true"),
    ]));
    assert_eq!(settings.admin.session_lifetime, Duration::from_secs(24 * 3600));
    assert_eq!(settings.requests.bytes_max, 60 << 20);
    assert_eq!(settings.upstream.answer_timeout, Duration::from_secs(600));
    let cooldowns = settings.cooldowns;
    let by_cause =
        [cooldowns.unavailable, cooldowns.upstream, cooldowns.overloaded, cooldowns.credential, cooldowns.timeout];
    assert_eq!(by_cause, [0, 1, 2, 3, 4].map(Duration::from_secs));
    assert_eq!(cooldowns.provider_max, Duration::from_secs(5));
    assert_eq!(settings.listen.trusted_hops, 1);
    assert_eq!(settings.books.model_prices.as_deref(), Some(Path::new("prices.json")));
    assert!(settings.log.http_traffic);
}

#[test]
fn our_name_wins_over_the_earlier_service_s() {
    let loaded = from_environment([("REQUEST_TIMEOUT", "600000"), ("UPSTREAM_ANSWER_TIMEOUT", "5s")]);
    assert_eq!(settings(loaded).upstream.answer_timeout, Duration::from_secs(5));
}

#[test]
fn a_retention_in_milliseconds_is_converted_and_said() {
    let loaded = from_environment([("TOKEN_USAGE_RETENTION", "2592000000")]).expect("settings");
    assert_eq!(loaded.settings.books.retention, Retention::Days(30.try_into().expect("not zero")));
    assert_eq!(
        loaded.notes,
        [Note::hint(
            "`token_usage_retention` is 2592000000 (environment variable TOKEN_USAGE_RETENTION): taken as milliseconds, \
             which are 30 days"
        )]
    );
}

fn redis(loaded: Result<Loaded, ConfigError>) -> RedisSettings {
    match loaded.expect("settings").settings.store.engine {
        StoreEngine::Redis(redis) => *redis,
        StoreEngine::Sqlite => panic!("the embedded store"),
    }
}

#[test]
fn redis_is_the_store_where_the_environment_says_where_it_is() {
    let by_url = redis(from_environment([("REDIS_URL", "rediss://u:p@h:7/2"), ("REDIS_PASSWORD", "other")]));
    assert_eq!((by_url.addresses, by_url.database, by_url.tls.is_some()), (vec![("h".to_owned(), 7)], 2, true));
    assert_eq!((by_url.username.as_deref(), by_url.password.expect("given").expose_secret()), (Some("u"), "p"));
    let by_parts = redis(from_environment([
        ("REDIS_HOST", "redis.internal"),
        ("REDIS_PORT", "6380"),
        ("REDIS_PASSWORD", "p"),
        ("REDIS_DB", "3"),
        ("REDIS_ENABLE_TLS", "true"),
        ("REDIS_KEY_PREFIX", "team-a:"),
        ("REDIS_TIMEOUT", "500ms"),
    ]));
    assert_eq!((by_parts.addresses, by_parts.database), (vec![("redis.internal".to_owned(), 6380)], 3));
    assert!(by_parts.tls.is_some() && by_parts.password.is_some());
    assert_eq!((by_parts.key_prefix.as_str(), by_parts.timeout), ("team-a:", Duration::from_millis(500)));
    let filled = redis(from_environment([("REDIS_URL", "redis://h"), ("REDIS_PASSWORD", "p"), ("REDIS_DB", "4")]));
    assert_eq!((filled.password.expect("given").expose_secret(), filled.database), ("p", 4));
}

#[test]
fn the_embedded_store_is_used_where_it_is_asked_for_and_that_is_said() {
    let loaded = from_environment([("REDIS_HOST", "localhost"), ("STORE", "sqlite")]).expect("settings");
    assert!(matches!(loaded.settings.store.engine, StoreEngine::Sqlite));
    let said = "Redis is not used: `store` is `sqlite`, records are kept in the embedded store";
    assert_eq!(loaded.notes, [Note::warning(said)]);
    let by_default = from_environment([]).expect("settings").settings.store;
    assert!(matches!(by_default.engine, StoreEngine::Sqlite));
    assert_eq!(by_default.grace, Duration::from_secs(60));
}

#[test]
fn what_does_not_say_where_redis_is_is_refused_and_no_password_repeated() {
    let text = problem(from_environment([("STORE", "redis")]));
    assert!(text.ends_with("set REDIS_URL, or REDIS_HOST."), "{text}");
    let text = problem(from_environment([("STORE", "mysql")]));
    assert!(text.ends_with("must be `sqlite` or `redis`."), "{text}");
    let text = problem(from_environment([("REDIS_URL", "redis://:s3cret@a,b")]));
    assert!(text.contains("redis+cluster://") && !text.contains("s3cret"), "{text}");
    let text = problem(from_environment([("REDIS_URL", "redis+cluster://a"), ("REDIS_DB", "1")]));
    assert!(text.ends_with("a Cluster has only database 0."), "{text}");
    let text = problem(from_environment([("STORE_GRACE", "2h")]));
    assert!(text.ends_with("must be at most 1h."), "{text}");
}

#[test]
fn settings_of_the_earlier_service_that_are_not_used_are_named_in_one_warning_each() {
    let loaded = from_environment([("LDAP_URL", "x"), ("WEBHOOK_ENABLED", "true"), ("PATH", "/bin"), ("LDAP_X", "")]);
    let notes = loaded.expect("settings").notes;
    let warning =
        |name| format!("the earlier service's setting {name} is understood, but not used yet by this version");
    assert_eq!(notes, [Note::warning(warning("LDAP_URL")), Note::warning(warning("WEBHOOK_ENABLED"))]);
    assert!(notes.iter().all(|note| note.severity == Severity::Warning));
}

#[test]
fn no_setting_is_also_called_unused() {
    for spec in table::ALL {
        let names = spec.earlier.iter().map(|earlier| earlier.name.to_owned()).chain([spec.environment_name()]);
        for name in names {
            let notes = earlier::review(&Environment::from([(name.as_str(), "x")]));
            assert!(notes.is_empty(), "{name}");
        }
    }
}

#[test]
fn buffered_bodies_may_take_a_quarter_of_the_memory_and_never_less_than_one_body() {
    let with_memory = |memory_bytes| {
        let inputs = Inputs { memory_bytes, ..Inputs::default() };
        load(&inputs).expect("settings").settings.requests.buffered_bytes_max
    };
    assert_eq!(with_memory(Some(8 << 30)), 2 << 30);
    assert_eq!(with_memory(Some(64 << 20)), 100 << 20);
    assert_eq!(with_memory(None), 512 << 20);
    let text = problem(from_environment([("REQUEST_BUFFERED_BYTES_MAX", "99MB")]));
    assert!(text.ends_with("a request of that size could never be taken."), "{text}");
}
