//! The relay with real client programs in front of it: Claude Code, the official SDKs, strangers. No client is imitated here, but strangers.
//!
//! The programs are pinned in `tests/clients` at the top of the repository and installed by `cargo xtask test`.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, and these functions are parts of tests")]

mod claude_code;
mod codex_socket;
#[path = "../corridor/engine.rs"]
mod engine;
mod foreign_mock;
mod foreign_oauth;
mod openai_sdk;
mod openai_socket;
mod programs;
mod room;
mod sdk;
mod sdk_answers;
mod sdk_breaks;
mod sdk_refusals;
mod sdk_retries;
mod stage;
mod strangers;
