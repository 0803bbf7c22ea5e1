//! The HTTP client: pooled connections, TLS by rustls with the platform's roots, a timeout for each phase. It follows no redirects.

use crate::failure::SendError;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// Idle connections kept per host: as many as streams that a large team has at once.
const IDLE_PER_HOST_MAX: usize = 1024;

/// How long an idle connection is kept; providers close theirs after one to several minutes.
const IDLE_MAX: Duration = Duration::from_secs(50);

/// A body that is being received from a provider.
pub type UpstreamBody = Incoming;

/// How long each phase of a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// A TCP connection, per address tried. TLS counts to `head`.
    pub connect: Duration,
    /// From the request's beginning to the head of the answer. A model may think that long before it answers.
    pub head: Duration,
}

/// A request body in parts, sent one after the other without copying them together.
#[derive(Debug, Clone, Default)]
pub struct Parts(VecDeque<Bytes>);

/// Sends requests to providers. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Parts>,
    head_timeout: Duration,
}

impl Client {
    /// A client with no connections yet.
    #[must_use]
    pub fn new(timeouts: Timeouts) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(timeouts.connect));
        http.set_keepalive(Some(Duration::from_secs(60)));
        let https = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls());
        // HTTP/1.1 alone: over HTTP/2 all accounts of a host would share one connection, its limit of streams and its window,
        // and one slow client or one dead connection would hold up everybody.
        let connector = https.https_or_http().enable_http1().wrap_connector(http);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .build(connector);
        Self { pool, head_timeout: timeouts.head }
    }

    /// Sends `request` and waits for the head of the answer.
    ///
    /// Cancel-safe in that nothing of ours is lost; the provider may have taken the request all the same.
    ///
    /// # Errors
    ///
    /// When no head came: see [`SendError`].
    pub async fn send(&self, request: Request<Parts>) -> Result<Response<UpstreamBody>, SendError> {
        match tokio::time::timeout(self.head_timeout, self.pool.request(request)).await {
            Ok(answer) => answer.map_err(SendError::from_client),
            Err(_elapsed) => Err(SendError::HeadTimeout),
        }
    }
}

/// The platform's roots; those of Mozilla where the machine has none (a bare container).
fn tls() -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    let (_added, _unreadable) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

impl From<Bytes> for Parts {
    fn from(whole: Bytes) -> Self {
        Self::from_iter([whole])
    }
}

impl FromIterator<Bytes> for Parts {
    fn from_iter<I: IntoIterator<Item = Bytes>>(parts: I) -> Self {
        Self(parts.into_iter().filter(|part| !part.is_empty()).collect())
    }
}

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|part| part.len() as u64).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    fn client() -> Client {
        Client::new(Timeouts { connect: Duration::from_secs(5), head: Duration::from_secs(60) })
    }

    #[tokio::test]
    async fn parts_arrive_as_one_body_with_its_length() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let serve = async {
            let (mut socket, _) = listener.accept().await.expect("a connection");
            let mut received = Vec::new();
            while !received.ends_with(b"abcd") {
                assert_ne!(socket.read_buf(&mut received).await.expect("readable"), 0);
            }
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.expect("writable");
            String::from_utf8(received).expect("text")
        };
        let body: Parts = ["ab", "", "cd"].map(|part| Bytes::from_static(part.as_bytes())).into_iter().collect();
        let request = Request::post(format!("http://{address}/v1/messages")).body(body).expect("a request");
        let client = client();
        let (answer, received) = tokio::join!(client.send(request), serve);
        assert_eq!(answer.expect("an answer").status(), 200);
        assert!(received.contains("content-length: 4\r\n"));
    }

    #[tokio::test]
    async fn nobody_listening_is_no_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        drop(listener);
        let request = Request::get(format!("http://{address}/")).body(Parts::default()).expect("a request");
        assert!(matches!(client().send(request).await, Err(SendError::Connect(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_upstream_times_out_by_phase() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let request = Request::get(format!("http://{address}/")).body(Parts::default()).expect("a request");
        assert!(matches!(client().send(request).await, Err(SendError::HeadTimeout)));
    }
}
