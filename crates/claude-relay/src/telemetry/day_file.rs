//! The log file of the day: another one each midnight (UTC), when it is full, and when somebody took it away. It never formats
//! a line.
//!
//! Days are UTC, as the times in the lines are, so that a line's file follows from its time. A line belongs to the day on which
//! it is written, up to the writer's patience after its time.

use super::{
    logs::LogError,
    retention::{self, Family, Keep, LogName, Part},
    writer::{Place, Sink},
};
use crate::durable_file::PRIVATE_FILE_MODE;
use domain::{Calendar, Timestamp};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Everything for the owner, nothing for anybody else.
const PRIVATE_DIR_MODE: u32 = 0o700;

/// A family's files.
#[derive(Debug)]
pub(super) struct DayFile {
    dir: PathBuf,
    family: Family,
    keep: Keep,
    /// None after a failure.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    name: LogName,
    file: File,
    bytes: u64,
    /// Device and number of the file, to notice that it was taken away.
    identity: (u64, u64),
}

impl DayFile {
    /// Opens the file of the day, with the directory for it, and removes old ones.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made, or no file in it be written.
    pub(super) fn open(dir: &Path, family: Family, keep: Keep, now: Timestamp) -> Result<Self, LogError> {
        let mut day_file = Self { dir: dir.to_owned(), family, keep, open: None };
        let failed = |cause| LogError::Directory { path: dir.to_owned(), cause };
        make_dir(dir).map_err(failed)?;
        day_file.prepare(now).map_err(failed)?;
        Ok(day_file)
    }

    fn begin(&mut self, name: LogName) -> io::Result<()> {
        self.open = None;
        make_dir(&self.dir)?;
        let path = name.path(&self.dir);
        if fs::metadata(&path).is_ok_and(|facts| facts.len() >= self.keep.part_bytes()) {
            let full = retention::full_name(&retention::list(&self.dir)?, name);
            fs::rename(&path, full.path(&self.dir))?;
        }
        self.open = Some(Open::new(name, &path)?);
        if let Err(error) = retention::clean(&self.dir, name, self.keep) {
            tracing::warn!(%error, "an old log file could not be removed");
        }
        Ok(())
    }
}

impl Sink for DayFile {
    fn prepare(&mut self, now: Timestamp) -> io::Result<Place> {
        let name = LogName { day: Calendar::utc().day(now), part: Part::Last, family: self.family };
        let fits = |open: &Open| open.name == name && open.bytes < self.keep.part_bytes() && open.is_at(&self.dir);
        if self.open.as_ref().is_some_and(fits) {
            return Ok(Place::Same);
        }
        self.begin(name).map(|()| Place::New)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let open = self.open.as_mut().ok_or(io::ErrorKind::NotFound)?;
        let room = self.keep.part_bytes().saturating_sub(open.bytes);
        let written = open.file.write(lines_within(bytes, usize::try_from(room).unwrap_or(usize::MAX)))?;
        open.bytes += written as u64;
        Ok(written)
    }
}

impl Open {
    fn new(name: LogName, path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(PRIVATE_FILE_MODE).open(path)?;
        let facts = file.metadata()?;
        end_last_line(&mut file, facts.len())?;
        Ok(Self { name, file, bytes: facts.len(), identity: (facts.dev(), facts.ino()) })
    }

    fn is_at(&self, dir: &Path) -> bool {
        fs::metadata(self.name.path(dir)).is_ok_and(|facts| (facts.dev(), facts.ino()) == self.identity)
    }
}

/// A crash or a full disk may have left half a line, which must not swallow the next one.
fn end_last_line(file: &mut File, bytes: u64) -> io::Result<()> {
    let mut last = [b'\n'];
    if bytes > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if last == [b'\n'] { Ok(()) } else { file.write_all(b"\n") }
}

/// The lines up to the one that fills `room`: a file is over its bound by part of a line, not by a burst of them.
fn lines_within(lines: &[u8], room: usize) -> &[u8] {
    let beyond = lines.get(room..).unwrap_or_default();
    beyond.iter().position(|byte| *byte == b'\n').map_or(lines, |at| &lines[..=room + at])
}

fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE_DIR_MODE).create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use tempfile::{TempDir, tempdir};

    const KEEP: Keep = Keep { days: 2, bytes_max: 800 };

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).expect("RFC 3339")
    }

    fn opened(parent: &TempDir) -> DayFile {
        let dir = parent.path().join("a/logs");
        DayFile::open(&dir, Family::Relay, KEEP, at("2026-11-23T23:59:59Z")).expect("opened")
    }

    fn write(file: &mut DayFile, now: &str, line: &str) -> Place {
        let place = file.prepare(at(now)).expect("ready");
        assert_eq!(file.write(line.as_bytes()).expect("written"), line.len());
        place
    }

    fn names(file: &DayFile) -> Vec<String> {
        let entries = fs::read_dir(&file.dir).expect("read").map(|it| it.expect("an entry").file_name());
        let mut names: Vec<_> = entries.map(|it| it.into_string().expect("text")).collect();
        names.sort();
        names
    }

    fn content(file: &DayFile, name: &str) -> String {
        fs::read_to_string(file.dir.join(name)).expect("there")
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    #[test]
    fn the_directory_and_the_file_are_the_owner_s_alone() {
        let parent = tempdir().expect("a directory");
        let file = opened(&parent);
        assert_eq!((mode(&file.dir), mode(&file.dir.join("claude-relay-2026-11-23.log"))), (0o700, 0o600));
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_told_with_the_way_out() {
        let parent = tempdir().expect("a directory");
        fs::write(parent.path().join("a"), "").expect("written");
        let dir = parent.path().join("a/logs");
        let error = DayFile::open(&dir, Family::Relay, KEEP, Timestamp::from_ms(0)).expect_err("below a file");
        let expected = format!(
            "cannot write log files in {}; let the user that runs the relay write there, or name another directory with --log-dir",
            dir.display()
        );
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn each_day_has_a_file_of_its_own() {
        let parent = tempdir().expect("a directory");
        let mut file = opened(&parent);
        assert_eq!(write(&mut file, "2026-11-23T23:59:59.999Z", "one\n"), Place::Same);
        assert_eq!(write(&mut file, "2026-11-24T00:00:00Z", "two\n"), Place::New);
        assert_eq!(content(&file, "claude-relay-2026-11-23.log"), "one\n");
        assert_eq!(content(&file, "claude-relay-2026-11-24.log"), "two\n");
    }

    #[test]
    fn a_full_file_is_set_aside_under_the_next_number() {
        let parent = tempdir().expect("a directory");
        let mut file = opened(&parent);
        for letter in ["a", "b", "c"] {
            write(&mut file, "2026-11-23T23:59:59Z", &format!("{}\n", letter.repeat(99)));
        }
        let expected =
            ["claude-relay-2026-11-23.1.log", "claude-relay-2026-11-23.2.log", "claude-relay-2026-11-23.log"];
        assert_eq!(names(&file), expected);
        assert!(content(&file, expected[2]).starts_with("ccc"));
    }

    #[test]
    fn a_burst_fills_a_file_with_whole_lines_and_goes_on_in_the_next() {
        let burst = format!("{0}\n{0}\n{0}\n", "x".repeat(59));
        let parent = tempdir().expect("a directory");
        let mut file = opened(&parent);
        let written = file.write(burst.as_bytes()).expect("written");
        assert_eq!(written, 120);
        assert_eq!(write(&mut file, "2026-11-23T23:59:59Z", &burst[written..]), Place::New);
    }

    #[test]
    fn all_files_together_stay_within_their_bound() {
        let parent = tempdir().expect("a directory");
        let mut file = opened(&parent);
        for _ in 0..50 {
            write(&mut file, "2026-11-23T23:59:59Z", &format!("{}\n", "x".repeat(99)));
            let bytes: u64 = names(&file).iter().map(|it| content(&file, it).len() as u64).sum();
            assert!(bytes <= KEEP.bytes_max, "{bytes}");
        }
    }

    #[test]
    fn files_that_are_too_old_go_at_the_start_and_others_stay() {
        let parent = tempdir().expect("a directory");
        let dir = parent.path().join("a/logs");
        fs::create_dir_all(&dir).expect("made");
        for name in ["claude-relay-2026-11-20.log", "claude-relay-2026-11-21.log", "notes.log"] {
            fs::write(dir.join(name), "x\n").expect("written");
        }
        let file = opened(&parent);
        assert_eq!(names(&file), ["claude-relay-2026-11-21.log", "claude-relay-2026-11-23.log", "notes.log"]);
    }

    #[test]
    fn a_file_that_was_taken_away_is_begun_anew() {
        let parent = tempdir().expect("a directory");
        let mut file = opened(&parent);
        write(&mut file, "2026-11-23T23:59:59Z", "one\n");
        fs::remove_dir_all(&file.dir).expect("removed");
        assert_eq!(write(&mut file, "2026-11-23T23:59:59Z", "two\n"), Place::New);
        assert_eq!(content(&file, "claude-relay-2026-11-23.log"), "two\n");
    }

    #[test]
    fn half_a_line_of_an_earlier_run_stays_one_line() {
        let parent = tempdir().expect("a directory");
        let mut file = opened(&parent);
        write(&mut file, "2026-11-23T23:59:59Z", "{\"half");
        drop(file);
        let mut file = opened(&parent);
        write(&mut file, "2026-11-23T23:59:59Z", "{}\n");
        assert_eq!(content(&file, "claude-relay-2026-11-23.log"), "{\"half\n{}\n");
    }
}
