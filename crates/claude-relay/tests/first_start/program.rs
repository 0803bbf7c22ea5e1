//! The program with a directory of its own: run to its end, or started.

use rustix::process::{Pid, Signal, kill_process};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tempfile::TempDir;
use testkit::{
    AdminClient, RelayProcess,
    relay::{AdminError, RelayCommand},
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

/// Longest run of a command, and longest start: ten times what a debug build takes on a busy machine.
const RUN_MAX: Duration = Duration::from_secs(60);

/// What the line begins with that says where it listens.
const READY: &str = "listening on ";

/// An encryption key of 32 characters.
pub(crate) const KEY: &str = "0123456789abcdefghijklmnopqrstuv";

/// Another.
pub(crate) const OTHER_KEY: &str = "vutsrqponmlkjihgfedcba9876543210";

/// An empty directory, in which the data directory may be made.
pub(crate) struct Place(TempDir);

/// A command line in a [`Place`].
pub(crate) struct Invocation {
    command: Command,
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// What it wrote to standard output.
    pub(crate) stdout: String,
    /// What it wrote to standard error.
    pub(crate) stderr: String,
}

/// A relay that listens. Dropping it kills it, some time; [`kill`](Self::kill) waits until it is gone.
pub(crate) struct Listening {
    child: Child,
    /// `http://HOST:PORT`.
    pub(crate) base_url: String,
    /// What it wrote to standard output before.
    pub(crate) said: Vec<String>,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The data directory, which is not made yet.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    /// A file of the data directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.data_dir().join(name)
    }

    /// `claude-relay COMMAND --data-dir …`, with an empty environment.
    pub(crate) fn relay(&self, command: &str) -> Invocation {
        let mut relay = Command::new(env!("CARGO_BIN_EXE_claude-relay"));
        relay
            .arg(command)
            .arg("--data-dir")
            .arg(self.data_dir())
            .current_dir(self.path())
            .env_clear()
            .kill_on_drop(true);
        Invocation { command: relay }
    }

    /// Sets everything up, with the first administrator of the tests.
    pub(crate) async fn set_up(&self) {
        let admin =
            [("ADMIN_USERNAME", testkit::relay::ADMIN_USERNAME), ("ADMIN_PASSWORD", testkit::relay::ADMIN_PASSWORD)];
        let ended = self.relay("setup").envs(&admin).run().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }

    /// A relay on this place's data directory.
    pub(crate) async fn started(&self) -> RelayProcess {
        RelayCommand::new(env!("CARGO_BIN_EXE_claude-relay")).start_on(self.data_dir()).await.unwrap()
    }

    /// Every file of the data directory with its bytes, but the lock, which says who was there last.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.data_dir()).unwrap().map(Result::unwrap);
        let entries = entries.filter(|entry| entry.file_type().unwrap().is_file());
        let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()));
        named.filter(|(name, _)| name != "lock").collect()
    }
}

impl Invocation {
    /// Adds arguments.
    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    /// Adds environment variables.
    pub(crate) fn envs(mut self, variables: &[(&str, &str)]) -> Self {
        self.command.envs(variables.iter().copied());
        self
    }

    /// Runs it to its end.
    pub(crate) async fn run(mut self) -> Ended {
        let output = tokio::time::timeout(RUN_MAX, self.command.stdin(Stdio::null()).output()).await;
        let output = output.unwrap_or_else(|_| panic!("{:?} did not end", self.command)).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ended { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Runs it, and gives what it says when it refuses: one message, nothing on standard output.
    pub(crate) async fn refusal(self) -> String {
        let ended = self.run().await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
        let messages: Vec<_> = ended.stderr.lines().filter(|line| line.starts_with("claude-relay: ")).collect();
        assert_eq!(messages.len(), 1, "{ended:?}");
        assert!(ended.stderr.len() < 2_000 && !ended.stderr.contains("panicked"), "{ended:?}");
        ended.stderr
    }

    /// Starts it and waits until it listens.
    pub(crate) async fn listening(mut self) -> Listening {
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = self.command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = Vec::new();
        let listening = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("it ended before it listened");
                match line.strip_prefix(READY) {
                    Some(base_url) => return base_url.to_owned(),
                    None => said.push(line),
                }
            }
        };
        let base_url = tokio::time::timeout(RUN_MAX, listening).await.expect("it listens in time");
        Listening { child, base_url, said }
    }
}

impl Listening {
    /// Sends SIGHUP.
    pub(crate) fn hang_up(&self) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::HUP).unwrap();
    }

    /// Kills it and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// The password that the report of a first start shows.
pub(crate) fn shown_password<'a>(report: impl IntoIterator<Item = &'a str>) -> String {
    let line =
        report.into_iter().find_map(|line| line.trim().strip_prefix("password:")).expect("a line with the password");
    line.split_whitespace().next().unwrap().to_owned()
}

/// Signs in, or gives the status of the refusal.
pub(crate) async fn sign_in(base_url: &str, username: &str, password: &str) -> Result<AdminClient, u16> {
    match AdminClient::sign_in(base_url, username, password).await {
        Ok(admin) => Ok(admin),
        Err(AdminError::Refused { status, .. }) => Err(status),
        Err(error) => panic!("{error}"),
    }
}
