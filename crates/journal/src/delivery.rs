//! Puts the journal's records to the ledger in numbered batches, until each is applied. Nothing is decided about them here.
//!
//! One batch is under way at a time. A number always holds the same records: its boundaries are on the disk before anyone
//! hears of it. What the ledger says it has applied decides what comes next, also after either side was restored from a backup.

use crate::{
    file::{BatchRange, EpochStart, FORGET_RECORDS_MAX, Forgetting},
    inbox::Entry,
    journal::{Journal, Shared},
    reader::{ReadError, Reader},
};
use domain::Attempt;
use std::{
    collections::VecDeque, convert::Infallible, error::Error, sync::Arc, sync::atomic::Ordering, time::Duration,
};
use store::{Batch, Epoch, Ledger, ledger::BATCH_RECORDS_MAX};
use tokio::{
    sync::oneshot,
    task::spawn_blocking,
    time::{Instant, sleep, sleep_until},
};

/// Batches are cut at least this far apart, so that under load many records share a row of the roll-ups.
const PACE: Duration = Duration::from_millis(100);

/// The first wait after a failure; each further one is twice as long.
const RETRY_MIN: Duration = Duration::from_millis(20);

/// The longest wait between tries: an engine that comes back is found within this.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// The delivery of one journal to one ledger.
pub struct Delivery {
    journal: Arc<Shared>,
    ledger: Arc<dyn Ledger>,
    epoch: Epoch,
    /// Batches with a row, in order; the last one cut is the last. Never empty once resumed.
    kept: VecDeque<Kept>,
    cut_at: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Kept {
    batch: BatchRange,
    delivered_at: Option<Instant>,
    /// Its records are removed.
    forgotten: bool,
}

/// The journal was closed.
struct Closed;

/// Waits between tries.
struct Backoff {
    wait: Duration,
    /// What is tried, for the log.
    what: &'static str,
}

impl Delivery {
    /// Delivers until `shutdown` resolves or the journal is closed. One at a time per journal. Cancel-safe: dropped at any
    /// point, nothing is lost or counted twice; the next run goes on from what the ledger has.
    pub async fn run(journal: Journal, ledger: Arc<dyn Ledger>, shutdown: impl Future<Output = ()>) {
        let epoch = journal.epoch();
        let mut delivery = Self { journal: journal.0, ledger, epoch, kept: VecDeque::new(), cut_at: None };
        tokio::select! {
            () = shutdown => {}
            Err(Closed) = delivery.deliver() => {}
        }
    }

    async fn deliver(&mut self) -> Result<Infallible, Closed> {
        let mut number = self.resume().await?;
        loop {
            self.forget_old().await?;
            match self.batch(number).await? {
                Next::Send(batch, attempts) => number = self.send(batch, attempts).await?,
                Next::Lost => number = self.start_over(self.end_of(number - 1)).await?,
                Next::Nothing => self.something_new().await,
            }
        }
    }

    /// Finds out what is kept and what the ledger has; answers the number to go on with.
    async fn resume(&mut self) -> Result<i64, Closed> {
        let batches = self.read(|reader| Ok(reader.batches()?)).await;
        self.kept = batches.into_iter().map(Kept::new).collect();
        let mut backoff = Backoff::new("ask the ledger what it has");
        loop {
            match self.ledger.applied(&self.epoch).await {
                Ok(applied) => return self.acknowledge(signed(applied)).await,
                Err(error) => backoff.wait(&error).await,
            }
        }
    }

    /// The batch of this number, cut if it is the next.
    async fn batch(&mut self, number: i64) -> Result<Next, Closed> {
        let known = self.kept.iter().find(|kept| kept.batch.number == number).map(|kept| kept.batch);
        let batch = match known {
            Some(batch) => Some(batch),
            None if number <= self.last_cut().number => return Ok(Next::Lost),
            None => self.cut().await?,
        };
        let Some(batch) = batch else { return Ok(Next::Nothing) };
        let core = Arc::clone(&self.journal.core);
        let attempts = self.read(move |reader| reader.attempts(&core, batch)).await;
        Ok(attempts.map_or(Next::Lost, |attempts| Next::Send(batch, attempts)))
    }

    async fn cut(&mut self) -> Result<Option<BatchRange>, Closed> {
        self.pace().await;
        let batch = self.ask("cut a batch", Entry::Cut).await?;
        if let Some(batch) = batch {
            self.cut_at = Some(Instant::now());
            self.kept.push_back(Kept::new(batch));
        }
        Ok(batch)
    }

    /// Waits until the next batch may be cut: at once when it would be full, or when somebody waits for it.
    async fn pace(&self) {
        let progress = &self.journal.core.progress;
        let uncut = progress.written_seq.load(Ordering::Acquire) - self.last_cut().last_seq;
        let full = usize::try_from(uncut).is_ok_and(|uncut| uncut >= BATCH_RECORDS_MAX);
        let Some(cut_at) = self.cut_at.filter(|_| !full) else { return };
        tokio::select! {
            () = sleep_until(cut_at + PACE) => {}
            () = progress.hurry.notified() => {}
        }
    }

    async fn send(&mut self, range: BatchRange, attempts: Vec<Attempt>) -> Result<i64, Closed> {
        let batch = Batch { epoch: self.epoch.clone(), number: range.number.unsigned_abs(), attempts };
        let mut backoff = Backoff::new("apply a batch");
        loop {
            match self.ledger.apply(&batch).await {
                Ok(applied) if applied >= batch.number => return self.acknowledge(signed(applied)).await,
                // It has lost what it had: what is kept is sent again. Waited for, because it must not go on like this.
                Ok(applied) => {
                    tracing::warn!(
                        applied,
                        sent = batch.number,
                        "the ledger lacks batches that it had; they are sent again"
                    );
                    sleep(RETRY_MIN).await;
                    return self.acknowledge(signed(applied)).await;
                }
                Err(error) => backoff.wait(&error).await,
            }
        }
    }

    /// Notes that the ledger has everything up to number `applied`; answers the next number.
    async fn acknowledge(&mut self, applied: i64) -> Result<i64, Closed> {
        let last = self.last_cut();
        if applied > last.number {
            return self.catch_up(applied, last).await;
        }
        self.note_delivered(applied);
        Ok(applied + 1)
    }

    fn note_delivered(&mut self, applied: i64) {
        let now = Instant::now();
        let mut delivered_seq = self.kept.front().map_or(0, |first| first.batch.first_seq.max(1) - 1);
        for kept in &mut self.kept {
            if kept.batch.number <= applied {
                kept.delivered_at.get_or_insert(now);
                delivered_seq = kept.batch.last_seq;
            } else {
                kept.delivered_at = None;
            }
        }
        self.journal.core.progress.delivered_seq.send_replace(delivered_seq);
    }

    /// The ledger knows numbers that this journal never gave: its file was restored from an older state. Under those numbers it
    /// has records that the file held when it was opened, up to as many as such batches can hold; the rest gets a new epoch.
    async fn catch_up(&mut self, applied: i64, last: BatchRange) -> Result<i64, Closed> {
        let batch_records_max = i64::try_from(BATCH_RECORDS_MAX).expect("a few thousand");
        let most = last.last_seq.saturating_add((applied - last.number).saturating_mul(batch_records_max));
        let after_seq = most.min(self.journal.opened_seq).max(last.last_seq);
        let records = after_seq - last.last_seq;
        tracing::error!(applied, cut = last.number, records, "the journal is older than the ledger; taken as applied");
        self.start_over(after_seq).await
    }

    /// Begins a new epoch after `after_seq`. All that is kept behind it is delivered under new numbers.
    async fn start_over(&mut self, after_seq: i64) -> Result<i64, Closed> {
        let EpochStart { epoch, batch } = self.ask("begin an epoch", |reply| Entry::NewEpoch(after_seq, reply)).await?;
        tracing::warn!(old = %self.epoch.0, new = %epoch.0, after = batch.last_seq, "the journal begins a new epoch");
        self.journal.epoch.lock().clone_from(&epoch);
        self.epoch = epoch;
        self.kept = VecDeque::from([Kept::new(batch)]);
        self.note_delivered(batch.number);
        Ok(batch.number + 1)
    }

    /// Removes the records of batches that were delivered long enough ago, step by step.
    async fn forget_old(&mut self) -> Result<(), Closed> {
        while let Some(batch) = self.forgettable(Instant::now()) {
            let mut through = batch.first_seq + FORGET_RECORDS_MAX - 1;
            while through < batch.last_seq {
                self.ask("forget records", |reply| Entry::Forget(Forgetting::Records(through), reply)).await?;
                through += FORGET_RECORDS_MAX;
            }
            self.ask("forget a batch", |reply| Entry::Forget(Forgetting::Batch(batch), reply)).await?;
            self.note_forgotten(batch);
        }
        Ok(())
    }

    fn forgettable(&self, now: Instant) -> Option<BatchRange> {
        self.forget_at().filter(|at| *at <= now)?;
        self.kept.iter().find(|kept| !kept.forgotten).map(|kept| kept.batch)
    }

    /// When the next records may be forgotten; none while there are none, or they are not delivered.
    fn forget_at(&self) -> Option<Instant> {
        let next = self.kept.iter().find(|kept| !kept.forgotten)?;
        next.delivered_at?.checked_add(self.journal.kept_delivered)
    }

    /// The last batch's row stays: it says which number comes next.
    fn note_forgotten(&mut self, batch: BatchRange) {
        for kept in self.kept.iter_mut().take_while(|kept| kept.batch.number <= batch.number) {
            kept.forgotten = true;
        }
        while self.kept.len() > 1 && self.kept.front().is_some_and(|first| first.forgotten) {
            self.kept.pop_front();
        }
    }

    async fn something_new(&self) {
        let appended = self.journal.core.progress.appended.notified();
        match self.forget_at() {
            None => appended.await,
            Some(at) => tokio::select! {
                () = appended => {}
                () = sleep_until(at) => {}
            },
        }
    }

    /// Has the writer do something; tries again while it fails.
    async fn ask<T>(
        &self,
        what: &'static str,
        entry: impl Fn(oneshot::Sender<rusqlite::Result<T>>) -> Entry,
    ) -> Result<T, Closed> {
        let mut backoff = Backoff::new(what);
        loop {
            let (reply, answer) = oneshot::channel();
            self.journal.core.inbox.push(entry(reply));
            match answer.await.map_err(|_| Closed)? {
                Ok(done) => return Ok(done),
                Err(error) => backoff.wait(&error).await,
            }
        }
    }

    /// Reads on a thread that may block; tries again while it fails.
    async fn read<T, R>(&self, read: R) -> T
    where
        T: Send + 'static,
        R: Fn(&Reader) -> Result<T, ReadError> + Clone + Send + 'static,
    {
        let mut backoff = Backoff::new("read the journal");
        loop {
            let (journal, read) = (Arc::clone(&self.journal), read.clone());
            let done = spawn_blocking(move || read(&journal.reader.lock())).await;
            match done.expect("reading does not panic, and is never aborted") {
                Ok(done) => return done,
                Err(error) => backoff.wait(&error).await,
            }
        }
    }

    fn last_cut(&self) -> BatchRange {
        self.kept.back().expect("the last batch is always kept").batch
    }

    /// The last record of a batch; 0 when it is not known any more, and nothing before its end is kept.
    fn end_of(&self, number: i64) -> i64 {
        self.kept.iter().find(|kept| kept.batch.number == number).map_or(0, |kept| kept.batch.last_seq)
    }
}

/// What can be sent.
enum Next {
    /// This.
    Send(BatchRange, Vec<Attempt>),
    /// Nothing yet.
    Nothing,
    /// The ledger lacks a batch that is no longer kept.
    Lost,
}

impl Kept {
    fn new(batch: BatchRange) -> Self {
        Self { batch, delivered_at: None, forgotten: false }
    }
}

impl Backoff {
    fn new(what: &'static str) -> Self {
        Self { wait: RETRY_MIN, what }
    }

    async fn wait(&mut self, error: &(dyn Error + Send + Sync)) {
        tracing::warn!(error = %error, wait_ms = self.wait.as_millis(), "the delivery could not {}", self.what);
        sleep(self.wait).await;
        self.wait = (self.wait * 2).min(RETRY_MAX);
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
