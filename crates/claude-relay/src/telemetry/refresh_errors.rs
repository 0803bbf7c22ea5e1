//! `token-refresh-error.log`: what failed when tokens were refreshed, one JSON line each. The file is begun with its first line.
//!
//! It has one name, for who looks for it, and therefore no days: when it is full it is set aside as `token-refresh-error.1.log`, in the
//! place of the one before. Failures are few, so that both hold months.

use super::writer::{Place, Sink};
use crate::durable_file::PRIVATE_FILE_MODE;
use domain::Timestamp;
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Events with this target are written there, at whatever level the rest is logged.
pub(super) const TARGET: &str = "credentials::refresh_error";

/// Bytes from which on the file is set aside: some thousand lines.
const BYTES_MAX: u64 = 1 << 20;

/// Everything for the owner, nothing for anybody else.
const PRIVATE_DIR_MODE: u32 = 0o700;

/// The file in a directory.
#[derive(Debug)]
pub(super) struct RefreshErrorFile {
    dir: PathBuf,
    bytes_max: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
    /// Device and number of the file, to notice that it was taken away.
    identity: (u64, u64),
}

impl RefreshErrorFile {
    /// In `dir`, which is made when the first line comes.
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), bytes_max: BYTES_MAX, open: None }
    }

    fn path(&self) -> PathBuf {
        self.dir.join("token-refresh-error.log")
    }

    fn begin(&mut self) -> io::Result<()> {
        self.open = None;
        DirBuilder::new().recursive(true).mode(PRIVATE_DIR_MODE).create(&self.dir)?;
        let path = self.path();
        if fs::metadata(&path).is_ok_and(|facts| facts.len() >= self.bytes_max) {
            fs::rename(&path, self.dir.join("token-refresh-error.1.log"))?;
        }
        let file = OpenOptions::new().append(true).create(true).mode(PRIVATE_FILE_MODE).open(&path)?;
        let facts = file.metadata()?;
        self.open = Some(Open { file, bytes: facts.len(), identity: (facts.dev(), facts.ino()) });
        Ok(())
    }
}

impl Sink for RefreshErrorFile {
    fn prepare(&mut self, _now: Timestamp) -> io::Result<Place> {
        let path = self.path();
        let is_there = |open: &Open| fs::metadata(&path).is_ok_and(|facts| (facts.dev(), facts.ino()) == open.identity);
        if self.open.as_ref().is_some_and(|open| open.bytes < self.bytes_max && is_there(open)) {
            return Ok(Place::Same);
        }
        self.begin().map(|()| Place::New)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let open = self.open.as_mut().ok_or(io::ErrorKind::NotFound)?;
        let written = open.file.write(bytes)?;
        open.bytes += written as u64;
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn write(file: &mut RefreshErrorFile, line: &str) -> Place {
        let place = file.prepare(Timestamp::from_ms(0)).expect("ready");
        assert_eq!(file.write(line.as_bytes()).expect("written"), line.len());
        place
    }

    #[test]
    fn the_file_is_begun_with_its_first_line_and_is_the_owner_s_alone() {
        let parent = tempfile::tempdir().expect("a directory");
        let dir = parent.path().join("logs");
        let mut file = RefreshErrorFile::new(&dir);
        assert!(!dir.exists());
        assert_eq!((write(&mut file, "one\n"), write(&mut file, "two\n")), (Place::New, Place::Same));
        let path = dir.join("token-refresh-error.log");
        assert_eq!(fs::read_to_string(&path).expect("there"), "one\ntwo\n");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        fs::remove_file(&path).expect("removed");
        assert_eq!(write(&mut file, "three\n"), Place::New);
    }

    #[test]
    fn a_full_file_is_set_aside_in_the_place_of_the_one_before() {
        let parent = tempfile::tempdir().expect("a directory");
        let mut file = RefreshErrorFile { bytes_max: 8, ..RefreshErrorFile::new(parent.path()) };
        for line in ["aaaaaaa\n", "bbbbbbb\n", "ccccccc\n"] {
            write(&mut file, line);
        }
        let read = |name: &str| fs::read_to_string(parent.path().join(name)).expect("there");
        assert_eq!(
            (read("token-refresh-error.1.log"), read("token-refresh-error.log")),
            ("bbbbbbb\n".to_owned(), "ccccccc\n".to_owned())
        );
        assert_eq!(fs::read_dir(parent.path()).expect("read").count(), 2);
    }
}
