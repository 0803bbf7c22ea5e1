//! The data plane: one request's corridor, from the client's bytes to the settled record. No administrator is known here.
//!
//! `pipeline` is the table of contents. Each room takes the previous room's typed result by value.

mod accept;
mod admit;
mod affinity;
mod answer;
mod attempt;
mod authenticate;
mod bedrock;
mod body;
mod budget;
mod decode;
mod directory;
mod form;
mod forward;
mod groups;
mod health;
mod keys;
mod meter;
pub mod metrics;
mod model_list;
mod opening;
mod outgoing;
mod own;
mod pipeline;
mod presence;
mod prices;
mod rates;
mod read;
mod refuse;
mod relay;
mod rewrite;
mod route;
mod select;
mod serve;
mod settings;
mod socket;
mod spoken;
mod standing;
mod stream;
mod verdict;
mod watch;

pub use body::RelayBody;
pub use metrics::RelayMetrics;
pub use relay::{Parts, Relay};
pub use route::{Call, OwnCall, Route};
pub use settings::{RelaySettings, UpstreamSockets, WhenOut};
