//! A process is started, watched and ended as said. The shell stands in for the relay: it runs the file `serve`.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, and these functions are parts of tests")]

use std::path::Path;
use tempfile::TempDir;
use testkit::relay::{RelayCommand, StartError};

/// A directory in which `/bin/sh serve …` does what `script` says.
fn stand_in(script: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("serve"), script).unwrap();
    dir
}

fn data_dir(dir: &TempDir) -> impl AsRef<Path> + Into<std::path::PathBuf> {
    dir.path().join("data")
}

#[tokio::test]
async fn it_is_ready_when_it_says_where_it_listens_and_ends_when_asked() {
    let dir = stand_in("echo setting up\necho listening on http://127.0.0.1:4242\nexec sleep 600");
    let mut relay = RelayCommand::new("/bin/sh").start_on(data_dir(&dir)).await.unwrap();
    assert_eq!(relay.base_url(), "http://127.0.0.1:4242");
    assert_eq!(relay.output(), ["setting up", "listening on http://127.0.0.1:4242"]);
    assert!(!relay.terminate().await.unwrap().success());
    assert_eq!(relay.pid(), None);
}

#[tokio::test]
async fn one_that_refuses_to_start_says_why() {
    let dir = stand_in("echo the data directory is in use >&2\nexit 3");
    let error = RelayCommand::new("/bin/sh").start_on(data_dir(&dir)).await.unwrap_err();
    let StartError::Ended { status, output } = error else { panic!("{error}") };
    assert_eq!(status.code(), Some(3));
    assert_eq!(output, ["the data directory is in use"]);
}

#[tokio::test]
async fn a_restart_keeps_the_data_directory_and_the_environment() {
    let script = "mkdir -p data; echo \"$COLOUR\" >> data/starts\necho listening on http://127.0.0.1:1\nexec sleep 600";
    let dir = stand_in(script);
    let relay = RelayCommand::new("/bin/sh").env("COLOUR", "blue").start_on(data_dir(&dir)).await.unwrap();
    let relay = relay.restart().await.unwrap();
    assert_eq!(std::fs::read_to_string(relay.data_dir().join("starts")).unwrap(), "blue\nblue\n");
}
