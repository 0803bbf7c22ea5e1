//! A client that speaks over a WebSocket, as a library of other authors does it.

use futures_util::{SinkExt as _, StreamExt as _};
use http::Request;
use serde_json::Value;
use std::{io, net::SocketAddr, time::Duration};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::client::generate_key},
};

pub use tokio_tungstenite::tungstenite::Error as SocketError;

/// Longest that a test waits for a message, on a machine that does much else.
const MESSAGE_MAX: Duration = Duration::from_secs(30);

/// A connection whose messages are JSON. Dropping it ends it without a word, as Codex does.
#[derive(Debug)]
pub struct SocketClient(WebSocketStream<TcpStream>);

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// With this code.
    Code(u16),
    /// Without a word.
    Silently,
}

impl SocketClient {
    /// Opens a connection to `path`, with further headers.
    ///
    /// # Errors
    ///
    /// When nobody listens, or with what was answered instead (`SocketError::Http`).
    pub async fn connect(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Self, SocketError> {
        let mut request = Request::get(format!("ws://{address}{path}"))
            .header("host", address.to_string())
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", generate_key());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let stream = TcpStream::connect(address).await?;
        let (socket, _) = tokio_tungstenite::client_async(request.body(())?, stream).await?;
        Ok(Self(socket))
    }

    /// Says a message.
    ///
    /// # Errors
    ///
    /// When the connection has ended.
    pub async fn say(&mut self, message: &Value) -> Result<(), SocketError> {
        self.0.send(Message::text(message.to_string())).await
    }

    /// Says what is no text.
    ///
    /// # Errors
    ///
    /// When the connection has ended.
    pub async fn say_bytes(&mut self, bytes: &'static [u8]) -> Result<(), SocketError> {
        self.0.send(Message::binary(bytes)).await
    }

    /// The next message; how the connection ended where there is none.
    ///
    /// # Panics
    ///
    /// When none comes in time, or one that is no JSON.
    pub async fn hear(&mut self) -> Result<Value, Closed> {
        loop {
            let heard = tokio::time::timeout(MESSAGE_MAX, self.0.next()).await.expect("a message in time");
            match heard {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or(Closed::Silently, |frame| Closed::Code(frame.code.into())));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(Closed::Silently),
            }
        }
    }

    /// Asks, and hears all up to the message that ends the answer.
    ///
    /// # Panics
    ///
    /// When the connection ends before.
    pub async fn ask(&mut self, message: &Value) -> Vec<Value> {
        self.say(message).await.expect("sent");
        self.hear_answer().await
    }

    /// Hears all up to the message that ends an answer.
    ///
    /// # Panics
    ///
    /// When the connection ends before.
    pub async fn hear_answer(&mut self) -> Vec<Value> {
        let mut heard = Vec::new();
        loop {
            let message = self.hear().await.expect("the answer's end");
            let is_last = matches!(
                message["type"].as_str(),
                Some("response.completed" | "response.incomplete" | "response.failed" | "error")
            );
            heard.push(message);
            if is_last {
                return heard;
            }
        }
    }

    /// Closes the connection in order.
    ///
    /// # Errors
    ///
    /// When it has ended before.
    pub async fn close(mut self) -> io::Result<()> {
        self.0.close(None).await.map_err(io::Error::other)
    }
}
