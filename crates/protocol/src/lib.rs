//! The wire dialects: event decoding, usage readers, refusals, conversions. No I/O, no clock, no document trees but in
//! conversions.
//!
//! What all dialects share stands at the top; what only one has stands in its module. Bodies and streams are read
//! beside the bytes that are forwarded, never instead of them; only `convert` writes others in their place.

mod address;
pub mod answer;
pub mod anthropic;
pub mod bedrock;
pub mod client;
pub mod convert;
mod course;
mod dialect;
mod estimate;
pub mod gemini;
pub mod headers;
mod keepalive;
pub mod openai;
pub mod operation;
pub mod refusal;
pub mod scan;
mod skim;
pub mod sse;
mod tariff;
mod windows;

pub use address::client_address;
pub use answer::{Answer, BodyReading, Ending, Meaning, Reading, UpstreamError, UpstreamErrorKind};
pub use dialect::{StreamReader, read_body, scan as scan_request};
pub use estimate::BYTES_PER_TOKEN;
pub use keepalive::keepalive;
pub use operation::Operation;
pub use refusal::{Refusal, Rendered};
pub use scan::{Edit, EndUser, PathModel, Scan, ScanError, edited, stream_edit};
pub use skim::TOKENS_MAX;
pub use tariff::Tariff;
pub use windows::usage_windows;
