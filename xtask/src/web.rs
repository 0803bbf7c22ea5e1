//! The web app, as far as building and checking it goes. Where there is no `web/package.json`, nothing happens.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::Failure;
use crate::program;
use crate::workspace::Workspace;

/// Whether this tree has a web app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It has one, and the step ran over it.
    There,
    /// There is no `web/package.json`.
    Absent,
}

/// Builds `web/dist`, which the `ui` crate embeds.
pub(crate) fn build(workspace: &Workspace) -> Result<Presence, Failure> {
    each_script(workspace, &["build"])
}

/// Runs the web app's own `check` (types, style) and `test`.
pub(crate) fn check(workspace: &Workspace) -> Result<Presence, Failure> {
    each_script(workspace, &["check", "test"])
}

fn each_script(workspace: &Workspace, scripts: &[&str]) -> Result<Presence, Failure> {
    let Some(folder) = folder(workspace) else { return Ok(Presence::Absent) };
    program::run(Command::new("npm").arg("ci").current_dir(&folder))?;
    for script in scripts {
        program::run(Command::new("npm").args(["run", script]).current_dir(&folder))?;
    }
    Ok(Presence::There)
}

/// The folder of the web app, if there is one.
fn folder(workspace: &Workspace) -> Option<PathBuf> {
    let folder = workspace.root.join("web");
    folder.join("package.json").is_file().then_some(folder)
}
