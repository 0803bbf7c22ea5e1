//! The data directory and the disk below it.

use super::Finding;
use crate::{cli::figures, config::Settings, data_dir::wide_mode_note};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// Less space than this is too little for a day of logs and a compaction of the store.
const SPACE_WARN_BYTES: u64 = 1 << 30;

/// With less than this, writing may fail at any moment.
const SPACE_FAIL_BYTES: u64 = 64 << 20;

/// Files that nobody else may read; those that are there are looked at.
const PRIVATE: [&str; 8] = [
    "secrets.env",
    "init.json",
    "relay.db",
    "relay.db-wal",
    "journal.db",
    "journal.db-wal",
    "claude-relay.toml",
    "control.sock",
];

/// Looks at modes and space.
pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    let dir = &settings.data_dir;
    if !dir.is_dir() {
        return Vec::new();
    }
    let mut findings = vec![modes(dir), space("disk", dir)];
    if settings.log.dir.is_dir() && device(&settings.log.dir) != device(dir) {
        findings.push(space("log disk", &settings.log.dir));
    }
    findings
}

fn device(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|found| found.dev())
}

fn modes(dir: &Path) -> Finding {
    let paths = std::iter::once(dir.to_owned()).chain(PRIVATE.iter().map(|name| dir.join(name)));
    let mode = |path: &Path| fs::metadata(path).ok().map(|found| found.permissions().mode());
    let notes = paths.filter_map(|path| wide_mode_note(&path, mode(&path)?).map(|note| note.to_string()));
    let notes = notes.collect::<Vec<_>>();
    if notes.is_empty() {
        return Finding::ok("files", format!("{} and its files are for their owner alone", dir.display()));
    }
    Finding::warn(
        "files",
        notes.join("; "),
        "run the commands that are named; secrets that others read should be renewed",
    )
}

fn space(check: &'static str, dir: &Path) -> Finding {
    let free = match rustix::fs::statvfs(dir) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => return Finding::warn(check, format!("its space cannot be seen: {error}"), "look with df"),
    };
    let text = format!("{} are free at {}", figures::size(free), dir.display());
    match free {
        ..SPACE_FAIL_BYTES => {
            Finding::fail(check, text, "make space: without it no request can be recorded, and none is served")
        }
        SPACE_FAIL_BYTES..SPACE_WARN_BYTES => Finding::warn(check, text, "make space, or move the data directory"),
        SPACE_WARN_BYTES.. => Finding::ok(check, text),
    }
}
