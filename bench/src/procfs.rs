//! What Linux says about a process: time on the processor, and memory. Linux only.

use std::{fs, io, time::Duration};

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Memory {
    /// Resident now (`VmRSS`).
    pub resident: u64,
    /// Of that, what is not mapped from a file (`RssAnon`): what the program asked for.
    pub anonymous: u64,
    /// The most that was ever resident (`VmHWM`).
    pub peak: u64,
}

/// Time that a process has spent on processors so far, user and system (`/proc/PID/stat`, in ticks of 10 ms).
///
/// # Errors
///
/// When there is no such process.
pub fn cpu_time(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = cpu_ticks(&stat).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Duration::from_micros(ticks.saturating_mul(1_000_000) / rustix::param::clock_ticks_per_second()))
}

/// Memory of a process (`/proc/PID/status`).
///
/// # Errors
///
/// When there is no such process.
pub fn memory(pid: u32) -> io::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let bytes = |field: &str| status_bytes(&status, field).ok_or(io::ErrorKind::InvalidData);
    Ok(Memory { resident: bytes("VmRSS:")?, anonymous: bytes("RssAnon:")?, peak: bytes("VmHWM:")? })
}

/// Fields 14 and 15. The second field, the name, may itself contain blanks and brackets.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11).map(str::parse::<u64>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

fn status_bytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_a_name_with_brackets() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 250 31 7 8 20 0 9 0 100 0 0";
        assert_eq!(cpu_ticks(stat), Some(281));
    }

    #[test]
    fn memory_of_this_process_is_not_nothing_and_not_over_its_peak() {
        let memory = memory(std::process::id()).unwrap();
        assert!(memory.resident > 0 && memory.resident <= memory.peak && memory.anonymous <= memory.resident);
    }
}
