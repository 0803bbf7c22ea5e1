//! A provider's Responses over WebSockets, on loopback: it follows the guide "WebSocket Mode" and a test's choice of faults.
//!
//! Each connection knows its last response, and no other; a failed one is forgotten.

use crate::upstream::reply::Gate;
use futures_util::{SinkExt as _, StreamExt as _};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
    },
};

/// The provider on loopback. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct ScriptedSocket {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

/// A message that came.
#[derive(Debug, Clone)]
pub struct Said {
    /// Which connection it came on, from 0.
    pub connection: usize,
    /// The headers of its handshake, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The message.
    pub message: Value,
}

/// What is done with a message.
#[derive(Debug, Clone)]
pub enum SocketReply {
    /// It is answered with an empty response, as one that only makes ready is.
    Nothing,
    /// It is answered with this text; 120 tokens in, 100 of them from the cache, 30 out.
    Text(&'static str),
    /// It is answered with a call of this tool, to run this command; the same tokens.
    Call(&'static str, &'static str),
    /// The same as a text, its middle behind a gate.
    Halting(&'static str, Gate),
    /// It is refused with this status, code and `retry-after`.
    Refused(u16, &'static str, Option<u32>),
    /// The connection is closed instead.
    Closed,
    /// The connection is cut in the middle of the answer.
    Cut,
}

/// Events of an answer up to the middle of its content.
const BEGUN_EVENTS: usize = 3;

type Choice = dyn Fn(&Said) -> SocketReply + Send + Sync;

struct Shared {
    address: SocketAddr,
    choice: Box<Choice>,
    said: Mutex<Vec<Said>>,
    connections: Mutex<usize>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("address", &self.address).finish_non_exhaustive()
    }
}

impl ScriptedSocket {
    /// Listens on a free port of 127.0.0.1; `choice` decides about each message, and must not block.
    ///
    /// # Errors
    ///
    /// When no port can be opened.
    pub async fn start(choice: impl Fn(&Said) -> SocketReply + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let shared = Arc::new(Shared {
            address: listener.local_addr()?,
            choice: Box::new(choice),
            said: Mutex::default(),
            connections: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { shared, _tasks: tasks })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// What came so far.
    #[must_use]
    pub fn said(&self) -> Vec<Said> {
        self.shared.said.lock().clone()
    }
}

impl Said {
    /// The value of a header of the handshake.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // A client that goes is no fault of this upstream's.
            let _ = serve(stream, &shared).await;
        });
    }
}

#[expect(clippy::result_large_err, reason = "the library says what its handshake's callback gives")]
async fn serve(stream: TcpStream, shared: &Shared) -> Option<()> {
    let mut headers = Vec::new();
    let greet = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        let lines = request.headers().iter();
        headers =
            lines.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into())).collect();
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, greet).await.ok()?;
    let connection = std::mem::replace(&mut *shared.connections.lock(), 0);
    *shared.connections.lock() = connection + 1;
    let mut last = None;
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        let said = Said { connection, headers: headers.clone(), message: serde_json::from_str(&text).ok()? };
        let number = shared.said.lock().len();
        shared.said.lock().push(said.clone());
        let previous = said.message["previous_response_id"].as_str().map(str::to_owned);
        let reply = if previous.is_some() && previous != last {
            SocketReply::Refused(400, "previous_response_not_found", None)
        } else {
            (shared.choice)(&said)
        };
        last = answer(&mut socket, &format!("resp_{connection}_{number}"), reply).await?;
    }
    Some(())
}

/// Answers; gives the response that can be gone on from, and nothing where the connection is over.
async fn answer(socket: &mut WebSocketStream<TcpStream>, id: &str, reply: SocketReply) -> Option<Option<String>> {
    let (item, gate) = match reply {
        SocketReply::Nothing => (None, None),
        SocketReply::Text(text) => (Some(spoken_text(text)), None),
        SocketReply::Call(tool, command) => (Some(spoken_call(tool, command)), None),
        SocketReply::Halting(text, gate) => (Some(spoken_text(text)), Some(gate)),
        SocketReply::Refused(status, code, retry_after) => {
            let headers = retry_after.map_or(json!({}), |wait| json!({"retry-after": wait}));
            let error = json!({"type": "a_type", "code": code, "message": "refused as the test wants it"});
            say(socket, &json!({"type": "error", "status": status, "error": error, "headers": headers})).await?;
            return Some(None);
        }
        SocketReply::Closed => {
            socket.close(None).await.ok()?;
            return None;
        }
        SocketReply::Cut => {
            for event in &events(id, Some(&spoken_text("cut")))[..BEGUN_EVENTS] {
                say(socket, event).await?;
            }
            return None;
        }
    };
    let events = events(id, item.as_ref());
    let (begun, rest) = events.split_at(BEGUN_EVENTS.min(events.len()));
    for event in begun {
        say(socket, event).await?;
    }
    if let Some(gate) = gate {
        gate.pass().await;
    }
    for event in rest {
        say(socket, event).await?;
    }
    Some(Some(id.to_owned()))
}

/// An item of an answer that is a text.
#[must_use]
pub fn spoken_text(text: &str) -> Value {
    let content = json!([{"type": "output_text", "annotations": [], "text": text}]);
    json!({"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": content})
}

/// An item of an answer that calls `tool` to run `command`.
#[must_use]
pub fn spoken_call(tool: &str, command: &str) -> Value {
    let arguments = json!({"cmd": command}).to_string();
    json!({"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": tool,
        "arguments": arguments})
}

/// An answer with this one item as a stream over HTTP.
#[must_use]
pub fn spoken_stream(id: &str, item: &Value) -> String {
    let event = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default());
    events(id, Some(item)).iter().map(event).collect()
}

/// The events of an answer with this one item, or without any; the first [`BEGUN_EVENTS`] are its greeting and the beginning of
/// its content.
fn events(id: &str, item: Option<&Value>) -> Vec<Value> {
    let response = |status: &str, usage: &Value| {
        let output: Vec<_> = item.into_iter().filter(|_| status == "completed").collect();
        json!({"id": id, "object": "response", "status": status, "model": "gpt-5", "output": output, "usage": usage})
    };
    let usage = json!({"input_tokens": 120, "input_tokens_details": {"cached_tokens": 100}, "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 150});
    let created = json!({"type": "response.created", "response": response("in_progress", &Value::Null)});
    let completed = json!({"type": "response.completed", "response": response("completed", &usage)});
    let mut events = vec![created];
    events.extend(item.map(item_events).into_iter().flatten());
    events.push(completed);
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = number.into();
    }
    events
}

/// How an item comes.
fn item_events(item: &Value) -> [Value; 3] {
    let mut added = item.clone();
    added["status"] = json!("in_progress");
    let (kind, delta) = if let Some(text) = item["content"][0]["text"].as_str() {
        added["content"] = json!([]);
        ("response.output_text.delta", json!(text))
    } else {
        added["arguments"] = json!("");
        ("response.function_call_arguments.delta", item["arguments"].clone())
    };
    [
        json!({"type": "response.output_item.added", "output_index": 0, "item": added}),
        json!({"type": kind, "output_index": 0, "content_index": 0, "item_id": item["id"], "delta": delta}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
    ]
}

async fn say(socket: &mut WebSocketStream<TcpStream>, message: &Value) -> Option<()> {
    socket.send(Message::text(message.to_string())).await.ok()
}
