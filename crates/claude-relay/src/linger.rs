//! A socket that is closed so that its last answer arrives (RFC 9112, 9.6): a client that is still sending is read from, and not
//! listened to, until it has had time to see the answer. Otherwise the refusal of a large body would be lost to a reset.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};

/// How long a client is read from behind its last answer; a round trip across the world takes a third.
const LINGER_MAX: Duration = Duration::from_secs(1);

/// Bytes that are read and thrown away at once.
const DISCARDED_BYTES: usize = 8 << 10;

/// A connection that lingers when it is shut down.
pub(crate) struct Lingering {
    socket: TcpStream,
    /// Set once the writing half is shut down.
    lingering: Option<Pin<Box<Sleep>>>,
}

impl Lingering {
    pub(crate) const fn new(socket: TcpStream) -> Self {
        Self { socket, lingering: None }
    }

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

impl AsyncRead for Lingering {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
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
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    #[tokio::test]
    async fn a_client_that_is_still_sending_sees_the_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let serve = async {
            let (socket, _) = listener.accept().await.expect("a client");
            let mut socket = Lingering::new(socket);
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
