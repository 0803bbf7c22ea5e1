//! What the tests talk to: an upstream and scripted proxies over raw sockets, each with a count of its connections.
//!
//! The certificates in `tests/tls` were made for the tests with openssl: `server.pem` is for localhost and 127.0.0.1, signed by
//! `roots.pem`, and ends in 2126.

use bytes::Bytes;
use http::Request;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use upstream::{Client, Line, Proxy, SendError, Timeouts, client::Parts};

/// A file of `tests/tls`.
macro_rules! tls_file {
    ($name:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/", $name)
    };
}
pub(crate) use tls_file;

/// What a scripted proxy does, step by step; behind the last step it closes.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Reads that many bytes.
    Read(usize),
    /// Reads to the empty line.
    ReadHead,
    /// Writes.
    Say(&'static [u8]),
    /// Writes the bytes one by one.
    Trickle(&'static [u8]),
    /// Passes bytes both ways to the upstream.
    Relay(SocketAddr),
    /// Does nothing more, and holds the connection.
    Hold,
}

/// A listener on loopback that serves until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Server {
    /// An upstream that answers each request with 200 and its first line.
    pub(crate) async fn upstream() -> Self {
        Self::start(|socket| async move { answer_requests(socket).await }).await
    }

    /// The same over TLS.
    pub(crate) async fn tls_upstream() -> Self {
        let acceptor = acceptor();
        Self::start(move |socket| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(socket) = acceptor.accept(socket).await {
                    answer_requests(socket).await;
                }
            }
        })
        .await
    }

    /// A proxy that does the same with each connection.
    pub(crate) async fn scripted(steps: &'static [Step]) -> Self {
        Self::start(move |socket| play(socket, steps.to_vec())).await
    }

    /// [`scripted`](Self::scripted), with steps that are known only now.
    pub(crate) async fn scripted_as(steps: Vec<Step>) -> Self {
        Self::start(move |socket| play(socket, steps.clone())).await
    }

    async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, connections) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (counted, mut serving) = (Arc::clone(&connections), JoinSet::new());
        serving.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                open.spawn(serve(socket));
            }
        });
        Self { address, connections, _serving: serving }
    }

    /// How many connections were made to it so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn answer_requests<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S) {
    let mut received = Vec::new();
    loop {
        while !received.ends_with(b"\r\n\r\n") {
            match socket.read_buf(&mut received).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        let head = String::from_utf8(std::mem::take(&mut received)).unwrap();
        let first = head.lines().next().unwrap().to_owned();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{first}", first.len());
        if socket.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn play(mut socket: TcpStream, steps: Vec<Step>) {
    for step in steps {
        match step {
            Step::Read(length) => drop(socket.read_exact(&mut vec![0; length]).await),
            Step::ReadHead => {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") && socket.read_buf(&mut head).await.is_ok_and(|length| length > 0) {}
            }
            Step::Say(bytes) => drop(socket.write_all(bytes).await),
            Step::Trickle(bytes) => {
                socket.set_nodelay(true).unwrap();
                for byte in bytes {
                    drop(socket.write_all(&[*byte]).await);
                    tokio::task::yield_now().await;
                }
            }
            Step::Relay(to) => {
                let mut upstream = TcpStream::connect(to).await.unwrap();
                drop(tokio::io::copy_bidirectional(&mut socket, &mut upstream).await);
            }
            Step::Hold => std::future::pending().await,
        }
    }
}

fn acceptor() -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_file(tls_file!("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(tls_file!("server.key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsAcceptor::from(Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap()))
}

/// A client that trusts the tests' roots.
pub(crate) fn client() -> Client {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(tls_file!("roots.pem")).unwrap()).unwrap();
    Client::with_roots(Timeouts { connect: Duration::from_secs(20), head: Duration::from_secs(60) }, roots)
}

/// A line through the proxy with this URL.
pub(crate) fn line_through(proxy: &str) -> Line {
    client().line(Some(&proxy.parse::<Proxy>().unwrap()))
}

/// Sends a GET and reads the answer's body to its end.
pub(crate) async fn get(line: &Line, url: &str) -> Result<String, SendError> {
    let request = Request::get(url).body(Parts::default()).unwrap();
    let answer = line.send(request).await?;
    assert_eq!(answer.status(), 200);
    let body: Bytes = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    Ok(String::from_utf8(body.to_vec()).unwrap())
}
