//! Redis 7: the system's own, else Debian's package, unpacked below `target` so that no service is installed or started.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::program;

/// The program that the tests start.
const PROGRAM: &str = "redis-server";

/// The oldest that the relay works with.
const MAJOR_MIN: u32 = 7;

/// The same program under the name of a tool, as Debian's package of tools has it: what it is called decides what it does.
const TOOL: &str = "redis-check-rdb";

/// Debian's packages that hold it, and what it is linked with beyond the base system.
const PACKAGES: [&str; 4] = ["redis-tools", "libjemalloc2", "liblzf1", "libatomic1"];

/// The program's path. Takes the system's own if it is new enough, else unpacks Debian's into `folder`.
pub(super) fn install(folder: &Path) -> Result<PathBuf, Failure> {
    fs::create_dir_all(folder).map_err(Failure::during(format!("creating {}", folder.display())))?;
    let own = folder.join(PROGRAM);
    let tool = Path::new("/usr/bin").join(TOOL);
    if !own.exists() && tool.exists() {
        symlink(&tool, &own).map_err(Failure::during(format!("making {}", own.display())))?;
    }
    if let Some(there) = [PathBuf::from(PROGRAM), own.clone()].into_iter().find(|candidate| works(candidate)) {
        return Ok(there);
    }
    let missing = |cause: &dyn std::fmt::Display| Failure::new(format!("{cause}; Redis {MAJOR_MIN} is missing: {HOW}"));
    unpack(folder).map_err(|cause| missing(&cause))?;
    if works(&own) { Ok(own) } else { Err(missing(&"what was unpacked does not start")) }
}

const HOW: &str =
    "install it (`apt-get install redis-server`, `brew install redis`) so that `redis-server` is in the PATH";

/// Whether this is a Redis server that is new enough.
fn works(path: &Path) -> bool {
    let Ok(output) = Command::new(path).arg("--version").output() else { return false };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split("v=").nth(1).and_then(|rest| rest.split('.').next()).and_then(|major| major.parse().ok());
    version.is_some_and(|major: u32| major >= MAJOR_MIN)
}

/// Fetches Debian's packages and unpacks them, and writes what starts the program with the libraries beside it. Needs no rights of
/// an administrator.
fn unpack(folder: &Path) -> Result<(), Failure> {
    program::run(Command::new("apt-get").arg("download").args(PACKAGES).current_dir(folder))?;
    let entries = fs::read_dir(folder).map_err(Failure::during(format!("reading {}", folder.display())))?;
    for entry in entries.flatten().map(|entry| entry.path()) {
        if entry.extension().is_some_and(|extension| extension == "deb") {
            program::run(Command::new("dpkg").arg("-x").arg(&entry).arg(folder))?;
        }
    }
    let renamed = folder.join("usr/bin").join(PROGRAM);
    fs::rename(folder.join("usr/bin").join(TOOL), &renamed).map_err(Failure::during("unpacking Redis".to_owned()))?;
    let (libraries, own) = (folder.join("usr/lib"), folder.join(PROGRAM));
    let text = format!(
        "#!/bin/sh\nexport LD_LIBRARY_PATH=\"$(find '{}' -type d | tr '\\n' ':')\"\nexec '{}' \"$@\"\n",
        libraries.display(),
        renamed.display()
    );
    let _ = fs::remove_file(&own);
    fs::write(&own, text).map_err(Failure::during(format!("writing {}", own.display())))?;
    program::run(Command::new("chmod").arg("755").arg(&own))
}
