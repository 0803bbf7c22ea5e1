//! Where the client programs are, and how one is run to its end. Nothing is installed here.

use std::{path::PathBuf, process::Stdio, time::Duration};
use tokio::{io::AsyncWriteExt as _, process::Command};

/// Longest run of a program: clients that retry, and whoever tries everything, end within a fifth of it on a machine at rest.
const RUN_MAX: Duration = Duration::from_secs(300);

/// Where a client looks for programs; nothing of the person's own who runs the tests.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Whether it ended with 0.
    pub(crate) succeeded: bool,
    /// What it wrote to standard output.
    pub(crate) stdout: String,
    /// What it wrote to standard error.
    pub(crate) stderr: String,
}

/// A program that sees nothing of this process's environment.
pub(crate) fn bare(program: impl Into<PathBuf>) -> Command {
    let mut command = Command::new(program.into());
    command.env_clear().env("PATH", PATH).kill_on_drop(true);
    command
}

/// Node.js.
pub(crate) fn node() -> PathBuf {
    installed("CLAUDE_RELAY_TEST_NODE")
}

/// The folder of the npm packages.
pub(crate) fn node_modules() -> PathBuf {
    installed("CLAUDE_RELAY_TEST_NODE_MODULES")
}

/// Python with the present SDK.
pub(crate) fn python() -> PathBuf {
    installed("CLAUDE_RELAY_TEST_PYTHON")
}

/// Python with the SDK's first major version.
pub(crate) fn python_sdk1() -> PathBuf {
    installed("CLAUDE_RELAY_TEST_PYTHON_SDK1")
}

/// A script of `tests/clients`.
pub(crate) fn script(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/clients")).join(name)
}

/// Runs a program to its end, with `input` on standard input.
pub(crate) async fn run(mut command: Command, input: &str) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let shown = format!("{command:?}");
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = tokio::time::timeout(RUN_MAX, child.wait_with_output()).await;
    let output = output.unwrap_or_else(|_| panic!("{shown} did not end within {RUN_MAX:?}")).unwrap();
    Ended {
        succeeded: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// What `variable` names.
#[expect(clippy::disallowed_methods, reason = "where the test's own tools are; no setting of the relay")]
pub(crate) fn installed(variable: &str) -> PathBuf {
    let place = std::env::var_os(variable);
    place
        .unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test`, which installs the client programs"))
        .into()
}
