//! `cargo xtask`: the project's commands. Nothing here ships with the product.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool of the terminal speaks to its terminal")]

mod bench;
mod check;
mod clients;
mod deny;
mod failure;
mod program;
mod run;
mod soak;
mod tally;
mod test;
mod tidy;
mod timing;
mod web;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::failure::Failure;
use crate::workspace::Workspace;

/// The project's commands
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Build the relay in its release profile and start `claude-relay serve`
    Run {
        /// What `claude-relay serve` is given, for example `--listen 127.0.0.1:3000`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run every test; what the tests need is installed below `target/` first
    Test {
        /// Run only the tests whose name contains this text
        filter: Option<String>,
    },
    /// Run what a change must pass: fmt, clippy, docs, tidy, deny, tests, web
    Check {
        /// A step to leave out; may be given more than once
        #[arg(long, value_enum)]
        skip: Vec<check::Step>,
    },
    /// Check the rules of this tree that no other tool knows
    Tidy,
    /// Build the relay as it ships and measure it against a bare proxy
    Bench {
        /// What the `bench` program is given
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run the tests that repeat, ten times as often as `test` does
    Soak,
}

fn main() -> ExitCode {
    match perform(Task::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nxtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<(), Failure> {
    let workspace = Workspace::load()?;
    match task {
        Task::Run { args } => run::run(&workspace, &args),
        Task::Test { filter } => test::test(&workspace, filter.as_deref()),
        Task::Check { skip } => check::check(&workspace, &skip),
        Task::Tidy => tidy::tidy(&workspace),
        Task::Bench { args } => bench::bench(&workspace, &args),
        Task::Soak => soak::soak(),
    }
}
