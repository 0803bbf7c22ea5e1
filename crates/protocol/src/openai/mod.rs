//! OpenAI Chat Completions, Responses and Embeddings: what only these dialects have.
//!
//! Source: the provider's API reference (Chat Completions, Responses, Embeddings, their streaming events, error codes,
//! prompt caching) and what its clients were seen to do.

mod chat;
mod collect;
mod counts;
mod error;
pub(crate) mod refusal;
mod responses;
mod scan;
pub mod socket;

pub(crate) use chat::{ChatReader, read_chat, read_embeddings};
pub use collect::ResponseCollector;
pub use error::span;
pub(crate) use error::{ErrorWords, told_error};
pub(crate) use responses::{ResponsesReader, read_response};
pub(crate) use scan::{scan_chat, scan_responses};
