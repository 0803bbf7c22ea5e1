//! `claude-relay setup`, and what a first start tells the operator.

use crate::{
    cli::CommandError,
    clock::SystemClock,
    config::Loaded,
    data_dir::DataDir,
    first_start::{self, SetupReport},
};
use secrecy::ExposeSecret;
use std::io::{self, Write};
use store::Clock;

/// Makes everything that a first start would make.
pub(crate) fn run(loaded: &Loaded) -> Result<(), CommandError> {
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
