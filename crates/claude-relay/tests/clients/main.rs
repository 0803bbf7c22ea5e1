//! The relay with real client programs in front of it: Claude Code, Codex CLI, Gemini CLI, the official SDKs, strangers; and with
//! claude-code-router behind it. No client is imitated here, but strangers.
//!
//! The programs are pinned in `tests/clients` at the top of the repository and installed by `cargo xtask test`.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, and these functions are parts of tests")]

mod answers;
mod claude_code;
mod claude_code_bedrock;
mod claude_code_oauth;
mod claude_code_router;
mod codex;
mod codex_socket;
#[path = "../corridor/engine.rs"]
mod engine;
mod foreign_mock;
mod foreign_oauth;
mod gemini_cli;
mod openai_sdk;
mod openai_socket;
mod platforms;
mod programs;
mod room;
mod sdk;
mod sdk_answers;
mod sdk_breaks;
mod sdk_refusals;
mod sdk_retries;
mod stage;
mod strangers;
