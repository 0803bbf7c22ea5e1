//! The path of the socket, also where it is longer than the operating system takes. Connects and binds nothing.

use std::{
    fs::File,
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

/// The socket's name in the data directory.
pub(crate) const SOCKET_FILE: &str = "control.sock";

/// Longest path of a Unix socket in bytes that every system takes: macOS has room for 103, Linux for 107.
const PATH_BYTES_MAX: usize = 103;

/// Where Linux shows the directories that this process has open.
const OPEN_FILES: &str = "/proc/self/fd";

/// A path below the data directory that a socket can have. Good for as long as this value is held.
#[derive(Debug)]
pub(crate) struct Address {
    path: PathBuf,
    /// The directory, where the path goes by its number.
    _directory: Option<File>,
}

impl Address {
    /// The address of `name` in `dir`.
    ///
    /// # Errors
    ///
    /// When the path is too long and this system has no shorter way to it.
    pub(crate) fn of(dir: &Path, name: &str) -> io::Result<Self> {
        let path = dir.join(name);
        if path.as_os_str().len() <= PATH_BYTES_MAX {
            return Ok(Self { path, _directory: None });
        }
        if !Path::new(OPEN_FILES).exists() {
            let length = path.as_os_str().len();
            return Err(io::Error::other(format!(
                "its path has {length} bytes and a socket's may have {PATH_BYTES_MAX}; move the data directory to a shorter path"
            )));
        }
        let directory = File::open(dir)?;
        let path = Path::new(OPEN_FILES).join(directory.as_raw_fd().to_string()).join(name);
        Ok(Self { path, _directory: Some(directory) })
    }

    /// What to bind or to connect to.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs,
        os::unix::net::{UnixListener, UnixStream},
    };

    #[test]
    fn a_short_path_is_taken_as_it_is() {
        let address = Address::of(Path::new("/srv/relay"), SOCKET_FILE).expect("short");
        assert_eq!(address.path(), Path::new("/srv/relay/control.sock"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_path_longer_than_a_socket_s_may_be_is_reached_all_the_same() {
        let parent = tempfile::tempdir().expect("a directory");
        let deep = parent.path().join("d".repeat(120));
        fs::create_dir(&deep).expect("made");
        let bound = Address::of(&deep, SOCKET_FILE).expect("a way");
        let _listener = UnixListener::bind(bound.path()).expect("bound");
        assert!(deep.join(SOCKET_FILE).exists());
        let address = Address::of(&deep, SOCKET_FILE).expect("a way");
        UnixStream::connect(address.path()).expect("connected");
    }
}
