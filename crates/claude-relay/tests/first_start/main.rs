//! The command line as a new user meets it: what is made at the first start, and what each refusal to start says. Nothing inside is known here.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, and these functions are parts of tests")]

mod administrator;
mod listening;
mod program;
mod secrets;
mod settings;
mod setup;
mod store;
mod tls;
