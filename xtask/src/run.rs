//! `cargo xtask run`: builds the relay as it is released and becomes it. It configures nothing: the relay itself
//! makes its data directory and shows its address and, at the first start, the administrator's password.

use std::ffi::OsString;
use std::process::Command;

use crate::failure::Failure;
use crate::program;
use crate::web;
use crate::workspace::Workspace;

/// Builds the web app (when there is one) and the relay, then starts `claude-relay serve` with `args`.
/// Ctrl-C and the exit code are the relay's own, because it replaces this process.
pub(crate) fn run(workspace: &Workspace, args: &[OsString]) -> Result<(), Failure> {
    web::build(workspace)?;
    program::run(&mut program::cargo(["build", "--release", "--package", "claude-relay"]))?;
    let relay = workspace.executable("release", "claude-relay");
    Err(program::replace_self_by(Command::new(relay).arg("serve").args(args)))
}
