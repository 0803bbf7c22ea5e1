//! The port: of a relay that runs whether it answers, of one that is stopped whether it is free.

use super::Finding;
use crate::config::Endpoint;
use serde_json::Value;
use std::{net::SocketAddr, time::Duration};
use tokio::net::{TcpListener, TcpStream};

/// How long a connection on this machine may take.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// Whether the relay that runs with these settings answers.
pub(super) async fn answers(settings: &Value) -> Finding {
    let value = |name: &str| {
        let items = settings["items"].as_array().into_iter().flatten();
        items.filter(|item| item["name"] == name).find_map(|item| item["value"].as_str())
    };
    let whole = value("listen").map(str::to_owned);
    let parts = value("host")
        .zip(value("port"))
        .map(|(host, port)| if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") });
    let wanted = [whole, parts].into_iter().flatten().filter_map(|text| text.parse().ok());
    let wanted: Vec<SocketAddr> = wanted.map(reachable).collect();
    if wanted.iter().any(|address| address.port() == 0) {
        return Finding::ok("port", "the relay listens on a port that was free");
    }
    for address in &wanted {
        if matches!(tokio::time::timeout(CONNECT_MAX, TcpStream::connect(address)).await, Ok(Ok(_))) {
            return Finding::ok("port", format!("the relay takes connections at {address}"));
        }
    }
    let tried = wanted.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Finding::warn(
        "port",
        format!("nobody takes connections at {tried}"),
        "look at `claude-relay settings`, and at a firewall of this machine",
    )
}

/// Where a listener on every address is reached from this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    let ip = if address.is_ipv4() { "127.0.0.1" } else { "::1" };
    ip.parse().map_or(address, |ip| SocketAddr::new(ip, address.port()))
}

/// Whether a relay could listen there.
pub(super) async fn is_free(endpoint: Endpoint) -> Finding {
    match TcpListener::bind(endpoint).await {
        Ok(_) => Finding::ok("port", format!("{endpoint} is free for the relay")),
        Err(error) => Finding::warn(
            "port",
            format!("a relay could not listen on {endpoint}: {error}"),
            "end the program that has it, or name another address with --listen",
        ),
    }
}
