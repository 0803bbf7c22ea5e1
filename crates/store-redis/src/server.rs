//! What is asked of the servers themselves: version, persistence, memory, and whether they are still the same.

use crate::{
    engine::{Engine, Lane},
    error::may_pass,
};
use redis::{RedisError, Value};
use std::{collections::HashMap, fmt};
use store::Lineage;

/// The oldest release that has what is used here: functions of 6.2 and 7.0, RESP3, scripts that do not replicate by text.
const MAJOR_MIN: u32 = 7;

/// What the specification wants.
const WANTED: &str = "--save 60 1 --appendonly yes --appendfsync everysec";

/// Servers that the relay cannot use.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// They could not be asked.
    #[error("cannot talk to Redis: {0}")]
    Ask(#[source] RedisError),
    /// One is too old.
    #[error("the server is Redis {found}; the relay needs Redis 7 or a compatible Valkey")]
    TooOld {
        /// Its version.
        found: String,
    },
    /// One does not say what it is.
    #[error("the server does not say which version of Redis it is; the relay needs Redis 7 or a compatible Valkey")]
    Unknown,
}

/// What an operator should change about the servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerWarning {
    /// Neither snapshots nor an append-only file: a restart loses everything.
    KeepsNothing,
    /// Snapshots only: a crash loses what came after the last.
    NoAppendOnlyFile,
    /// `appendfsync no`: how much a power loss costs is up to the operating system.
    NeverSyncs,
    /// No snapshots.
    NoSnapshots,
    /// Memory is bounded and full memory evicts keys.
    Evicts {
        /// The policy.
        policy: String,
    },
    /// The settings cannot be read, as on some hosted services.
    Unreadable,
}

impl ServerError {
    /// Whether the same question may be answered in a moment.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Ask(error) => may_pass(error) && !REFUSALS.contains(&error.code().unwrap_or_default()),
            Self::TooOld { .. } | Self::Unknown => false,
        }
    }
}

/// What a server answers to whom it does not know: waiting does not help.
const REFUSALS: [&str; 3] = ["WRONGPASS", "NOAUTH", "NOPERM"];

impl fmt::Display for ServerWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeepsNothing => write!(f, "Redis keeps nothing over a restart: start it with {WANTED}"),
            Self::NoAppendOnlyFile => {
                write!(f, "Redis keeps snapshots only, and loses what came after the last: start it with {WANTED}")
            }
            Self::NeverSyncs => {
                write!(f, "Redis does not sync its append-only file (appendfsync no): start it with {WANTED}")
            }
            Self::NoSnapshots => write!(f, "Redis makes no snapshots to restore from: start it with {WANTED}"),
            Self::Evicts { policy } => write!(
                f,
                "Redis removes keys when its memory is full (maxmemory-policy {policy}), records among them: \
                 set maxmemory-policy to noeviction"
            ),
            Self::Unreadable => write!(
                f,
                "whether Redis keeps what it is told cannot be seen (CONFIG is not permitted); it should run with {WANTED} \
                 and maxmemory-policy noeviction"
            ),
        }
    }
}

/// Refuses servers that are too old; says what else is wrong with them.
pub(crate) async fn check(engine: &Engine) -> Result<Vec<ServerWarning>, ServerError> {
    for server in sections(engine, &["server"]).await.map_err(ServerError::Ask)? {
        check_version(&server)?;
    }
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg(&["save", "appendonly", "appendfsync", "maxmemory", "maxmemory-policy"]);
    let Ok(settings) = engine.link(Lane::Bulk).ask_masters(&command).await else {
        return Ok(vec![ServerWarning::Unreadable]);
    };
    let mut warnings = Vec::new();
    for settings in settings {
        let settings: HashMap<String, String> = redis::from_redis_value(settings).unwrap_or_default();
        for warning in judge(&settings) {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    Ok(warnings)
}

/// Which servers these are, and which history they carry on: it changes when one is restarted or another takes its place.
pub(crate) async fn lineage(engine: &Engine) -> Result<Lineage, RedisError> {
    let servers = sections(engine, &["server", "replication"]).await?;
    let names = ["run_id", "master_replid"];
    let ids = servers.iter().flat_map(|server| names.map(|name| server.get(name).cloned().unwrap_or_default()));
    let mut ids: Vec<_> = ids.collect();
    ids.sort();
    Ok(Lineage(ids.join(" ").into()))
}

/// Sections of `INFO` of each master.
async fn sections(engine: &Engine, sections: &[&str]) -> Result<Vec<HashMap<String, String>>, RedisError> {
    let mut command = redis::cmd("INFO");
    command.arg(sections);
    let replies = engine.link(Lane::Bulk).ask_masters(&command).await?;
    Ok(replies.into_iter().map(fields).collect())
}

/// The lines `name:value`; nothing for what is no text.
fn fields(reply: Value) -> HashMap<String, String> {
    let text: String = redis::from_redis_value(reply).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

fn check_version(server: &HashMap<String, String>) -> Result<(), ServerError> {
    // Valkey says 7.2.4 here for ever, and its own version elsewhere.
    let version = server.get("redis_version").ok_or(ServerError::Unknown)?;
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok()).ok_or(ServerError::Unknown)?;
    if major < MAJOR_MIN { Err(ServerError::TooOld { found: version.clone() }) } else { Ok(()) }
}

fn judge(settings: &HashMap<String, String>) -> Vec<ServerWarning> {
    let setting = |name: &str| settings.get(name).map_or("", String::as_str);
    if settings.is_empty() {
        return vec![ServerWarning::Unreadable];
    }
    let (appends, saves) = (setting("appendonly") == "yes", !setting("save").is_empty());
    let kept = match (appends, saves) {
        (false, false) => Some(ServerWarning::KeepsNothing),
        (false, true) => Some(ServerWarning::NoAppendOnlyFile),
        (true, _) if setting("appendfsync") == "no" => Some(ServerWarning::NeverSyncs),
        (true, false) => Some(ServerWarning::NoSnapshots),
        (true, true) => None,
    };
    let policy = setting("maxmemory-policy");
    let evicts = (!policy.is_empty() && policy != "noeviction" && setting("maxmemory") != "0")
        .then(|| ServerWarning::Evicts { policy: policy.to_owned() });
    kept.into_iter().chain(evicts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(appendonly: &str, appendfsync: &str, save: &str, policy: &str) -> HashMap<String, String> {
        let pairs = [
            ("appendonly", appendonly),
            ("appendfsync", appendfsync),
            ("save", save),
            ("maxmemory", "100"),
            ("maxmemory-policy", policy),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn what_the_specification_wants_is_fine() {
        assert_eq!(judge(&settings("yes", "everysec", "60 1", "noeviction")), []);
        assert_eq!(judge(&settings("yes", "always", "3600 1 60 1000", "noeviction")), []);
    }

    #[test]
    fn what_keeps_less_or_evicts_is_named() {
        use ServerWarning::{Evicts, KeepsNothing, NeverSyncs, NoAppendOnlyFile, NoSnapshots, Unreadable};
        assert_eq!(judge(&settings("no", "everysec", "", "noeviction")), [KeepsNothing]);
        assert_eq!(judge(&settings("no", "everysec", "60 1", "noeviction")), [NoAppendOnlyFile]);
        assert_eq!(judge(&settings("yes", "no", "60 1", "noeviction")), [NeverSyncs]);
        assert_eq!(judge(&settings("yes", "everysec", "", "noeviction")), [NoSnapshots]);
        let policy = "allkeys-lru".to_owned();
        assert_eq!(judge(&settings("yes", "everysec", "60 1", "allkeys-lru")), [Evicts { policy }]);
        assert_eq!(judge(&HashMap::new()), [Unreadable]);
    }

    #[test]
    fn old_servers_and_strangers_are_refused() {
        let version = |text: &str| check_version(&HashMap::from([("redis_version".to_owned(), text.to_owned())]));
        assert!(version("7.0.15").is_ok() && version("8.2.1").is_ok());
        assert!(matches!(version("6.2.14"), Err(ServerError::TooOld { found }) if found == "6.2.14"));
        assert!(matches!(version("unknown"), Err(ServerError::Unknown)));
        assert!(matches!(check_version(&HashMap::new()), Err(ServerError::Unknown)));
    }
}
