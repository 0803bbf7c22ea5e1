//! Why a provider gave no answer: by phase, because the phase decides whether another try is safe.

use crate::{proxy::Proxy, socket::SocketError};
use std::{error::Error, fmt, io, sync::Arc};

/// The upstream gave no answer head. No byte of an answer was seen.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection: the name did not resolve, nobody listened, or TLS failed. Nothing was sent.
    #[error("no connection to the upstream")]
    Connect(#[source] hyper_util::client::legacy::Error),
    /// The account's proxy made no way to the upstream. Nothing was sent, and nothing went past the proxy.
    #[error(transparent)]
    Proxy(ProxyFailure),
    /// The connection broke before an answer came. The request may have been taken.
    #[error("the connection to the upstream broke before an answer")]
    Broken(#[source] hyper_util::client::legacy::Error),
    /// A WebSocket broke, or was closed, before an answer came. The request may have been taken.
    #[error("the WebSocket to the upstream gave no answer")]
    Socket(#[from] SocketError),
    /// No answer head in time. The request may have been taken.
    #[error("the upstream did not begin to answer in time")]
    HeadTimeout,
}

/// A proxy that made no way to the upstream: which, and why. The text is for the operator; it has no password in it.
#[derive(Debug, Clone)]
pub struct ProxyFailure {
    proxy: Proxy,
    fault: ProxyFault,
}

/// What a proxy did wrong, in the order of the phases.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProxyFault {
    /// Its name did not resolve, nobody listened there, or TLS with the proxy itself failed.
    #[error("cannot be reached")]
    Unreachable(#[source] Arc<dyn Error + Send + Sync>),
    /// It did not take the connection, or say that the way is open, within the time that a connection has.
    #[error("did not answer in time")]
    TimedOut,
    /// It closed the connection, or that broke, before the way was open.
    #[error("closed the connection before the way was open")]
    Closed(#[source] Arc<io::Error>),
    /// What it said is not what its scheme says.
    #[error("answered with something that is not its protocol: is the scheme right?")]
    Garbled,
    /// It lets nobody through without a user and password (HTTP 407, SOCKS5 method 255), and has none in its URL.
    #[error("wants a user and a password")]
    LoginWanted,
    /// It does not take the user and password that its URL has (HTTP 407, SOCKS5 method 255, RFC 1929 status).
    #[error("refuses the user and the password")]
    LoginRefused,
    /// It answered `CONNECT` with this status, neither 2xx nor 407.
    #[error("refused to connect to the upstream with status {0}")]
    RefusedStatus(u16),
    /// It answered with this SOCKS5 reply (RFC 1928, 6), not 0.
    #[error("refused to connect to the upstream with SOCKS5 reply {reply}: {meaning}", reply = .0, meaning = reply_meaning(*.0))]
    RefusedReply(u8),
    /// The upstream's name is longer than the 255 bytes that SOCKS5 has room for. Nothing was asked of the proxy.
    #[error("cannot be told the upstream's name, which is longer than 255 bytes")]
    NameTooLong,
}

/// RFC 1928, 6.
const fn reply_meaning(reply: u8) -> &'static str {
    match reply {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "unassigned",
    }
}

impl SendError {
    pub(crate) fn from_client(error: hyper_util::client::legacy::Error) -> Self {
        let failure = causes(&error).find_map(|cause| cause.downcast_ref::<ProxyFailure>()).cloned();
        match failure {
            Some(failure) => Self::Proxy(failure),
            None if error.is_connect() => Self::Connect(error),
            None => Self::Broken(error),
        }
    }

    /// Whether a connection could not be made in time, rather than not at all; to the upstream or to its proxy.
    #[must_use]
    pub fn is_connect_timeout(&self) -> bool {
        match self {
            Self::Connect(error) => is_timeout(error),
            Self::Proxy(failure) => matches!(failure.fault, ProxyFault::TimedOut),
            Self::Broken(_) | Self::Socket(_) | Self::HeadTimeout => false,
        }
    }
}

impl ProxyFailure {
    pub(crate) const fn new(proxy: Proxy, fault: ProxyFault) -> Self {
        Self { proxy, fault }
    }

    /// Which proxy.
    #[must_use]
    pub const fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// What it did wrong.
    #[must_use]
    pub const fn fault(&self) -> &ProxyFault {
        &self.fault
    }
}

impl ProxyFault {
    /// The fault of a proxy that no connection could be made to.
    pub(crate) fn unreachable(cause: Box<dyn Error + Send + Sync>) -> Self {
        if is_timeout(&*cause) { Self::TimedOut } else { Self::Unreachable(cause.into()) }
    }
}

impl From<io::Error> for ProxyFault {
    fn from(cause: io::Error) -> Self {
        Self::Closed(Arc::new(cause))
    }
}

impl fmt::Display for ProxyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {} {}", self.proxy, self.fault)
    }
}

impl Error for ProxyFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.fault.source()
    }
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let is_io_timeout = |io: &io::Error| io.kind() == io::ErrorKind::TimedOut;
    causes(error).any(|cause| cause.downcast_ref::<io::Error>().is_some_and(is_io_timeout))
}

/// The error and what caused it, outermost first.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause: &&'e (dyn Error + 'static)| (*cause).source())
}
