//! Clients for tests: one that controls every byte, one for everyday use, and a reader of event streams.

mod friendly;
mod raw;
mod sse;

pub use friendly::{Answered, HttpClient, SendError};
pub use raw::{BodyEnd, RawBody, RawClient, RawHead};
pub use sse::{Message, SseEvent, SseTranscript, StreamFlaw};
