//! The relay's one binary: reads the command line, starts the runtime, returns an exit code. Nothing is decided here.

use claude_relay::cli;
use std::process::ExitCode;

/// Gives memory back soon after a burst, from a thread of its own; how soon is set in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::run()
}
