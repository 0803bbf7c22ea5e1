//! A WebSocket to a provider, opened on an account's line and asked one response at a time.
//!
//! The handshake is a call like any other (RFC 6455, 4.1): it takes the account's proxy, TLS and credential. An answer is given
//! out as the events that it would be over HTTP, and the socket comes back behind its last one.

use crate::{
    body::{BodyError, UpstreamBody},
    client::Parts,
    failure::SendError,
    line::Line,
};
use base64ct::{Base64, Encoding};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use protocol::{
    openai::socket::{MessageEnd, end_of, stream_event},
    sse::EVENT_BYTES_MAX,
};
use std::{
    fmt,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

/// Bytes that are read at once; an event has some hundreds.
const READ_BYTES: usize = 16 << 10;

/// How long the connection may take to become a socket once the upstream has agreed; nothing is waited for then.
const UPGRADE_MAX: Duration = Duration::from_secs(10);

/// A socket that is not in use.
pub struct Socket(WebSocketStream<TokioIo<Upgraded>>);

/// A handshake that is under way: what the answer to it must say.
#[derive(Debug)]
pub struct Handshake {
    accepted: HeaderValue,
}

/// Why a socket gave no answer. No byte of one was seen.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The upstream said that it would speak the protocol, and did not.
    #[error("the upstream's handshake is not one")]
    Handshake,
    /// The way to it broke.
    #[error("the socket broke")]
    Broken(#[source] Box<Error>),
    /// The upstream closed it.
    #[error("the upstream closed the socket")]
    Closed,
}

/// What is done with a socket behind an answer: it is given with the id of the response, where that is whole.
type GiveBack = Box<dyn FnOnce(Socket, Option<String>) + Send>;

/// An answer that is being received.
pub struct SocketAnswer {
    socket: Option<Socket>,
    first: Option<Utf8Bytes>,
    give_back: Option<GiveBack>,
}

impl Handshake {
    /// Makes `request` ask for a socket; its body is none of it.
    #[must_use]
    pub fn begin(request: &mut Request<Parts>) -> Self {
        let key = random_key();
        *request.method_mut() = Method::GET;
        *request.body_mut() = Parts::default();
        let headers = request.headers_mut();
        for name in [header::CONTENT_TYPE, header::ACCEPT, header::ACCEPT_ENCODING] {
            headers.remove(name);
        }
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(header::SEC_WEBSOCKET_KEY, base64_value(&key));
        Self { accepted: base64_value(&derive_accept_key(key.as_bytes())) }
    }

    /// The socket that `answer`, with status 101, opens. Cancel-safe: the connection is closed then.
    ///
    /// # Errors
    ///
    /// When the answer is none to this handshake, or the connection ends.
    pub async fn finish(self, answer: Response<UpstreamBody>) -> Result<Socket, SendError> {
        let is_accepted = answer.headers().get(header::SEC_WEBSOCKET_ACCEPT) == Some(&self.accepted);
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS || !is_accepted {
            return Err(SocketError::Handshake.into());
        }
        let upgraded = tokio::time::timeout(UPGRADE_MAX, hyper::upgrade::on(answer)).await;
        let upgraded = upgraded.ok().and_then(Result::ok).ok_or(SocketError::Handshake)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .max_message_size(Some(EVENT_BYTES_MAX))
            .max_frame_size(Some(EVENT_BYTES_MAX));
        Ok(Socket(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, Some(config)).await))
    }
}

/// What the upstream is to prove that it has understood (RFC 6455, 4.1, point 7).
fn random_key() -> String {
    let mut key = [0; 16];
    getrandom::fill(&mut key).expect("the system has random bytes");
    Base64::encode_string(&key)
}

fn base64_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("base64 has only characters that a header may have")
}

impl Socket {
    /// Answers what the upstream asks while nothing is asked of it. Ready when the socket is of no use any more.
    pub fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match ready!(self.0.poll_next_unpin(cx)) {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                // Whatever it says unasked belongs to no answer.
                Some(_) | None => return Poll::Ready(()),
            }
        }
    }

    async fn say(&mut self, text: Utf8Bytes) -> Result<(), SocketError> {
        self.0.send(Message::Text(text)).await.map_err(SocketError::broken)
    }

    fn poll_text(&mut self, cx: &mut Context<'_>) -> Poll<Result<Utf8Bytes, SocketError>> {
        loop {
            return Poll::Ready(match ready!(self.0.poll_next_unpin(cx)) {
                Some(Ok(Message::Text(text))) => Ok(text),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Binary(_) | Message::Close(_) | Message::Frame(_))) | None => Err(SocketError::Closed),
                Some(Err(error)) => Err(SocketError::broken(error)),
            });
        }
    }
}

impl SocketError {
    fn broken(error: Error) -> Self {
        Self::Broken(Box::new(error))
    }
}

impl Line {
    /// Says `text` on `socket` and waits for the first message of the answer.
    ///
    /// Cancel-safe in that nothing of ours is lost: the socket is closed, though the provider may have taken the request.
    ///
    /// # Errors
    ///
    /// When none came, or not in time.
    pub async fn ask(&self, mut socket: Socket, text: Utf8Bytes) -> Result<SocketAnswer, SendError> {
        let answered = async {
            socket.say(text).await?;
            let first = std::future::poll_fn(|cx| socket.poll_text(cx)).await?;
            Ok(SocketAnswer { socket: Some(socket), first: Some(first), give_back: None })
        };
        match tokio::time::timeout(self.head_timeout(), answered).await {
            Ok(answer) => answer.map_err(SendError::Socket),
            Err(_elapsed) => Err(SendError::HeadTimeout),
        }
    }
}

impl SocketAnswer {
    /// The first message. What it says of a refusal is not looked at here.
    #[must_use]
    pub fn first(&self) -> &[u8] {
        self.first.as_ref().map_or(b"", |first| first.as_bytes())
    }

    /// The same answer, whose socket is given to `give_back` behind its last event.
    #[must_use]
    pub fn giving_back(self, give_back: impl FnOnce(Socket, Option<String>) + Send + 'static) -> Self {
        Self { give_back: Some(Box::new(give_back)), ..self }
    }

    /// Whether all of it was given out.
    pub(crate) const fn is_over(&self) -> bool {
        self.socket.is_none()
    }

    /// The next event, as a stream over HTTP has it.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let Some(socket) = &mut self.socket else { return Poll::Ready(None) };
        let text = match self.first.take() {
            Some(first) => first,
            None => match ready!(socket.poll_text(cx)) {
                Ok(text) => text,
                Err(error) => {
                    self.socket = None;
                    return Poll::Ready(Some(Err(BodyError::new(error))));
                }
            },
        };
        match end_of(text.as_bytes()) {
            MessageEnd::GoesOn => {}
            MessageEnd::Whole(id) => self.end(id),
            MessageEnd::Failed => self.end(None),
        }
        Poll::Ready(Some(Ok(stream_event(text.as_bytes()))))
    }

    fn end(&mut self, response_id: Option<String>) {
        if let (Some(socket), Some(give_back)) = (self.socket.take(), self.give_back.take()) {
            give_back(socket, response_id);
        }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket(…)")
    }
}

impl fmt::Debug for SocketAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketAnswer").field("is_over", &self.is_over()).finish_non_exhaustive()
    }
}
