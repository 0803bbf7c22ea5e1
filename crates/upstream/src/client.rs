//! The HTTP client: TLS by rustls with the platform's roots, a timeout for each phase, and the lines that calls take. It follows no redirects.

use crate::{
    body::UpstreamBody,
    failure::SendError,
    line::{Line, LineParts},
    proxy::Proxy,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// Idle connections that the line of all callers keeps per host: as many as streams that a large team has at once.
const SHARED_IDLE_PER_HOST_MAX: usize = 1024;

/// Idle connections that the line of one account keeps per host: more than one account serves at once, as providers limit it.
const LINE_IDLE_PER_HOST_MAX: usize = 256;

/// How long each phase of a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// A TCP connection: all addresses of its name share it. Through a proxy: the connection to it, TLS with it and its answer. TLS
    /// with the upstream counts to `head`.
    pub connect: Duration,
    /// From the request's beginning to the head of the answer. A model may think that long before it answers.
    pub head: Duration,
}

/// A request body in parts, sent one after the other without copying them together.
#[derive(Debug, Clone, Default)]
pub struct Parts(VecDeque<Bytes>);

/// Makes lines to providers, and has one of its own that goes directly. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Line,
    tls: Arc<rustls::ClientConfig>,
    timeouts: Timeouts,
}

impl Client {
    /// A client with no connections yet, which trusts the platform's roots.
    #[must_use]
    pub fn new(timeouts: Timeouts) -> Self {
        Self::with_tls(timeouts, tls(platform_roots()))
    }

    /// A client that trusts `roots` alone, instead of the platform's.
    #[must_use]
    pub fn with_roots(timeouts: Timeouts, roots: rustls::RootCertStore) -> Self {
        Self::with_tls(timeouts, tls(roots))
    }

    fn with_tls(timeouts: Timeouts, tls: rustls::ClientConfig) -> Self {
        let idle_per_host_max = SHARED_IDLE_PER_HOST_MAX;
        let shared = Line::new(&LineParts { tls: &tls, timeouts, proxy: None, idle_per_host_max });
        Self { shared, tls: Arc::new(tls), timeouts }
    }

    /// A line with connections of its own, through `proxy` where there is one: what one account's calls take. Make it once per
    /// account; it reads no file and opens nothing.
    #[must_use]
    pub fn line(&self, proxy: Option<&Proxy>) -> Line {
        let (tls, timeouts) = (&*self.tls, self.timeouts);
        Line::new(&LineParts { tls, timeouts, proxy, idle_per_host_max: LINE_IDLE_PER_HOST_MAX })
    }

    /// Sends `request` directly and waits for the head of the answer, as [`Line::send`] does.
    ///
    /// # Errors
    ///
    /// When no head came: see [`SendError`].
    pub async fn send(&self, request: Request<Parts>) -> Result<Response<UpstreamBody>, SendError> {
        self.shared.send(request).await
    }
}

/// The platform's roots; those of Mozilla where the machine has none (a bare container).
fn platform_roots() -> rustls::RootCertStore {
    let mut roots = rustls::RootCertStore::empty();
    let (_added, _unreadable) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn tls(roots: rustls::RootCertStore) -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

impl Parts {
    /// The parts, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.0.iter()
    }
}

impl Parts {
    /// The whole body; copied together where it is in several parts.
    #[must_use]
    pub fn into_whole(mut self) -> Bytes {
        if self.0.len() > 1 {
            self.0
                .iter()
                .fold(Vec::new(), |mut whole, part| {
                    whole.extend_from_slice(part);
                    whole
                })
                .into()
        } else {
            self.0.pop_front().unwrap_or_default()
        }
    }
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
