//! AWS Bedrock's runtime: what only its wire has. Inside, it speaks Anthropic Messages; around that are a path with the model in it, an
//! envelope of the body, frames instead of events, and errors of AWS's shape.
//!
//! Source: AWS's API reference of Bedrock (`InvokeModel`, `InvokeModelWithResponseStream`), "Anthropic Claude Messages API" in its user
//! guide, the event stream encoding of AWS's reference of Transcribe and Smithy, and what its clients were seen to send.

mod call;
mod encode;
mod envelope;
mod error;
mod frame;
mod stream;

pub use call::Call;
pub use encode::{StreamEncoder, exception_frame};
pub use envelope::{Opened, VERSION, from_bedrock, to_bedrock};
pub use error::{error_body, exception_name, read_error};
pub use frame::{FRAME_BYTES_MAX, FrameFault};
pub use stream::{StreamDecoder, StreamFault, error_event};
