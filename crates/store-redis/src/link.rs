//! Connections to the servers, whatever their topology: made when first needed, made anew when they break. No key is known here.

use crate::{
    error::spoils_connection,
    options::{RedisOptions, Topology},
};
use futures_util::future::join_all;
use parking_lot::Mutex;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, IntoConnectionInfo, Pipeline, ProtocolVersion,
    RedisConnectionInfo, RedisError, RedisResult, TlsCertificates, TlsMode, Value,
    aio::MultiplexedConnection,
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr},
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use tokio::sync::Mutex as AsyncMutex;

/// Redirections and repetitions within a Cluster that one call may take: an owner that has moved, and again.
const CLUSTER_RETRIES: u32 = 4;

/// One way to the servers: a connection that all calls share, replies in the order of the calls.
pub(crate) struct Link {
    connector: Connector,
    /// How long the servers may take to answer.
    timeout: Duration,
    current: Mutex<Current>,
    connecting: AsyncMutex<()>,
}

#[derive(Default)]
struct Current {
    connection: Option<Connection>,
    /// Grows with each connection, so that a late failure does not drop its successor.
    number: u64,
}

#[derive(Clone)]
enum Connection {
    Direct(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// How connections are made.
pub(crate) enum Connector {
    Direct(Client),
    Sentinel(AsyncMutex<SentinelClient>),
    Cluster {
        client: Box<ClusterClient>,
        /// Each of the addresses by itself, for what concerns one node.
        nodes: Vec<Client>,
    },
}

impl Link {
    /// A way to the servers of `options`; nothing is connected yet.
    ///
    /// # Errors
    ///
    /// When certificates cannot be read or the options contradict each other.
    pub(crate) fn new(options: &RedisOptions, timeout: Duration) -> RedisResult<Self> {
        let connector = Connector::new(options, timeout)?;
        Ok(Self { connector, timeout, current: Mutex::default(), connecting: AsyncMutex::new(()) })
    }

    /// Sends all of `commands` at once; each gets its reply or its error. Cancel-safe: a command may have been carried out.
    pub(crate) async fn send(&self, commands: &[&Cmd]) -> Vec<RedisResult<Value>> {
        let (connection, number) = match self.connection().await {
            Ok(current) => current,
            Err(error) => return commands.iter().map(|_| Err(error.clone())).collect(),
        };
        let replies = match connection {
            Connection::Direct(connection) => send_direct(connection, commands).await,
            Connection::Cluster(connection) => send_to_cluster(&connection, commands, self.timeout / 2).await,
        };
        if replies.iter().any(|reply| reply.as_ref().is_err_and(spoils_connection)) {
            self.drop_connection(number);
        }
        replies
    }

    /// What each master answers to `command`, which names no key; in no order.
    pub(crate) async fn ask_masters(&self, command: &Cmd) -> RedisResult<Vec<Value>> {
        let (connection, number) = self.connection().await?;
        let replies = match connection {
            Connection::Direct(mut connection) => {
                connection.send_packed_command(command).await.map(|reply| vec![reply])
            }
            Connection::Cluster(mut connection) => {
                let everywhere = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                connection.route_command(command.clone(), everywhere).await.map(of_each_node)
            }
        };
        if replies.as_ref().is_err_and(spoils_connection) {
            self.drop_connection(number);
        }
        replies?.into_iter().map(Value::extract_error).collect()
    }

    /// Makes a write and then waits for it with a command that holds its connection up for at most `longest`: on a connection of
    /// their own, to the server that owns `key`.
    pub(crate) async fn write_and_wait(
        &self,
        key: &str,
        [write, wait]: [&Cmd; 2],
        longest: Duration,
    ) -> RedisResult<Value> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout + longest));
        let work = async {
            match self.connector.connect(&config).await? {
                Connection::Direct(mut connection) => {
                    connection.send_packed_command(write).await.and_then(Value::extract_error)?;
                    connection.send_packed_command(wait).await
                }
                Connection::Cluster(mut connection) => {
                    let owner = SingleNodeRoutingInfo::SpecificNode(Route::with_key(key, SlotAddr::Master));
                    let owner = RoutingInfo::SingleNode(owner);
                    connection.route_command(write.clone(), owner.clone()).await.and_then(Value::extract_error)?;
                    connection.route_command(wait.clone(), owner).await
                }
            }
        };
        let reply = tokio::time::timeout(self.timeout + longest, work).await.map_err(|_| timed_out())?;
        reply.and_then(Value::extract_error)
    }

    /// A connection of its own to one server, for what is no call: subscriptions.
    pub(crate) async fn connect_alone(
        &self,
        config: AsyncConnectionConfig,
        attempt: usize,
    ) -> RedisResult<MultiplexedConnection> {
        self.connector.connect_one(&self.config(config), attempt).await
    }

    /// Forgets the connection: the next call makes a new one.
    fn drop_connection(&self, number: u64) {
        let mut current = self.current.lock();
        if current.number == number {
            current.connection = None;
        }
    }

    async fn connection(&self) -> RedisResult<(Connection, u64)> {
        if let Some(current) = self.current() {
            return Ok(current);
        }
        let _alone = self.connecting.lock().await;
        if let Some(current) = self.current() {
            return Ok(current);
        }
        let config = self.config(AsyncConnectionConfig::new());
        let connecting = self.connector.connect(&config);
        let connection = tokio::time::timeout(self.timeout, connecting).await.map_err(|_| timed_out())??;
        let mut current = self.current.lock();
        current.number += 1;
        current.connection = Some(connection.clone());
        Ok((connection, current.number))
    }

    fn current(&self) -> Option<(Connection, u64)> {
        let current = self.current.lock();
        current.connection.clone().map(|connection| (connection, current.number))
    }

    fn config(&self, config: AsyncConnectionConfig) -> AsyncConnectionConfig {
        config.set_connection_timeout(Some(self.timeout)).set_response_timeout(Some(self.timeout))
    }
}

async fn send_direct(mut connection: MultiplexedConnection, commands: &[&Cmd]) -> Vec<RedisResult<Value>> {
    if let [command] = commands {
        return vec![connection.send_packed_command(command).await.and_then(Value::extract_error)];
    }
    let mut pipeline = Pipeline::with_capacity(commands.len());
    for command in commands {
        pipeline.add_command((*command).clone());
    }
    match connection.send_packed_commands(&pipeline, 0, commands.len()).await {
        Ok(replies) => replies.into_iter().map(Value::extract_error).collect(),
        Err(error) => commands.iter().map(|_| Err(error.clone())).collect(),
    }
}

/// A reply that has not come within `patience` counts as a broken connection: the library's Cluster client stands still for ever when
/// a call that was redirected to a node of which it has no connection waits for the map of slots while that is being read anew
/// (calls are not driven on meanwhile). The call is then sent again on a new connection, within its own time.
async fn send_to_cluster(
    connection: &ClusterConnection,
    commands: &[&Cmd],
    patience: Duration,
) -> Vec<RedisResult<Value>> {
    let calls = commands.iter().map(|command| {
        let mut connection = connection.clone();
        async move {
            let call = redis::aio::ConnectionLike::req_packed_command(&mut connection, command);
            let reply = tokio::time::timeout(patience, call).await;
            reply.unwrap_or_else(|_| Err(broken())).and_then(Value::extract_error)
        }
    });
    join_all(calls).await
}

/// The replies out of a map by node.
fn of_each_node(reply: Value) -> Vec<Value> {
    match reply {
        Value::Map(replies) => replies.into_iter().map(|(_, reply)| reply).collect(),
        other => vec![other],
    }
}

fn broken() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::BrokenPipe).into()
}

fn timed_out() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

impl Connector {
    fn new(options: &RedisOptions, timeout: Duration) -> RedisResult<Self> {
        match &options.topology {
            Topology::Single => Ok(Self::Direct(client(options, &options.addresses[0])?)),
            Topology::Sentinel { master_name, username, password } => {
                let own = Credentials { username: username.as_deref(), password: password.as_ref() };
                Ok(Self::Sentinel(AsyncMutex::new(sentinel(options, master_name, &own)?)))
            }
            Topology::Cluster => {
                let nodes =
                    options.addresses.iter().map(|address| client(options, address)).collect::<RedisResult<_>>()?;
                Ok(Self::Cluster { client: Box::new(cluster(options, timeout)?), nodes })
            }
        }
    }

    async fn connect(&self, config: &AsyncConnectionConfig) -> RedisResult<Connection> {
        match self {
            Self::Cluster { client, .. } => client.get_async_connection().await.map(Connection::Cluster),
            Self::Direct(_) | Self::Sentinel(_) => self.connect_one(config, 0).await.map(Connection::Direct),
        }
    }

    /// Connects to the master; in a Cluster to one of its nodes, another with each attempt.
    async fn connect_one(&self, config: &AsyncConnectionConfig, attempt: usize) -> RedisResult<MultiplexedConnection> {
        match self {
            Self::Direct(client) => client.get_multiplexed_async_connection_with_config(config).await,
            Self::Sentinel(sentinels) => {
                let master = sentinels.lock().await.async_get_client().await?;
                master.get_multiplexed_async_connection_with_config(config).await
            }
            Self::Cluster { nodes, .. } => {
                nodes[attempt % nodes.len()].get_multiplexed_async_connection_with_config(config).await
            }
        }
    }
}

struct Credentials<'a> {
    username: Option<&'a str>,
    password: Option<&'a SecretString>,
}

fn client(options: &RedisOptions, (host, port): &(String, u16)) -> RedisResult<Client> {
    let mut settings =
        RedisConnectionInfo::default().set_db(i64::from(options.database)).set_protocol(ProtocolVersion::RESP3);
    if let Some(username) = &options.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = &options.password {
        settings = settings.set_password(password.expose_secret());
    }
    let with =
        |address: ConnectionAddr| Ok::<_, RedisError>(address.into_connection_info()?.set_redis_settings(settings));
    match &options.tls {
        None => Client::open(with(ConnectionAddr::Tcp(host.clone(), *port))?),
        Some(tls) => {
            let address = tls_address(host, *port);
            Client::build_with_tls(
                with(address)?,
                TlsCertificates { client_tls: None, root_cert: tls.roots_pem.clone() },
            )
        }
    }
}

fn tls_address(host: &str, port: u16) -> ConnectionAddr {
    ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: false, tls_params: None }
}

fn address(options: &RedisOptions, (host, port): &(String, u16)) -> ConnectionAddr {
    match &options.tls {
        None => ConnectionAddr::Tcp(host.clone(), *port),
        Some(_) => tls_address(host, *port),
    }
}

fn sentinel(options: &RedisOptions, master_name: &str, own: &Credentials<'_>) -> RedisResult<SentinelClient> {
    let addresses = options.addresses.iter().map(|at| address(options, at));
    let mut builder = SentinelClientBuilder::new(addresses, master_name, SentinelServerType::Master)?
        .set_client_to_redis_db(i64::from(options.database))
        .set_client_to_redis_protocol(ProtocolVersion::RESP3);
    if let Some(username) = &options.username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = &options.password {
        builder = builder.set_client_to_redis_password(password.expose_secret());
    }
    if let Some(username) = own.username {
        builder = builder.set_client_to_sentinel_username(username);
    }
    if let Some(password) = own.password {
        builder = builder.set_client_to_sentinel_password(password.expose_secret());
    }
    if let Some(tls) = &options.tls {
        let certificates = || TlsCertificates { client_tls: None, root_cert: tls.roots_pem.clone() };
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_redis_certificates(certificates())
            .set_client_to_sentinel_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_certificates(certificates());
    }
    builder.build()
}

fn cluster(options: &RedisOptions, timeout: Duration) -> RedisResult<ClusterClient> {
    let addresses = options.addresses.iter().map(|at| address(options, at));
    let mut builder = ClusterClientBuilder::new(addresses)
        .use_protocol(ProtocolVersion::RESP3)
        .retries(CLUSTER_RETRIES)
        .connection_timeout(timeout)
        .response_timeout(timeout)
        .overall_response_timeout(Some(timeout));
    if let Some(username) = &options.username {
        builder = builder.username(username);
    }
    if let Some(password) = &options.password {
        builder = builder.password(password.expose_secret());
    }
    if let Some(tls) = &options.tls {
        builder =
            builder.tls(TlsMode::Secure).certs(TlsCertificates { client_tls: None, root_cert: tls.roots_pem.clone() });
    }
    builder.build()
}
