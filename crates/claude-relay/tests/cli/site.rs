//! An installation that runs or is stopped, and commands on it.

use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tempfile::TempDir;
use testkit::{
    RelayProcess,
    relay::{ADMIN_PASSWORD, ADMIN_USERNAME, RelayCommand},
};
use tokio::{io::AsyncWriteExt, process::Command};

/// Longest run of a command, on a machine that does much else.
const RUN_MAX: Duration = Duration::from_secs(60);

/// The built program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_claude-relay");

/// An installation of its own.
pub(crate) struct Site {
    place: TempDir,
    /// None: it is stopped.
    pub(crate) relay: Option<RelayProcess>,
    /// Variables that its commands are given.
    env: Vec<(String, String)>,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Site {
    /// A relay that runs.
    pub(crate) async fn running() -> Self {
        Self::running_with(&[]).await
    }

    /// A relay that runs, it and its commands with these variables.
    pub(crate) async fn running_with(env: &[(&str, &str)]) -> Self {
        let place = TempDir::new().unwrap();
        let command = env.iter().fold(RelayCommand::new(PROGRAM), |command, (name, value)| command.env(name, value));
        let relay = command.start_on(place.path().join("data")).await.unwrap();
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { place, relay: Some(relay), env }
    }

    /// A directory that was set up and in which nothing runs.
    pub(crate) async fn stopped() -> Self {
        let site = Self::empty();
        let admin = [("ADMIN_USERNAME", ADMIN_USERNAME), ("ADMIN_PASSWORD", ADMIN_PASSWORD)];
        site.run_with(&["setup"], &admin, "").await.expect(0);
        site
    }

    /// A place where nothing has been set up.
    pub(crate) fn empty() -> Self {
        Self { place: TempDir::new().unwrap(), relay: None, env: Vec::new() }
    }

    /// Both, for what has to be the same.
    pub(crate) async fn both() -> [Self; 2] {
        [Self::running().await, Self::stopped().await]
    }

    /// Ends the relay, and leaves its directory.
    pub(crate) async fn stop(&mut self) {
        assert!(self.relay.take().unwrap().terminate().await.unwrap().success());
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.place.path().join("data")
    }

    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    /// Runs `claude-relay ARGS`.
    pub(crate) async fn run(&self, args: &[&str]) -> Ended {
        self.run_with(args, &[], "").await
    }

    /// The same with further variables, and something on standard input.
    pub(crate) async fn run_with(&self, args: &[&str], env: &[(&str, &str)], stdin: &str) -> Ended {
        let mut command = Command::new(PROGRAM);
        command.args(args).current_dir(self.place.path()).env_clear().kill_on_drop(true);
        command.envs(self.env.iter().cloned()).envs(env.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes()).await;
        let output = tokio::time::timeout(RUN_MAX, child.wait_with_output()).await;
        let output = output.unwrap_or_else(|_| panic!("{args:?} did not end")).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ended { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// What a command says to people.
    pub(crate) async fn said(&self, args: &[&str]) -> String {
        self.run(args).await.expect(0).stdout
    }

    /// The document that a command gives with `--json`.
    pub(crate) async fn document(&self, args: &[&str]) -> Value {
        let args = [args, &["--json"]].concat();
        self.run(&args).await.expect(0).json()
    }
}

impl Ended {
    /// It has to have ended so.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// What it says when it refuses: on standard error, with nothing on standard output.
    #[track_caller]
    pub(crate) fn refusal(self) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (Some(1), ""), "{self:?}");
        assert!(self.stderr.starts_with("claude-relay: ") && !self.stderr.contains("panicked"), "{self:?}");
        self.stderr
    }

    /// Standard output as a document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
