//! Setting an installation up: by command, or by the first `serve`. What is there already is never written over.

use super::{
    init_file::{INIT_FILE, InitFile, InitFileError},
    secrets_file::{self, SECRETS_FILE, Secrets, SecretsError},
};
use crate::{
    config::{FirstAdmin, Settings},
    data_dir::{DataDir, LockedDataDir},
    durable_file::WriteError,
    note::Note,
};
use domain::Timestamp;
use secrecy::SecretString;
use std::path::PathBuf;
use vault::Password;

/// What a start needs beside its settings.
#[derive(Debug)]
pub struct Prepared {
    /// The installation's secrets.
    pub secrets: Secrets,
    /// The administrator for the store to take over, if there is a file: see [`decide`](super::decide).
    pub init_file: Option<InitFile>,
    /// What was made by this start: nothing, unless it was the first.
    pub report: SetupReport,
    /// What the operator should know.
    pub notes: Vec<Note>,
}

/// What was made, to be told to the operator once.
#[derive(Debug)]
pub struct SetupReport {
    /// The data directory.
    pub data_dir: PathBuf,
    /// The files that were made in it or added to, in order.
    pub files: Vec<PathBuf>,
    /// The first administrator, if one was made.
    pub admin: Option<Created>,
}

/// An administrator just made.
#[derive(Debug)]
pub struct Created {
    /// The name to sign in with.
    pub username: String,
    /// The password, if it was made and not given: nobody can see it again after this.
    pub password: Option<SecretString>,
}

/// An installation that cannot be set up, or not be started.
#[derive(Debug, thiserror::Error)]
pub enum FirstStartError {
    /// Somebody did already.
    #[error("already set up: {} has {}; nothing was changed", path.display(), found.join(", "))]
    AlreadySetUp {
        /// The data directory.
        path: PathBuf,
        /// Names of the files that say so.
        found: Vec<&'static str>,
    },
    /// The secrets are missing or wrong.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The administrator's file is wrong.
    #[error(transparent)]
    InitFile(#[from] InitFileError),
    /// The administrator's file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Makes secrets and the first administrator, or refuses where that was done. Secrets left by a set-up that was
/// interrupted are kept and used.
///
/// # Errors
///
/// When the directory was set up already (nothing is changed then), or a file cannot be read or written.
pub fn setup(dir: &LockedDataDir, settings: &Settings, now: Timestamp) -> Result<SetupReport, FirstStartError> {
    let found = traces(dir.dir());
    if !found.is_empty() {
        return Err(FirstStartError::AlreadySetUp { path: dir.dir().path().to_owned(), found });
    }
    Ok(prepare(dir, settings, now)?.report)
}

/// Reads what a start needs, and makes what a first start lacks.
///
/// Without `init.json` an administrator is made only where no store has been: later they stand in the store.
///
/// # Errors
///
/// When secrets are missing where there is data, or a file cannot be read, understood or written.
pub fn prepare(dir: &LockedDataDir, settings: &Settings, now: Timestamp) -> Result<Prepared, FirstStartError> {
    let had_store = dir.dir().had_store();
    let found = InitFile::read(dir, now)?;
    let obtained = secrets_file::obtain(dir, &settings.secrets)?;
    let mut notes = obtained.notes;
    let mut files: Vec<PathBuf> = obtained.file_written.into_iter().collect();
    let (init_file, admin) = match found {
        Some((file, file_notes)) => {
            notes.extend(file_notes);
            (Some(file), None)
        }
        None if had_store => (None, None),
        None => {
            let (file, admin) = first_admin(&settings.first_admin, now);
            files.push(file.create(dir.dir())?);
            (Some(file), Some(admin))
        }
    };
    let report = SetupReport { data_dir: dir.dir().path().to_owned(), files, admin };
    Ok(Prepared { secrets: obtained.secrets, init_file, report, notes })
}

fn first_admin(wanted: &FirstAdmin, now: Timestamp) -> (InitFile, Created) {
    let username = wanted.username.clone();
    let made = || {
        let password = Password::generate();
        let shown = Some(password.expose().clone());
        (password, shown)
    };
    let (password, shown) = wanted.password.clone().map_or_else(made, |given| (given, None));
    (InitFile::new(username.clone(), &password, now), Created { username, password: shown })
}

/// Whether the directory was set up, by command or by a start.
#[must_use]
pub fn is_set_up(dir: &DataDir) -> bool {
    !traces(dir).is_empty()
}

/// Names of the files that say that the directory was set up. Secrets alone do not: they are made first.
fn traces(dir: &DataDir) -> Vec<&'static str> {
    let mut found: Vec<&'static str> = Vec::new();
    if dir.path().join(INIT_FILE).exists() {
        found.push(INIT_FILE);
    }
    if dir.had_store() {
        found.push("a store");
    }
    if !found.is_empty() && dir.path().join(SECRETS_FILE).exists() {
        found.push(SECRETS_FILE);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Environment, Inputs, load},
        first_start::fixture::Fixture,
    };
    use secrecy::ExposeSecret;
    use std::{fs, os::unix::fs::PermissionsExt};

    const NOW: Timestamp = Timestamp::from_ms(1_795_427_400_000);

    fn settings<const N: usize>(variables: [(&str, &str); N]) -> Settings {
        let environment = Environment::from(variables);
        load(&Inputs { environment, ..Inputs::default() }).expect("settings").settings
    }

    fn matches(file: &InitFile, password: &SecretString) -> bool {
        vault::passwords::matches(&file.password_hash, password).expect("a hash")
    }

    #[test]
    fn a_set_up_makes_private_files_and_shows_a_password_that_is_stored_nowhere() {
        let fixture = Fixture::new();
        let report = setup(&fixture.dir, &settings([]), NOW).expect("set up");
        assert_eq!(report.files, [fixture.path(SECRETS_FILE), fixture.path(INIT_FILE)]);
        let admin = report.admin.expect("made");
        let password = admin.password.expect("made");
        for path in &report.files {
            assert_eq!(fs::metadata(path).expect("a file").permissions().mode() & 0o777, 0o600);
            assert!(!fs::read_to_string(path).expect("read").contains(password.expose_secret()));
        }
        let (file, _) = InitFile::read(&fixture.dir, NOW).expect("readable").expect("there");
        assert_eq!((file.username.as_str(), admin.username.as_str()), ("admin", "admin"));
        assert!(matches(&file, &password));
    }

    #[test]
    fn name_and_password_of_the_environment_are_used_and_the_password_is_not_shown() {
        let fixture = Fixture::new();
        let settings = settings([("ADMIN_USERNAME", "root"), ("ADMIN_PASSWORD", "correct horse")]);
        let report = setup(&fixture.dir, &settings, NOW).expect("set up");
        let admin = report.admin.expect("made");
        assert!(admin.username == "root" && admin.password.is_none());
        let (file, _) = InitFile::read(&fixture.dir, NOW).expect("readable").expect("there");
        assert!(matches(&file, &"correct horse".into()));
    }

    #[test]
    fn a_second_set_up_is_refused_and_changes_nothing() {
        let fixture = Fixture::new();
        setup(&fixture.dir, &settings([]), NOW).expect("set up");
        let content = || [SECRETS_FILE, INIT_FILE].map(|name| fs::read(fixture.path(name)).expect("read"));
        let before = content();
        let error = setup(&fixture.dir, &settings([]), NOW).expect_err("again");
        let path = fixture.dir.dir().path().display();
        assert_eq!(
            error.to_string(),
            format!("already set up: {path} has init.json, secrets.env; nothing was changed")
        );
        assert_eq!(content(), before);
    }

    #[test]
    fn a_directory_with_a_store_is_set_up_already() {
        let fixture = Fixture::new();
        fixture.write("relay.db", "");
        let error = setup(&fixture.dir, &settings([]), NOW).expect_err("a store");
        let path = fixture.dir.dir().path().display();
        assert_eq!(error.to_string(), format!("already set up: {path} has a store; nothing was changed"));
    }

    #[test]
    fn a_set_up_that_was_interrupted_behind_the_secrets_goes_on_with_them() {
        let fixture = Fixture::new();
        setup(&fixture.dir, &settings([]), NOW).expect("set up");
        fs::remove_file(fixture.path(INIT_FILE)).expect("removed");
        let secrets = fs::read(fixture.path(SECRETS_FILE)).expect("read");
        let report = setup(&fixture.dir, &settings([]), NOW).expect("goes on");
        assert_eq!(report.files, [fixture.path(INIT_FILE)]);
        assert_eq!(fs::read(fixture.path(SECRETS_FILE)).expect("read"), secrets);
    }

    #[test]
    fn a_start_without_a_set_up_does_it_and_the_next_start_finds_it() {
        let fixture = Fixture::new();
        let first = prepare(&fixture.dir, &settings([]), NOW).expect("prepared");
        assert!(first.report.admin.expect("made").password.is_some());
        let second = prepare(&fixture.dir, &settings([]), NOW).expect("prepared");
        assert!(second.report.files.is_empty() && second.report.admin.is_none());
        assert_eq!(second.init_file, first.init_file);
    }

    #[test]
    fn where_a_store_is_no_administrator_is_made_behind_its_back() {
        let fixture = Fixture::new();
        fixture.write("relay.db", "");
        let given = settings([
            ("ENCRYPTION_KEY", "0123456789abcdef0123456789ABCDEF"),
            ("JWT_SECRET", "a-jwt-secret-of-more-than-32-characters"),
        ]);
        let prepared = prepare(&fixture.dir, &given, NOW).expect("prepared");
        assert!(prepared.init_file.is_none() && prepared.report.files.is_empty());
        assert!(!fixture.path(INIT_FILE).exists());
    }

    #[test]
    fn a_broken_administrator_s_file_stops_a_first_start_before_anything_is_made() {
        let fixture = Fixture::new();
        fixture.write(INIT_FILE, "{}");
        prepare(&fixture.dir, &settings([]), NOW).expect_err("broken");
        assert!(!fixture.path(SECRETS_FILE).exists());
    }

    #[test]
    fn debug_shows_no_password() {
        let fixture = Fixture::new();
        let report = setup(&fixture.dir, &settings([]), NOW).expect("set up");
        let printed = format!("{report:?}");
        let password = report.admin.and_then(|admin| admin.password).expect("made");
        assert!(!printed.contains(password.expose_secret()));
    }
}
