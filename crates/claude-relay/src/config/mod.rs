//! The settings of a start: one file, then the environment, then the flags; the later wins. Nothing is read later.
//!
//! What exists is one table (`table.rs`); the manual's reference is made from it, and a test proves it fresh. Every value
//! remembers where it came from, so that an error can say so. What can change while the relay runs is no setting of
//! this kind: it lives in the store.

mod build;
mod earlier;
mod environment;
mod file;
mod flags;
mod in_force;
mod layers;
mod parse;
mod reader;
mod redis;
pub mod reference;
mod setting;
mod settings;
mod table;

pub use environment::Environment;
pub use flags::Flags;
pub use in_force::InForce;
pub(crate) use parse::admin_username;
pub use parse::{Endpoint, LogFormat, LogLevel, Retention};
pub use redis::{RedisSettings, RedisTls};
pub use settings::{
    AdminSettings, AuditSettings, BookSettings, CooldownSettings, DrainSettings, FirstAdmin, ListenSettings,
    LogSettings, MetricsSettings, RelaySettings, RequestSettings, SecretSettings, Settings, StoreEngine, StoreSettings,
    TlsFiles, UpstreamSettings,
};

use crate::note::Note;
use layers::Layers;
use std::{fmt, path::PathBuf};

/// Name of the configuration file within the data directory.
pub const FILE_NAME: &str = "claude-relay.toml";

/// Where settings come from.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// The command line.
    pub flags: Flags,
    /// The process's environment.
    pub environment: Environment,
    /// Bytes of memory that the process may use, if known: see [`machine::memory_bytes`](crate::machine::memory_bytes).
    pub memory_bytes: Option<u64>,
}

/// The settings, and what to tell the operator about them once logging is set up.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What the operator should know.
    pub notes: Vec<Note>,
    /// The configuration file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// What holds, and where it was said.
    pub in_force: Vec<InForce>,
}

/// Settings that the relay cannot start with: every problem found, not the first alone. Names no secret's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// A sentence each.
    pub problems: Vec<String>,
}

/// Reads the configuration file, the environment and the flags.
///
/// # Errors
///
/// When a file cannot be read, has a key that is not known, or any value is wrong.
pub fn load(inputs: &Inputs) -> Result<Loaded, ConfigError> {
    let found = layers::find_file(inputs).map_err(|problem| ConfigError { problems: vec![problem] })?;
    let (layers, mut problems) = Layers::collect(found.as_ref(), inputs);
    let mut notes = earlier::review(&inputs.environment);
    let (settings, found_problems) = build::settings(&layers, inputs.memory_bytes, &mut notes);
    problems.extend(found_problems);
    if problems.is_empty() {
        Ok(Loaded { settings, notes, file: found.map(|file| file.path), in_force: in_force::all(&layers) })
    } else {
        Err(ConfigError { problems })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [only] => f.write_str(only),
            several => {
                write!(f, "{} settings are wrong:", several.len())?;
                several.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests;
