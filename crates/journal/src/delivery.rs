//! Puts the journal's records to the ledger in numbered batches, until each is applied. Nothing is decided about them here.
//!
//! One batch is under way at a time. A number always holds the same records: its boundaries are on the disk before anyone
//! hears of it. What the ledger says it has applied decides what comes next, also after either side was restored from a backup.
//! When the ledger carries on another history than before, it may have lost some part of what it took: all that is kept is put
//! to it again, and it applies what it lacks.

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
use store::{Batch, Epoch, Ledger, Lineage, StoreError, ledger::BATCH_RECORDS_MAX};
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

/// How often the ledger is asked which history it carries on: before each batch, and while there is none.
const LINEAGE_EVERY: Duration = Duration::from_secs(1);

/// How often a lasting failure is told again.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// The delivery of one journal to one ledger.
pub struct Delivery {
    journal: Arc<Shared>,
    ledger: Arc<dyn Ledger>,
    epoch: Epoch,
    /// Batches with a row, in order; the last one cut is the last. Never empty once resumed.
    kept: VecDeque<Kept>,
    cut_at: Option<Instant>,
    /// The last number that the ledger said it has.
    applied: i64,
    /// The history that everything delivered so far went into; none: nothing was.
    lineage: Option<Lineage>,
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
    /// When it was last told that it fails; none: it does not.
    told_at: Option<Instant>,
}

impl Delivery {
    /// Delivers until `shutdown` resolves or the journal is closed. One at a time per journal. Cancel-safe: dropped at any
    /// point, nothing is lost or counted twice; the next run goes on from what the ledger has.
    pub async fn run(journal: Journal, ledger: Arc<dyn Ledger>, shutdown: impl Future<Output = ()>) {
        let epoch = journal.epoch();
        let (kept, cut_at, applied, lineage) = (VecDeque::new(), None, 0, None);
        let mut delivery = Self { journal: journal.0, ledger, epoch, kept, cut_at, applied, lineage };
        tokio::select! {
            () = shutdown => {}
            Err(Closed) = delivery.deliver() => {}
        }
    }

    async fn deliver(&mut self) -> Result<Infallible, Closed> {
        let mut number = self.resume().await?;
        loop {
            self.forget_old().await?;
            if let Some(next) = self.follow_lineage().await? {
                number = next;
            }
            match self.batch(number).await? {
                Next::Send(batch, attempts) => number = self.send(batch, attempts).await?,
                Next::Lost => number = self.pass_over(number),
                Next::Nothing => self.something_new().await,
            }
        }
    }

    /// Asks which history the ledger carries on. If it is another one than before, everything that is kept is put to it again;
    /// answers the number to go on with then.
    async fn follow_lineage(&mut self) -> Result<Option<i64>, Closed> {
        let now = self
            .until_it_answers("ask the ledger for its lineage", |ledger| async move { ledger.lineage().await })
            .await;
        let Some(before) = self.lineage.clone() else {
            self.note_lineage(now).await?;
            return Ok(None);
        };
        if before == now {
            return Ok(None);
        }
        tracing::warn!(
            before = &*before.0,
            now = &*now.0,
            batches = self.kept.len(),
            "the ledger may have lost what it had taken; it is put to it again"
        );
        let number = self.apply_kept_again().await?;
        // Noted last: interrupted, it begins anew.
        self.note_lineage(now).await?;
        Ok(Some(number))
    }

    async fn apply_kept_again(&mut self) -> Result<i64, Closed> {
        let mut applied = self.applied;
        for range in self.kept.iter().map(|kept| kept.batch).filter(|range| range.number > 0).collect::<Vec<_>>() {
            let Some(attempts) = self.attempts(range).await else { continue };
            let batch = self.numbered(range, attempts);
            let again = self.until_it_answers("apply a batch again", |ledger| {
                let batch = batch.clone();
                async move { ledger.apply_again(&batch).await }
            });
            applied = signed(again.await);
        }
        self.acknowledge(applied).await
    }

    async fn note_lineage(&mut self, lineage: Lineage) -> Result<(), Closed> {
        self.ask("note the ledger's lineage", |reply| Entry::Lineage(lineage.clone(), reply)).await?;
        self.lineage = Some(lineage);
        Ok(())
    }

    /// The ledger's answer; asked again while it fails.
    async fn until_it_answers<T, F>(&self, what: &'static str, ask: impl Fn(Arc<dyn Ledger>) -> F) -> T
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut backoff = Backoff::new(what);
        loop {
            match ask(Arc::clone(&self.ledger)).await {
                Ok(answer) => {
                    backoff.over();
                    return answer;
                }
                Err(error) => backoff.wait(&error).await,
            }
        }
    }

    /// Finds out what is kept and what the ledger has; answers the number to go on with.
    async fn resume(&mut self) -> Result<i64, Closed> {
        let (batches, lineage) = self.read(|reader| Ok((reader.batches()?, reader.lineage()?))).await;
        self.kept = batches.into_iter().map(Kept::new).collect();
        self.lineage = lineage;
        let epoch = self.epoch.clone();
        let applied = self.until_it_answers("ask the ledger what it has", |ledger| {
            let epoch = epoch.clone();
            async move { ledger.applied(&epoch).await }
        });
        let applied = applied.await;
        self.acknowledge(signed(applied)).await
    }

    /// The batch of this number, cut if it is the next.
    async fn batch(&mut self, number: i64) -> Result<Next, Closed> {
        let batch = match self.known(number) {
            Some(batch) => Some(batch),
            None if number <= self.last_cut().number => return Ok(Next::Lost),
            None => self.cut().await?,
        };
        let Some(batch) = batch else { return Ok(Next::Nothing) };
        let attempts = self.attempts(batch).await;
        Ok(attempts.map_or(Next::Lost, |attempts| Next::Send(batch, attempts)))
    }

    /// The records of a batch; none when they are no longer kept.
    async fn attempts(&self, batch: BatchRange) -> Option<Vec<Attempt>> {
        let core = Arc::clone(&self.journal.core);
        self.read(move |reader| reader.attempts(&core, batch)).await
    }

    /// The ledger lacks batches from `number` on that are no longer kept: goes on with the first one that is, in the same
    /// epoch, because other parts of the ledger may have them.
    fn pass_over(&self, number: i64) -> i64 {
        let first = self.kept.iter().find(|kept| kept.batch.number >= number && !kept.forgotten);
        let next = first.map_or(self.last_cut().number + 1, |kept| kept.batch.number.max(number + 1));
        tracing::error!(from = number, through = next - 1, "the ledger lacks batches that are no longer kept");
        next
    }

    fn numbered(&self, range: BatchRange, attempts: Vec<Attempt>) -> Batch {
        Batch { epoch: self.epoch.clone(), number: range.number.unsigned_abs(), attempts }
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
        let batch = self.numbered(range, attempts);
        let is_next = range.number == self.applied + 1;
        let applied = self.until_it_answers("apply a batch", |ledger| {
            let batch = batch.clone();
            async move { if is_next { ledger.apply(&batch).await } else { ledger.apply_again(&batch).await } }
        });
        let applied = applied.await;
        if applied < batch.number {
            // It has lost what it had: what is kept is sent again. Waited for, because it must not go on like this.
            tracing::warn!(applied, sent = batch.number, "the ledger lacks batches that it had; they are sent again");
            sleep(RETRY_MIN).await;
        }
        self.acknowledge(signed(applied)).await
    }

    /// Notes that the ledger has everything up to number `applied`; answers the next number.
    async fn acknowledge(&mut self, applied: i64) -> Result<i64, Closed> {
        let last = self.last_cut();
        self.applied = applied;
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
        self.applied = batch.number;
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
        let look_at = Instant::now() + LINEAGE_EVERY;
        tokio::select! {
            () = appended => {}
            () = sleep_until(self.forget_at().map_or(look_at, |at| at.min(look_at))) => {}
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

    /// The batch with this number, if it has a row. Numbers of rows have no gaps.
    fn known(&self, number: i64) -> Option<BatchRange> {
        let first = self.kept.front()?.batch.number;
        self.kept.get(usize::try_from(number - first).ok()?).map(|kept| kept.batch)
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
        Self { wait: RETRY_MIN, what, told_at: None }
    }

    async fn wait(&mut self, error: &(dyn Error + Send + Sync)) {
        if self.told_at.is_none_or(|told_at| told_at.elapsed() >= TOLD_EVERY) {
            tracing::warn!(error = %error, "the delivery cannot {}; it is tried again until it can", self.what);
            self.told_at = Some(Instant::now());
        }
        sleep(self.wait).await;
        self.wait = (self.wait * 2).min(RETRY_MAX);
    }

    /// It worked.
    fn over(&self) {
        if self.told_at.is_some() {
            tracing::info!("the delivery could {} again", self.what);
        }
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
