//! Where a request comes from: the connection's peer, or what the operator's own proxies say of it.

use std::net::{IpAddr, SocketAddr};

/// The client's address, behind `trusted` proxies of the operator; none when neither the connection nor one of them says it.
///
/// Each proxy adds the address that it heard from to `X-Forwarded-For`, whose lines are `forwarded`; what stands before their
/// entries was written by the client and is not believed.
#[must_use]
pub fn client_address<'a>(
    forwarded: impl Iterator<Item = &'a str>,
    peer: Option<IpAddr>,
    trusted: u8,
) -> Option<IpAddr> {
    if trusted == 0 {
        return peer;
    }
    let entries = forwarded.flat_map(|line| line.split(',')).map(str::trim).collect::<Vec<_>>();
    let place = entries.len().checked_sub(usize::from(trusted));
    place.and_then(|place| parse(entries[place])).or(peer)
}

/// An address, with or without a port.
fn parse(entry: &str) -> Option<IpAddr> {
    let address = entry.parse::<IpAddr>().ok();
    let bare = || entry.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    let with_port = || entry.parse::<SocketAddr>().ok().map(|address| address.ip());
    address.or_else(bare).or_else(with_port)
}
