//! A client's socket, on which no client holds a place for ever, and which is closed so that the last answer arrives. What is said
//! on it is not looked at, but for its first bytes.
//!
//! The end (RFC 9112, 9.6): a client that is still sending is read from, and not listened to, until it has had time to see the
//! answer. Otherwise the refusal of a large body would be lost to a reset.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

/// How long a client may take to show which protocol it speaks; hyper's own limits begin only then. Slow networks take seconds;
/// pools that connect ahead of need connect again.
const FIRST_BYTES_MAX: Duration = Duration::from_secs(60);

/// How long a client may take nothing of what is sent to it: a laptop that changes networks is back by then, and what is read
/// for it upstream is paid for.
const CLIENT_STALL_MAX: Duration = Duration::from_secs(120);

/// How long a client is read from behind its last answer; a round trip across the world takes a third.
const LINGER_MAX: Duration = Duration::from_secs(1);

/// Bytes that are read and thrown away at once.
const DISCARDED_BYTES: usize = 8 << 10;

/// What HTTP/2 begins with (RFC 9113, 3.4). While no more than a part of it has come, the protocol is not known.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection to a client.
pub(crate) struct ClientSocket<S> {
    socket: S,
    /// None once the protocol is known.
    greeting: Option<Greeting>,
    /// Runs while the client takes nothing.
    stall: Patience,
    /// Set once the writing half is shut down.
    lingering: Option<Pin<Box<Sleep>>>,
}

/// The first bytes of a client.
#[derive(Default)]
struct Greeting {
    /// So many bytes of the preface were read.
    preface_bytes: usize,
    patience: Patience,
}

/// A time that begins with the first wait.
#[derive(Default)]
struct Patience(Option<Pin<Box<Sleep>>>);

impl<S> ClientSocket<S> {
    pub(crate) fn new(socket: S) -> Self {
        Self { socket, greeting: Some(Greeting::default()), stall: Patience::default(), lingering: None }
    }

    /// Passes on what came of sending.
    fn sent<T>(&mut self, cx: &mut Context<'_>, sent: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if sent.is_ready() {
            self.stall = Patience::default();
            return sent;
        }
        ready!(self.stall.poll_over(cx, CLIENT_STALL_MAX));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing of what is sent to it")))
    }
}

impl<S: AsyncRead + Unpin> ClientSocket<S> {
    /// Reads until the client has closed too, or its time is over.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut discarded = [0; DISCARDED_BYTES];
        loop {
            let mut buffer = ReadBuf::new(&mut discarded);
            match Pin::new(&mut self.socket).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Greeting {
    /// Whether it may still become either protocol, after these bytes more.
    fn goes_on(&mut self, read: &[u8]) -> bool {
        let rest = &PREFACE[self.preface_bytes..];
        self.preface_bytes += read.len();
        read.len() < rest.len() && rest.starts_with(read)
    }
}

impl Patience {
    /// Ready when it has lasted for `max`.
    fn poll_over(&mut self, cx: &mut Context<'_>, max: Duration) -> Poll<()> {
        self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep(max))).as_mut().poll(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClientSocket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        let Some(greeting) = &mut self.greeting else { return read };
        if read.is_ready() {
            if !greeting.goes_on(&buffer.filled()[filled..]) {
                self.greeting = None;
            }
            return read;
        }
        ready!(greeting.patience.poll_over(cx, FIRST_BYTES_MAX));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client says nothing")))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ClientSocket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.sent(cx, sent)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = Pin::new(&mut self.socket).poll_flush(cx);
        self.sent(cx, sent)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.socket).poll_shutdown(cx))?;
        }
        let deadline = self.lingering.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER_MAX)));
        if deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        self.poll_discard(cx).map(Ok)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.sent(cx, sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        net::{TcpListener, TcpStream},
        time::{Instant, timeout},
    };

    /// Bytes under way at most.
    const UNDER_WAY: usize = 64;

    fn connected() -> (DuplexStream, ClientSocket<DuplexStream>) {
        let (client, socket) = duplex(UNDER_WAY);
        (client, ClientSocket::new(socket))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (_client, mut socket) = connected();
        let began = Instant::now();
        let sent = socket.write_all(&[0; UNDER_WAY + 1]).await;
        assert_eq!(sent.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
        assert_eq!(began.elapsed().as_secs(), CLIENT_STALL_MAX.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_a_little_now_and_then_is_served() {
        let (mut client, mut socket) = connected();
        let read = async {
            for _ in 0..4 {
                tokio::time::sleep(CLIENT_STALL_MAX * 9 / 10).await;
                client.read_exact(&mut [0; UNDER_WAY]).await.expect("sent");
            }
        };
        let (sent, ()) = tokio::join!(socket.write_all(&[0; UNDER_WAY * 4]), read);
        assert_eq!(sent.map_err(|error| error.kind()), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_says_anything_is_given_up() {
        let (_client, mut socket) = connected();
        let began = Instant::now();
        let read = socket.read_u8().await;
        assert_eq!(read.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
        assert_eq!(began.elapsed().as_secs(), FIRST_BYTES_MAX.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_within_the_preface_is_given_up() {
        let (mut client, mut socket) = connected();
        client.write_all(&PREFACE[..PREFACE.len() - 1]).await.expect("room");
        let read = socket.read_exact(&mut [0; PREFACE.len()]).await;
        assert_eq!(read.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_whose_protocol_is_known_may_be_silent() {
        for words in [PREFACE, b"POST"] {
            let (mut client, mut socket) = connected();
            client.write_all(words).await.expect("room");
            socket.read_exact(&mut vec![0; words.len()]).await.expect("sent");
            let silent = timeout(FIRST_BYTES_MAX * 2, socket.read_u8()).await;
            assert!(silent.is_err(), "{words:?}: {silent:?}");
        }
    }

    #[tokio::test]
    async fn a_client_that_is_still_sending_sees_the_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let serve = async {
            let (socket, _) = listener.accept().await.expect("a client");
            let mut socket = ClientSocket::new(socket);
            socket.write_all(b"too large").await.expect("sent");
            socket.shutdown().await.expect("shut down");
        };
        let send = async {
            let mut client = TcpStream::connect(address).await.expect("connected");
            let sent = client.write_all(&vec![0; 4 << 20]).await;
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.expect("no reset");
            (sent.is_ok(), answer)
        };
        let ((), (sent, answer)) = tokio::join!(serve, send);
        assert!(sent, "nothing cut the client off");
        assert_eq!(answer, "too large");
    }
}
