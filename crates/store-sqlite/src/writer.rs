//! The one thread that writes. What waits is committed together: one transaction, one savepoint per job. It never syncs.

use crate::error::{closed, failed};
use parking_lot::Mutex;
use rusqlite::Connection;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
};
use store::{Events, Notice, StoreError, error::StoreFailure, events::LocalEvents};
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait: as many as requests that a node has open. Who comes later waits for a place.
const WAITING_MAX: usize = 4096;

/// Jobs in one transaction: it takes a few milliseconds then, and the next ones wait as long.
const GROUP_MAX: usize = 512;

/// What a job writes with: the open transaction, and the notices to give once it is committed.
pub(crate) struct Unit<'c> {
    /// The connection, inside the transaction.
    pub(crate) connection: &'c Connection,
    notices: Vec<Notice>,
}

impl Unit<'_> {
    /// Announces a change as soon as it has taken effect.
    pub(crate) fn announce(&mut self, notice: Notice) {
        self.notices.push(notice);
    }
}

/// What the writer and the keeper share.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Held by the writer during a transaction and by the keeper while it empties the log.
    pub(crate) turn: Mutex<()>,
    /// Whether something was committed since the keeper last looked.
    pub(crate) is_dirty: AtomicBool,
}

/// Whether jobs wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// None does.
    Idle,
    /// Some do.
    Busy,
}

/// Work of the writer's own, done in steps behind the jobs: does one if there is one worth doing under this load, and says
/// whether it did.
pub(crate) type Upkeep = fn(&Connection, Load) -> Result<bool, StoreError>;

/// The way to the thread.
#[derive(Clone)]
pub(crate) struct Writer(mpsc::Sender<Message>);

enum Message {
    Write(Box<dyn Job>),
    Stop,
}

trait Job: Send {
    /// Does the work inside a savepoint; says whether to keep what it wrote.
    fn run(&mut self, unit: &mut Unit<'_>) -> Verdict;

    /// Answers, when the transaction has ended so.
    fn answer(self: Box<Self>, committed: &Result<(), StoreError>);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Keep,
    Undo,
}

struct Pending<T, E, W> {
    work: Option<W>,
    outcome: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<T, E, W> Job for Pending<T, E, W>
where
    T: Send,
    E: From<StoreError> + Send,
    W: FnOnce(&mut Unit<'_>) -> Result<T, E> + Send,
{
    fn run(&mut self, unit: &mut Unit<'_>) -> Verdict {
        self.outcome = self.work.take().map(|work| work(unit));
        if matches!(self.outcome, Some(Ok(_))) { Verdict::Keep } else { Verdict::Undo }
    }

    fn answer(self: Box<Self>, committed: &Result<(), StoreError>) {
        let outcome = match (self.outcome, committed) {
            (Some(Err(refusal)), _) => Err(refusal),
            (Some(outcome), Ok(())) => outcome,
            (_, Err(error)) => Err(error.clone().into()),
            (None, Ok(())) => Err(closed().into()),
        };
        // Nobody waits any more: the work is done all the same.
        let _ = self.answer.send(outcome);
    }
}

impl Writer {
    /// Starts the thread. It ends when it is told to, or when the last [`Writer`] is gone.
    pub(crate) fn start(
        connection: Connection,
        events: LocalEvents,
        turn: Arc<Turn>,
        upkeep: Upkeep,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let thread = Builder::new().name("sqlite-writer".to_owned());
        let thread = thread.spawn(move || run(&connection, receiver, &events, &turn, upkeep))?;
        Ok((Self(sender), thread))
    }

    /// Runs `work` in the next transaction; returns when it is committed, or was refused and undone.
    ///
    /// Cancel-safe in this sense: once it waits in line it is done, whether or not the caller stays.
    pub(crate) async fn write<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        W: FnOnce(&mut Unit<'_>) -> Result<T, E> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Pending { work: Some(work), outcome: None, answer });
        self.0.send(Message::Write(job)).await.map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed().into()))
    }

    /// Tells the thread to finish what waits, and to end.
    pub(crate) async fn stop(&self) {
        // It has ended already.
        let _ = self.0.send(Message::Stop).await;
    }
}

fn run(
    connection: &Connection,
    mut receiver: mpsc::Receiver<Message>,
    events: &LocalEvents,
    turn: &Turn,
    upkeep: Upkeep,
) {
    let mut messages = Vec::with_capacity(GROUP_MAX);
    while receiver.blocking_recv_many(&mut messages, GROUP_MAX) > 0 {
        let mut jobs = Vec::with_capacity(messages.len());
        for message in messages.drain(..) {
            match message {
                Message::Write(job) => jobs.push(job),
                Message::Stop => receiver.close(),
            }
        }
        let (committed, notices) = {
            let _turn = turn.turn.lock();
            commit(connection, &mut jobs)
        };
        turn.is_dirty.store(true, Ordering::Release);
        for notice in notices {
            events.publish(notice);
        }
        for job in jobs {
            job.answer(&committed);
        }
        keep_up(connection, &receiver, turn, upkeep);
    }
}

/// Does the writer's own work for as long as no job waits, and at most one step while some do.
fn keep_up(connection: &Connection, receiver: &mpsc::Receiver<Message>, turn: &Turn, upkeep: Upkeep) {
    loop {
        let load = if receiver.is_empty() { Load::Idle } else { Load::Busy };
        let _turn = turn.turn.lock();
        match upkeep(connection, load) {
            Ok(true) if load == Load::Idle => {}
            Ok(_) => return,
            Err(error) => {
                tracing::error!(error = %error, "the store's own work has failed; it is tried again after the next write");
                return;
            }
        }
    }
}

/// Runs `jobs` in one transaction; gives the notices of those that were kept.
fn commit(connection: &Connection, jobs: &mut [Box<dyn Job>]) -> (Result<(), StoreError>, Vec<Notice>) {
    let mut notices = Vec::new();
    match transact(connection, jobs, &mut notices) {
        Ok(()) => (Ok(()), notices),
        Err(error) => {
            if !connection.is_autocommit()
                && let Err(error) = statement(connection, "ROLLBACK")
            {
                tracing::error!(error = %error, "a transaction could not be rolled back");
            }
            (Err(error), Vec::new())
        }
    }
}

fn transact(connection: &Connection, jobs: &mut [Box<dyn Job>], notices: &mut Vec<Notice>) -> Result<(), StoreError> {
    statement(connection, "BEGIN IMMEDIATE")?;
    for job in jobs {
        statement(connection, "SAVEPOINT job")?;
        let mut unit = Unit { connection, notices: Vec::new() };
        let verdict = job.run(&mut unit);
        if connection.is_autocommit() {
            // A full disk or a failed write ends the whole transaction: nothing of the group has taken effect.
            return Err(StoreError::new("commit: the transaction was given up", StoreFailure::Full));
        }
        match verdict {
            Verdict::Keep => notices.append(&mut unit.notices),
            Verdict::Undo => statement(connection, "ROLLBACK TO job")?,
        }
        statement(connection, "RELEASE job")?;
    }
    statement(connection, "COMMIT")
}

fn statement(connection: &Connection, sql: &'static str) -> Result<(), StoreError> {
    let ran = connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    ran.map(|_| ()).map_err(failed(sql))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Waker};

    fn started() -> (Writer, Arc<Turn>, JoinHandle<()>) {
        let connection = Connection::open_in_memory().expect("a store");
        connection.execute_batch("CREATE TABLE written (number INTEGER)").expect("a table");
        let turn = Arc::new(Turn::default());
        let (writer, thread) =
            Writer::start(connection, LocalEvents::default(), Arc::clone(&turn), |_, _| Ok(false)).expect("a thread");
        (writer, turn, thread)
    }

    async fn insert(writer: &Writer, number: i64, verdict: Verdict) -> Result<i64, StoreError> {
        let write = writer.write(move |unit| {
            let inserted = unit.connection.execute("INSERT INTO written VALUES (?1)", [number]);
            inserted.map_err(failed("insert"))?;
            if verdict == Verdict::Undo { Err(StoreError::new("go on", StoreFailure::Unsupported)) } else { Ok(number) }
        });
        write.await
    }

    async fn sum(writer: &Writer) -> i64 {
        let sum = writer.write(|unit| {
            let sum = unit.connection.query_row("SELECT coalesce(sum(number), 0) FROM written", [], |row| row.get(0));
            sum.map_err(failed("sum"))
        });
        sum.await.expect("a sum")
    }

    #[tokio::test]
    async fn a_job_that_fails_does_not_undo_the_others_of_its_group() {
        use Verdict::{Keep, Undo};
        let (writer, turn, _thread) = started();
        let waiting = {
            // While the turn is taken all that is sent waits, and is committed together afterwards.
            let _turn = turn.turn.lock();
            [(1, Keep), (10, Undo), (100, Keep), (1000, Undo), (10_000, Keep)].map(|(number, verdict)| {
                let writer = writer.clone();
                let mut job = Box::pin(async move { insert(&writer, number, verdict).await });
                let mut context = Context::from_waker(Waker::noop());
                assert!(job.as_mut().poll(&mut context).is_pending());
                job
            })
        };
        let mut kept = Vec::new();
        for job in waiting {
            kept.extend(job.await.ok());
        }
        assert_eq!((kept, sum(&writer).await), (vec![1, 100, 10_000], 10_101));
    }

    #[tokio::test]
    async fn a_caller_that_leaves_does_not_take_its_job_along() {
        let (writer, _turn, _thread) = started();
        let mut job = Box::pin(insert(&writer, 7, Verdict::Keep));
        let mut context = Context::from_waker(Waker::noop());
        let _ = job.as_mut().poll(&mut context);
        drop(job);
        assert_eq!(sum(&writer).await, 7);
    }

    #[tokio::test]
    async fn what_waits_when_the_thread_is_stopped_is_still_done() {
        let (writer, turn, thread) = started();
        let mut job = Box::pin(insert(&writer, 7, Verdict::Keep));
        {
            let _turn = turn.turn.lock();
            let mut context = Context::from_waker(Waker::noop());
            assert!(job.as_mut().poll(&mut context).is_pending());
        }
        writer.stop().await;
        assert_eq!(job.await.ok(), Some(7));
        thread.join().expect("the thread ends");
        assert!(insert(&writer, 8, Verdict::Keep).await.is_err());
    }

    #[tokio::test]
    async fn a_transaction_that_cannot_begin_is_an_error_of_each_job() {
        let connection = Connection::open_in_memory().expect("a store");
        connection.execute_batch("BEGIN").expect("a transaction of somebody else");
        let (writer, _thread) =
            Writer::start(connection, LocalEvents::default(), Arc::default(), |_, _| Ok(false)).expect("a thread");
        assert!(insert(&writer, 1, Verdict::Keep).await.is_err());
    }
}
