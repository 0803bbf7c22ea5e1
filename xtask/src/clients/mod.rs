//! The programs that the tests run: Redis, the official SDKs, Claude Code, Codex CLI, Gemini CLI, claude-code-router, schemathesis, and a mock
//! provider and proxies of other authors.
//! All of them are pinned in `tests/clients`, `tests/contract` and `tests/proxies`, and live below `target/test-tools`; nothing outside of it is changed.

mod folder;
mod node;
mod python;
mod redis;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::workspace::Workspace;

/// Where the installed programs are. Each path reaches the tests in an environment variable.
pub(crate) struct Clients {
    node: node::Node,
    python: PathBuf,
    python_sdk1: PathBuf,
    python_openai: PathBuf,
    python_proxies: PathBuf,
    schemathesis: PathBuf,
    redis_server: PathBuf,
}

impl Clients {
    /// Installs what is missing or out of date. Fails with the command that gets it when Python or npm is not there.
    pub(crate) fn install(workspace: &Workspace) -> Result<Self, Failure> {
        let tools = workspace.target.join("test-tools");
        let manifests = workspace.root.join("tests/clients");
        fs::create_dir_all(&tools).map_err(Failure::during(format!("creating {}", tools.display())))?;
        let _alone = lock(&tools.join("lock"))?;
        Ok(Self {
            node: node::install(&manifests, &tools.join("node"))?,
            python: python::install(&manifests.join("requirements.txt"), &tools.join("venv"))?,
            python_sdk1: python::install(&manifests.join("requirements-sdk1.txt"), &tools.join("venv-sdk1"))?,
            python_openai: python::install(&manifests.join("requirements-openai.txt"), &tools.join("venv-openai"))?,
            python_proxies: python::install(
                &workspace.root.join("tests/proxies/requirements.txt"),
                &tools.join("venv-proxies"),
            )?,
            schemathesis: python::install(
                &workspace.root.join("tests/contract/requirements.txt"),
                &tools.join("venv-contract"),
            )?,
            redis_server: redis::install(&tools.join("redis"))?,
        })
    }

    /// Tells the tests where the programs are.
    pub(crate) fn export_to(&self, command: &mut Command) {
        command
            .env("CLAUDE_RELAY_TEST_NODE", &self.node.executable)
            .env("CLAUDE_RELAY_TEST_NODE_MODULES", &self.node.modules)
            .env("CLAUDE_RELAY_TEST_PYTHON", &self.python)
            .env("CLAUDE_RELAY_TEST_PYTHON_SDK1", &self.python_sdk1)
            .env("CLAUDE_RELAY_TEST_PYTHON_OPENAI", &self.python_openai)
            .env("CLAUDE_RELAY_TEST_PYTHON_PROXIES", &self.python_proxies)
            .env("CLAUDE_RELAY_TEST_SCHEMATHESIS", &self.schemathesis)
            .env("CLAUDE_RELAY_TEST_REDIS_SERVER", &self.redis_server);
    }
}

/// Waits until no other run installs into the same folder; dropping the file lets the next one in.
fn lock(path: &Path) -> Result<File, Failure> {
    let file = File::create(path).map_err(Failure::during(format!("creating {}", path.display())))?;
    file.lock().map_err(Failure::during(format!("locking {}", path.display())))?;
    Ok(file)
}
