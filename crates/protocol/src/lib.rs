//! The wire dialects: event decoding, usage readers, refusals, conversions. No I/O, no clock, no document trees but in
//! conversions.
//!
//! What all dialects share stands at the top; what only one has stands in its module. Bodies and streams are read
//! beside the bytes that are forwarded, never instead of them; only `convert` writes others in their place.

mod address;
pub mod answer;
pub mod anthropic;
pub mod client;
pub mod convert;
mod estimate;
mod gemini;
pub mod headers;
mod keepalive;
mod openai;
pub mod refusal;
pub mod scan;
mod skim;
pub mod sse;
mod tariff;

pub use address::client_address;
pub use answer::{Answer, BodyReading, Ending, Meaning, Reading, UpstreamError, UpstreamErrorKind};
pub use estimate::BYTES_PER_TOKEN;
pub use keepalive::keepalive;
pub use refusal::{Refusal, Rendered};
pub use scan::{EndUser, Scan, ScanError, replace_model};
pub use skim::TOKENS_MAX;
pub use tariff::Tariff;
