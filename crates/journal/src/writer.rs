//! The writer's thread: takes everything queued, writes it in one transaction, tells who waits. It never waits for a disk sync.

use crate::{
    error::NotWritten,
    file::LogFile,
    inbox::{Closing, Core, Entry, Turn, Wait},
};
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// How long an opening waits for its end before it is written: most short attempts are never written twice.
const OPENING_LINGER: Duration = Duration::from_millis(10);

/// After a failed write the next is tried this much later.
const RETRY: Duration = Duration::from_millis(200);

/// With so many attempts open, commits are spaced; with fewer, each answer's wait counts more than the processor's work.
const CROWD: usize = 16;

/// From one commit's beginning to the next in a crowd: what a commit costs is shared by the answers that end in between.
const COMMIT_SPACING: Duration = Duration::from_micros(300);

/// The thread's state.
pub(crate) struct Writer {
    core: Arc<Core>,
    file: LogFile,
    /// Held while a transaction runs; the checkpoint holds it for its last part.
    gate: Arc<Mutex<()>>,
    entries: Vec<Entry>,
    openings: Openings,
    /// Ended, not yet written.
    closings: Vec<Closing>,
    marks: Vec<oneshot::Sender<i64>>,
    /// When the last write began.
    began: Instant,
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

impl Writer {
    pub(crate) fn new(core: Arc<Core>, file: LogFile, gate: Arc<Mutex<()>>) -> Self {
        Self {
            core,
            file,
            gate,
            entries: Vec::new(),
            openings: Openings::default(),
            closings: Vec::new(),
            marks: Vec::new(),
            began: Instant::now(),
            retry_at: None,
        }
    }

    /// Runs until the inbox is stopped; answers how many records could not be written.
    pub(crate) fn run(mut self) -> usize {
        loop {
            let mut entries = mem::take(&mut self.entries);
            let turn = self.core.inbox.take(&mut entries, &self.wait());
            self.began = Instant::now();
            for entry in entries.drain(..) {
                self.sort(entry);
            }
            self.entries = entries;
            self.write(turn);
            if turn == Turn::Last {
                return self.closings.len();
            }
        }
    }

    fn wait(&self) -> Wait {
        if self.retry_at.is_some() {
            return Wait { quiet_until: self.retry_at, due: self.retry_at };
        }
        let crowded = self.core.slots.taken() >= CROWD;
        let quiet_until = crowded.then(|| self.began + COMMIT_SPACING);
        // Stays awake to openings for a while after each turn: that saves waking the writer for each of them.
        let awake = self.began + OPENING_LINGER;
        let due = self.openings.due().or_else(|| (Instant::now() < awake).then_some(awake));
        Wait { quiet_until, due }
    }

    fn sort(&mut self, entry: Entry) {
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
            Entry::Cut(reply) => drop(reply.send(self.gated(LogFile::cut))),
            Entry::Forget(what, reply) => drop(reply.send(self.gated(|file| file.forget(what)))),
            Entry::NewEpoch(after_seq, reply) => drop(reply.send(self.gated(|file| file.new_epoch(after_seq)))),
        }
    }

    fn write(&mut self, turn: Turn) {
        let due = match turn {
            Turn::Open => self.openings.due_count(self.began),
            Turn::Last => self.openings.waiting.len(),
        };
        let written = self.write_group(due);
        match written {
            Ok(()) => self.wrote(due),
            Err(error) => self.failed(&error),
        }
    }

    fn write_group(&mut self, due: usize) -> rusqlite::Result<()> {
        if self.retry_at.is_some() {
            self.gated(LogFile::probe)?;
        }
        if due == 0 && self.closings.is_empty() {
            return Ok(());
        }
        let gate = Arc::clone(&self.gate);
        let _gate = gate.lock();
        self.file.write(self.openings.first_ones(due), &self.closings)?;
        self.core.progress.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn wrote(&mut self, due: usize) {
        if self.retry_at.take().is_some() {
            tracing::info!(records = self.closings.len(), "the journal can be written again");
            self.core.slots.refusing.store(false, Ordering::Relaxed);
        }
        self.openings.forget(due);
        let progress = &self.core.progress;
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

    fn failed(&mut self, error: &rusqlite::Error) {
        if self.retry_at.is_none() {
            tracing::error!(error = %error, "the journal cannot be written; no new requests until it can");
        }
        self.core.slots.refusing.store(true, Ordering::Relaxed);
        self.retry_at = Some(self.began + RETRY);
        for closing in &mut self.closings {
            tell(closing.written.take(), Err(NotWritten));
        }
    }

    fn gated<T>(&mut self, write: impl FnOnce(&mut LogFile) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let _gate = self.gate.lock();
        self.core.progress.commits.fetch_add(1, Ordering::Relaxed);
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
