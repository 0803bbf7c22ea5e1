//! One server.

use super::{child::ServerChild, wire};
use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Longest start: reading a large file on a busy machine takes a part of it.
const START_MAX: Duration = Duration::from_secs(30);

/// How often a server is asked whether it is there.
const ASK_EVERY: Duration = Duration::from_millis(2);

/// Ports that are tried when another program takes one first.
const PORTS_MAX: usize = 20;

/// What the specification wants of a server.
const SPECIFIED: [&str; 6] = ["--save", "60 1", "--appendonly", "yes", "--appendfsync", "everysec"];

/// How a server is started, beside what the specification wants.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// `--requirepass`.
    pub password: Option<String>,
    /// Further arguments, which go before the usual ones.
    pub arguments: Vec<String>,
}

/// A running server on a directory of its own. Dropping it kills it.
#[derive(Debug)]
pub struct RedisServer {
    child: ServerChild,
    directory: TempDir,
    options: ServerOptions,
    port: u16,
}

impl RedisServer {
    /// Starts a server as the specification wants it, on an empty directory.
    ///
    /// # Panics
    ///
    /// When `redis-server` is missing or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(ServerOptions::default())
    }

    /// Starts a server on an empty directory.
    ///
    /// # Panics
    ///
    /// When `redis-server` is missing or does not start.
    #[must_use]
    pub fn start_with(options: ServerOptions) -> Self {
        Self::start_on(TempDir::new().expect("a directory"), options)
    }

    /// Starts a server on a copy of `files`: what another one has written, or had written when it was copied.
    ///
    /// # Panics
    ///
    /// When they cannot be copied, or the server does not start on them.
    #[must_use]
    pub fn start_from(files: &Path, options: ServerOptions) -> Self {
        let directory = TempDir::new().expect("a directory");
        copy_all(files, directory.path()).expect("a copy");
        Self::start_on(directory, options)
    }

    fn start_on(mut directory: TempDir, mut options: ServerOptions) -> Self {
        for _ in 0..PORTS_MAX {
            let port = free_port();
            let child = ServerChild::start(directory.path(), &arguments(&options, port));
            let server = Self { child, directory, options, port };
            if server.is_ready() {
                return server;
            }
            // Another program took the port first: once more, with another one.
            Self { directory, options, .. } = server;
            fs::remove_file(directory.path().join("server.log")).expect("the log of what failed");
        }
        panic!("no port was free {PORTS_MAX} times in a row")
    }

    /// `redis://127.0.0.1:PORT`, with the password where there is one.
    #[must_use]
    pub fn url(&self) -> String {
        let password = self.options.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        format!("redis://{password}127.0.0.1:{}", self.port)
    }

    /// Its port on loopback.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its process id.
    #[must_use]
    pub const fn pid(&self) -> i32 {
        self.child.pid()
    }

    /// The directory that it keeps its files in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// One command's reply as text, its parts one a line.
    ///
    /// # Errors
    ///
    /// When the server is not there or answers an error.
    pub fn command(&self, words: &[&str]) -> io::Result<String> {
        wire::command(address(self.port), self.options.password.as_deref(), words)
    }

    /// Kills it at once.
    pub fn kill9(&mut self) {
        self.child.kill();
    }

    /// Lets it end in order.
    pub fn terminate(&mut self) {
        self.child.terminate();
    }

    /// Starts it again on its directory and port, after it was ended.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start_again(&mut self) {
        self.child = ServerChild::start(self.directory.path(), &arguments(&self.options, self.port));
        assert!(self.is_ready(), "the server starts again:\n{}", self.log());
    }

    /// Stops its work without ending it: connections stay and nothing is answered.
    pub fn pause(&self) {
        self.child.signal(rustix::process::Signal::STOP);
    }

    /// Ends a pause.
    pub fn resume(&self) {
        self.child.signal(rustix::process::Signal::CONT);
    }

    /// What it printed.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("server.log")).unwrap_or_default()
    }

    /// Waits until it answers; false when it ended instead.
    fn is_ready(&self) -> bool {
        let began = Instant::now();
        while began.elapsed() < START_MAX {
            if self.command(&["PING"]).is_ok_and(|reply| reply == "PONG") {
                return true;
            }
            if self.log().contains("Failed listening") {
                return false;
            }
            thread::sleep(ASK_EVERY);
        }
        panic!("the server is not ready in time:\n{}", self.log());
    }
}

fn arguments(options: &ServerOptions, port: u16) -> Vec<String> {
    let mut arguments: Vec<String> = ["--port", &port.to_string(), "--bind", "127.0.0.1"].map(str::to_owned).into();
    arguments.extend(SPECIFIED.map(str::to_owned));
    if let Some(password) = &options.password {
        arguments.extend(["--requirepass".to_owned(), password.clone()]);
    }
    arguments.extend(options.arguments.iter().cloned());
    arguments
}

/// A port that is free just now.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

pub(super) fn address(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy_all(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
