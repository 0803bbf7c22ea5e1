//! Clients for tests: one that controls every byte, one for everyday use, one for WebSockets, and a reader of event streams.

mod friendly;
mod raw;
mod socket;
mod sse;

pub use friendly::{Answered, HttpClient, SendError};
pub use raw::{BodyEnd, RawBody, RawClient, RawHead};
pub use socket::{Closed, SocketClient, SocketError};
pub use sse::{Message, SseEvent, SseTranscript, StreamFlaw};
