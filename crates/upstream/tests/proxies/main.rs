//! Lines through proxies: other authors' programs, and scripted ones that refuse, break off and stay silent.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, and these functions are parts of tests")]

mod foreign;
mod scripted;
mod servers;
