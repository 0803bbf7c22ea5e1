//! `cargo xtask bench`: builds what ships and hands it to the `bench` program, which measures. No number is made here.

use std::ffi::OsString;

use crate::failure::Failure;
use crate::program;
use crate::workspace::Workspace;

/// Builds the relay in the `dist` profile and becomes `bench --relay <executable> <args>`.
pub(crate) fn bench(workspace: &Workspace, args: &[OsString]) -> Result<(), Failure> {
    program::run(&mut program::cargo(["build", "--profile", "dist", "--package", "claude-relay"]))?;
    let relay = workspace.executable("dist", "claude-relay");
    let mut bench = program::cargo(["run", "--release", "--package", "bench", "--", "--relay"]);
    Err(program::replace_self_by(bench.arg(relay).args(args)))
}
