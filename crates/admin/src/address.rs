//! Where a request comes from: the connection's peer, or what the operator's own proxies say of it.

use crate::state::Shared;
use axum::extract::{ConnectInfo, FromRequestParts};
use http::{header::USER_AGENT, request::Parts};
use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// Proxies of the operator between the client and the relay. Each adds the address that it heard from to `X-Forwarded-For`;
/// what stands before their entries was written by the client and is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrustedHops(pub u8);

/// Where a request comes from, and by which program.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) address: Option<IpAddr>,
    pub(crate) user_agent: Arc<str>,
}

impl FromRequestParts<Shared> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, plane: &Shared) -> Result<Self, Infallible> {
        let user_agent = parts
            .headers
            .get(USER_AGENT)
            .map_or(String::new(), |value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Ok(Self { address: of(parts, plane.given.trusted_hops), user_agent: domain::client_text(&user_agent) })
    }
}

/// The client's address; none when neither the connection nor a trusted proxy says it.
pub(crate) fn of(parts: &Parts, trusted: TrustedHops) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let lines = parts.headers.get_all("x-forwarded-for").into_iter().filter_map(|line| line.to_str().ok());
    protocol::client_address(lines, peer, trusted.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn seen(forwarded: &[&str], hops: u8) -> Option<String> {
        let mut request = Request::builder();
        for line in forwarded {
            request = request.header("x-forwarded-for", *line);
        }
        let mut parts = request.body(()).expect("a request").into_parts().0;
        parts.extensions.insert(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 4000))));
        of(&parts, TrustedHops(hops)).map(|address| address.to_string())
    }

    #[test]
    fn without_a_trusted_proxy_the_header_is_not_believed() {
        assert_eq!(seen(&["203.0.113.9"], 0).as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn only_the_entries_of_trusted_proxies_are_believed() {
        let header = ["6.6.6.6, 203.0.113.9", "10.0.0.2"];
        assert_eq!(seen(&header, 1).as_deref(), Some("10.0.0.2"));
        assert_eq!(seen(&header, 2).as_deref(), Some("203.0.113.9"));
    }

    #[test]
    fn fewer_entries_than_proxies_leave_the_peer() {
        assert_eq!(seen(&["203.0.113.9"], 2).as_deref(), Some("10.0.0.1"));
        assert_eq!(seen(&[], 1).as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn ports_and_brackets_do_not_matter() {
        assert_eq!(seen(&["[2001:db8::1]:443"], 1).as_deref(), Some("2001:db8::1"));
        assert_eq!(seen(&["[2001:db8::1]"], 1).as_deref(), Some("2001:db8::1"));
        assert_eq!(seen(&["203.0.113.9:80"], 1).as_deref(), Some("203.0.113.9"));
    }
}
