//! What the relay says of itself while it runs: log lines, and on request the HTTP traffic. No request ever waits here for a
//! disk or a terminal.
//!
//! [`logs::start`] begins it. Lines go into one bounded buffer (`queue`) per output, from which one thread (`writer`) writes; what
//! does not fit is dropped and counted. Written for this service instead of taken from `tracing-appender`: that one names files
//! otherwise, has no bound in bytes, reads its own clock, and wakes its thread for each line, which costs more than the line.

mod day_file;
mod escape;
pub mod http_debug;
mod layer;
mod line;
pub mod logs;
mod mask;
mod queue;
mod refresh_errors;
mod retention;
mod stamp;
mod writer;

pub use http_debug::{Exchange, HttpDebug, Plane, Tapped};
pub use logs::{LogError, Output, Telemetry, start};
