//! The thread that writes what waits in a queue: a disk that is full or slow stops it, and nobody else.

use super::{
    line::{Line, Style},
    queue::{Intake, LineQueue, Taken},
    stamp::Stamp,
};
use domain::Timestamp;
use std::{
    io,
    sync::{Arc, mpsc},
    thread::{Builder, JoinHandle},
    time::Duration,
};
use store::Clock;
use tracing::Level;

/// Where lines end up.
pub(super) trait Sink: Send + 'static {
    /// Gets ready for a write at `now`.
    fn prepare(&mut self, now: Timestamp) -> io::Result<Place>;

    /// Writes the beginning of `bytes`, and says how much of it that was.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
}

/// Whether lines go on where the last ones ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// They do.
    Same,
    /// They go to a new file, where half a line would be out of place.
    New,
}

/// How patient a writer is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// After the first line, for more of them, so that many go out in one write.
    pub(super) gather: Duration,
    /// After a write that failed.
    pub(super) retry: Duration,
}

impl Pace {
    /// Fifty writes a second at most are nothing to a disk, and a person sees no delay. A full disk is not emptied within less
    /// than a quarter of a second.
    pub(super) const USUAL: Self = Self { gather: Duration::from_millis(20), retry: Duration::from_millis(250) };
}

/// Who is told that a sink fails: another output.
#[derive(Debug, Clone)]
pub(super) struct Witness {
    pub(super) queue: LineQueue,
    pub(super) style: Style,
}

/// One output: a queue, its sink, and how lines look in it.
pub(super) struct Writer<S> {
    pub(super) name: &'static str,
    pub(super) queue: LineQueue,
    pub(super) sink: S,
    pub(super) style: Style,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pace: Pace,
    /// None: nobody.
    pub(super) witness: Option<Witness>,
}

/// A writer's thread.
#[derive(Debug)]
pub(super) struct Running {
    thread: JoinHandle<()>,
    /// Disconnected when the thread has ended; nothing is ever sent.
    ended: mpsc::Receiver<()>,
}

/// Lines that were taken from the queue, and how far they are written.
#[derive(Debug, Default)]
struct Batch {
    lines: Vec<u8>,
    written: usize,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Written,
    GivenUp,
}

impl<S: Sink> Writer<S> {
    /// Starts the thread. It ends when the queue is closed and written.
    ///
    /// # Errors
    ///
    /// When the operating system has no thread to give.
    pub(super) fn start(self) -> io::Result<Running> {
        let (ending, ended) = mpsc::sync_channel(0);
        let thread = Builder::new().name(self.name.to_owned()).spawn(move || {
            let _ending = ending;
            self.run();
        })?;
        Ok(Running { thread, ended })
    }

    fn run(mut self) {
        let (mut batch, mut last) = (Batch::default(), Outcome::Written);
        while let Taken::Lines { dropped } = self.queue.take(&mut batch.lines, self.pace.gather) {
            if dropped > 0 {
                self.say(&mut batch.lines, Level::WARN, "log lines were dropped", |line| line.number("lines", dropped));
            }
            last = self.write(&mut batch, last);
            batch.lines.clear();
            batch.written = 0;
        }
    }

    /// Writes the batch, however often that takes. While the queue is open nothing is given up; afterwards one more try is made.
    fn write(&mut self, batch: &mut Batch, last: Outcome) -> Outcome {
        let Err(error) = self.try_write(batch) else { return Outcome::Written };
        if last == Outcome::Written {
            const MESSAGE: &str = "log lines cannot be written; those that do not fit in memory are dropped";
            self.tell(Level::ERROR, MESSAGE, Some(&error));
        }
        loop {
            let intake = self.queue.pause(self.pace.retry);
            if self.try_write(batch).is_ok() {
                self.tell(Level::INFO, "log lines can be written again", None);
                return Outcome::Written;
            }
            if intake == Intake::Closed {
                self.queue.count_lost(batch.lines_left());
                return Outcome::GivenUp;
            }
        }
    }

    fn try_write(&mut self, batch: &mut Batch) -> io::Result<()> {
        while batch.written < batch.lines.len() {
            if self.sink.prepare(self.clock.now())? == Place::New {
                batch.rewind_to_line();
            }
            match self.sink.write(&batch.lines[batch.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => batch.written += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Tells the witness. Not by an event: that would come back into the queue that is in trouble.
    fn tell(&self, level: Level, message: &str, error: Option<&io::Error>) {
        let Some(witness) = &self.witness else { return };
        let mut line = Vec::new();
        say(&mut line, witness.style, self.clock.now(), (level, message), |line| {
            line.text("output", self.name);
            if let Some(error) = error {
                line.text("error", &error.to_string());
            }
        });
        witness.queue.push(&line);
    }

    fn say(&self, out: &mut Vec<u8>, level: Level, message: &str, fields: impl FnOnce(&mut Line<'_>)) {
        say(out, self.style, self.clock.now(), (level, message), fields);
    }
}

fn say(out: &mut Vec<u8>, style: Style, now: Timestamp, what: (Level, &str), fields: impl FnOnce(&mut Line<'_>)) {
    let mut stamp = Stamp::default();
    let mut line = Line::begin(style, out, stamp.at(now), what.0, module_path!());
    line.message(what.1);
    fields(&mut line);
    line.end();
}

impl Running {
    /// Waits for the thread's end, at most `patience`: a stopped terminal would keep it for ever.
    pub(super) fn join(self, patience: Duration) {
        if self.ended.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Disconnected) {
            // A panic was reported where it happened, and this thread has nothing more to do.
            let _ = self.thread.join();
        }
    }
}

impl Batch {
    /// Goes back to the beginning of the line of which a part is written.
    fn rewind_to_line(&mut self) {
        let line_start = self.lines[..self.written].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.written = line_start;
    }

    fn lines_left(&self) -> u64 {
        self.lines[self.written..].iter().map(|byte| u64::from(*byte == b'\n')).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::collections::VecDeque;

    /// Does what its script says, then takes all.
    #[derive(Clone, Default)]
    struct Scripted {
        steps: Arc<Mutex<VecDeque<io::Result<usize>>>>,
        places: Arc<Mutex<VecDeque<Place>>>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    struct AtZero;

    impl Clock for AtZero {
        fn now(&self) -> Timestamp {
            Timestamp::from_ms(0)
        }
    }

    impl Sink for Scripted {
        fn prepare(&mut self, _now: Timestamp) -> io::Result<Place> {
            Ok(self.places.lock().pop_front().unwrap_or(Place::Same))
        }

        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let length = self.steps.lock().pop_front().unwrap_or(Ok(bytes.len()))?;
            self.written.lock().extend_from_slice(&bytes[..length]);
            Ok(length)
        }
    }

    fn full() -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn writer(sink: Scripted, queue: &LineQueue) -> (Writer<Scripted>, LineQueue) {
        let told = LineQueue::new(10_000);
        let pace = Pace { gather: Duration::ZERO, retry: Duration::ZERO };
        let witness = Some(Witness { queue: told.clone(), style: Style::Json });
        let (queue, clock) = (queue.clone(), Arc::new(AtZero));
        (Writer { name: "test", queue, sink, style: Style::Json, clock, pace, witness }, told)
    }

    fn run(steps: impl IntoIterator<Item = io::Result<usize>>, queue: &LineQueue) -> (String, String) {
        run_over(Scripted { steps: Arc::new(Mutex::new(steps.into_iter().collect())), ..Scripted::default() }, queue)
    }

    fn run_over(sink: Scripted, queue: &LineQueue) -> (String, String) {
        let written = Arc::clone(&sink.written);
        let (writer, told) = writer(sink, queue);
        queue.close();
        writer.run();
        told.push(b".\n");
        let mut said = Vec::new();
        told.take(&mut said, Duration::ZERO);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        (text(&written.lock()), text(&said))
    }

    fn queue_of(lines: &[&str]) -> LineQueue {
        let queue = LineQueue::new(1000);
        for line in lines {
            queue.push(line.as_bytes());
        }
        queue
    }

    #[test]
    fn a_line_that_is_written_in_pieces_is_whole() {
        let (written, told) =
            run([Ok(1), Ok(2), Err(io::ErrorKind::Interrupted.into())], &queue_of(&["one\n", "two\n"]));
        assert_eq!((written.as_str(), told.as_str()), ("one\ntwo\n", ".\n"));
    }

    #[test]
    fn a_failed_write_goes_on_where_it_stopped_and_is_told_once() {
        let (written, told) = run([Ok(1), full()], &queue_of(&["one\n"]));
        assert_eq!(written, "one\n");
        assert_eq!(told.matches("cannot be written").count(), 1, "{told}");
        assert_eq!(told.matches("can be written again").count(), 1, "{told}");
    }

    #[test]
    fn a_new_file_begins_with_a_whole_line() {
        let sink = Scripted::default();
        *sink.steps.lock() = [Ok(6), full()].into();
        *sink.places.lock() = [Place::Same, Place::New].into();
        assert_eq!(run_over(sink, &queue_of(&["one\n", "two\n"])).0, "one\ntwtwo\n");
    }

    #[test]
    fn what_cannot_be_written_at_the_end_is_counted() {
        let queue = queue_of(&["one\n", "two\n", "six\n"]);
        let (written, _) = run([Ok(4), full(), full()], &queue);
        assert_eq!((written.as_str(), queue.dropped_lines()), ("one\n", 2));
    }

    #[test]
    fn a_second_batch_that_fails_is_not_told_again() {
        let steps = Arc::new(Mutex::new([full(), full()].into()));
        let (mut writer, told) = writer(Scripted { steps, ..Scripted::default() }, &queue_of(&[]));
        writer.queue.close();
        let mut batch = Batch { lines: b"one\n".to_vec(), written: 0 };
        assert_eq!(writer.write(&mut batch, Outcome::GivenUp), Outcome::GivenUp);
        told.close();
        assert_eq!(told.take(&mut Vec::new(), Duration::ZERO), Taken::Closed);
    }

    #[test]
    fn a_sink_that_takes_nothing_is_a_failing_one() {
        let (_, told) = run([Ok(0)], &queue_of(&["one\n"]));
        assert!(told.contains("write zero"), "{told}");
    }

    #[test]
    fn dropped_lines_are_told_in_a_line() {
        let queue = LineQueue::new(5);
        queue.push(b"one\n");
        queue.push(b"two\n");
        let (written, _) = run([], &queue);
        let (first, second) = written.split_once('\n').expect("two lines");
        assert_eq!(first, "one");
        let line: serde_json::Value = serde_json::from_str(second).expect("JSON");
        assert_eq!((&line["message"], &line["lines"]), (&"log lines were dropped".into(), &1.into()));
    }

    /// Blocks in its first write until it is let go.
    struct Stuck {
        entered: mpsc::SyncSender<()>,
        released: mpsc::Receiver<()>,
    }

    impl Sink for Stuck {
        fn prepare(&mut self, _now: Timestamp) -> io::Result<Place> {
            Ok(Place::Same)
        }

        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Disconnected: the test is over.
            let _ = (self.entered.send(()), self.released.recv());
            Ok(bytes.len())
        }
    }

    #[test]
    fn a_stuck_terminal_holds_up_its_own_thread_only() {
        let (entered, is_stuck) = mpsc::sync_channel(0);
        let (release, released) = mpsc::sync_channel(0);
        let queue = LineQueue::new(8);
        let pace = Pace { gather: Duration::ZERO, retry: Duration::ZERO };
        let sink = Stuck { entered, released };
        let (style, clock) = (Style::Json, Arc::new(AtZero));
        let writer = Writer { name: "stuck", queue: queue.clone(), sink, style, clock, pace, witness: None };
        let running = writer.start().expect("a thread");
        queue.push(b"one\n");
        is_stuck.recv().expect("stuck");
        for _ in 0..5 {
            queue.push(b"two\n");
        }
        assert_eq!(queue.dropped_lines(), 3);
        queue.close();
        running.join(Duration::ZERO);
        drop((release, is_stuck));
    }
}
