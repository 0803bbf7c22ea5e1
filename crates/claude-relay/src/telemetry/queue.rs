//! Lines on their way to a disk or a terminal, in one bounded buffer. Who brings a line never waits for either.
//!
//! A buffer of bytes, not a channel of lines: a line costs a copy and no allocation, and the writer's thread is woken once for
//! many lines.

use parking_lot::{Condvar, Mutex};
use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Bytes that wait in one queue: a quarter of a second of lines at 30,000 requests a second, twice over.
pub(super) const QUEUE_BYTES_MAX: usize = 4 << 20;

/// Bytes of buffer that are kept after a burst; an idle relay is to be small.
const KEPT_BYTES_MAX: usize = 256 << 10;

/// The queue of one output. Clones are the same queue.
#[derive(Debug, Clone)]
pub(super) struct LineQueue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bytes_max: usize,
    waiting: Mutex<Waiting>,
    wake: Condvar,
    dropped_lines: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Lines dropped since the last taking.
    dropped: u64,
    is_closed: bool,
}

/// What a taking says beside the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// There are lines, or some were dropped since the last taking.
    Lines {
        /// How many were dropped.
        dropped: u64,
    },
    /// The queue is closed and empty.
    Closed,
}

/// Whether more lines may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intake {
    /// They may.
    Open,
    /// None will.
    Closed,
}

impl LineQueue {
    /// A queue of at most `bytes_max` bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        let (waiting, wake) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Shared { bytes_max, waiting, wake, dropped_lines: AtomicU64::new(0) }))
    }

    /// Adds a line, with its newline; drops and counts it when it does not fit or the queue is closed.
    pub(super) fn push(&self, line: &[u8]) {
        let mut waiting = self.0.waiting.lock();
        let (before, after) = (waiting.lines.len(), waiting.lines.len() + line.len());
        if waiting.is_closed || after > self.0.bytes_max {
            waiting.dropped += 1;
            drop(waiting);
            self.0.dropped_lines.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.lines.extend_from_slice(line);
        drop(waiting);
        let half = self.0.bytes_max / 2;
        if before == 0 || (before < half && after >= half) {
            self.0.wake.notify_one();
        }
    }

    /// Waits for lines, then at most `gather` for more of them, and takes all into `lines`, which must be empty.
    pub(super) fn take(&self, lines: &mut Vec<u8>, gather: Duration) -> Taken {
        lines.shrink_to(KEPT_BYTES_MAX);
        let half = self.0.bytes_max / 2;
        let mut waiting = self.0.waiting.lock();
        self.0.wake.wait_while(&mut waiting, |it| it.lines.is_empty() && it.dropped == 0 && !it.is_closed);
        self.0.wake.wait_while_for(&mut waiting, |it| it.lines.len() < half && !it.is_closed, gather);
        mem::swap(&mut waiting.lines, lines);
        match mem::take(&mut waiting.dropped) {
            0 if lines.is_empty() => Taken::Closed,
            dropped => Taken::Lines { dropped },
        }
    }

    /// Waits for `span`, or until the queue is closed.
    pub(super) fn pause(&self, span: Duration) -> Intake {
        let mut waiting = self.0.waiting.lock();
        self.0.wake.wait_while_for(&mut waiting, |it| !it.is_closed, span);
        if waiting.is_closed { Intake::Closed } else { Intake::Open }
    }

    /// Takes no more lines; those that wait can still be taken.
    pub(super) fn close(&self) {
        self.0.waiting.lock().is_closed = true;
        self.0.wake.notify_all();
    }

    /// Counts `lines` that were taken and then could not be written.
    pub(super) fn count_lost(&self, lines: u64) {
        self.0.dropped_lines.fetch_add(lines, Ordering::Relaxed);
    }

    /// Lines that were dropped or lost since the start.
    pub(super) fn dropped_lines(&self) -> u64 {
        self.0.dropped_lines.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(queue: &LineQueue) -> (Taken, String) {
        let mut lines = Vec::new();
        let taken = queue.take(&mut lines, Duration::ZERO);
        (taken, String::from_utf8(lines).expect("text"))
    }

    #[test]
    fn lines_come_out_in_the_order_they_went_in() {
        let queue = LineQueue::new(100);
        queue.push(b"one\n");
        queue.push(b"two\n");
        assert_eq!(taken(&queue), (Taken::Lines { dropped: 0 }, "one\ntwo\n".to_owned()));
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let queue = LineQueue::new(8);
        for _ in 0..5 {
            queue.push(b"one\n");
        }
        assert_eq!(queue.dropped_lines(), 3);
        assert_eq!(taken(&queue), (Taken::Lines { dropped: 3 }, "one\none\n".to_owned()));
    }

    #[test]
    fn a_queue_takes_lines_again_when_it_was_emptied() {
        let queue = LineQueue::new(4);
        queue.push(b"one\n");
        queue.push(b"two\n");
        taken(&queue);
        queue.push(b"six\n");
        assert_eq!(taken(&queue), (Taken::Lines { dropped: 0 }, "six\n".to_owned()));
    }

    #[test]
    fn what_waited_at_the_close_is_still_taken_and_what_comes_later_is_counted() {
        let queue = LineQueue::new(100);
        queue.push(b"one\n");
        queue.close();
        queue.push(b"two\n");
        assert_eq!(taken(&queue), (Taken::Lines { dropped: 1 }, "one\n".to_owned()));
        assert_eq!(taken(&queue).0, Taken::Closed);
        assert_eq!(queue.dropped_lines(), 1);
    }

    #[test]
    fn a_pause_ends_with_the_queue() {
        let queue = LineQueue::new(100);
        assert_eq!(queue.pause(Duration::ZERO), Intake::Open);
        queue.close();
        assert_eq!(queue.pause(Duration::MAX), Intake::Closed);
    }
}
