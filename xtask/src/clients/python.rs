//! The Python side: one virtual environment per list of pinned packages. The system's own packages are never touched.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder;
use crate::failure::Failure;
use crate::program;

/// Installs `requirements` into a virtual environment at `folder` and returns its `python`.
pub(crate) fn install(requirements: &Path, folder: &Path) -> Result<PathBuf, Failure> {
    let python = folder.join("bin/python");
    folder::filled_from(&[requirements.to_owned()], folder, || fill(requirements, folder, &python))?;
    Ok(python)
}

fn fill(requirements: &Path, folder: &Path, python: &Path) -> Result<(), Failure> {
    require_venv()?;
    program::run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"]);
    program::run(pip.arg(requirements))
}

fn require_venv() -> Result<(), Failure> {
    if program::succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        return Ok(());
    }
    Err(Failure::new(
        "Python 3 with `venv` is missing, which runs the Python SDK and schemathesis in the tests. \
         Debian and Ubuntu: `apt-get install python3-venv`; macOS: `brew install python`",
    ))
}
