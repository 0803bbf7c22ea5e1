//! Small files that must be whole or not there: written aside, synced, then put in place. Readable by the owner only.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Read and write for the owner, nothing for anybody else.
pub(crate) const PRIVATE_FILE_MODE: u32 = 0o600;

/// A file that could not be written. What stood at its path is unchanged.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub cause: io::Error,
}

/// Writes a file that is not there yet.
///
/// # Errors
///
/// When something stands at `path` already, or the disk refuses.
pub(crate) fn create(path: &Path, content: &str) -> Result<(), WriteError> {
    // A rename would replace what is there; a link refuses.
    write_aside(path, content)
        .and_then(|aside| {
            let linked = fs::hard_link(&aside, path);
            fs::remove_file(&aside).and(linked)
        })
        .and_then(|()| sync_directory(path))
        .map_err(|cause| WriteError { path: path.to_owned(), cause })
}

/// Writes a file, in place of what stood there. A reader sees the old content or the new one, also after a power cut.
///
/// # Errors
///
/// When the disk refuses.
pub(crate) fn replace(path: &Path, content: &str) -> Result<(), WriteError> {
    write_aside(path, content)
        .and_then(|aside| fs::rename(aside, path))
        .and_then(|()| sync_directory(path))
        .map_err(|cause| WriteError { path: path.to_owned(), cause })
}

/// Writes and syncs `content` beside `path`. What a crash left there is written over.
fn write_aside(path: &Path, content: &str) -> io::Result<PathBuf> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let aside = path.with_file_name(name);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(PRIVATE_FILE_MODE).open(&aside)?;
    // The mode given at creation is narrowed by the process's umask, and not applied to a file that was there.
    file.set_permissions(Permissions::from_mode(PRIVATE_FILE_MODE))?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    Ok(aside)
}

/// Syncs the directory that `path` is in: without it a new name may be lost with the power.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::tempdir;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("a file").permissions().mode() & 0o777
    }

    #[test]
    fn a_created_file_is_private_and_nothing_stays_beside_it() {
        let dir = tempdir().expect("a directory");
        let path = dir.path().join("secrets.env");
        create(&path, "A=1\n").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("read"), "A=1\n");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 1);
    }

    #[test]
    fn creating_never_writes_over_a_file() {
        let dir = tempdir().expect("a directory");
        let path = dir.path().join("secrets.env");
        fs::write(&path, "old").expect("written");
        let error = create(&path, "new").expect_err("there is one");
        assert_eq!(error.cause.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).expect("read"), "old");
        assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 1);
    }

    #[test]
    fn replacing_changes_content_and_mode_at_once() {
        let dir = tempdir().expect("a directory");
        let path = dir.path().join("init.json");
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("a mode");
        replace(&path, "new").expect("written");
        assert_eq!((fs::read_to_string(&path).expect("read").as_str(), mode(&path)), ("new", 0o600));
    }

    #[test]
    fn what_a_crash_left_aside_is_written_over_and_made_private() {
        let dir = tempdir().expect("a directory");
        let path = dir.path().join("init.json");
        let aside = dir.path().join("init.json.new");
        fs::write(&aside, "a longer half of something").expect("written");
        fs::set_permissions(&aside, Permissions::from_mode(0o666)).expect("a mode");
        replace(&path, "new").expect("written");
        assert_eq!((fs::read_to_string(&path).expect("read").as_str(), mode(&path)), ("new", 0o600));
    }
}
