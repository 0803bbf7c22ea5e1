//! Licences, sources and bans of the dependencies, as `deny.toml` says. Advisories need a database from the network
//! and are left to a person: `cargo deny check advisories`.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::Failure;
use crate::program;
use crate::workspace::Workspace;

/// The version that is built when the machine has none. It runs for seconds, and optimising it takes minutes.
const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// Runs `cargo deny`, after building it below `target/` when the machine has none.
pub(crate) fn deny(workspace: &Workspace) -> Result<(), Failure> {
    let mut command = Command::new(executable(workspace)?);
    program::run(command.args([
        "--workspace",
        "--locked",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))
}

fn executable(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let of_the_machine = PathBuf::from("cargo-deny");
    if program::succeeds(Command::new(&of_the_machine).arg("--version")) {
        return Ok(of_the_machine);
    }
    let root = workspace.target.join("check-tools");
    let built = root.join("bin/cargo-deny");
    if !built.is_file() {
        program::run(program::cargo(["install", "--locked", "--debug", CARGO_DENY, "--root"]).arg(root))?;
    }
    Ok(built)
}
