//! Starts the relay's binary, waits until it is ready, and ends it in every way there is.
//!
//! Its output is read by threads, not tasks: it must be complete when a test fails, whatever its runtime does then.

use crate::redis::{RedisCluster, RedisServer};
use parking_lot::Mutex;
use std::{
    io::{self, BufRead as _, BufReader, PipeReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{process::Child, sync::oneshot};

/// The first administrator of a relay that was started here.
pub const ADMIN_USERNAME: &str = "admin";

/// Their password.
pub const ADMIN_PASSWORD: &str = "correct-horse-battery-staple";

/// What the line on standard output begins with that says where the relay listens.
const READY_PREFIX: &str = "listening on http://";

/// Longest start: a debug build hashing its first password on a busy machine takes a tenth of it.
const START_MAX: Duration = Duration::from_secs(60);

/// Longest graceful end: longer than any bound the relay has for streams in its tests.
const STOP_MAX: Duration = Duration::from_secs(60);

/// Lines of output that are kept.
const OUTPUT_LINES_MAX: usize = 20_000;

/// How the relay is to be started.
#[derive(Debug, Clone)]
pub struct RelayCommand {
    binary: PathBuf,
    env: Vec<(String, String)>,
    args: Vec<String>,
    /// Held for as long as the relay may need them.
    servers: Option<StoreServers>,
}

/// The servers that a relay keeps its records on, instead of the embedded store.
#[derive(Debug, Clone)]
pub enum StoreServers {
    /// One server.
    Redis(Arc<Mutex<RedisServer>>),
    /// A Cluster of six.
    Cluster(Arc<Mutex<RedisCluster>>),
}

/// A running relay on a data directory of its own. Dropping it kills it; when a test fails, its output is printed.
#[derive(Debug)]
pub struct RelayProcess {
    command: RelayCommand,
    data_dir: PathBuf,
    /// Removed at the end; none when the directory is the caller's.
    owned_dir: Option<TempDir>,
    child: Child,
    address: SocketAddr,
    output: Arc<Mutex<Vec<String>>>,
}

/// A relay that did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The binary, a pipe or the directory.
    #[error("the relay could not be started")]
    Io(#[from] io::Error),
    /// It ended before it was ready: for tests of what it says then.
    #[error("the relay ended with {status} before it was ready:\n{}", output.join("\n"))]
    Ended {
        /// Its exit status.
        status: ExitStatus,
        /// What it printed.
        output: Vec<String>,
    },
    /// It was not ready in time.
    #[error("the relay was not ready in time:\n{}", output.join("\n"))]
    Late {
        /// What it printed.
        output: Vec<String>,
    },
}

impl RelayCommand {
    /// The binary at this path, `env!("CARGO_BIN_EXE_claude-relay")`. Of the environment it gets `PATH`, the first
    /// administrator, and what is added here.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let env = [("ADMIN_USERNAME", ADMIN_USERNAME), ("ADMIN_PASSWORD", ADMIN_PASSWORD)];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { binary: binary.into(), env, args: Vec::new(), servers: None }
    }

    /// Has it keep its records on these servers.
    #[must_use]
    pub fn on(mut self, servers: StoreServers) -> Self {
        let url = match &servers {
            StoreServers::Redis(server) => server.lock().url(),
            StoreServers::Cluster(cluster) => cluster.lock().url(),
        };
        self.servers = Some(servers);
        self.env("REDIS_URL", &url)
    }

    /// The servers that it keeps its records on; none: the embedded store.
    #[must_use]
    pub const fn servers(&self) -> Option<&StoreServers> {
        self.servers.as_ref()
    }

    /// Adds or replaces an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves an environment variable out.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self
    }

    /// Adds an argument after `serve --data-dir … --listen …`.
    #[must_use]
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// Starts it on a fresh data directory.
    ///
    /// # Errors
    ///
    /// When it is not ready within a minute.
    pub async fn start(self) -> Result<RelayProcess, StartError> {
        let owned = TempDir::new()?;
        // Not the temporary directory itself: the relay makes its own, with the rights that it wants.
        let data_dir = owned.path().join("data");
        RelayProcess::launch(self, data_dir, Some(owned)).await
    }

    /// Starts it on a data directory of the caller.
    ///
    /// # Errors
    ///
    /// When it is not ready within a minute.
    pub async fn start_on(self, data_dir: impl Into<PathBuf>) -> Result<RelayProcess, StartError> {
        RelayProcess::launch(self, data_dir.into(), None).await
    }

    fn spawn(&self, data_dir: &Path) -> io::Result<(Child, [PipeReader; 2])> {
        let ((stdout, stdout_writer), (stderr, stderr_writer)) = (io::pipe()?, io::pipe()?);
        let mut command = tokio::process::Command::new(&self.binary);
        command.arg("serve").arg("--data-dir").arg(data_dir).args(["--listen", "127.0.0.1:0"]).args(&self.args);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").envs(self.env.iter().cloned());
        // Next to `data`, also what it writes beside it (`logs/`).
        command.current_dir(data_dir.parent().unwrap_or(data_dir));
        command.stdin(Stdio::null()).stdout(stdout_writer).stderr(stderr_writer).kill_on_drop(true);
        Ok((command.spawn()?, [stdout, stderr]))
    }
}

impl RelayProcess {
    /// Starts the binary with the defaults of [`RelayCommand`] on a fresh data directory.
    ///
    /// # Errors
    ///
    /// When it is not ready within a minute.
    pub async fn start(binary: impl Into<PathBuf>) -> Result<Self, StartError> {
        RelayCommand::new(binary).start().await
    }

    async fn launch(command: RelayCommand, data_dir: PathBuf, owned: Option<TempDir>) -> Result<Self, StartError> {
        let (mut child, [stdout, stderr]) = command.spawn(&data_dir)?;
        let output = Arc::new(Mutex::new(Vec::new()));
        let (ready, readiness) = oneshot::channel();
        read_lines(stdout, Arc::clone(&output), ready)?;
        let (ended, stderr_end) = oneshot::channel();
        read_lines(stderr, Arc::clone(&output), ended)?;
        let address = match tokio::time::timeout(START_MAX, readiness).await {
            Ok(Ok(address)) => address,
            // Standard output ended without the line: the relay has ended, or is about to.
            Ok(Err(_)) => {
                let status = child.wait().await?;
                // It never comes: the sender goes when all has been read.
                let _ = stderr_end.await;
                return Err(StartError::Ended { status, output: output.lock().clone() });
            }
            Err(_) => return Err(StartError::Late { output: output.lock().clone() }),
        };
        Ok(Self { command, data_dir, owned_dir: owned, child, address, output })
    }

    /// How it was started.
    #[must_use]
    pub const fn command(&self) -> &RelayCommand {
        &self.command
    }

    /// Where it listens; another port after each restart.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`; another port after each restart.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its data directory.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Its process id; none once it has ended.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// What it printed so far, both streams, line by line.
    #[must_use]
    pub fn output(&self) -> Vec<String> {
        self.output.lock().clone()
    }

    /// Kills it at once: SIGKILL.
    ///
    /// # Errors
    ///
    /// When it could not be waited for.
    pub async fn kill9(&mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    ///
    /// When it has ended already, or does not end within a minute.
    pub async fn terminate(&mut self) -> io::Result<ExitStatus> {
        self.ask_to_end()?;
        self.wait().await
    }

    /// Asks it to end (SIGTERM) without waiting.
    ///
    /// # Errors
    ///
    /// When it has ended already.
    pub fn ask_to_end(&self) -> io::Result<()> {
        let raw = self.child.id().and_then(|id| i32::try_from(id).ok());
        let pid = raw.and_then(rustix::process::Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
        Ok(rustix::process::kill_process(pid, rustix::process::Signal::TERM)?)
    }

    /// Waits until it has ended by itself. Cancel-safe.
    ///
    /// # Errors
    ///
    /// When it does not within a minute.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        tokio::time::timeout(STOP_MAX, self.child.wait()).await.map_err(|_| io::ErrorKind::TimedOut)?
    }

    /// Starts it again on the same data directory, after [`kill9`](Self::kill9) or [`terminate`](Self::terminate);
    /// if it runs, it is killed first.
    ///
    /// # Errors
    ///
    /// When it is not ready within a minute.
    pub async fn restart(mut self) -> Result<Self, StartError> {
        self.kill9().await?;
        let owned = self.owned_dir.take();
        Self::launch(self.command.clone(), self.data_dir.clone(), owned).await
    }
}

impl Drop for RelayProcess {
    #[expect(clippy::print_stderr, reason = "the output of a failed test is for the person who reads it")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- output of the relay ---\n{}\n---", self.output.lock().join("\n"));
        }
    }
}

/// Reads lines until the process ends; the first that says where it listens is passed on.
fn read_lines(pipe: PipeReader, output: Arc<Mutex<Vec<String>>>, ready: oneshot::Sender<SocketAddr>) -> io::Result<()> {
    let mut ready = Some(ready);
    let read = move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let address = line.strip_prefix(READY_PREFIX).and_then(|text| text.trim().parse().ok());
            push_line(&output, line);
            if let Some((sender, address)) = address.and_then(|address| Some((ready.take()?, address))) {
                // Nobody waits any more: the start was given up.
                let _ = sender.send(address);
            }
        }
    };
    thread::Builder::new().name("relay-output".to_owned()).spawn(read).map(drop)
}

fn push_line(output: &Mutex<Vec<String>>, line: String) {
    let mut lines = output.lock();
    if lines.len() < OUTPUT_LINES_MAX {
        lines.push(line);
    }
}
