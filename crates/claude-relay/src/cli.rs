//! The command line: what there is to say, and how its end becomes an exit code. What a command does stands in its own room.

use crate::{
    clock::SystemClock,
    config::{Environment, Flags, Inputs, Loaded, load},
    data_dir::DataDir,
    first_start::{self, SetupReport},
    machine, serve,
};
use clap::{Parser, Subcommand};
use secrecy::ExposeSecret;
use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};
use store::Clock;

/// Why a command failed; its causes are printed below each other.
pub(crate) type CommandError = Box<dyn Error + Send + Sync>;

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
}

/// Runs the command of this process.
#[must_use]
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(flags) => read_settings(flags).and_then(serve::serve),
        Command::Setup(flags) => read_settings(flags).and_then(|loaded| setup(&loaded)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&*error);
            ExitCode::FAILURE
        }
    }
}

fn read_settings(flags: Flags) -> Result<Loaded, CommandError> {
    let inputs = Inputs { flags, environment: Environment::inherited(), memory_bytes: machine::memory_bytes() };
    Ok(load(&inputs)?)
}

fn setup(loaded: &Loaded) -> Result<(), CommandError> {
    let (dir, mut notes) = DataDir::open(&loaded.settings.data_dir)?;
    let dir = dir.lock()?;
    let report = first_start::setup(&dir, &loaded.settings, SystemClock.now())?;
    notes.extend(loaded.notes.iter().cloned());
    for note in notes {
        writeln!(io::stderr(), "note: {note}")?;
    }
    tell(&report)
}

/// Tells the operator what was made. The password is shown here and nowhere else.
pub(crate) fn tell(report: &SetupReport) -> Result<(), CommandError> {
    if report.files.is_empty() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    writeln!(out, "claude-relay is set up in {}", report.data_dir.display())?;
    for file in &report.files {
        writeln!(out, "  made {}", file.display())?;
    }
    if let Some(admin) = &report.admin {
        writeln!(out, "  administrator: {}", admin.username)?;
        let shown = match &admin.password {
            Some(password) => format!("{}   (shown this once: keep it now)", password.expose_secret()),
            None => "as given in ADMIN_PASSWORD".to_owned(),
        };
        writeln!(out, "  password:      {shown}")?;
    }
    out.flush()?;
    Ok(())
}

fn report(error: &(dyn Error + 'static)) {
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(io::stderr(), "claude-relay: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = writeln!(io::stderr(), "  because: {error}");
        cause = error.source();
    }
}
