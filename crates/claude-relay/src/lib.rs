//! What the binary is made of, as a library, so that tests can use it. The order of a start: [`config`], then
//! [`data_dir`], then [`first_start`], then the store and everything on it.

pub mod config;
pub mod data_dir;
pub mod durable_file;
pub mod first_start;
pub mod machine;
pub mod note;
pub mod telemetry;
