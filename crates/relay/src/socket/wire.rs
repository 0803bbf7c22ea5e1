//! What is said and heard on a WebSocket: messages in bounds, pings, and the end.

use super::intake::Intake;
use crate::budget::Hold;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use std::{collections::VecDeque, io::ErrorKind, pin::pin, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, Interval, MissedTickBehavior},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

/// How often a client is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(30);

/// How long a client may say nothing, not even that it is there: two pings and a slow network.
const SILENCE_MAX: Duration = Duration::from_secs(75);

/// How long the client's own close is waited for.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// Bytes of a client's ping or pong without its payload (RFC 6455, 5.2).
const CONTROL_BYTES: u64 = 6;

/// Messages that may wait while a response runs: clients ask one after the other.
const WAITING_MAX: usize = 4;

/// A client's socket.
pub(super) struct Wire<S> {
    socket: WebSocketStream<Intake<S>>,
    waiting: VecDeque<Heard>,
    bounds: Bounds,
    heard_at: Instant,
    pings: Interval,
    /// Why the client is to be sent away, if it is.
    unwanted: Option<Closing>,
}

/// What one message may be; as many bytes may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) message_bytes_max: u64,
    pub(super) message_time_max: Duration,
}

/// A message that a client said, and the memory that it takes.
pub(crate) struct Heard {
    pub(crate) text: Bytes,
    _hold: Hold,
}

/// The client has gone, or is to be sent away: see [`Wire::part`].
#[derive(Debug)]
pub(super) struct Gone;

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// The process stops, or the connection's time is over: another one will do.
    Away,
    /// The client said what is no text.
    NoText,
    /// The client said too much at once.
    TooLarge,
    /// More waits than may.
    TooMany,
    /// There is no memory for what the client says.
    Busy,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// A socket on which nothing was said yet.
    pub(super) fn new(socket: WebSocketStream<Intake<S>>, bounds: Bounds) -> Self {
        let now = Instant::now();
        let mut pings = tokio::time::interval_at(now + PING_EVERY, PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { socket, waiting: VecDeque::new(), bounds, heard_at: now, pings, unwanted: None }
    }

    /// The next message. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Heard, Gone> {
        loop {
            if let Some(heard) = self.waiting.pop_front() {
                return Ok(heard);
            }
            self.listen().await?;
        }
    }

    /// Does `work` while the client is there; what it says meanwhile waits.
    pub(super) async fn attend<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Gone> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                listened = self.listen() => listened?,
                done = &mut work => return Ok(done),
            }
        }
    }

    /// Says `messages`, in order, and waits until they are sent.
    pub(super) async fn say(&mut self, messages: impl IntoIterator<Item = Bytes>) -> Result<(), Gone> {
        for text in messages {
            let text =
                Utf8Bytes::try_from(text.clone()).unwrap_or_else(|_| String::from_utf8_lossy(&text).as_ref().into());
            self.socket.feed(Message::Text(text)).await.map_err(|_| Gone)?;
        }
        self.socket.flush().await.map_err(|_| Gone)
    }

    /// Closes the connection to a client that did what it may not. Nothing is done for it any more.
    pub(super) async fn part(&mut self) {
        if let Some(why) = self.unwanted {
            self.close(why).await;
        }
    }

    /// Closes the connection, and waits a moment for the client to do so too.
    pub(super) async fn close(&mut self, why: Closing) {
        let (code, reason) = why.words();
        let closed = async {
            // Who has left already needs no word.
            let _ = self.socket.close(Some(CloseFrame { code, reason: reason.into() })).await;
            while let Some(Ok(_)) = self.socket.next().await {}
        };
        let _ = tokio::time::timeout(CLOSE_MAX, closed).await;
    }

    /// Takes what the client says next, or asks it whether it is there.
    async fn listen(&mut self) -> Result<(), Gone> {
        tokio::select! {
            heard = self.socket.next() => match heard {
                Some(Ok(message)) => self.hear(message),
                Some(Err(Error::Capacity(_))) => self.send_away(Closing::TooLarge),
                Some(Err(Error::Io(error))) if error.kind() == ErrorKind::OutOfMemory => self.send_away(Closing::Busy),
                Some(Err(_)) | None => Err(Gone),
            },
            _ = self.pings.tick() => self.ping().await,
        }
    }

    fn hear(&mut self, message: Message) -> Result<(), Gone> {
        self.heard_at = Instant::now();
        match message {
            Message::Text(text) => {
                let bytes: usize = self.waiting.iter().map(|heard| heard.text.len()).sum();
                let is_too_much = bytes as u64 + text.len() as u64 > self.bounds.message_bytes_max;
                if self.waiting.len() >= WAITING_MAX || is_too_much {
                    return self.send_away(Closing::TooMany);
                }
                let hold = self.socket.get_mut().take();
                self.waiting.push_back(Heard { text: text.into(), _hold: hold });
                Ok(())
            }
            Message::Binary(_) => self.send_away(Closing::NoText),
            Message::Close(_) => Err(Gone),
            // The library has answered a ping.
            Message::Ping(payload) | Message::Pong(payload) => {
                self.socket.get_mut().forgive(CONTROL_BYTES + payload.len() as u64);
                Ok(())
            }
            Message::Frame(_) => Ok(()),
        }
    }

    async fn ping(&mut self) -> Result<(), Gone> {
        // In the middle of a message a client cannot say that it is there.
        let is_receiving = self.socket.get_ref().is_receiving();
        let silence_max = if is_receiving { self.bounds.message_time_max.max(SILENCE_MAX) } else { SILENCE_MAX };
        if self.heard_at.elapsed() > silence_max {
            return Err(Gone);
        }
        self.socket.send(Message::Ping(Bytes::new())).await.map_err(|_| Gone)
    }

    fn send_away(&mut self, why: Closing) -> Result<(), Gone> {
        self.unwanted = Some(why);
        Err(Gone)
    }
}

impl Closing {
    /// The code (RFC 6455, 7.4.1) and words for people.
    const fn words(self) -> (CloseCode, &'static str) {
        match self {
            Self::Away => (CloseCode::Away, "open another connection"),
            Self::NoText => (CloseCode::Unsupported, "messages are texts"),
            Self::TooLarge => (CloseCode::Size, "the message is larger than a request may be"),
            Self::Busy => (CloseCode::Again, "the relay is busy"),
            Self::TooMany => (CloseCode::Policy, "too many messages wait for the response that runs"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{budget::Budget, socket::socket};
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
    use tokio_tungstenite::tungstenite::protocol::Role;

    /// A message larger than what is not counted.
    const LARGE: usize = 600 << 10;

    const MESSAGE_TIME_MAX: Duration = Duration::from_secs(300);

    async fn connected(budget: &Budget) -> (Wire<DuplexStream>, WebSocketStream<DuplexStream>) {
        let (near, far) = duplex(64 << 10);
        let socket = socket(Intake::new(near, budget.clone()), 1 << 20).await;
        let bounds = Bounds { message_bytes_max: 1 << 20, message_time_max: MESSAGE_TIME_MAX };
        (Wire::new(socket, bounds), WebSocketStream::from_raw_socket(far, Role::Client, None).await)
    }

    fn budget(bytes: u64) -> Budget {
        Budget::new(bytes, Duration::ZERO)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_answers_pings_stays_and_a_silent_one_is_given_up() {
        let (mut wire, mut client) = connected(&budget(1 << 20)).await;
        let answering = async {
            for _ in 0..10 {
                let heard = client.next().await.expect("a message").expect("sound");
                assert!(heard.is_ping(), "{heard:?}");
            }
        };
        wire.attend(answering).await.expect("it is there");
        let began = Instant::now();
        assert!(wire.next().await.is_err());
        // Its last pong may have come one ping before.
        let expected = SILENCE_MAX.saturating_sub(PING_EVERY)..SILENCE_MAX + 2 * PING_EVERY;
        assert!(expected.contains(&began.elapsed()), "{:?}", began.elapsed());
        drop(client);
    }

    /// Says half of a message and the rest after `pause`; says whether it was heard.
    async fn heard_after(pause: Duration) -> bool {
        let (mut wire, client) = connected(&budget(1 << 20)).await;
        let mut client = client.into_inner();
        // A text of five bytes, masked with zeros.
        let frame = *b"\x81\x85\0\0\0\0hello";
        let saying = async {
            client.write_all(&frame[..8]).await.expect("sent");
            tokio::time::sleep(pause).await;
            // It may have been given up.
            let _ = client.write_all(&frame[8..]).await;
        };
        let (heard, ()) = tokio::join!(wire.next(), saying);
        heard.is_ok_and(|heard| heard.text == "hello")
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_has_as_long_as_a_request_s_body() {
        assert!(heard_after(SILENCE_MAX * 2).await);
        assert!(!heard_after(MESSAGE_TIME_MAX * 2).await);
    }

    #[tokio::test]
    async fn a_message_takes_memory_until_it_is_dropped() {
        let budget = budget(1 << 20);
        let (mut wire, mut client) = connected(&budget).await;
        let saying = async {
            client.send(Message::text("x".repeat(LARGE))).await.expect("sent");
            client.send(Message::text("small")).await.expect("sent");
        };
        let (heard, ()) = tokio::join!(async { (wire.next().await, wire.next().await) }, saying);
        let (Ok(large), Ok(small)) = heard else { panic!("two messages") };
        assert_eq!((large.text.len(), &small.text[..]), (LARGE, &b"small"[..]));
        assert!(budget.free_bytes() <= (1 << 20) - LARGE as u64);
        drop((large, small));
        assert_eq!(budget.free_bytes(), 1 << 20);
    }

    #[tokio::test]
    async fn a_client_is_sent_away_where_there_is_no_memory_for_what_it_says() {
        let budget = budget(256 << 10);
        let (mut wire, mut client) = connected(&budget).await;
        let (mut taken, all) = (Budget::hold(), budget.free_bytes());
        budget.cover(&mut taken, all).await.expect("all of it");
        let saying = async {
            // It may be closed in the middle.
            let _ = client.send(Message::text("x".repeat(LARGE))).await;
            while let Some(Ok(heard)) = client.next().await {
                if let Message::Close(frame) = heard {
                    return frame.map(|frame| frame.code);
                }
            }
            None
        };
        let leaving = async {
            assert!(wire.next().await.is_err());
            wire.part().await;
            drop(wire);
        };
        let (code, ()) = tokio::join!(saying, leaving);
        assert_eq!(code, Some(CloseCode::Again));
        drop(taken);
    }
}
