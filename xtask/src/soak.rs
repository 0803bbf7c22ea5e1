//! `cargo xtask soak`: the tests whose name says `soak`, with ten times their repetitions. It holds no test of its own.

use crate::failure::Failure;
use crate::program;
use crate::test;

/// What such a test reads: set to `1`, it multiplies its repetitions by ten (50 kills instead of 5).
const SOAK_VARIABLE: &str = "CLAUDE_RELAY_SOAK";

/// Runs the soak tests in the release profile, one binary after the other. Fails as well when there is none.
pub(crate) fn soak() -> Result<(), Failure> {
    let mut command = program::cargo(["test", "--release", "--workspace", "--no-fail-fast", "--", "soak"]);
    let tally = test::run_and_count(command.env(SOAK_VARIABLE, "1"))?;
    println!("\nsoak: {tally}");
    tally.verdict()
}
