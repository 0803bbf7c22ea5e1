//! Running other programs: announced, awaited and judged by their exit code; never through a shell.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::failure::Failure;

/// A `cargo` command with these arguments.
pub(crate) fn cargo<I>(args: I) -> Command
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    let mut command = Command::new("cargo");
    command.args(args);
    command
}

/// Shows the command, runs it on this terminal without input, and fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    announce(command);
    let line = line(command);
    let status = command.stdin(Stdio::null()).status().map_err(Failure::during(format!("could not start `{line}`")))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{line}` failed ({status})"))) }
}

/// Runs the command quietly and returns what it wrote to its standard output; its errors go to this terminal.
pub(crate) fn read(command: &mut Command) -> Result<String, Failure> {
    let line = line(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(Failure::during(format!("could not start `{line}`")))?;
    if !output.status.success() {
        return Err(Failure::new(format!("`{line}` failed ({})", output.status)));
    }
    String::from_utf8(output.stdout).map_err(Failure::during(format!("`{line}` wrote something that is not UTF-8")))
}

/// Whether the command starts and succeeds; nothing that it writes is shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|it| it.success())
}

/// Becomes the program, so that signals and the exit code are its own. Returns only when it cannot be started.
pub(crate) fn replace_self_by(command: &mut Command) -> Failure {
    announce(command);
    let cause = command.exec();
    Failure::new(format!("could not start `{}`: {cause}", line(command)))
}

/// Shows the command that is about to run.
pub(crate) fn announce(command: &Command) {
    eprintln!("\n$ {}", line(command));
}

/// The command as a person would type it.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_a_failure_that_names_the_command() {
        let failure = run(Command::new("false").arg("--now")).expect_err("`false` fails");

        assert!(failure.to_string().starts_with("`false --now` failed"), "{failure}");
    }

    #[test]
    fn what_a_program_writes_can_be_read() {
        assert_eq!(read(Command::new("echo").arg("hello")).expect("`echo` runs"), "hello\n");
    }

    #[test]
    fn a_program_that_does_not_exist_does_not_succeed() {
        assert!(!succeeds(&mut Command::new("there-is-no-program-of-this-name")));
    }
}
