//! The three things that are measured, and the programs behind them. Starting and stopping; no load.

use crate::affinity::{self, Sides};
use parking_lot::Mutex;
use std::{
    io::{self, BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
};
use testkit::{
    AdminClient, RelayProcess,
    redis::RedisServer,
    relay::{ADMIN_PASSWORD, ADMIN_USERNAME, AdminError, RelayCommand, StartError, StoreServers},
};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// The upstream, nothing in between.
    Direct,
    /// The bare proxy before it.
    Bare,
    /// The relay before it.
    Relay,
}

/// Somewhere to send load to.
#[derive(Debug, Clone)]
pub struct Target {
    kind: TargetKind,
    address: SocketAddr,
    api_key: String,
    pid: Option<u32>,
}

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The synthetic upstream.
    pub fast_upstream: PathBuf,
    /// The bare proxy.
    pub bare_proxy: PathBuf,
    /// The relay; none: it is left out.
    pub relay: Option<PathBuf>,
    /// What keeps its records.
    pub store: StoreKind,
}

/// What keeps the relay's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StoreKind {
    /// The embedded store.
    Sqlite,
    /// A Redis server on the same cores as the relay.
    Redis,
}

/// The running programs. Dropping it ends them.
#[derive(Debug)]
pub struct Stage {
    targets: Vec<Target>,
    // Proxies first: they are to end before what they forward to.
    _relay: Option<RelayProcess>,
    _bare_proxy: Program,
    _fast_upstream: Program,
}

/// A stage that could not be set.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// One of the bench's own programs.
    #[error("{program} could not be started")]
    Program {
        /// Its path.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The cores could not be shared out.
    #[error("the cores could not be shared out")]
    Affinity(#[source] io::Error),
    /// The relay did not start.
    #[error("the relay did not start")]
    Relay(#[from] StartError),
    /// The relay refused to be set up.
    #[error("the relay could not be set up")]
    SetUp(#[from] AdminError),
}

/// One of the bench's own programs, killed on drop.
#[derive(Debug)]
struct Program {
    child: Child,
    address: SocketAddr,
    // Held open, so that the program can go on writing.
    _stdout: BufReader<ChildStdout>,
}

impl TargetKind {
    /// Its name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Bare => "bare",
            Self::Relay => "relay",
        }
    }
}

impl Target {
    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> TargetKind {
        self.kind
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The key that it takes.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// The proxy's process; none where there is no proxy.
    #[must_use]
    pub const fn pid(&self) -> Option<u32> {
        self.pid
    }
}

impl Stage {
    /// Starts the programs on their sides of the machine, and sets the relay up with one account and one key.
    ///
    /// # Errors
    ///
    /// When one does not start.
    pub async fn set(programs: &Programs, sides: &Sides) -> Result<Self, StageError> {
        let confine = |cores: &[usize]| affinity::confine_to(cores).map_err(StageError::Affinity);
        confine(&sides.others)?;
        let fast_upstream = Program::start(&programs.fast_upstream, &[])?;
        confine(&sides.proxy)?;
        let bare_proxy = Program::start(&programs.bare_proxy, &[&fast_upstream.address.to_string()])?;
        let mut targets = vec![
            Target::open(TargetKind::Direct, fast_upstream.address, None),
            Target::open(TargetKind::Bare, bare_proxy.address, Some(bare_proxy.child.id())),
        ];
        let relay = match &programs.relay {
            Some(path) => {
                let relay = start_relay(path, programs.store).await?;
                confine(&sides.others)?;
                targets.push(set_up(&relay, fast_upstream.address).await?);
                Some(relay)
            }
            None => None,
        };
        confine(&sides.others)?;
        Ok(Self { targets, _relay: relay, _bare_proxy: bare_proxy, _fast_upstream: fast_upstream })
    }

    /// What can be measured: direct and bare, then the relay if it is there.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }
}

impl Target {
    /// One that takes any key.
    fn open(kind: TargetKind, address: SocketAddr, pid: Option<u32>) -> Self {
        Self { kind, address, api_key: "any".to_owned(), pid }
    }
}

async fn start_relay(path: &Path, store: StoreKind) -> Result<RelayProcess, StageError> {
    // Quiet as in production: a line a request is not what is measured.
    let command = RelayCommand::new(path).env("LOG_LEVEL", "warn");
    let command = match store {
        StoreKind::Sqlite => command,
        StoreKind::Redis => command.on(StoreServers::Redis(Arc::new(Mutex::new(RedisServer::start())))),
    };
    Ok(command.start().await?)
}

async fn set_up(relay: &RelayProcess, upstream: SocketAddr) -> Result<Target, StageError> {
    let admin = AdminClient::sign_in(&relay.base_url(), ADMIN_USERNAME, ADMIN_PASSWORD).await?;
    admin.create_account("bench", &format!("http://{upstream}"), "sk-bench").await?;
    let key = admin.create_key("bench").await?;
    Ok(Target { kind: TargetKind::Relay, address: relay.address(), api_key: key.key, pid: relay.pid() })
}

impl Program {
    fn start(path: &Path, args: &[&str]) -> Result<Self, StageError> {
        let failed = |source| StageError::Program { program: path.to_owned(), source };
        let mut child = Command::new(path).args(args).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe.into()).map_err(failed)?;
        let (mut stdout, mut line) = (BufReader::new(stdout), String::new());
        stdout.read_line(&mut line).map_err(failed)?;
        let address = line.trim_end().strip_prefix("listening on http://").and_then(|text| text.parse().ok());
        let address = address.ok_or_else(|| failed(io::Error::other("it did not say where it listens")))?;
        Ok(Self { child, address, _stdout: stdout })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
