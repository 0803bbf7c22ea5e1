//! A Cluster of six: three masters, a replica each. It comes up by itself, because each node finds the whole Cluster in its file.
//!
//! A master waits two seconds before it believes in the Cluster that it finds, so clusters are started ahead: while one test runs,
//! those of the next ones come up.

use super::{
    child::ServerChild,
    server::{address, free_port},
    wire,
};
use std::{
    cell::Cell,
    collections::VecDeque,
    fmt::Write as _,
    fs, io,
    path::Path,
    sync::{Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Masters; each has one replica.
pub const MASTERS: usize = 3;

/// The slots of a Cluster.
const SLOTS: usize = 16_384;

/// Nodes.
const NODES: usize = 2 * MASTERS;

/// Clusters that are started ahead.
const AHEAD: usize = 3;

/// Longest start, on a machine that does much else.
const START_MAX: Duration = Duration::from_secs(60);

/// How often a Cluster is asked whether it is well.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// How often a replica is asked to take over.
const FAILOVER_ASKED_EVERY: Duration = Duration::from_secs(1);

/// How long a node may be silent before the others take it for dead, in milliseconds.
const NODE_TIMEOUT_MS: &str = "2000";

static STARTED: Mutex<VecDeque<JoinHandle<RedisCluster>>> = Mutex::new(VecDeque::new());

/// A running Cluster. Dropping it kills it.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Node>,
    directory: TempDir,
}

#[derive(Debug)]
struct Node {
    /// None while it is down.
    child: Option<ServerChild>,
    port: u16,
}

impl RedisCluster {
    /// A Cluster of the caller's own that nobody has used.
    ///
    /// # Panics
    ///
    /// When `redis-server` is missing, or no Cluster comes up.
    #[must_use]
    pub fn start() -> Self {
        let first = {
            let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
            while started.len() <= AHEAD {
                started.push_back(thread::spawn(Self::make));
            }
            started.pop_front().expect("one at least was started")
        };
        first.join().expect("a Cluster comes up")
    }

    fn make() -> Self {
        loop {
            let directory = TempDir::new().expect("a directory");
            let ports: Vec<_> = (0..2 * NODES).map(|_| free_port()).collect();
            for node in 0..NODES {
                let own = directory.path().join(node.to_string());
                fs::create_dir(&own).expect("a node's directory");
                fs::write(own.join("nodes.conf"), nodes_file(&ports, node)).expect("a node's file");
            }
            let nodes = (0..NODES).map(|node| Node { child: None, port: ports[node] }).collect();
            let mut cluster = Self { nodes, directory };
            for node in 0..NODES {
                cluster.nodes[node].child = Some(launch(cluster.directory.path(), node, &ports));
            }
            if cluster.comes_up() {
                return cluster;
            }
            // Another program took one of the ports first.
        }
    }

    /// Where the nodes listen, the masters of the beginning first.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect()
    }

    /// `redis+cluster://` and the addresses.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+cluster://{}", self.addresses().join(","))
    }

    /// The nodes' ports, in the order of [`addresses`](Self::addresses).
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        self.nodes.iter().map(|node| node.port).collect()
    }

    /// One command's reply by one node, its parts one a line.
    ///
    /// # Errors
    ///
    /// When the node is not there or answers an error.
    pub fn command(&self, node: usize, words: &[&str]) -> io::Result<String> {
        wire::command(address(self.nodes[node].port), None, words)
    }

    /// Kills one node at once.
    pub fn kill9(&mut self, node: usize) {
        self.nodes[node].child = None;
    }

    /// Starts a node again that was ended.
    pub fn start_again(&mut self, node: usize) {
        self.nodes[node].child = Some(relaunch(self.directory.path(), node));
    }

    /// Ends every node in order, starts them all again, and waits until the Cluster is well.
    ///
    /// # Panics
    ///
    /// When it does not get well.
    pub fn restart(&mut self) {
        thread::scope(|scope| {
            for node in &mut self.nodes {
                scope.spawn(|| node.child.take().map(|mut child| child.terminate()));
            }
        });
        for node in 0..NODES {
            self.start_again(node);
        }
        self.wait_until_well();
    }

    /// The nodes that are masters now, as far as they are up.
    #[must_use]
    pub fn masters(&self) -> Vec<usize> {
        let is_master = |node: &usize| self.command(*node, &["ROLE"]).is_ok_and(|role| role.starts_with("master"));
        (0..NODES).filter(is_master).collect()
    }

    /// Has a replica take its master's place, in order, and waits until it has.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn fail_over(&self, replica: usize) {
        let asked_at = Cell::new(None::<Instant>);
        self.eventually("the replica takes over", || {
            // Given up by the replica when it is not level with its master yet: asked again.
            if asked_at.get().is_none_or(|asked_at| asked_at.elapsed() > FAILOVER_ASKED_EVERY) {
                let _ = self.command(replica, &["CLUSTER", "FAILOVER"]);
                asked_at.set(Some(Instant::now()));
            }
            self.masters().contains(&replica)
        });
        self.wait_until_well();
    }

    /// Waits until all slots are served, as every node that is up sees it.
    ///
    /// # Panics
    ///
    /// When that takes too long.
    pub fn wait_until_well(&self) {
        self.eventually("the Cluster is well", || self.is_well());
    }

    fn is_well(&self) -> bool {
        let up = (0..NODES).filter(|node| self.nodes[*node].child.is_some());
        up.into_iter()
            .all(|node| self.command(node, &["CLUSTER", "INFO"]).is_ok_and(|info| info.contains("cluster_state:ok")))
    }

    fn comes_up(&self) -> bool {
        let began = Instant::now();
        while !self.is_well() {
            assert!(began.elapsed() < START_MAX, "no Cluster comes up:\n{}", self.logs());
            if self.logs().contains("Failed listening") {
                return false;
            }
            thread::sleep(ASK_EVERY);
        }
        true
    }

    fn eventually(&self, what: &str, holds: impl Fn() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < START_MAX, "{what}: not in time\n{}", self.logs());
            thread::sleep(ASK_EVERY);
        }
    }

    fn logs(&self) -> String {
        let log = |node: usize| fs::read_to_string(self.directory.path().join(format!("{node}/server.log")));
        (0..NODES).filter_map(|node| log(node).ok()).collect()
    }
}

fn launch(directory: &Path, node: usize, ports: &[u16]) -> ServerChild {
    let (port, bus) = (ports[node].to_string(), ports[NODES + node].to_string());
    let arguments = [
        ["--port", &port],
        ["--cluster-port", &bus],
        ["--bind", "127.0.0.1"],
        ["--cluster-enabled", "yes"],
        ["--cluster-config-file", "nodes.conf"],
        ["--cluster-node-timeout", NODE_TIMEOUT_MS],
        ["--appendonly", "yes"],
        ["--appendfsync", "everysec"],
        ["--save", "60 1"],
        ["--repl-diskless-sync-delay", "0"],
        ["--shutdown-timeout", "0"],
    ];
    let arguments: Vec<_> = arguments.into_iter().flatten().map(str::to_owned).collect();
    let own = directory.join(node.to_string());
    fs::write(own.join("arguments"), arguments.join("\n")).expect("a node's arguments");
    ServerChild::start(&own, &arguments)
}

/// Starts a node with the arguments that it had before.
fn relaunch(directory: &Path, node: usize) -> ServerChild {
    let own = directory.join(node.to_string());
    let arguments = fs::read_to_string(own.join("arguments")).expect("a node's arguments");
    ServerChild::start(&own, &arguments.lines().map(str::to_owned).collect::<Vec<_>>())
}

/// The whole Cluster as `node` keeps it in its file: ids, addresses, roles, epochs and slots.
fn nodes_file(ports: &[u16], node: usize) -> String {
    let mut file = String::new();
    for other in 0..NODES {
        let (port, bus) = (ports[other], ports[NODES + other]);
        let myself = if other == node { "myself," } else { "" };
        let epoch = other % MASTERS + 1;
        let role = if other < MASTERS {
            let (first, last) = (other * SLOTS / MASTERS, (other + 1) * SLOTS / MASTERS - 1);
            format!("{myself}master - 0 0 {epoch} connected {first}-{last}")
        } else {
            format!("{myself}slave {} 0 0 {epoch} connected", node_id(other - MASTERS))
        };
        writeln!(file, "{} 127.0.0.1:{port}@{bus} {role}", node_id(other)).expect("a String takes all");
    }
    file + &format!("vars currentEpoch {MASTERS} lastVoteEpoch 0\n")
}

fn node_id(node: usize) -> String {
    format!("{:040x}", node + 1)
}
