//! A ledger that remembers and fails on demand, and records to put into it.

use async_trait::async_trait;
use domain::{
    Attempt, AttemptKind, Calendar, Day, Dialect, KeyId, NanoUsd, Outcome, RequestId, Timestamp, TokenUsage,
    UsageSource,
};
use journal::{Delivery, Journal, JournalOptions};
use std::{
    collections::{HashMap, VecDeque},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use store::{
    Batch, Epoch, Ledger, Lineage, StoreError,
    error::StoreFailure,
    ledger::{AttemptCursor, AttemptFilter, AttemptPage, KeyTotals, UsageQuery, UsageRow},
};
use tokio::task::JoinHandle;

/// How long a test waits for what must happen: far longer than it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How one call of `apply` fails.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Nothing was applied.
    Before,
    /// It was applied, and the answer was lost.
    After,
}

/// A ledger that keeps what it was given.
#[derive(Default)]
pub(crate) struct Books(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    applied: HashMap<Epoch, Vec<Vec<Attempt>>>,
    faults: VecDeque<Fault>,
    gaps: usize,
    /// Batches that were put to it again.
    again: usize,
    /// How often it has lost something.
    losses: usize,
}

impl Books {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(crate) fn failing(faults: impl IntoIterator<Item = Fault>) -> Arc<Self> {
        let books = Self::default();
        books.0.lock().unwrap().faults.extend(faults);
        Arc::new(books)
    }

    /// The names of all records of all epochs, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.records().iter().map(|attempt| attempt.request_id.to_string()).collect();
        names.sort();
        names
    }

    pub(crate) fn records(&self) -> Vec<Attempt> {
        self.0.lock().unwrap().applied.values().flatten().flatten().cloned().collect()
    }

    pub(crate) fn gaps(&self) -> usize {
        self.0.lock().unwrap().gaps
    }

    /// Records of the largest batch.
    pub(crate) fn largest(&self) -> usize {
        self.0.lock().unwrap().applied.values().flatten().map(Vec::len).max().unwrap_or(0)
    }

    pub(crate) fn epochs(&self) -> usize {
        self.0.lock().unwrap().applied.len()
    }

    /// Loses the records of one batch of every epoch, but not its number: as when one of several servers falls back.
    pub(crate) fn lose(&self, number: usize) {
        let mut kept = self.0.lock().unwrap();
        kept.losses += 1;
        for epoch in kept.applied.values_mut() {
            epoch[number - 1].clear();
        }
    }

    /// How many batches were put to it again.
    pub(crate) fn again(&self) -> usize {
        self.0.lock().unwrap().again
    }

    /// As a backup that holds the first `batches` of every epoch would restore it.
    pub(crate) fn restore(&self, batches: usize) {
        for epoch in self.0.lock().unwrap().applied.values_mut() {
            epoch.truncate(batches);
        }
    }
}

#[async_trait]
impl Ledger for Books {
    async fn apply(&self, batch: &Batch) -> Result<u64, StoreError> {
        let mut kept = self.0.lock().unwrap();
        let fault = kept.faults.pop_front();
        if matches!(fault, Some(Fault::Before)) {
            return Err(StoreError::new("apply", StoreFailure::Unavailable));
        }
        let applied = kept.applied.entry(batch.epoch.clone()).or_default();
        let (number, last) = (usize::try_from(batch.number).unwrap(), applied.len());
        if number == last + 1 {
            applied.push(batch.attempts.clone());
        } else if number <= last {
            assert_eq!(applied[number - 1], batch.attempts, "batch {number} came with other records");
        }
        let last = applied.len() as u64;
        kept.gaps += usize::from(batch.number > last);
        match fault {
            Some(Fault::After) => Err(StoreError::new("apply", StoreFailure::Unavailable)),
            _ => Ok(last),
        }
    }

    async fn apply_again(&self, batch: &Batch) -> Result<u64, StoreError> {
        let mut kept = self.0.lock().unwrap();
        kept.again += 1;
        let applied = kept.applied.entry(batch.epoch.clone()).or_default();
        let place = usize::try_from(batch.number).unwrap() - 1;
        if applied.len() <= place {
            applied.resize(place + 1, Vec::new());
        }
        // What was lost of it comes back; what is there must be the same.
        applied[place].clone_from(&batch.attempts);
        Ok(applied.len() as u64)
    }

    async fn lineage(&self) -> Result<Lineage, StoreError> {
        Ok(Lineage(format!("history {}", self.0.lock().unwrap().losses).into()))
    }

    async fn applied(&self, epoch: &Epoch) -> Result<u64, StoreError> {
        Ok(self.0.lock().unwrap().applied.get(epoch).map_or(0, |batches| batches.len() as u64))
    }

    async fn usage(&self, _: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        Err(StoreError::new("read usage", StoreFailure::Unsupported))
    }

    async fn key_totals(&self, _: &[KeyId], _: Day) -> Result<Vec<KeyTotals>, StoreError> {
        Err(StoreError::new("read totals", StoreFailure::Unsupported))
    }

    async fn attempts(
        &self,
        _: &AttemptFilter,
        _: Option<&AttemptCursor>,
        _: usize,
    ) -> Result<AttemptPage, StoreError> {
        Err(StoreError::new("read attempts", StoreFailure::Unsupported))
    }

    async fn prune(&self, _: Day, _: Day, _: usize) -> Result<u64, StoreError> {
        Err(StoreError::new("prune", StoreFailure::Unsupported))
    }
}

/// A record of this name.
pub(crate) fn attempt(name: &str) -> Attempt {
    let at = Timestamp::from_ms(1_795_427_400_123);
    Attempt {
        request_id: RequestId::parse(name).unwrap(),
        attempt_no: 1,
        is_final: true,
        kind: AttemptKind::Message,
        key: Some(KeyId::parse("019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b").unwrap()),
        user: None,
        account: None,
        platform: None,
        dialect: Dialect::Anthropic,
        model: "claude-opus-5".into(),
        model_requested: "claude-opus-5".into(),
        model_upstream: "claude-opus-5".into(),
        streamed: true,
        admitted_at: at,
        hour: Calendar::utc().hour(at),
        started_at: at,
        ended_at: at.plus(Duration::from_secs(9)),
        first_byte_ms: Some(640),
        outcome: Outcome::Completed,
        failure: None,
        status: Some(200),
        usage: TokenUsage { input: 12, output: 3456, ..TokenUsage::ZERO },
        usage_source: UsageSource::Reported,
        cost: NanoUsd(123_456_789),
        cost_rated: NanoUsd(123_456_789),
        price: "embedded/claude-opus-5@2026-04-01".into(),
        client: "claude-cli/2.1.3 (external, cli)".into(),
        upstream_request_id: "req_011CUXyQ6cF3vYd1".into(),
        note: "".into(),
    }
}

/// Its beginning.
pub(crate) fn opening(name: &str) -> Attempt {
    Attempt { outcome: Outcome::Crashed, ..attempt(name) }
}

pub(crate) fn options(directory: &Path) -> JournalOptions {
    JournalOptions {
        path: directory.join("journal.db"),
        slots_max: 16_384,
        kept_delivered: Duration::from_secs(600),
        bytes_max: 1 << 30,
    }
}

/// Journals one record and waits until it is written.
pub(crate) async fn write(journal: &Journal, name: &str) {
    journal.try_slot().unwrap().close(&attempt(name)).await.unwrap();
}

/// A delivery on its own task, ended by `abort`.
pub(crate) fn deliver(journal: &Journal, books: &Arc<Books>) -> JoinHandle<()> {
    let delivery = Delivery::run(journal.clone(), Arc::clone(books) as Arc<dyn Ledger>, std::future::pending());
    #[expect(clippy::disallowed_methods, reason = "the test owns the task")]
    tokio::spawn(delivery)
}

/// Delivers everything, then ends the delivery.
pub(crate) async fn deliver_all(journal: &Journal, books: &Arc<Books>) {
    let task = deliver(journal, books);
    journal.delivered(PATIENCE).await.expect("the ledger takes everything");
    task.abort();
    let _ = task.await;
}

/// `count` names that sort in their order.
pub(crate) fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}-{number:05}")).collect()
}
