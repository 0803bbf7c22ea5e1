//! What the writer has still to do. Pushing never waits; the number of slots bounds what can lie here.

use crate::{
    error::{JournalRefusal, NotWritten},
    file::{BatchRange, EpochStart, Forgetting},
    writer::Writer,
};
use parking_lot::{Condvar, Mutex};
use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::Instant,
};
use store::Lineage;
use tokio::sync::{Notify, oneshot, watch};

/// What one task writes for others at most: it does not get on meanwhile, nor do others on its thread.
const TAKEN_HERE_MAX: usize = 32;

/// What the threads, the slots and the delivery share.
pub(crate) struct Core {
    pub(crate) inbox: Inbox,
    pub(crate) slots: Slots,
    pub(crate) progress: Progress,
    /// Held while something is written. The writer's thread holds it, a task that writes its own record, and the checkpoint
    /// for its last part.
    pub(crate) writer: Mutex<Writer>,
    /// Syncs under way: a write may wait for one, so no task writes meanwhile.
    syncs: AtomicUsize,
}

/// Counts the attempts that are open.
pub(crate) struct Slots {
    max: usize,
    taken: AtomicUsize,
    /// The last write failed.
    pub(crate) refusing: AtomicBool,
}

/// One of the slots; drop returns it. A record that is not written yet keeps it.
pub(crate) struct Permit(Arc<Core>);

/// How far the log has come. Records are numbered by their place in it, 1, 2, 3 …
pub(crate) struct Progress {
    /// The last record written.
    pub(crate) written_seq: AtomicI64,
    /// The last record that the ledger has.
    pub(crate) delivered_seq: watch::Sender<i64>,
    /// Something was written.
    pub(crate) appended: Notify,
    /// Somebody waits for delivery.
    pub(crate) hurry: Notify,
    /// Transactions so far, for the thread that syncs them.
    pub(crate) commits: AtomicUsize,
}

/// One thing for the writer to do.
pub(crate) enum Entry {
    /// An attempt began. Numbered by [`Inbox::push_opening`], without gaps.
    Opening(Vec<u8>),
    /// An attempt ended.
    Closing(Closing),
    /// Say which record is the last, once everything before this is written.
    Mark(oneshot::Sender<i64>),
    /// Make the next batch out of what is in none.
    Cut(oneshot::Sender<Result<Option<BatchRange>, rusqlite::Error>>),
    /// Remove delivered records.
    Forget(Forgetting, oneshot::Sender<Result<(), rusqlite::Error>>),
    /// Begin a new epoch after a record; answers it, and its batch 0.
    NewEpoch(i64, oneshot::Sender<Result<EpochStart, rusqlite::Error>>),
    /// Note the history that the ledger carries on.
    Lineage(Lineage, oneshot::Sender<Result<(), rusqlite::Error>>),
}

/// The end of an attempt.
pub(crate) struct Closing {
    /// Its opening, if it had one.
    pub(crate) opening: Option<u64>,
    /// The record; none: the opening's.
    pub(crate) record: Option<Vec<u8>>,
    pub(crate) permit: Permit,
    /// Who waits for it; told once.
    pub(crate) written: Option<oneshot::Sender<Result<(), NotWritten>>>,
}

/// How long the writer's thread may sleep.
pub(crate) struct Wait {
    /// Until then nothing wakes it but the end.
    pub(crate) quiet_until: Option<Instant>,
    /// Then it must be awake; none: an opening wakes it too.
    pub(crate) due: Option<Instant>,
}

/// Whether more will come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Yes.
    Open,
    /// No: what was taken is the last.
    Last,
}

/// The queue.
#[derive(Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    next_opening: u64,
    /// Something is there that only the thread does.
    errands: bool,
    /// The thread is to look.
    woken: bool,
    stopped: bool,
    wakes: Wakes,
}

/// What wakes the sleeping writer.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Wakes {
    #[default]
    Nothing,
    Urgent,
    Anything,
}

impl Core {
    pub(crate) fn new(slots_max: usize, writer: Writer) -> Self {
        Self {
            inbox: Inbox::default(),
            slots: Slots { max: slots_max, taken: AtomicUsize::new(0), refusing: AtomicBool::new(false) },
            progress: Progress {
                written_seq: AtomicI64::new(writer.last_seq()),
                delivered_seq: watch::Sender::new(0),
                appended: Notify::new(),
                hurry: Notify::new(),
                commits: AtomicUsize::new(0),
            },
            writer: Mutex::new(writer),
            syncs: AtomicUsize::new(0),
        }
    }

    pub(crate) fn permit(self: &Arc<Self>) -> Result<Permit, JournalRefusal> {
        if self.slots.refusing.load(Ordering::Relaxed) {
            return Err(JournalRefusal::Unavailable);
        }
        let more = |taken| (taken < self.slots.max).then_some(taken + 1);
        match self.slots.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(Permit(Arc::clone(self))),
            Err(_) => Err(JournalRefusal::Full),
        }
    }

    /// Has everything queued written: here and now if the last write is long enough ago, because two changes of thread take
    /// longer than the write itself; else by the thread, which writes for many at once.
    pub(crate) fn write_soon(&self) {
        if !self.write_here() {
            self.inbox.wake_up();
        }
    }

    fn write_here(&self) -> bool {
        if self.syncs.load(Ordering::Relaxed) > 0 || self.slots.refusing.load(Ordering::Relaxed) {
            return false;
        }
        self.writer.try_lock().is_some_and(|mut writer| writer.write_records(self))
    }

    /// Syncs, or does something else that writes may wait for.
    pub(crate) fn syncing<T>(&self, sync: impl FnOnce() -> T) -> T {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        let synced = sync();
        self.syncs.fetch_sub(1, Ordering::Relaxed);
        synced
    }

    /// Nothing is taken on any more; the writer ends when it has written what is queued.
    pub(crate) fn close_the_door(&self) {
        self.slots.refusing.store(true, Ordering::Relaxed);
        self.inbox.stop();
        // A waiting delivery finds out that it is over.
        self.progress.appended.notify_one();
    }
}

impl Slots {
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Permit {
    pub(crate) fn core(&self) -> Arc<Core> {
        Arc::clone(&self.0)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.slots.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Inbox {
    /// Queues the beginning of an attempt and numbers it; the first is 0.
    pub(crate) fn push_opening(&self, record: Vec<u8>) -> u64 {
        let mut state = self.state.lock();
        let number = state.next_opening;
        if !state.stopped {
            state.next_opening += 1;
            state.entries.push(Entry::Opening(record));
            if state.wakes == Wakes::Anything {
                self.wake(&mut state);
            }
        }
        number
    }

    /// Queues the end of an attempt. Somebody calls [`Core::write_soon`] or [`wake_up`](Self::wake_up) next. After
    /// [`stop`](Self::stop) it is dropped, and with it what it would answer.
    pub(crate) fn push_closing(&self, closing: Closing) {
        let mut state = self.state.lock();
        if state.stopped {
            drop(state);
            return drop(closing);
        }
        state.entries.push(Entry::Closing(closing));
    }

    /// Queues something for the thread. After [`stop`](Self::stop) it is dropped.
    pub(crate) fn push(&self, errand: Entry) {
        let mut state = self.state.lock();
        if !state.stopped {
            state.entries.push(errand);
            state.errands = true;
            self.wake(&mut state);
        }
    }

    /// Has the thread write what is queued.
    pub(crate) fn wake_up(&self) {
        let mut state = self.state.lock();
        if !state.entries.is_empty() {
            self.wake(&mut state);
        }
    }

    /// Has the thread look at the writer, which is not as it was when the thread fell asleep, though nothing is queued.
    pub(crate) fn look_again(&self) {
        let mut state = self.state.lock();
        // A thread that is due looks by itself, and soon enough for whatever came after.
        if state.wakes != Wakes::Urgent {
            self.wake(&mut state);
        }
    }

    /// Takes nothing more.
    pub(crate) fn stop(&self) {
        self.state.lock().stopped = true;
        self.arrived.notify_one();
    }

    /// Puts the thread to sleep.
    pub(crate) fn wait(&self, wait: &Wait) {
        let mut state = self.state.lock();
        if let Some(until) = wait.quiet_until {
            while !state.stopped && !self.arrived.wait_until(&mut state, until).timed_out() {}
        }
        while !state.stopped && !state.woken {
            match wait.due {
                Some(due) => {
                    state.wakes = Wakes::Urgent;
                    if self.arrived.wait_until(&mut state, due).timed_out() {
                        break;
                    }
                }
                None if state.entries.is_empty() => {
                    state.wakes = Wakes::Anything;
                    self.arrived.wait(&mut state);
                }
                None => break,
            }
        }
        state.wakes = Wakes::Nothing;
        state.woken = false;
    }

    /// Moves everything queued to `into`, which is empty.
    pub(crate) fn take(&self, into: &mut Vec<Entry>) -> Turn {
        let mut state = self.state.lock();
        state.errands = false;
        mem::swap(into, &mut state.entries);
        if state.stopped { Turn::Last } else { Turn::Open }
    }

    /// The same, if it is few, and beginnings and ends only; else answers false.
    pub(crate) fn take_records(&self, into: &mut Vec<Entry>) -> bool {
        let mut state = self.state.lock();
        if state.errands || state.stopped || state.entries.len() > TAKEN_HERE_MAX {
            return false;
        }
        mem::swap(into, &mut state.entries);
        true
    }

    fn wake(&self, state: &mut State) {
        state.woken = true;
        if state.wakes != Wakes::Nothing {
            self.arrived.notify_one();
        }
    }
}

impl Progress {
    pub(crate) fn undelivered(&self) -> u64 {
        let written = self.written_seq.load(Ordering::Acquire);
        u64::try_from(written - *self.delivered_seq.borrow()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::LogFile;
    use std::path::Path;

    /// Without a thread: what a task does is all that happens.
    fn core(directory: &Path) -> Arc<Core> {
        let (file, _) = LogFile::open(&directory.join("journal.db"), 1 << 20).unwrap();
        Arc::new(Core::new(2, Writer::new(file)))
    }

    fn write_here(core: &Arc<Core>) {
        let permit = core.permit().unwrap();
        core.inbox.push_closing(Closing { opening: None, record: Some(vec![1]), permit, written: None });
        assert!(core.write_here());
    }

    #[test]
    fn a_task_that_leaves_nothing_behind_lets_the_thread_sleep() {
        let directory = tempfile::tempdir().unwrap();
        let core = core(directory.path());
        write_here(&core);
        assert!(!core.inbox.state.lock().woken);
    }

    // A journal that a task had found full refused for ever: the thread slept until something was queued, and nothing was.
    #[test]
    fn a_task_that_cannot_write_wakes_the_thread() {
        let directory = tempfile::tempdir().unwrap();
        let core = core(directory.path());
        let other = rusqlite::Connection::open(directory.path().join("journal.db")).unwrap();
        other.execute_batch("ALTER TABLE chunk RENAME TO gone").unwrap();
        write_here(&core);
        assert!(core.slots.refusing.load(Ordering::Relaxed));
        assert!(core.inbox.state.lock().woken);
    }

    // A task took the opening just before the thread fell asleep, and it was not written until the next one came.
    #[test]
    fn a_task_that_takes_an_opening_wakes_the_thread() {
        let directory = tempfile::tempdir().unwrap();
        let core = core(directory.path());
        core.inbox.push_opening(vec![1]);
        write_here(&core);
        assert!(core.inbox.state.lock().woken);
    }
}
