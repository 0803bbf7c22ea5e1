//! `cargo xtask test`: every test of the workspace, with the client programs they run installed first.
//! What passes here passes with `cargo test` too, given the same environment.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::clients::Clients;
use crate::failure::Failure;
use crate::program;
use crate::tally::Tally;
use crate::timing;
use crate::workspace::Workspace;

/// Runs the tests whose name contains `filter`, or all of them.
pub(crate) fn test(workspace: &Workspace, filter: Option<&str>) -> Result<(), Failure> {
    let start = Instant::now();
    let clients = Clients::install(workspace)?;
    let mut command = program::cargo(["test", "--workspace", "--no-fail-fast"]);
    clients.export_to(&mut command);
    let tally = run_and_count(command.args(filter))?;
    println!("\nxtask test: {tally}, in {}", timing::in_words(start.elapsed()));
    tally.verdict()
}

/// Runs a `cargo test` on this terminal and counts its results on the way.
/// Fails only when it cannot run or when it fails without a failed test (it does not compile, say).
pub(crate) fn run_and_count(command: &mut Command) -> Result<Tally, Failure> {
    program::announce(command);
    let line = program::line(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(Failure::during(format!("could not start `{line}`")))?;
    let output = child.stdout.take().expect("standard output was set to a pipe just above");
    let tally = show_and_count(BufReader::new(output)).map_err(Failure::during(format!("reading `{line}`")))?;
    let status = child.wait().map_err(Failure::during(format!("waiting for `{line}`")))?;
    if status.success() || tally.has_failures() {
        Ok(tally)
    } else {
        Err(Failure::new(format!("`{line}` failed ({status})")))
    }
}

fn show_and_count(mut output: impl BufRead) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        io::stdout().write_all(&line)?;
        tally.add(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(tally)
}
