//! Measures the proxies' memory: idle, after load, and while a thousand streams are open.

use crate::{
    answers::AnswerKind,
    load::{Fleet, Shot},
    plan::Scenario,
    procfs::{self, Memory},
    target::{Target, TargetKind},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{io, time::Duration};

/// Streams that are open at once.
pub const OPEN_STREAMS: usize = 1000;

/// How long a proxy is left alone before it counts as idle.
const SETTLE: Duration = Duration::from_secs(1);

/// Pause between events of the open streams: fifty events outlast the opening of a thousand connections.
const OPEN_PACE: Duration = Duration::from_millis(200);

/// How long the open streams flow before they are measured: three events each.
const FLOW: Duration = Duration::from_millis(600);

/// Longest opening of all streams; no answer lasts longer.
const OPENING_MAX: Duration = Duration::from_secs(10);

/// Memory of one proxy.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct MemoryResult {
    /// Which proxy.
    pub target: TargetKind,
    /// A second after its start.
    pub idle: Memory,
    /// A second after all load of one placement.
    pub after_load: Memory,
    /// While [`OPEN_STREAMS`] streams are open.
    pub streaming: Memory,
}

/// Lets this program, and those that it starts, open as many files as the system allows: a proxy has two connections a
/// stream, and a usual limit is 1,024.
///
/// # Errors
///
/// When the system refuses.
pub fn allow_open_streams() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?)
}

/// Memory of each proxy a second from now, in the order of `targets`; what is no proxy is left out.
///
/// # Errors
///
/// When a proxy has ended.
pub async fn settled(targets: &[Target]) -> io::Result<Vec<(TargetKind, Memory)>> {
    tokio::time::sleep(SETTLE).await;
    let mut memories = Vec::new();
    for target in targets {
        if let Some(pid) = target.pid() {
            memories.push((target.kind(), procfs::memory(pid)?));
        }
    }
    Ok(memories)
}

/// Memory of each proxy with [`OPEN_STREAMS`] streams open, which are broken off then.
///
/// # Errors
///
/// When a proxy has ended or does not open them all in time.
pub async fn streaming(targets: &[Target]) -> io::Result<Vec<(TargetKind, Memory)>> {
    let mut memories = Vec::new();
    for target in targets {
        let Some(pid) = target.pid() else { continue };
        let body = Scenario::PacedStream.body();
        let shot = Shot::new(target, &body, AnswerKind::PacedStream, Some(OPEN_PACE));
        let fleet = Fleet::open(target, OPEN_STREAMS, shot).await?;
        let open = tokio::time::timeout(OPENING_MAX, fleet.hold_open()).await??;
        tokio::time::sleep(FLOW).await;
        memories.push((target.kind(), procfs::memory(pid)?));
        drop(open);
    }
    Ok(memories)
}
