//! The names of log files, and which of them go: by age, and the oldest where all together are too large.

use domain::Day;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What a log file is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    /// `claude-relay-*.log`: what the relay does.
    Relay,
    /// `http-debug-*.log`: requests and answers.
    HttpDebug,
}

/// One log file's name, in order of age: day, then part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LogName {
    pub(super) day: Day,
    pub(super) part: Part,
    pub(super) family: Family,
}

/// Which file of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// `claude-relay-2026-11-23.4.log`: the fourth that was full.
    Full(u32),
    /// `claude-relay-2026-11-23.log`: the one that is written.
    Last,
}

/// How much of the past is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keep {
    /// Days before today.
    pub(super) days: u32,
    /// Bytes of all files together.
    pub(super) bytes_max: u64,
}

/// A file that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    name: LogName,
    bytes: u64,
}

/// Parts that `bytes_max` is divided into: so much goes at once when it is reached.
const PARTS: u64 = 8;

impl Family {
    /// Each of them.
    pub(super) const ALL: [Self; 2] = [Self::Relay, Self::HttpDebug];

    const fn prefix(self) -> &'static str {
        match self {
            Self::Relay => "claude-relay-",
            Self::HttpDebug => "http-debug-",
        }
    }
}

impl Keep {
    /// Bytes from which on a file is full.
    pub(super) const fn part_bytes(self) -> u64 {
        self.bytes_max / PARTS
    }

    /// Bytes of files that may stay, so that one more of each family fits.
    const fn bytes_kept(self) -> u64 {
        self.bytes_max - self.part_bytes() * Family::ALL.len() as u64
    }
}

impl LogName {
    /// Reads a file's name; none for a file that is not ours.
    fn parse(name: &str) -> Option<Self> {
        let (family, rest) = Family::ALL.iter().find_map(|it| Some((*it, name.strip_prefix(it.prefix())?)))?;
        let (day, part) = rest.strip_suffix(".log")?.split_at_checked(10)?;
        let part = match part.strip_prefix('.') {
            Some(number) => Part::Full(number.parse().ok()?),
            None if part.is_empty() => Part::Last,
            None => return None,
        };
        Some(Self { day: Day::parse(day)?, part, family })
    }

    pub(super) fn path(self, dir: &Path) -> PathBuf {
        let (prefix, day) = (self.family.prefix(), self.day);
        dir.join(match self.part {
            Part::Full(number) => format!("{prefix}{day}.{number}.log"),
            Part::Last => format!("{prefix}{day}.log"),
        })
    }
}

/// The log files in `dir`, from the oldest to the newest.
pub(super) fn list(dir: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Some(name) = entry.file_name().to_str().and_then(LogName::parse) else { continue };
        // Gone in between, or no file: nothing of ours.
        let Ok(facts) = entry.metadata() else { continue };
        if facts.is_file() {
            found.push(Found { name, bytes: facts.len() });
        }
    }
    found.sort_by_key(|it| it.name);
    Ok(found)
}

/// The name for the file of `last` that is full now: the highest number of its day and family yet.
pub(super) fn full_name(found: &[Found], last: LogName) -> LogName {
    let of_day = found.iter().map(|it| it.name).filter(|it| it.day == last.day && it.family == last.family);
    let highest = of_day.filter_map(|it| if let Part::Full(number) = it.part { Some(number) } else { None }).max();
    LogName { part: Part::Full(highest.unwrap_or(0).saturating_add(1)), ..last }
}

/// Removes what is too old or too much; `written` stays in any case.
///
/// # Errors
///
/// When a file cannot be removed; the others are.
pub(super) fn clean(dir: &Path, written: LogName, keep: Keep) -> io::Result<()> {
    let found = list(dir)?;
    let mut all = Ok(());
    for name in expired(&found, written, keep) {
        all = all.and(fs::remove_file(name.path(dir)));
    }
    all
}

/// Which of `found`, sorted by age, go.
fn expired(found: &[Found], written: LogName, keep: Keep) -> Vec<LogName> {
    let first_day = written.day.plus_days(i32::try_from(keep.days).map_or(i32::MIN, |days| -days));
    let mut bytes: u64 = found.iter().map(|it| it.bytes).sum();
    let mut gone = Vec::new();
    for file in found.iter().filter(|it| it.name != written) {
        if file.name.day < first_day || bytes > keep.bytes_kept() {
            bytes -= file.bytes;
            gone.push(file.name);
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> LogName {
        LogName::parse(text).expect("a log file's name")
    }

    fn found(files: &[(&str, u64)]) -> Vec<Found> {
        files.iter().map(|(text, bytes)| Found { name: name(text), bytes: *bytes }).collect()
    }

    fn names(gone: &[LogName]) -> Vec<String> {
        gone.iter().map(|it| it.path(Path::new("")).display().to_string()).collect()
    }

    #[test]
    fn a_name_reads_as_it_is_written() {
        for text in ["claude-relay-2026-11-23.log", "http-debug-2026-11-23.12.log"] {
            assert_eq!(name(text).path(Path::new("logs")), Path::new("logs").join(text));
        }
    }

    #[test]
    fn other_files_are_not_ours() {
        let others =
            ["claude-relay-2026-11-23.log.gz", "claude-relay-error.log", "claude-relay-2026-11-23x.log", "a.log"];
        for text in others.into_iter().chain(["claude-relay-2026-13-01.log", "claude-relay-2026-11-23.x.log", ""]) {
            assert_eq!(LogName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn files_older_than_the_days_kept_go() {
        let files = [
            ("claude-relay-2026-11-20.log", 1),
            ("http-debug-2026-11-20.log", 1),
            ("claude-relay-2026-11-21.log", 1),
            ("claude-relay-2026-11-23.log", 1),
        ];
        let gone = expired(&found(&files), name(files[3].0), Keep { days: 2, bytes_max: 1000 });
        assert_eq!(names(&gone), ["claude-relay-2026-11-20.log", "http-debug-2026-11-20.log"]);
    }

    #[test]
    fn the_oldest_go_until_the_rest_leaves_room_for_a_part_of_each_family() {
        let files = [
            ("claude-relay-2026-11-22.1.log", 10),
            ("claude-relay-2026-11-22.2.log", 10),
            ("http-debug-2026-11-22.log", 10),
            ("claude-relay-2026-11-23.1.log", 50),
            ("claude-relay-2026-11-23.log", 10),
        ];
        let gone = expired(&found(&files), name(files[4].0), Keep { days: 9, bytes_max: 100 });
        assert_eq!(names(&gone), ["claude-relay-2026-11-22.1.log", "claude-relay-2026-11-22.2.log"]);
    }

    #[test]
    fn the_file_that_is_written_stays_however_large() {
        let files = [("claude-relay-2026-11-23.log", 1000)];
        assert_eq!(expired(&found(&files), name(files[0].0), Keep { days: 0, bytes_max: 8 }), []);
    }

    #[test]
    fn a_full_file_gets_the_next_number_of_its_day() {
        let files = [("claude-relay-2026-11-22.7.log", 1), ("claude-relay-2026-11-23.2.log", 1)];
        let full = full_name(&found(&files), name("claude-relay-2026-11-23.log"));
        assert_eq!(names(&[full]), ["claude-relay-2026-11-23.3.log"]);
    }
}
