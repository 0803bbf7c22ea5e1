//! Gemini `generateContent`, `streamGenerateContent` and `countTokens`: what only this dialect has.
//!
//! Source: the provider's API reference (Generating content, Tokens, Models, Inference tiers; google.rpc.Status) and what
//! its clients were seen to do. Code Assist wraps the same documents: the request in `request`, the answer in `response`.

pub mod array;
mod counts;
mod error;
mod read;
pub(crate) mod refusal;
mod scan;

pub(crate) use error::told_error;
pub use read::unwrapped;
pub(crate) use read::{GeminiReader, read_content};
pub(crate) use scan::scan;
