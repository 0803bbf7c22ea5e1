//! How a connection reaches an upstream: directly, or through an account's proxy and then never beside it.
//!
//! hyper-util has connectors for both kinds of proxy (`client-proxy`). They are not used: their errors have no names that one
//! could match (the status and the refused login are lost), any 2xx but 200 counts as a refusal, and a URL without a port means
//! 443 to them, also where it is `http`.

mod http_connect;
mod socks5;

use crate::{
    failure::{ProxyFailure, ProxyFault},
    proxy::{Proxy, ProxyScheme},
};
use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use std::{
    error::Error,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::net::TcpStream;
use tower_service::Service;

/// A connection to an upstream before TLS with it; the outer TLS, if any, is the proxy's.
pub(crate) type Socket = MaybeHttpsStream<TokioIo<TcpStream>>;

type Opening = Pin<Box<dyn Future<Output = Result<Socket, Box<dyn Error + Send + Sync>>> + Send>>;

/// The way that connections take.
#[derive(Clone)]
pub(crate) enum Way {
    /// To the upstream itself.
    Direct(HttpConnector),
    /// Through a proxy, whatever happens.
    Through(Arc<Hop>),
}

/// A proxy, and how it is reached.
pub(crate) struct Hop {
    proxy: Proxy,
    address: Uri,
    connector: HttpsConnector<HttpConnector>,
    time_max: Duration,
}

/// Whom a proxy is asked to connect to.
struct Target {
    /// As a URL has it: IPv6 in brackets.
    host: String,
    port: u16,
}

impl Hop {
    /// A way through `proxy`, reached by `connector`; to open it takes `time_max` at most, TCP, TLS with the proxy and its answer
    /// together.
    pub(crate) fn new(proxy: &Proxy, connector: HttpsConnector<HttpConnector>, time_max: Duration) -> Self {
        let scheme = match proxy.scheme() {
            ProxyScheme::Https => "https",
            ProxyScheme::Http | ProxyScheme::Socks5 => "http",
        };
        let authority = format!("{}:{}", proxy.host(), proxy.port());
        let address = Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build();
        let address = address.expect("a parsed proxy has a host of plain characters and a port");
        Self { proxy: proxy.clone(), address, connector, time_max }
    }

    async fn open(&self, target: &Uri) -> Result<Socket, ProxyFailure> {
        let opened = tokio::time::timeout(self.time_max, self.open_in_any_time(target)).await;
        let opened = opened.unwrap_or(Err(ProxyFault::TimedOut));
        opened.map_err(|fault| ProxyFailure::new(self.proxy.clone(), fault))
    }

    async fn open_in_any_time(&self, target: &Uri) -> Result<Socket, ProxyFault> {
        let target = Target::of(target)?;
        let socket = call(self.connector.clone(), self.address.clone()).await.map_err(ProxyFault::unreachable)?;
        let mut socket = TokioIo::new(socket);
        match self.proxy.scheme() {
            ProxyScheme::Http | ProxyScheme::Https => {
                http_connect::ask(&mut socket, &target, self.proxy.login()).await?;
            }
            ProxyScheme::Socks5 => socks5::ask(&mut socket, &target, self.proxy.login()).await?,
        }
        Ok(socket.into_inner())
    }
}

impl Target {
    fn of(uri: &Uri) -> Result<Self, ProxyFault> {
        let port_default = if uri.scheme_str() == Some("http") { 80 } else { 443 };
        let host = uri.host().ok_or_else(|| ProxyFault::unreachable("the call has no host".into()))?;
        Ok(Self { host: host.to_owned(), port: uri.port_u16().unwrap_or(port_default) })
    }
}

impl Service<Uri> for Way {
    type Response = Socket;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Opening;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // Each call waits for its own connector.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Opening {
        match self {
            Self::Direct(tcp) => {
                let opening = call(tcp.clone(), target);
                Box::pin(async { Ok(MaybeHttpsStream::Http(opening.await?)) })
            }
            Self::Through(hop) => {
                let hop = Arc::clone(hop);
                Box::pin(async move { Ok(hop.open(&target).await?) })
            }
        }
    }
}

async fn call<C>(mut connector: C, to: Uri) -> Result<C::Response, Box<dyn Error + Send + Sync>>
where
    C: Service<Uri>,
    C::Error: Into<Box<dyn Error + Send + Sync>>,
{
    std::future::poll_fn(|context| connector.poll_ready(context)).await.map_err(Into::into)?;
    connector.call(to).await.map_err(Into::into)
}
