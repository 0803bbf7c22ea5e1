//! How much memory this process may use: the machine's, or less where a control group says so. Nothing is guessed.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the kernel shows control groups, version 2.
const CGROUP_ROOT: &str = "/sys/fs/cgroup";

/// Bytes of memory that this process may use; none when the system does not say.
#[must_use]
pub fn memory_bytes() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_in_meminfo(&text));
    let group = fs::read_to_string("/proc/self/cgroup").ok().and_then(|text| group_path(&text));
    let limits = group.into_iter().flat_map(|path| limit_files(&path)).filter_map(|file| read_limit(&file));
    limits.chain(machine).min()
}

/// `MemTotal` of `/proc/meminfo`, which is in KiB whatever its unit is called.
fn total_in_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

/// The path of the version 2 group in `/proc/self/cgroup`: the line of hierarchy 0.
fn group_path(text: &str) -> Option<PathBuf> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(Path::new(CGROUP_ROOT).join(path))
}

/// The limit of a group and those of every group around it: the smallest holds.
fn limit_files(group: &Path) -> Vec<PathBuf> {
    let groups = group.ancestors().take_while(|ancestor| ancestor.starts_with(CGROUP_ROOT));
    groups.map(|ancestor| ancestor.join("memory.max")).collect()
}

fn read_limit(file: &Path) -> Option<u64> {
    parse_limit(&fs::read_to_string(file).ok()?)
}

/// A number of bytes; `max` is no limit.
fn parse_limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_s_memory_is_read_in_bytes() {
        let text = "MemTotal:       32781216 kB\nMemFree:          123456 kB\n";
        assert_eq!(total_in_meminfo(text), Some(32_781_216 * 1024));
        assert_eq!(total_in_meminfo("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn a_group_s_limit_and_those_around_it_are_looked_at() {
        let group = group_path("12:cpu:/x\n0::/system.slice/relay.service\n").expect("a group");
        let files: Vec<String> = limit_files(&group).iter().map(|file| file.display().to_string()).collect();
        assert_eq!(
            files,
            [
                "/sys/fs/cgroup/system.slice/relay.service/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
    }

    #[test]
    fn max_is_no_limit() {
        assert_eq!(parse_limit("max\n"), None);
        assert_eq!(parse_limit("536870912\n"), Some(536_870_912));
    }
}
