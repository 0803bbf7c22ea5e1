//! A line: the way that calls take, with connections of its own. An account has one; it is made once, not per request.

use crate::{
    body::UpstreamBody,
    client::{Parts, Timeouts},
    failure::SendError,
    proxy::Proxy,
    tunnel::{Hop, Way},
};
use http::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::{sync::Arc, time::Duration};

/// How long an idle connection is kept; providers close theirs after one to several minutes.
const IDLE_MAX: Duration = Duration::from_secs(50);

/// Between probes of a connection on which nothing moves, so that routers on the way do not forget it.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// Sends requests on one way: directly, or through one proxy and never beside it. Cheap to clone; clones share their connections,
/// and nobody else does.
#[derive(Debug, Clone)]
pub struct Line {
    pool: Pool<HttpsConnector<Way>, Parts>,
    head_timeout: Duration,
}

/// What a line is made of.
pub(crate) struct LineParts<'a> {
    pub(crate) tls: &'a rustls::ClientConfig,
    pub(crate) timeouts: Timeouts,
    pub(crate) proxy: Option<&'a Proxy>,
    /// Idle connections that are kept for each upstream host.
    pub(crate) idle_per_host_max: usize,
}

impl Line {
    /// A line with no connections yet.
    pub(crate) fn new(parts: &LineParts<'_>) -> Self {
        let LineParts { tls, timeouts, proxy, idle_per_host_max } = parts;
        let tcp = tcp(timeouts.connect);
        let way = match proxy {
            None => Way::Direct(tcp),
            Some(proxy) => Way::Through(Arc::new(Hop::new(proxy, over_tls(tls, tcp), timeouts.connect))),
        };
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(*idle_per_host_max)
            .build(over_tls(tls, way));
        Self { pool, head_timeout: timeouts.head }
    }

    /// Sends `request` and waits for the head of the answer.
    ///
    /// Cancel-safe in that nothing of ours is lost; the provider may have taken the request all the same.
    ///
    /// # Errors
    ///
    /// When no head came: see [`SendError`]. A proxy that fails is [`SendError::Proxy`].
    pub async fn send(&self, request: Request<Parts>) -> Result<Response<UpstreamBody>, SendError> {
        match tokio::time::timeout(self.head_timeout, self.pool.request(request)).await {
            Ok(answer) => answer.map(|answer| answer.map(UpstreamBody::Http)).map_err(SendError::from_client),
            Err(_elapsed) => Err(SendError::HeadTimeout),
        }
    }

    /// How long the head of an answer is waited for.
    pub(crate) const fn head_timeout(&self) -> Duration {
        self.head_timeout
    }
}

fn tcp(connect_timeout: Duration) -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect_timeout));
    tcp.set_keepalive(Some(TCP_KEEPALIVE));
    tcp
}

/// HTTP/1.1 alone: over HTTP/2 all calls to a host would share one connection, its limit of streams and its window, and one slow
/// client or one dead connection would hold up everybody.
fn over_tls<C>(tls: &rustls::ClientConfig, connector: C) -> HttpsConnector<C> {
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls.clone());
    builder.https_or_http().enable_http1().wrap_connector(connector)
}
