//! `init.json` in the data directory: the first administrator's name and password hash, for the store to take over.
//!
//! An earlier service's file holds the password in clear; it is hashed and written anew before anything else. The
//! file is applied once per content, and a password changed later in the store is newer than the file.

use super::{ReadError, read_small};
use crate::{
    config::admin_username,
    data_dir::{DataDir, LockedDataDir, wide_mode_note},
    durable_file::{self, WriteError},
    note::Note,
};
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};
use vault::{Password, PasswordError};

/// Its name in the data directory.
pub(super) const INIT_FILE: &str = "init.json";

/// Version of the file: 1 held the password in clear.
const VERSION: &str = "2.0.0";

/// The first administrator, as the file has it.
#[derive(Clone, PartialEq, Eq)]
pub struct InitFile {
    /// The name to sign in with.
    pub username: String,
    /// A PHC string.
    pub password_hash: String,
    /// When the installation was set up.
    pub initialized_at: Timestamp,
    /// When name or password last changed.
    pub updated_at: Timestamp,
}

/// What the store says of the administrator that it took over last, or whose password it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAdminCredentials {
    /// [`InitFile::digest`] of what was taken over.
    pub digest: String,
    /// When name or password last changed.
    pub updated_at: Timestamp,
}

/// What to do with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Take it over into the store.
    Apply,
    /// Leave the store as it is.
    Keep,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InitFileError {
    /// No such JSON.
    #[error("{} is not the file that `claude-relay setup` writes: {why}; correct it, or remove it if the administrator is in the store already", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why; names no value.
        why: String,
    },
    /// The clear password of an earlier service's file cannot be hashed.
    #[error("the password in {} cannot be used: {cause}; write another into the file", path.display())]
    Password {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: PasswordError,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// The file's JSON. The clear password is only ever read.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    initialized_at: Option<String>,
    #[serde(default)]
    updated_at: Option<String>,
    admin_username: String,
    #[serde(default, skip_serializing)]
    admin_password: Option<String>,
    #[serde(default)]
    password_hash: Option<String>,
    #[serde(default)]
    version: String,
}

/// Whether the store takes the file over: once per content, and never over what is newer.
#[must_use]
pub fn decide(file: &InitFile, stored: Option<&StoredAdminCredentials>) -> Decision {
    match stored {
        Some(stored) if stored.digest == file.digest() => Decision::Keep,
        Some(stored) if file.updated_at < stored.updated_at => Decision::Keep,
        None | Some(_) => Decision::Apply,
    }
}

impl InitFile {
    /// A file for an installation that is set up at `now`. Hashes the password: tens of milliseconds of a core.
    #[must_use]
    pub fn new(username: String, password: &Password, now: Timestamp) -> Self {
        Self { username, password_hash: password.hash(), initialized_at: now, updated_at: now }
    }

    /// The same installation with another name or password, changed at `now`.
    #[must_use]
    pub fn changed(&self, username: String, password_hash: String, now: Timestamp) -> Self {
        Self { username, password_hash, initialized_at: self.initialized_at, updated_at: now }
    }

    /// What tells two contents apart: SHA-256 over name and hash, 64 hex digits.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for part in [&self.username, &self.password_hash] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        hex::encode(digest.finalize())
    }

    /// Reads the file; none when there is none. A clear password in it is hashed and the file written anew, at `now`.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is no such JSON, holds an impossible password, or cannot be written anew.
    pub fn read(dir: &LockedDataDir, now: Timestamp) -> Result<Option<(Self, Vec<Note>)>, InitFileError> {
        let dir = dir.dir();
        let path = dir.path().join(INIT_FILE);
        let Some(text) = read_small(&path)? else { return Ok(None) };
        let malformed = |why: &str| InitFileError::Malformed { path: path.clone(), why: why.to_owned() };
        // The message of serde_json would repeat values; a password may be among them.
        let wire: Wire = serde_json::from_str(&text).map_err(|error| {
            malformed(&format!("no JSON with `adminUsername` and `passwordHash` (line {})", error.line()))
        })?;
        if let Some(clear) = wire.admin_password.clone() {
            let password = Password::parse(clear.into());
            let password = password.map_err(|cause| InitFileError::Password { path: path.clone(), cause })?;
            let file = Self { updated_at: now, ..wire.into_file(Some(password.hash()), now).map_err(malformed)? };
            file.write(dir)?;
            let note = format!("the password in {} stood there in clear; it has been hashed", path.display());
            return Ok(Some((file, vec![Note::hint(note)])));
        }
        let mode = fs::metadata(&path).map_or(0, |found| found.permissions().mode());
        let notes = wide_mode_note(&path, mode).into_iter().collect();
        Ok(Some((wire.into_file(None, now).map_err(malformed)?, notes)))
    }

    /// Writes the file in place of the one that is there. Mode 0600; old or new after a crash, never half.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn write(&self, dir: &DataDir) -> Result<(), WriteError> {
        durable_file::replace(&dir.path().join(INIT_FILE), &self.to_json())
    }

    /// Writes the file where there is none.
    pub(super) fn create(&self, dir: &DataDir) -> Result<PathBuf, WriteError> {
        let path = dir.path().join(INIT_FILE);
        durable_file::create(&path, &self.to_json())?;
        Ok(path)
    }

    fn to_json(&self) -> String {
        let wire = Wire {
            initialized_at: Some(self.initialized_at.to_string()),
            updated_at: Some(self.updated_at.to_string()),
            admin_username: self.username.clone(),
            admin_password: None,
            password_hash: Some(self.password_hash.clone()),
            version: VERSION.to_owned(),
        };
        let mut json = serde_json::to_string_pretty(&wire).expect("texts are always JSON");
        json.push('\n');
        json
    }
}

impl Wire {
    /// The file's content; `hash` goes before the one in it. What has no time was made at `now`, as far as we know.
    fn into_file(self, hash: Option<String>, now: Timestamp) -> Result<InitFile, &'static str> {
        let username = admin_username(&self.admin_username)
            .map_err(|_| "`adminUsername` must have 1 to 64 characters, without spaces at the ends")?;
        let password_hash =
            hash.or(self.password_hash).filter(|hash| !hash.is_empty()).ok_or("`passwordHash` is missing")?;
        let time = |text: Option<String>, otherwise| match text {
            None => Ok(otherwise),
            Some(text) => Timestamp::parse_rfc3339(&text).ok_or("a time must look like 2026-11-23T09:30:00Z"),
        };
        let initialized_at = time(self.initialized_at, now)?;
        let updated_at = time(self.updated_at, initialized_at)?;
        Ok(InitFile { username, password_hash, initialized_at, updated_at })
    }
}

impl std::fmt::Debug for InitFile {
    /// Without the hash: it could be tried out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { username, updated_at, .. } = self;
        f.debug_struct("InitFile").field("username", username).field("updated_at", updated_at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::first_start::fixture::Fixture;
    use std::path::Path;

    const NOW: Timestamp = Timestamp::from_ms(1_795_427_400_000);

    fn file(username: &str, password: &str, updated_at: Timestamp) -> InitFile {
        let password = Password::parse(password.into()).expect("a password");
        InitFile::new(username.to_owned(), &password, updated_at)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("a file").permissions().mode() & 0o777
    }

    fn stored(file: &InitFile) -> StoredAdminCredentials {
        StoredAdminCredentials { digest: file.digest(), updated_at: file.updated_at }
    }

    #[test]
    fn a_file_reads_as_it_was_written_and_holds_no_password() {
        let fixture = Fixture::new();
        let written = file("admin", "correct horse", NOW);
        let path = written.create(fixture.dir.dir()).expect("created");
        let (read, notes) = InitFile::read(&fixture.dir, NOW.plus(std::time::Duration::from_secs(9)))
            .expect("readable")
            .expect("there");
        assert_eq!((read, notes, mode(&path)), (written, Vec::new(), 0o600));
        let text = fs::read_to_string(&path).expect("read");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let names: Vec<&String> = json.as_object().expect("an object").keys().collect();
        assert_eq!(names, ["adminUsername", "initializedAt", "passwordHash", "updatedAt", "version"]);
        assert!(!text.contains("horse"));
    }

    #[test]
    fn a_file_that_is_there_is_never_written_over_by_a_new_one() {
        let fixture = Fixture::new();
        fixture.write(INIT_FILE, "mine");
        assert!(file("admin", "correct horse", NOW).create(fixture.dir.dir()).is_err());
        assert_eq!(fs::read_to_string(fixture.path(INIT_FILE)).expect("read"), "mine");
    }

    #[test]
    fn the_clear_password_of_an_earlier_service_is_hashed_and_gone_from_the_file() {
        let fixture = Fixture::new();
        let earlier = r#"{
  "initializedAt": "2025-08-01T10:00:00.000Z",
  "adminUsername": "cr_admin_0a1b2c3d",
  "adminPassword": "Yk3mP9qR7sT1uV5w",
  "version": "1.0.0"
}"#;
        fixture.write(INIT_FILE, earlier);
        let (read, notes) = InitFile::read(&fixture.dir, NOW).expect("readable").expect("there");
        assert_eq!(vault::passwords::matches(&read.password_hash, &"Yk3mP9qR7sT1uV5w".into()), Ok(true));
        assert_eq!((read.username.as_str(), read.updated_at), ("cr_admin_0a1b2c3d", NOW));
        assert_eq!(read.initialized_at.to_string(), "2025-08-01T10:00:00.000Z");
        assert!(notes[0].text.ends_with("stood there in clear; it has been hashed"));
        let text = fs::read_to_string(fixture.path(INIT_FILE)).expect("read");
        assert!(!text.contains("Yk3mP9qR7sT1uV5w") && !text.contains("adminPassword"), "{text}");
        let (again, notes) = InitFile::read(&fixture.dir, NOW).expect("readable").expect("there");
        assert_eq!((again, notes), (read, Vec::new()));
    }

    #[test]
    fn a_clear_password_written_into_our_file_is_a_newer_content() {
        let fixture = Fixture::new();
        let old = file("admin", "correct horse", NOW);
        let mut json: serde_json::Value = serde_json::from_str(&old.to_json()).expect("JSON");
        json["adminPassword"] = "another horse".into();
        fixture.write(INIT_FILE, &json.to_string());
        let later = NOW.plus(std::time::Duration::from_secs(1));
        let (read, _) = InitFile::read(&fixture.dir, later).expect("readable").expect("there");
        assert_eq!(decide(&read, Some(&stored(&old))), Decision::Apply);
        assert_eq!(vault::passwords::matches(&read.password_hash, &"another horse".into()), Ok(true));
    }

    #[test]
    fn a_clear_password_that_is_too_short_is_refused_and_the_file_left_alone() {
        let fixture = Fixture::new();
        let text = r#"{"adminUsername":"admin","adminPassword":"hunter2"}"#;
        fixture.write(INIT_FILE, text);
        let error = InitFile::read(&fixture.dir, NOW).expect_err("too short");
        let path = fixture.path(INIT_FILE);
        let expected = format!(
            "the password in {} cannot be used: a password has at least 8 characters; write another into the file",
            path.display()
        );
        assert_eq!(error.to_string(), expected);
        assert_eq!(fs::read_to_string(path).expect("read"), text);
    }

    #[test]
    fn a_broken_file_is_told_without_its_values() {
        let cases = [
            ("{\"adminPassword\": \"hunter2hunter2\"", "no JSON with `adminUsername` and `passwordHash` (line 1)"),
            (
                "{\"adminUsername\": 5, \"adminPassword\": \"hunter2hunter2\"}",
                "no JSON with `adminUsername` and `passwordHash` (line 1)",
            ),
            ("{\"adminUsername\": \"admin\"}", "`passwordHash` is missing"),
            (
                "{\"adminUsername\": \" \", \"passwordHash\": \"x\"}",
                "`adminUsername` must have 1 to 64 characters, without spaces at the ends",
            ),
            (
                "{\"adminUsername\": \"a\", \"passwordHash\": \"x\", \"updatedAt\": \"today\"}",
                "a time must look like 2026-11-23T09:30:00Z",
            ),
        ];
        for (text, why) in cases {
            let fixture = Fixture::new();
            fixture.write(INIT_FILE, text);
            let error = InitFile::read(&fixture.dir, NOW).expect_err("broken").to_string();
            assert!(error.contains(why) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn without_a_file_there_is_nothing_to_read() {
        assert!(InitFile::read(&Fixture::new().dir, NOW).expect("readable").is_none());
    }

    #[test]
    fn a_file_is_applied_once_per_content() {
        let first = file("admin", "correct horse", NOW);
        assert_eq!(decide(&first, None), Decision::Apply);
        assert_eq!(decide(&first, Some(&stored(&first))), Decision::Keep);
        let renamed = first.changed("root".to_owned(), first.password_hash.clone(), NOW);
        assert_eq!(decide(&renamed, Some(&stored(&first))), Decision::Apply);
    }

    #[test]
    fn a_file_is_not_applied_over_a_later_password_change() {
        let first = file("admin", "correct horse", NOW);
        let hash = Password::parse("another horse".into()).expect("a password").hash();
        let changed = first.changed("admin".to_owned(), hash, NOW.plus(std::time::Duration::from_millis(1)));
        assert_eq!(decide(&first, Some(&stored(&changed))), Decision::Keep);
        assert_eq!(decide(&changed, Some(&stored(&first))), Decision::Apply);
    }

    #[test]
    fn debug_shows_no_hash() {
        let file = file("admin", "correct horse", NOW);
        assert!(!format!("{file:?}").contains("argon2"));
    }
}
