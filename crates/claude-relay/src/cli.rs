//! The command line: what there is to say, and how its end becomes an exit code. What a command does stands in its own room;
//! all but a few are calls of the admin API and nothing else.

mod account;
mod account_group;
mod admin;
mod api;
mod api_key;
mod audit;
mod console;
mod desk;
mod doctor;
mod fields;
mod figures;
mod find;
mod listing;
mod manual;
mod oauth;
mod one;
mod place;
mod refused;
mod secret;
mod settings;
mod setup;
mod sheet;
mod status;
mod table;
mod tag;
mod usage;
mod user;
mod way;

pub(crate) use desk::Desk;
pub(crate) use setup::tell;

use crate::{
    config::{Environment, Flags, Inputs, Loaded, load},
    machine, serve,
};
use clap::{Parser, Subcommand};
use place::Place;
use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

/// Why a command failed; its causes are printed below each other.
pub(crate) type CommandError = Box<dyn Error + Send + Sync>;

/// How a command ended that could do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All is well.
    Fine,
    /// What was looked at is not well: the exit code says so.
    Failed,
}

/// A relay between a team's AI clients and the team's accounts at the providers.
#[derive(Debug, Parser)]
#[command(name = "claude-relay", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the relay. The first start sets everything up and shows the administrator's password once.
    Serve(Flags),
    /// Make the data directory, the secrets and the first administrator, and stop.
    Setup(Flags),
    /// Show the relay at a glance: whether it runs, its store, its accounts, today's usage
    Status(Place),
    /// Check the installation, and say what to do about what is wrong
    Doctor(Place),
    /// Keys of the relay's clients
    ApiKey(api_key::ApiKeyArgs),
    /// Labels of the relay's keys
    Tag(tag::TagArgs),
    /// Accounts at providers
    Account(account::AccountArgs),
    /// Groups of accounts that keys can be bound to
    AccountGroup(account_group::AccountGroupArgs),
    /// How accounts sign in at their providers: the operator's OAuth clients
    #[command(name = "oauth-client")]
    OAuthClient(oauth::OAuthClientArgs),
    /// Usage and costs: sums, top lists, trends, and the records that they are the sums of
    Usage(usage::UsageArgs),
    /// Show the settings that hold, and where each comes from
    Settings(Place),
    /// Administrators of the relay
    Admin(admin::AdminArgs),
    /// People with keys of their own
    User(user::UserArgs),
    /// The audit log: who did what, and what was there before
    Audit(audit::AuditArgs),
    /// Write the completions of a shell to standard output
    Completions(manual::CompletionsArgs),
    /// Write the manual's pages into a directory
    Man(manual::ManArgs),
}

/// Runs the command of this process.
#[must_use]
pub fn run() -> ExitCode {
    match obey(Cli::parse().command) {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::FAILURE,
        Err(error) => {
            report(&*error);
            ExitCode::FAILURE
        }
    }
}

fn obey(command: Command) -> Result<Verdict, CommandError> {
    match command {
        Command::Serve(flags) => read_settings(flags).and_then(serve::serve).map(fine),
        Command::Setup(flags) => read_settings(flags).and_then(|loaded| setup::run(&loaded)).map(fine),
        Command::Status(place) => desk::at(&place, status::run),
        Command::Doctor(place) => doctor::run(&place),
        Command::ApiKey(args) => desk::at(&args.place, async |desk| api_key::run(&args, desk).await),
        Command::Tag(args) => desk::at(&args.place, async |desk| tag::run(&args, desk).await),
        Command::Account(args) => desk::at(&args.place, async |desk| account::run(&args, desk).await),
        Command::AccountGroup(args) => desk::at(&args.place, async |desk| account_group::run(&args, desk).await),
        Command::OAuthClient(args) => desk::at(&args.place, async |desk| oauth::run(&args, desk).await),
        Command::Usage(args) => desk::at(&args.place, async |desk| usage::run(&args, desk).await),
        Command::Settings(place) => desk::at(&place, settings::run),
        Command::Admin(args) => desk::at(&args.place, async |desk| admin::run(&args, desk).await),
        Command::User(args) => desk::at(&args.place, async |desk| user::run(&args, desk).await),
        Command::Audit(args) => desk::at(&args.place, async |desk| audit::run(&args, desk).await),
        Command::Completions(args) => manual::completions(&args).map(fine),
        Command::Man(args) => manual::pages(&args).map(fine),
    }
}

const fn fine((): ()) -> Verdict {
    Verdict::Fine
}

/// The settings of an installation.
pub(crate) fn read_settings(flags: Flags) -> Result<Loaded, CommandError> {
    let inputs = Inputs { flags, environment: Environment::inherited(), memory_bytes: machine::memory_bytes() };
    Ok(load(&inputs)?)
}

fn report(error: &(dyn Error + 'static)) {
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(io::stderr(), "claude-relay: {error}");
    for cause in causes(error) {
        let _ = writeln!(io::stderr(), "  because: {cause}");
    }
}

/// What is behind an error, the nearest first.
fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut causes = Vec::new();
    let mut behind = error.source();
    while let Some(cause) = behind {
        causes.push(cause.to_string());
        behind = cause.source();
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }
}
