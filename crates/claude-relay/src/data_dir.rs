//! The data directory: made private, owned by one process at a time, and married to one store. Reads no record.

use crate::{durable_file, note::Note};
use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Everything for the owner, nothing for anybody else.
const PRIVATE_DIR_MODE: u32 = 0o700;

/// The bits that let others in.
const OTHERS_MASK: u32 = 0o077;

/// A data directory that exists. Whether a process works in it is not known yet: see [`lock`](Self::lock).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir {
    path: PathBuf,
}

/// A data directory that this process alone works in, until this value is dropped or the process ends.
#[derive(Debug)]
pub struct LockedDataDir {
    dir: DataDir,
    _lock: File,
}

/// What a store says of itself when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreIdentity<'a> {
    /// The id that the store was given when it was made.
    pub store_id: &'a str,
    /// Whether it holds records.
    pub content: StoreContent,
}

/// Whether a store holds records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreContent {
    /// None: it was made just now, or wiped.
    Empty,
    /// Some.
    Filled,
}

/// A data directory that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It cannot be made.
    #[error("cannot make the data directory {}; make it yourself, or name another with --data-dir", path.display())]
    Make {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Something else stands there.
    #[error("{} is no directory; name another with --data-dir", path.display())]
    NoDirectory {
        /// What stands there.
        path: PathBuf,
    },
    /// A file in it cannot be used.
    #[error("cannot use {}; the directory must belong to the user that runs the relay", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Another process works in it.
    #[error("the data directory {} is in use by {holder}; stop that one first, or name another with --data-dir", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// `process 1234`, or `another process`.
        holder: String,
    },
    /// The store was there before and is empty now.
    #[error(
        "the store that belongs to {} was there before and is empty now (its id was {expected}, it is {found}); \
         put the old store back or restore a backup; to begin anew on purpose, remove {}",
        path.display(), path.join(STORE_ID_FILE).display()
    )]
    StoreEmptied {
        /// The directory.
        path: PathBuf,
        /// The id of the store that was there before.
        expected: String,
        /// The id of the one that is there now.
        found: String,
    },
    /// Another store stands where the directory's own was.
    #[error(
        "the store is another than the one that belongs to {} (expected the id {expected}, found {found}); \
         name the store or the directory that belong together; to keep this pair from now on, remove {}",
        path.display(), path.join(STORE_ID_FILE).display()
    )]
    StoreSwapped {
        /// The directory.
        path: PathBuf,
        /// The id of the store that was there before.
        expected: String,
        /// The id of the one that is there now.
        found: String,
    },
    /// The store's id could not be noted.
    #[error("cannot note the store's id")]
    NoteStoreId(#[from] durable_file::WriteError),
}

const LOCK_FILE: &str = "lock";
const STORE_FILE: &str = "relay.db";
const STORE_ID_FILE: &str = "store_id";

/// Longest holder's number that is read from the lock file; a process id has at most ten digits.
const HOLDER_BYTES_MAX: u64 = 16;

impl DataDir {
    /// Makes the directory (and those above it that are missing) with mode 0700, or takes the one that is there.
    ///
    /// A symbolic link to a directory is followed: data is often kept on another volume. A directory that lets other
    /// users in is taken with a note, since changing what somebody else set up may lock them out.
    ///
    /// # Errors
    ///
    /// When it cannot be made, or something else stands there.
    pub fn open(path: &Path) -> Result<(Self, Vec<Note>), DataDirError> {
        let notes = match fs::metadata(path) {
            Ok(found) if found.is_dir() => wide_mode_note(path, found.permissions().mode()).into_iter().collect(),
            Ok(_) => return Err(DataDirError::NoDirectory { path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(path).map_err(|cause| DataDirError::Make { path: path.to_owned(), cause })?;
                Vec::new()
            }
            Err(cause) => return Err(DataDirError::Make { path: path.to_owned(), cause }),
        };
        Ok((Self { path: path.to_owned() }, notes))
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The embedded store's file.
    #[must_use]
    pub fn store_file(&self) -> PathBuf {
        self.path.join(STORE_FILE)
    }

    /// Whether a store has been here: its file, or the note of its id.
    #[must_use]
    pub fn had_store(&self) -> bool {
        self.store_file().exists() || self.path.join(STORE_ID_FILE).exists()
    }

    /// Takes the directory for this process. The lock is the operating system's: it ends with the process, however
    /// that ends, and a lock file that was left behind locks nobody out.
    ///
    /// # Errors
    ///
    /// When another process has it, or the lock file cannot be used.
    pub fn lock(self) -> Result<LockedDataDir, DataDirError> {
        let path = self.path.join(LOCK_FILE);
        let fail = |cause| DataDirError::File { path: path.clone(), cause };
        let mut file = open_lock_file(&path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DataDirError::InUse { holder: holder(&mut file), path: self.path });
            }
            Err(TryLockError::Error(cause)) => return Err(fail(cause)),
        }
        write_holder(&mut file).map_err(fail)?;
        Ok(LockedDataDir { dir: self, _lock: file })
    }
}

impl LockedDataDir {
    /// The directory.
    #[must_use]
    pub const fn dir(&self) -> &DataDir {
        &self.dir
    }

    /// Checks that `store` is the one that belongs here; notes its id the first time.
    ///
    /// # Errors
    ///
    /// When the store is empty or another than before, or its id cannot be read or noted.
    pub fn check_store(&self, store: StoreIdentity<'_>) -> Result<(), DataDirError> {
        let file = self.dir.path.join(STORE_ID_FILE);
        let expected = match fs::read_to_string(&file) {
            Ok(text) => text.trim().to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(durable_file::create(&file, &format!("{}\n", store.store_id))?);
            }
            Err(cause) => return Err(DataDirError::File { path: file, cause }),
        };
        if expected == store.store_id {
            return Ok(());
        }
        let (path, found) = (self.dir.path.clone(), store.store_id.to_owned());
        Err(match store.content {
            StoreContent::Empty => DataDirError::StoreEmptied { path, expected, found },
            StoreContent::Filled => DataDirError::StoreSwapped { path, expected, found },
        })
    }
}

fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE_DIR_MODE).create(path)?;
    // The mode given at creation is narrowed by the process's umask.
    fs::set_permissions(path, Permissions::from_mode(PRIVATE_DIR_MODE))
}

/// Says how to shut other users out of `path`, if `mode` lets them in.
pub(crate) fn wide_mode_note(path: &Path, mode: u32) -> Option<Note> {
    let private = if path.is_dir() { "700" } else { "600" };
    let wide = mode & OTHERS_MASK != 0;
    wide.then(|| {
        let shown = path.display();
        Note::warning(format!(
            "other users of this machine can get at {shown} (mode {:03o}); shut them out with: chmod {private} {shown}",
            mode & 0o777
        ))
    })
}

fn open_lock_file(path: &Path) -> io::Result<File> {
    let mode = durable_file::PRIVATE_FILE_MODE;
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(mode).open(path)
}

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(HOLDER_BYTES_MAX).read_to_string(&mut text);
    match text.trim().parse::<u32>() {
        Ok(number) if read.is_ok() => format!("process {number}"),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::{TempDir, tempdir};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    fn locked() -> (TempDir, LockedDataDir) {
        let parent = tempdir().expect("a directory");
        let (dir, _) = DataDir::open(&parent.path().join("data")).expect("made");
        let dir = dir.lock().expect("free");
        (parent, dir)
    }

    fn filled(store_id: &str) -> StoreIdentity<'_> {
        StoreIdentity { store_id, content: StoreContent::Filled }
    }

    #[test]
    fn a_missing_directory_is_made_private_with_those_above_it() {
        let parent = tempdir().expect("a directory");
        let path = parent.path().join("a/b/data");
        let (dir, notes) = DataDir::open(&path).expect("made");
        assert_eq!((mode(dir.path()), notes), (0o700, Vec::new()));
    }

    #[test]
    fn a_directory_that_lets_others_in_is_taken_with_the_command_that_shuts_them_out() {
        let parent = tempdir().expect("a directory");
        fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).expect("a mode");
        let (_, notes) = DataDir::open(parent.path()).expect("taken");
        let shown = parent.path().display();
        let expected =
            format!("other users of this machine can get at {shown} (mode 755); shut them out with: chmod 700 {shown}");
        assert_eq!(notes, [Note::warning(expected)]);
        assert_eq!(mode(parent.path()), 0o755, "nothing was changed");
    }

    #[test]
    fn what_is_no_directory_is_refused() {
        let parent = tempdir().expect("a directory");
        let path = parent.path().join("data");
        fs::write(&path, "").expect("written");
        let error = DataDir::open(&path).expect_err("a file");
        assert_eq!(error.to_string(), format!("{} is no directory; name another with --data-dir", path.display()));
        let error = DataDir::open(&path.join("below")).expect_err("below a file");
        assert!(matches!(error, DataDirError::Make { .. }), "{error}");
    }

    #[test]
    fn a_link_to_a_directory_is_a_directory() {
        let parent = tempdir().expect("a directory");
        let (real, _) = DataDir::open(&parent.path().join("real")).expect("made");
        let link = parent.path().join("data");
        std::os::unix::fs::symlink(real.path(), &link).expect("a link");
        assert!(DataDir::open(&link).is_ok());
    }

    #[test]
    fn a_directory_in_use_is_refused_with_the_number_of_the_process() {
        let (_parent, first) = locked();
        let error = first.dir().clone().lock().expect_err("in use");
        let expected = format!(
            "the data directory {} is in use by process {}; stop that one first, or name another with --data-dir",
            first.dir().path().display(),
            std::process::id()
        );
        assert_eq!(error.to_string(), expected);
        assert_eq!(mode(&first.dir().path().join("lock")), 0o600);
    }

    #[test]
    fn a_lock_ends_with_its_value_and_a_lock_file_alone_locks_nobody_out() {
        let (_parent, first) = locked();
        let dir = first.dir().clone();
        drop(first);
        fs::write(dir.path().join("lock"), "99999999999999999999999999\n").expect("written");
        assert!(dir.lock().is_ok());
    }

    #[test]
    fn a_store_s_id_is_noted_the_first_time_and_the_same_store_is_fine_afterwards() {
        let (_parent, dir) = locked();
        assert!(!dir.dir().had_store());
        dir.check_store(StoreIdentity { store_id: "one", content: StoreContent::Empty }).expect("noted");
        assert!(dir.dir().had_store());
        dir.check_store(filled("one")).expect("the same");
    }

    #[test]
    fn a_store_that_was_there_before_and_is_empty_now_is_refused_with_the_way_out() {
        let (_parent, dir) = locked();
        dir.check_store(filled("one")).expect("noted");
        let error = dir.check_store(StoreIdentity { store_id: "two", content: StoreContent::Empty });
        let shown = dir.dir().path().display();
        let expected = format!(
            "the store that belongs to {shown} was there before and is empty now (its id was one, it is two); \
             put the old store back or restore a backup; to begin anew on purpose, remove {shown}/store_id"
        );
        assert_eq!(error.expect_err("emptied").to_string(), expected);
    }

    #[test]
    fn another_store_is_refused_with_the_way_out() {
        let (_parent, dir) = locked();
        dir.check_store(filled("one")).expect("noted");
        let error = dir.check_store(filled("two")).expect_err("another");
        let shown = dir.dir().path().display();
        let expected = format!(
            "the store is another than the one that belongs to {shown} (expected the id one, found two); \
             name the store or the directory that belong together; to keep this pair from now on, remove {shown}/store_id"
        );
        assert_eq!(error.to_string(), expected);
    }
}
