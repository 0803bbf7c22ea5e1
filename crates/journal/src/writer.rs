//! Takes everything queued, writes it in one transaction, tells who waits. Nothing here waits for a disk sync.
//!
//! A thread does this for many attempts at once, and whatever takes longer. While little goes on, the task that waits for its
//! record does it itself.

use crate::{
    error::NotWritten,
    file::LogFile,
    inbox::{Closing, Core, Entry, Turn, Wait},
};
use std::{
    collections::VecDeque,
    mem,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// How long an opening waits for its end before it is written: most short attempts are never written twice.
const OPENING_LINGER: Duration = Duration::from_millis(10);

/// After a failed write the next is tried this much later.
const RETRY: Duration = Duration::from_millis(200);

/// With fewer attempts open, commits are not spaced.
const CROWD: usize = 16;

/// From one commit's beginning to the next in a crowd, per open attempt: what a commit costs is shared by the answers that end
/// in between. At 20,000 attempts a second it adds a twentieth to the time that an attempt takes anyway.
const COMMIT_SPACING: Duration = Duration::from_micros(5);

/// The longest spacing: nobody sees a millisecond.
const COMMIT_SPACING_MAX: Duration = Duration::from_millis(1);

/// The file, and what is not in it yet.
pub(crate) struct Writer {
    file: LogFile,
    entries: Vec<Entry>,
    openings: Openings,
    /// Ended, not yet written.
    closings: Vec<Closing>,
    marks: Vec<oneshot::Sender<i64>>,
    /// When what was queued was last looked at.
    began: Instant,
    /// When the last transaction of records began.
    committed: Option<Instant>,
    /// A write failed; try again then.
    retry_at: Option<Instant>,
}

/// Openings that are in memory only, in their order. One whose attempt ended is none.
#[derive(Default)]
struct Openings {
    /// The number of the first.
    first: u64,
    waiting: VecDeque<(Instant, Option<Vec<u8>>)>,
}

/// The thread: runs until the inbox is stopped; answers how many records could not be written.
pub(crate) fn run(core: &Core) -> usize {
    loop {
        let wait = core.writer.lock().wait(core);
        core.inbox.wait(&wait);
        if let Some(unwritten) = core.writer.lock().write_all(core) {
            return unwritten;
        }
    }
}

impl Writer {
    pub(crate) fn new(file: LogFile) -> Self {
        Self {
            file,
            entries: Vec::new(),
            openings: Openings::default(),
            closings: Vec::new(),
            marks: Vec::new(),
            began: Instant::now(),
            committed: None,
            retry_at: None,
        }
    }

    pub(crate) fn last_seq(&self) -> i64 {
        self.file.last_seq()
    }

    /// Writes what is queued if it is time, and records only; answers whether it did.
    pub(crate) fn write_records(&mut self, core: &Core) -> bool {
        let taken =
            self.next_commit(core).is_none_or(|at| at <= Instant::now()) && core.inbox.take_records(&mut self.entries);
        if taken {
            self.write(core, Turn::Open);
            // The thread may have fallen asleep before, without a time to wake up.
            if self.retry_at.is_some() || !self.openings.waiting.is_empty() {
                core.inbox.look_again();
            }
        }
        taken
    }

    /// Does all that is queued. After the last time, answers how many records could not be written.
    fn write_all(&mut self, core: &Core) -> Option<usize> {
        let turn = core.inbox.take(&mut self.entries);
        self.write(core, turn);
        (turn == Turn::Last).then(|| self.closings.drain(..).count())
    }

    fn wait(&self, core: &Core) -> Wait {
        if self.retry_at.is_some() {
            return Wait { quiet_until: self.retry_at, due: self.retry_at };
        }
        // Stays awake to openings for a while after each turn: that saves waking the thread for each of them.
        let awake = self.began + OPENING_LINGER;
        let due = self.openings.due().or_else(|| (Instant::now() < awake).then_some(awake));
        Wait { quiet_until: self.next_commit(core), due }
    }

    /// When the next commit may begin; none: at any time.
    fn next_commit(&self, core: &Core) -> Option<Instant> {
        let (open, committed) = (core.slots.taken(), self.committed?);
        let spacing = COMMIT_SPACING * u32::try_from(open).unwrap_or(u32::MAX);
        (open >= CROWD).then(|| committed + spacing.min(COMMIT_SPACING_MAX))
    }

    fn write(&mut self, core: &Core, turn: Turn) {
        self.began = Instant::now();
        let mut entries = mem::take(&mut self.entries);
        for entry in entries.drain(..) {
            self.sort(core, entry);
        }
        self.entries = entries;
        let due = match turn {
            Turn::Open => self.openings.due_count(self.began),
            Turn::Last => self.openings.waiting.len(),
        };
        match self.write_group(core, due) {
            Ok(()) => self.wrote(core, due),
            Err(error) => self.failed(core, &error),
        }
    }

    fn sort(&mut self, core: &Core, entry: Entry) {
        match entry {
            Entry::Opening(record) => self.openings.waiting.push_back((self.began + OPENING_LINGER, Some(record))),
            Entry::Closing(mut closing) => {
                if let Some(record) = closing.opening.and_then(|number| self.openings.remove(number)) {
                    closing.opening = None;
                    closing.record.get_or_insert(record);
                }
                self.closings.push(closing);
            }
            Entry::Mark(reply) => self.marks.push(reply),
            Entry::Cut(reply) => drop(reply.send(self.counted(core, LogFile::cut))),
            Entry::Forget(what, reply) => drop(reply.send(self.counted(core, |file| file.forget(what)))),
            Entry::Lineage(lineage, reply) => drop(reply.send(self.counted(core, |file| file.note_lineage(&lineage)))),
            Entry::NewEpoch(after_seq, reply) => drop(reply.send(self.counted(core, |file| file.new_epoch(after_seq)))),
        }
    }

    fn write_group(&mut self, core: &Core, due: usize) -> rusqlite::Result<()> {
        if self.retry_at.is_some() {
            self.counted(core, LogFile::probe)?;
        }
        if due > 0 || !self.closings.is_empty() {
            self.committed = Some(self.began);
            self.file.write(self.openings.first_ones(due), &self.closings)?;
            core.progress.commits.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn wrote(&mut self, core: &Core, due: usize) {
        if self.retry_at.take().is_some() {
            tracing::info!(records = self.closings.len(), "the journal can be written again");
            core.slots.refusing.store(false, Ordering::Relaxed);
        }
        self.openings.forget(due);
        let progress = &core.progress;
        progress.written_seq.store(self.file.last_seq(), Ordering::Release);
        if !self.closings.is_empty() {
            progress.appended.notify_one();
        }
        for closing in self.closings.drain(..) {
            // The place is free before anyone learns that the attempt is over.
            drop(closing.permit);
            tell(closing.written, Ok(()));
        }
        for mark in self.marks.drain(..) {
            let _ = mark.send(self.file.last_seq());
        }
    }

    fn failed(&mut self, core: &Core, error: &rusqlite::Error) {
        if self.retry_at.is_none() {
            tracing::error!(error = %error, "the journal cannot be written; no new requests until it can");
        }
        core.slots.refusing.store(true, Ordering::Relaxed);
        self.retry_at = Some(self.began + RETRY);
        for closing in &mut self.closings {
            tell(closing.written.take(), Err(NotWritten));
        }
    }

    fn counted<T>(
        &mut self,
        core: &Core,
        write: impl FnOnce(&mut LogFile) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        core.progress.commits.fetch_add(1, Ordering::Relaxed);
        write(&mut self.file)
    }
}

impl Openings {
    fn due(&self) -> Option<Instant> {
        self.waiting.front().map(|(due, _)| *due)
    }

    fn due_count(&self, now: Instant) -> usize {
        self.waiting.iter().take_while(|(due, record)| record.is_none() || *due <= now).count()
    }

    /// The first `count`, those that ended left out.
    fn first_ones(&self, count: usize) -> impl Iterator<Item = (u64, &[u8])> {
        let numbered = (self.first..).zip(self.waiting.iter().take(count));
        numbered.filter_map(|(number, (_, record))| Some((number, record.as_deref()?)))
    }

    fn remove(&mut self, number: u64) -> Option<Vec<u8>> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.waiting.get_mut(at)?.1.take()
    }

    fn forget(&mut self, count: usize) {
        self.waiting.drain(..count);
        self.first += count as u64;
    }
}

fn tell(waiting: Option<oneshot::Sender<Result<(), NotWritten>>>, written: Result<(), NotWritten>) {
    if let Some(waiting) = waiting {
        // Whoever asked may have left.
        let _ = waiting.send(written);
    }
}
