//! The relay's one binary: reads the command line, starts the runtime, returns an exit code. Nothing is decided here.

use claude_relay::cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
