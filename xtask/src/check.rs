//! `cargo xtask check`: what a change must pass, step by step, each run even when an earlier one failed.
//! The steps live elsewhere; here they are named, ordered and timed.

use std::fmt;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::failure::Failure;
use crate::program;
use crate::web::{self, Presence};
use crate::workspace::Workspace;
use crate::{deny, test, tidy, timing};

/// One step, in the order in which they run: the quick ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// The formatting is rustfmt's
    Fmt,
    /// The rules of this tree that no other tool knows
    Tidy,
    /// No lint speaks
    Clippy,
    /// The documentation builds, and its links resolve
    Docs,
    /// Licences, sources and bans of the dependencies
    Deny,
    /// The web app's types, style and tests
    Web,
    /// Every test
    Tests,
}

/// How a step went.
#[derive(Debug)]
enum Verdict {
    Passed,
    /// There was nothing to check.
    Nothing,
    Failed(Failure),
}

/// One line of the table at the end.
struct Line {
    step: Step,
    verdict: Verdict,
    took: Duration,
}

/// Runs every step but those of `skip`, then shows one table. Fails when a step failed.
pub(crate) fn check(workspace: &Workspace, skip: &[Step]) -> Result<(), Failure> {
    let steps = Step::value_variants().iter().filter(|it| !skip.contains(it));
    let lines: Vec<Line> = steps.map(|step| timed(*step, workspace)).collect();
    println!();
    for line in &lines {
        println!("{line}");
    }
    match lines.iter().filter(|line| matches!(line.verdict, Verdict::Failed(_))).count() {
        0 => Ok(()),
        failed => Err(Failure::new(format!("{failed} of {} steps failed", lines.len()))),
    }
}

fn timed(step: Step, workspace: &Workspace) -> Line {
    let start = Instant::now();
    let verdict = perform(step, workspace).unwrap_or_else(Verdict::Failed);
    Line { step, verdict, took: start.elapsed() }
}

fn perform(step: Step, workspace: &Workspace) -> Result<Verdict, Failure> {
    match step {
        Step::Fmt => program::run(&mut program::cargo(["fmt", "--all", "--check"])),
        Step::Tidy => tidy::tidy(workspace),
        Step::Clippy => clippy(),
        Step::Docs => docs(),
        Step::Deny => deny::deny(workspace),
        Step::Web => return web::check(workspace).map(Verdict::from),
        Step::Tests => test::test(workspace, None),
    }?;
    Ok(Verdict::Passed)
}

fn clippy() -> Result<(), Failure> {
    program::run(&mut program::cargo(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
}

fn docs() -> Result<(), Failure> {
    let mut command = program::cargo(["doc", "--workspace", "--no-deps", "--locked"]);
    program::run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

impl From<Presence> for Verdict {
    fn from(presence: Presence) -> Self {
        match presence {
            Presence::There => Self::Passed,
            Presence::Absent => Self::Nothing,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = format!("{:?}", self.step).to_lowercase();
        write!(out, "{step:<8} {:<18} {:>12}", self.verdict.in_words(), timing::in_words(self.took))?;
        match &self.verdict {
            Verdict::Failed(failure) => write!(out, "   {failure}"),
            Verdict::Passed | Verdict::Nothing => Ok(()),
        }
    }
}

impl Verdict {
    fn in_words(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Nothing => "nothing to check",
            Self::Failed(_) => "FAILED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_says_why_in_the_table() {
        let verdict = Verdict::Failed(Failure::new("two lints"));
        let line = Line { step: Step::Clippy, verdict, took: Duration::from_secs(2) };

        assert_eq!(line.to_string(), "clippy   FAILED                    2.0 s   two lints");
    }

    #[test]
    fn a_tree_without_a_web_app_has_nothing_to_check() {
        assert_eq!(Verdict::from(Presence::Absent).in_words(), "nothing to check");
    }
}
