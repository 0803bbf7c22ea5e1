//! A data directory of its own for each test.

use crate::data_dir::{DataDir, LockedDataDir};
use std::{fs, path::PathBuf};
use tempfile::{TempDir, tempdir};

/// A locked data directory that goes away with the value.
pub(super) struct Fixture {
    pub(super) dir: LockedDataDir,
    _parent: TempDir,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let parent = tempdir().expect("a directory");
        let (dir, _) = DataDir::open(&parent.path().join("data")).expect("made");
        Self { dir: dir.lock().expect("free"), _parent: parent }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.dir().path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        fs::write(self.path(name), text).expect("written");
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).expect("a mode");
    }
}
