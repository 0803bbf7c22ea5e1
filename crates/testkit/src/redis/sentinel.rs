//! A master, a replica, and three sentinels that watch them.

use super::{
    child::ServerChild,
    server::{RedisServer, ServerOptions, address, free_port},
    wire,
};
use std::{
    fs, thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How the sentinels call the master.
const MASTER_NAME: &str = "relay";

/// Sentinels; two of them decide.
const SENTINELS: usize = 3;

/// Longest that anything may take, on a machine that does much else: a sentinel that was held up for two seconds does nothing for
/// thirty (its TILT mode), and may be held up again.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// How often is looked.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// The servers. Dropping it kills them.
#[derive(Debug)]
pub struct RedisSentinel {
    servers: Vec<RedisServer>,
    _sentinels: Vec<ServerChild>,
    ports: Vec<u16>,
    _directories: Vec<TempDir>,
}

impl RedisSentinel {
    /// Starts them, and waits until every sentinel knows of everything.
    ///
    /// # Panics
    ///
    /// When they do not start or do not find each other.
    #[must_use]
    pub fn start() -> Self {
        let soon = ["--repl-diskless-sync-delay".to_owned(), "0".to_owned()];
        let master = RedisServer::start_with(ServerOptions { arguments: soon.to_vec(), ..ServerOptions::default() });
        let follow = ["--replicaof".to_owned(), format!("127.0.0.1 {}", master.port())];
        let arguments = follow.into_iter().chain(soon).collect();
        let replica = RedisServer::start_with(ServerOptions { arguments, ..ServerOptions::default() });
        let (mut sentinels, mut ports, mut directories) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..SENTINELS {
            let (directory, port) = (TempDir::new().expect("a directory"), free_port());
            let file = directory.path().join("sentinel.conf");
            let text = format!(
                "port {port}\nbind 127.0.0.1\nsentinel monitor {MASTER_NAME} 127.0.0.1 {} 2\n\
                 sentinel down-after-milliseconds {MASTER_NAME} 1000\nsentinel failover-timeout {MASTER_NAME} 3000\n",
                master.port()
            );
            fs::write(&file, text).expect("a sentinel's file");
            let arguments = [file.display().to_string(), "--sentinel".to_owned()];
            sentinels.push(ServerChild::start(directory.path(), &arguments));
            ports.push(port);
            directories.push(directory);
        }
        let stage = Self { servers: vec![master, replica], _sentinels: sentinels, ports, _directories: directories };
        eventually("the replica has what the master has", || {
            stage.servers[1].command(&["INFO", "replication"]).is_ok_and(|info| info.contains("master_link_status:up"))
        });
        eventually("the sentinels know of each other and of the replica", || {
            stage.ports.iter().all(|port| {
                let state =
                    wire::command(address(*port), None, &["SENTINEL", "MASTER", MASTER_NAME]).unwrap_or_default();
                state.contains("num-slaves\n1\n") && state.contains("num-other-sentinels\n2\n")
            })
        });
        stage
    }

    /// `redis+sentinel://`, the sentinels' addresses, and the master's name.
    #[must_use]
    pub fn url(&self) -> String {
        let addresses: Vec<_> = self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis+sentinel://{}/{MASTER_NAME}", addresses.join(","))
    }

    /// The sentinels' ports.
    #[must_use]
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// How the sentinels call the master.
    #[must_use]
    pub const fn master_name(&self) -> &'static str {
        MASTER_NAME
    }

    /// Kills the master of the beginning, and waits until the replica has taken its place.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn fail_over(&mut self) {
        self.servers[0].kill9();
        eventually("the replica is master", || {
            self.servers[1].command(&["ROLE"]).is_ok_and(|role| role.starts_with("master"))
        });
    }
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < WAIT_MAX, "{what}: not in time");
        thread::sleep(ASK_EVERY);
    }
}
