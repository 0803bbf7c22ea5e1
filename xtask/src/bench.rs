//! `cargo xtask bench`: builds what ships and hands it to the `bench` program, which measures. No number is made here.

use std::ffi::OsString;
use std::process::Command;

use crate::failure::Failure;
use crate::program;
use crate::workspace::Workspace;

/// Builds the relay and the bench in the `dist` profile and becomes `bench --relay <executable> <args>`.
///
/// One profile for both: the bare proxy that the relay is compared with must not be the worse compiled one.
pub(crate) fn bench(workspace: &Workspace, args: &[OsString]) -> Result<(), Failure> {
    let packages = ["--package", "claude-relay", "--package", "bench"];
    program::run(program::cargo(["build", "--profile", "dist"]).args(packages))?;
    let mut bench = Command::new(workspace.executable("dist", "bench"));
    bench.arg("--relay").arg(workspace.executable("dist", "claude-relay")).args(args);
    Err(program::replace_self_by(&mut bench))
}
