//! What the binary is made of, as a library, so that tests can use it. The order of a start: [`config`], then
//! [`data_dir`], then a store that other nodes share, [`first_start`],
//! then everything else.

mod books;
pub mod cli;
pub mod clock;
mod compose;
pub mod config;
mod control;
pub mod data_dir;
pub mod durable_file;
pub mod first_start;
mod front;
pub mod machine;
pub mod note;
mod serve;
mod server;
mod socket;
mod store_engine;
pub mod telemetry;
mod tls;
mod vitals;
mod zone;
