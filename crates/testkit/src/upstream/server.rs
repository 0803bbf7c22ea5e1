//! The scripted upstream's connections. It decides nothing: the script does.

use crate::upstream::{
    books::{Books, Delivery, Exchange},
    delivery::{Finish, Names, Plan},
    expect::{Expect, Verdict},
    reply::Reply,
    request::{self, Received},
    routes::Route,
    script::Script,
};
use bytes::BytesMut;
use domain::TokenUsage;
use parking_lot::Mutex;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// Bytes that a client may send ahead while its answer goes out: a few pipelined requests.
const SENT_AHEAD_BYTES_MAX: usize = 1 << 20;

/// The provider on loopback. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct ScriptedUpstream {
    shared: Arc<Shared>,
    /// Owns the task that accepts, which owns those of the connections. Empty: nobody listens.
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    script: Script,
    expect: Expect,
    exchanges: Mutex<Vec<Exchange>>,
    counts: watch::Sender<Counts>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    received: usize,
    settled: usize,
    opened: usize,
    open: usize,
}

/// Why an answer goes out no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The whole upstream was stopped.
    Stopped,
    /// The client left.
    Left,
    /// The script's end was reached.
    By(Finish),
}

/// One exchange while it runs. Dropping it settles it, also when the upstream is stopped in between.
struct Turn<'a> {
    shared: &'a Shared,
    at: usize,
    plan: Plan,
    written: usize,
    ended: Ended,
}

/// Counts a connection as open for as long as it lives.
struct OpenConnection(Arc<Shared>);

impl ScriptedUpstream {
    /// Listens on a free port of 127.0.0.1, and takes any credential.
    ///
    /// # Errors
    ///
    /// When no port can be opened.
    pub async fn start(script: Script) -> io::Result<Self> {
        Self::start_expecting(script, Expect::default()).await
    }

    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When no port can be opened.
    pub async fn start_expecting(script: Script, expect: Expect) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let shared = Shared {
            address: listener.local_addr()?,
            script,
            expect,
            exchanges: Mutex::default(),
            counts: watch::Sender::default(),
        };
        let mut upstream = Self { shared: Arc::new(shared), tasks: JoinSet::new() };
        upstream.tasks.spawn(accept(listener, Arc::clone(&upstream.shared)));
        Ok(upstream)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// The script, to add to it while it runs.
    #[must_use]
    pub fn script(&self) -> &Script {
        &self.shared.script
    }

    /// What happened so far.
    #[must_use]
    pub fn books(&self) -> Books {
        Books { exchanges: self.shared.exchanges.lock().clone() }
    }

    /// Waits until `count` requests have come in whole, since the start. Cancel-safe.
    pub async fn received(&self, count: usize) -> Books {
        self.until(|counts| counts.received >= count).await
    }

    /// Waits until `count` exchanges are over, one way or another, since the start. Cancel-safe.
    pub async fn settled(&self, count: usize) -> Books {
        self.until(|counts| counts.settled >= count).await
    }

    /// Waits until no more than `count` connections are open. Cancel-safe.
    pub async fn open_at_most(&self, count: usize) -> Books {
        self.until(|counts| counts.open <= count).await
    }

    /// Connections that were opened since the start.
    #[must_use]
    pub fn connections_opened(&self) -> usize {
        self.shared.counts.borrow().opened
    }

    /// Stops to listen and cuts every connection: from now on connecting is refused. Not cancel-safe.
    pub async fn go_down(&mut self) {
        self.tasks.shutdown().await;
    }

    /// Listens again on the same port.
    ///
    /// # Errors
    ///
    /// When another program has taken the port meanwhile.
    pub async fn come_back(&mut self) -> io::Result<()> {
        let listener = TcpListener::bind(self.shared.address).await?;
        self.tasks.spawn(accept(listener, Arc::clone(&self.shared)));
        Ok(())
    }

    async fn until(&self, reached: impl Fn(&Counts) -> bool) -> Books {
        let mut counts = self.shared.counts.subscribe();
        // No error: this upstream holds the sender.
        let _ = counts.wait_for(reached).await;
        self.books()
    }
}

/// A base URL where connecting is refused: the port was free a moment ago, and nobody listens.
///
/// # Errors
///
/// When no port can be opened.
pub async fn refused_base_url() -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    Ok(format!("http://{}", listener.local_addr()?))
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(serve(stream, OpenConnection::new(Arc::clone(&shared))));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(mut stream: TcpStream, open: OpenConnection) {
    let shared = &open.0;
    // Each piece is to leave as it was written. Without it the pieces only join: no test may fail of that.
    let _ = stream.set_nodelay(true);
    let mut inbox = BytesMut::new();
    loop {
        let (mut reader, mut writer) = stream.split();
        let request = match request::read_request(&mut reader, &mut writer, &mut inbox).await {
            Ok(Some(request)) => request,
            Ok(None) => return,
            Err(error) => return refuse(&mut stream, shared, &error).await,
        };
        let mut turn = Turn::begin(shared, request);
        turn.ended = tokio::select! {
            finished = turn.plan.deliver(&mut writer, &mut turn.written) => finished.map_or(Ended::Left, Ended::By),
            () = until_client_leaves(&mut reader, &mut inbox) => Ended::Left,
        };
        let ended = turn.ended;
        if ended == Ended::By(Finish::CutReset) {
            // On failure it ends with FIN instead, which is a cut as well.
            let _ = stream.set_zero_linger();
        }
        drop(turn);
        if ended != Ended::By(Finish::KeepAlive) {
            return close(stream, ended).await;
        }
    }
}

async fn close(mut stream: TcpStream, ended: Ended) {
    if matches!(ended, Ended::By(Finish::Close | Finish::CutClose)) {
        // The client may have left first; then there is nobody to tell.
        let _ = stream.shutdown().await;
    }
}

/// A half-closed connection counts as left too: real servers do the same.
async fn until_client_leaves<R: tokio::io::AsyncRead + Unpin>(reader: &mut R, inbox: &mut BytesMut) {
    while inbox.len() < SENT_AHEAD_BYTES_MAX {
        if matches!(reader.read_buf(inbox).await, Ok(0) | Err(_)) {
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// Answers what was no request at all with a 400, and writes it down.
async fn refuse(stream: &mut TcpStream, shared: &Shared, error: &io::Error) {
    shared.note_broken_request(error);
    let answer = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    // The client may have left; then there is nobody to tell.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

impl Shared {
    /// Writes the request down and plans the answer; gives its place in the books.
    fn begin(&self, request: Received) -> (usize, Plan) {
        let route = Route::of(&request, &self.expect.messages_path);
        let Verdict { refusal, complaints } = self.expect.judge(&request, route, &self.address.to_string());
        let reply = refusal.map_or_else(|| self.script.reply_to(&request, route), Reply::error);
        let mut exchanges = self.exchanges.lock();
        let at = exchanges.len();
        let (request_id, message_id) = self.ids(at);
        let plan = Plan::new(reply, &request, &Names { request_id: &request_id, message_id: &message_id });
        exchanges.push(Exchange {
            request,
            is_message: route == Route::Messages,
            request_id,
            status: plan.status,
            delivery: Delivery::Running,
            billed: TokenUsage::ZERO,
            complaints,
        });
        drop(exchanges);
        self.counts.send_modify(|counts| counts.received += 1);
        (at, plan)
    }

    fn note_broken_request(&self, error: &io::Error) {
        if error.kind() != io::ErrorKind::InvalidData {
            return;
        }
        let mut exchanges = self.exchanges.lock();
        let (request_id, _) = self.ids(exchanges.len());
        exchanges.push(Exchange {
            request: Received::nothing(),
            is_message: false,
            request_id,
            status: 400,
            delivery: Delivery::Whole,
            billed: TokenUsage::ZERO,
            complaints: vec![format!("no HTTP request: {error}")],
        });
        drop(exchanges);
        self.counts.send_modify(|counts| {
            counts.received += 1;
            counts.settled += 1;
        });
    }

    /// Ids of the request and of the message; the port keeps those of several upstreams apart.
    fn ids(&self, at: usize) -> (String, String) {
        let number = format!("01Scripted{:05}x{at:08}", self.address.port());
        (format!("req_{number}"), format!("msg_{number}"))
    }
}

impl<'a> Turn<'a> {
    fn begin(shared: &'a Shared, request: Received) -> Self {
        let (at, plan) = shared.begin(request);
        Self { shared, at, plan, written: 0, ended: Ended::Stopped }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let body_bytes = self.written;
        let delivery = match self.ended {
            Ended::By(Finish::KeepAlive | Finish::Close) => Delivery::Whole,
            Ended::By(Finish::CutClose | Finish::CutReset) | Ended::Stopped => Delivery::Cut { body_bytes },
            Ended::Left => Delivery::Left { body_bytes },
        };
        if let Some(exchange) = self.shared.exchanges.lock().get_mut(self.at) {
            exchange.delivery = delivery;
            exchange.billed = self.plan.told_by(body_bytes);
        }
        self.shared.counts.send_modify(|counts| counts.settled += 1);
    }
}

impl OpenConnection {
    fn new(shared: Arc<Shared>) -> Self {
        shared.counts.send_modify(|counts| {
            counts.opened += 1;
            counts.open += 1;
        });
        Self(shared)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.counts.send_modify(|counts| counts.open -= 1);
    }
}
