//! Anthropic Messages (`POST /v1/messages`, `GET /v1/models`): what only this dialect has.
//!
//! Source: the provider's API reference (Messages, Streaming, Errors, Models) and what its clients were seen to do.

mod body;
mod counts;
mod error;
pub mod models;
pub(crate) mod refusal;
mod scan;
mod stream;

pub(crate) use error::in_event as read_error_event;

pub use body::{is_object, read_body};
pub use scan::scan;
pub use stream::UsageReader;
