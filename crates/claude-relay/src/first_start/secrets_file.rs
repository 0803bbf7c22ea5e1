//! `secrets.env` in the data directory: the installation's secrets, as far as the environment does not give them.
//!
//! Lines of `NAME=VALUE`; the value is everything behind the first `=`, never quoted or decoded. What stands there is
//! never changed. An encryption key is made only where nothing can have been encrypted yet.

use super::{ReadError, read_small};
use crate::{
    config::SecretSettings,
    data_dir::{DataDir, LockedDataDir, wide_mode_note},
    durable_file::{self, WriteError},
    note::Note,
};
use secrecy::{ExposeSecret, SecretString};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};
use vault::{EncryptionKey, EncryptionKeyError, JwtSecret, JwtSecretError, KeyFingerprint, Keyring};
use zeroize::Zeroizing;

/// Its name in the data directory.
pub(super) const SECRETS_FILE: &str = "secrets.env";

const ENCRYPTION_KEY: &str = "ENCRYPTION_KEY";
const ENCRYPTION_KEY_PREVIOUS: &str = "ENCRYPTION_KEY_PREVIOUS";
const JWT_SECRET: &str = "JWT_SECRET";
const NAMES: [&str; 3] = [ENCRYPTION_KEY, ENCRYPTION_KEY_PREVIOUS, JWT_SECRET];

const HEADER: &str = "\
# The secrets of this installation. Without ENCRYPTION_KEY the stored credentials cannot be read by anybody:
# keep a copy in a safe place, apart from the backups. The environment, where it has one of these, goes before.
";

/// The secrets that the relay runs with.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// What credentials are sealed with.
    pub encryption_key: EncryptionKey,
    /// What they were sealed with before, while a rotation is under way.
    pub encryption_key_previous: Option<EncryptionKey>,
    /// What session tokens are signed with.
    pub jwt_secret: JwtSecret,
}

/// Secrets that the relay cannot start with.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// There is data, and no key that it could be read with.
    #[error(
        "the encryption key is missing: {} holds data, but neither the environment variable ENCRYPTION_KEY nor {} has \
         the key. A new key would not open the old data; restore the one that was in use",
        dir.display(), file.display()
    )]
    KeyMissing {
        /// The data directory.
        dir: PathBuf,
        /// The secrets file.
        file: PathBuf,
    },
    /// Two keys before there is data: whichever is not used would look like the one to keep.
    #[error(
        "ENCRYPTION_KEY of the environment (fingerprint {given}) is another than the one in {} (fingerprint {found}); \
         remove one of them before the first start",
        path.display()
    )]
    KeysDiffer {
        /// The secrets file.
        path: PathBuf,
        /// The environment's key.
        given: KeyFingerprint,
        /// The file's key.
        found: KeyFingerprint,
    },
    /// A line that is none.
    #[error("{}, line {line}: expected NAME=VALUE with one of the names {}", path.display(), NAMES.join(", "))]
    Line {
        /// The secrets file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// A key that is none.
    #[error("{} of {} is wrong: {cause}", name, path.display())]
    Key {
        /// Which.
        name: &'static str,
        /// The secrets file.
        path: PathBuf,
        /// Why.
        cause: EncryptionKeyError,
    },
    /// A secret that is none.
    #[error("JWT_SECRET of {} is wrong: {cause}", path.display())]
    Jwt {
        /// The secrets file.
        path: PathBuf,
        /// Why.
        cause: JwtSecretError,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Secrets found or made.
#[derive(Debug)]
pub(super) struct Obtained {
    pub(super) secrets: Secrets,
    /// Whether some were made now and written to the file.
    pub(super) file_written: Option<PathBuf>,
    pub(super) notes: Vec<Note>,
}

/// What stands in the file.
#[derive(Default)]
struct SecretsFile {
    path: PathBuf,
    text: Option<Zeroizing<String>>,
    values: SecretSettings,
}

/// Lines for secrets that were made now.
#[derive(Default)]
struct Additions {
    lines: Zeroizing<String>,
}

impl Secrets {
    /// The keys for what is stored.
    #[must_use]
    pub fn keyring(&self) -> Keyring {
        Keyring::new(&self.encryption_key, self.encryption_key_previous.as_slice())
    }
}

/// Takes each secret from the environment, else from the file, else makes it and adds it to the file.
pub(super) fn obtain(dir: &LockedDataDir, given: &SecretSettings) -> Result<Obtained, SecretsError> {
    let dir = dir.dir();
    let file = SecretsFile::read(dir)?;
    if !dir.had_store() {
        file.refuse_another(given)?;
    }
    let mut notes = file.notes(given);
    let mut additions = Additions::default();
    let encryption_key = match given.encryption_key.clone().or_else(|| file.values.encryption_key.clone()) {
        Some(key) => key,
        None if dir.had_store() => {
            return Err(SecretsError::KeyMissing { dir: dir.path().to_owned(), file: file.path });
        }
        None => additions.with(ENCRYPTION_KEY, EncryptionKey::generate(), EncryptionKey::expose),
    };
    let jwt_secret = given.jwt_secret.clone().or_else(|| file.values.jwt_secret.clone()).unwrap_or_else(|| {
        if dir.had_store() {
            notes.push(Note::warning("JWT_SECRET was missing and has been made anew: everybody must sign in again"));
        }
        additions.with(JWT_SECRET, JwtSecret::generate(), JwtSecret::expose)
    });
    let encryption_key_previous =
        given.encryption_key_previous.clone().or_else(|| file.values.encryption_key_previous.clone());
    let file_written = file.add(&additions)?;
    Ok(Obtained { secrets: Secrets { encryption_key, encryption_key_previous, jwt_secret }, file_written, notes })
}

impl Additions {
    /// Notes a line for `secret` and gives it back.
    fn with<T>(&mut self, name: &str, secret: T, expose: fn(&T) -> &SecretString) -> T {
        self.lines.push_str(name);
        self.lines.push('=');
        self.lines.push_str(expose(&secret).expose_secret());
        self.lines.push('\n');
        secret
    }
}

impl SecretsFile {
    fn read(dir: &DataDir) -> Result<Self, SecretsError> {
        let path = dir.path().join(SECRETS_FILE);
        let text = read_small(&path)?.map(Zeroizing::new);
        let mut file = Self { path, text, values: SecretSettings::default() };
        let text = file.text.clone().unwrap_or_default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                file.read_line(line, at + 1)?;
            }
        }
        Ok(file)
    }

    fn read_line(&mut self, text: &str, line: usize) -> Result<(), SecretsError> {
        let (name, value) = text.split_once('=').unwrap_or_default();
        let path = &self.path;
        let key =
            |name| EncryptionKey::parse(value).map_err(|cause| SecretsError::Key { name, path: path.clone(), cause });
        match name {
            ENCRYPTION_KEY => self.values.encryption_key = Some(key(ENCRYPTION_KEY)?),
            ENCRYPTION_KEY_PREVIOUS => self.values.encryption_key_previous = Some(key(ENCRYPTION_KEY_PREVIOUS)?),
            JWT_SECRET => {
                let secret = JwtSecret::parse(value);
                let secret = secret.map_err(|cause| SecretsError::Jwt { path: path.clone(), cause })?;
                self.values.jwt_secret = Some(secret);
            }
            _ => return Err(SecretsError::Line { path: path.clone(), line }),
        }
        Ok(())
    }

    /// Refuses an encryption key of the environment that is not the file's.
    fn refuse_another(&self, given: &SecretSettings) -> Result<(), SecretsError> {
        let keys = given.encryption_key.as_ref().zip(self.values.encryption_key.as_ref());
        match keys.map(|(given, found)| (given.fingerprint(), found.fingerprint())) {
            Some((given, found)) if given != found => {
                Err(SecretsError::KeysDiffer { path: self.path.clone(), given, found })
            }
            _ => Ok(()),
        }
    }

    /// What the operator should know about the file, and about what goes before it.
    fn notes(&self, given: &SecretSettings) -> Vec<Note> {
        let mode = fs::metadata(&self.path).map(|found| found.permissions().mode());
        let mut notes: Vec<Note> = mode.ok().and_then(|mode| wide_mode_note(&self.path, mode)).into_iter().collect();
        if let (Some(ours), Some(theirs)) = (&given.encryption_key, &self.values.encryption_key) {
            let (ours, theirs) = (ours.fingerprint(), theirs.fingerprint());
            if ours != theirs {
                notes.push(Note::warning(format!(
                    "the environment's ENCRYPTION_KEY (fingerprint {ours}) is used, and not the one in {} (fingerprint \
                     {theirs})",
                    self.path.display()
                )));
            }
        }
        notes
    }

    /// Adds lines behind what stands there, which stays as it is. Gives the path if there was something to add.
    fn add(&self, additions: &Additions) -> Result<Option<PathBuf>, WriteError> {
        if additions.lines.is_empty() {
            return Ok(None);
        }
        match &self.text {
            None => {
                let text = Zeroizing::new(format!("{HEADER}{}", additions.lines.as_str()));
                durable_file::create(&self.path, &text)?;
            }
            Some(text) => {
                let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
                let text = Zeroizing::new(format!("{}{gap}{}", text.as_str(), additions.lines.as_str()));
                durable_file::replace(&self.path, &text)?;
            }
        }
        Ok(Some(self.path.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::first_start::fixture::Fixture;
    use std::fs::Permissions;

    const KEY: &str = "0123456789abcdef0123456789ABCDEF";
    const OTHER_KEY: &str = "ABCDEF0123456789abcdef0123456789";
    const SECRET: &str = "a-jwt-secret-of-more-than-32-characters";

    fn key(text: &str) -> EncryptionKey {
        EncryptionKey::parse(text).expect("a key")
    }

    fn from_environment() -> SecretSettings {
        SecretSettings {
            encryption_key: Some(key(KEY)),
            encryption_key_previous: None,
            jwt_secret: Some(JwtSecret::parse(SECRET).expect("a secret")),
        }
    }

    fn nothing() -> SecretSettings {
        SecretSettings::default()
    }

    fn shown(key: &EncryptionKey) -> &str {
        key.expose().expose_secret()
    }

    #[test]
    fn secrets_are_made_once_and_found_the_next_time() {
        let fixture = Fixture::new();
        let first = obtain(&fixture.dir, &nothing()).expect("made");
        let path = fixture.path(SECRETS_FILE);
        assert_eq!(first.file_written.as_ref(), Some(&path));
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        let before = fs::read(&path).expect("read");
        let second = obtain(&fixture.dir, &nothing()).expect("found");
        assert_eq!(shown(&second.secrets.encryption_key), shown(&first.secrets.encryption_key));
        assert_eq!(
            second.secrets.jwt_secret.expose().expose_secret(),
            first.secrets.jwt_secret.expose().expose_secret()
        );
        assert_eq!((second.file_written, fs::read(&path).expect("read")), (None, before));
    }

    #[test]
    fn with_secrets_from_the_environment_no_file_is_made() {
        let fixture = Fixture::new();
        let obtained = obtain(&fixture.dir, &from_environment()).expect("given");
        assert_eq!(shown(&obtained.secrets.encryption_key), KEY);
        assert!(obtained.file_written.is_none() && !fixture.path(SECRETS_FILE).exists());
    }

    #[test]
    fn what_the_environment_lacks_alone_is_made() {
        let fixture = Fixture::new();
        let given = SecretSettings { jwt_secret: None, ..from_environment() };
        obtain(&fixture.dir, &given).expect("made");
        let text = fs::read_to_string(fixture.path(SECRETS_FILE)).expect("read");
        assert!(text.contains("\nJWT_SECRET=") && !text.contains("\nENCRYPTION_KEY="), "{text}");
    }

    #[test]
    fn the_environment_goes_before_the_file_and_a_difference_is_told_without_the_keys() {
        let fixture = Fixture::new();
        fixture.write(SECRETS_FILE, &format!("ENCRYPTION_KEY={OTHER_KEY}\n"));
        fixture.write("relay.db", "");
        let obtained = obtain(&fixture.dir, &from_environment()).expect("given");
        assert_eq!(shown(&obtained.secrets.encryption_key), KEY);
        let expected = format!(
            "the environment's ENCRYPTION_KEY (fingerprint {}) is used, and not the one in {} (fingerprint {})",
            key(KEY).fingerprint(),
            fixture.path(SECRETS_FILE).display(),
            key(OTHER_KEY).fingerprint()
        );
        assert_eq!(obtained.notes, [Note::warning(expected)]);
    }

    #[test]
    fn before_there_is_data_two_keys_that_differ_are_no_start() {
        let fixture = Fixture::new();
        fixture.write(SECRETS_FILE, &format!("ENCRYPTION_KEY={OTHER_KEY}\n"));
        let error = obtain(&fixture.dir, &from_environment()).expect_err("two keys").to_string();
        assert!(error.contains("is another than the one in") && error.contains("remove one of them"), "{error}");
        assert!(!error.contains(KEY) && !error.contains(OTHER_KEY));
        fixture.write(SECRETS_FILE, &format!("ENCRYPTION_KEY={KEY}\n"));
        obtain(&fixture.dir, &from_environment()).expect("the same key twice");
    }

    #[test]
    fn no_key_is_made_where_there_is_data_and_the_message_says_what_to_do() {
        for trace in ["relay.db", "store_id"] {
            let fixture = Fixture::new();
            fixture.write(trace, "");
            let error = obtain(&fixture.dir, &nothing()).expect_err("no key");
            let dir = fixture.dir.dir().path().display();
            let expected = format!(
                "the encryption key is missing: {dir} holds data, but neither the environment variable ENCRYPTION_KEY nor \
                 {dir}/secrets.env has the key. A new key would not open the old data; restore the one that was in use"
            );
            assert_eq!(error.to_string(), expected);
            assert!(!fixture.path(SECRETS_FILE).exists());
        }
    }

    #[test]
    fn a_missing_jwt_secret_is_made_beside_the_key_that_stands_there_and_said() {
        let fixture = Fixture::new();
        fixture.write("relay.db", "");
        fixture.write(SECRETS_FILE, &format!("# mine\nENCRYPTION_KEY={KEY}"));
        let obtained = obtain(&fixture.dir, &nothing()).expect("made");
        assert_eq!(shown(&obtained.secrets.encryption_key), KEY);
        let text = fs::read_to_string(fixture.path(SECRETS_FILE)).expect("read");
        assert!(text.starts_with(&format!("# mine\nENCRYPTION_KEY={KEY}\nJWT_SECRET=")), "{text}");
        let expected = "JWT_SECRET was missing and has been made anew: everybody must sign in again";
        assert_eq!(obtained.notes, [Note::warning(expected)]);
    }

    #[test]
    fn the_previous_key_of_a_rotation_is_read_and_opens() {
        let fixture = Fixture::new();
        let text = format!("ENCRYPTION_KEY={KEY}\nENCRYPTION_KEY_PREVIOUS={OTHER_KEY}\nJWT_SECRET={SECRET}\n");
        fixture.write(SECRETS_FILE, &text);
        let secrets = obtain(&fixture.dir, &nothing()).expect("found").secrets;
        let stored = vault::key_check::make(&Keyring::new(&key(OTHER_KEY), &[]));
        assert_eq!(vault::key_check::verify(&secrets.keyring(), &stored), Ok(vault::KeyFit::Previous));
    }

    #[test]
    fn a_file_that_others_can_read_is_told_with_the_command_that_helps() {
        let fixture = Fixture::new();
        obtain(&fixture.dir, &nothing()).expect("made");
        let path = fixture.path(SECRETS_FILE);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("a mode");
        let notes = obtain(&fixture.dir, &nothing()).expect("found").notes;
        assert!(notes[0].text.ends_with(&format!("chmod 600 {}", path.display())), "{notes:?}");
    }

    #[test]
    fn a_broken_line_or_value_is_told_with_its_place_and_without_the_value() {
        let cases = [
            (
                "\nWHAT=x\n",
                "FILE, line 2: expected NAME=VALUE with one of the names ENCRYPTION_KEY, ENCRYPTION_KEY_PREVIOUS, JWT_SECRET",
            ),
            (
                "hunter2\n",
                "FILE, line 1: expected NAME=VALUE with one of the names ENCRYPTION_KEY, ENCRYPTION_KEY_PREVIOUS, JWT_SECRET",
            ),
            (
                "ENCRYPTION_KEY=hunter2\n",
                "ENCRYPTION_KEY of FILE is wrong: an encryption key has exactly 32 characters, or 64 hex digits; this one has 7 characters",
            ),
            (
                "JWT_SECRET=hunter2\n",
                "JWT_SECRET of FILE is wrong: a JWT secret has 32 characters or more; this one has 7",
            ),
        ];
        for (text, expected) in cases {
            let fixture = Fixture::new();
            fixture.write(SECRETS_FILE, text);
            let error = obtain(&fixture.dir, &nothing()).expect_err("broken");
            let file = fixture.path(SECRETS_FILE).display().to_string();
            assert_eq!(error.to_string(), expected.replace("FILE", &file));
            assert_eq!(fs::read_to_string(fixture.path(SECRETS_FILE)).expect("read"), text, "nothing was changed");
        }
    }
}
