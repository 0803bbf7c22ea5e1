//! The books: one record per upstream attempt, and roll-ups that are exactly the sums of the records.

use crate::error::StoreError;
use async_trait::async_trait;
use domain::{AccountId, Attempt, Day, KeyId, NanoUsd, Outcome, Platform, RequestId, Timestamp, TokenUsage, UserId};
use std::{collections::BTreeSet, sync::Arc};

/// Records in one batch at most: a batch is one transaction, and other writers wait for it.
pub const BATCH_RECORDS_MAX: usize = 4096;

/// Rows in one answer at most.
pub const ROWS_MAX: usize = 5000;

/// Records on one page at most.
pub const PAGE_RECORDS_MAX: usize = 500;

/// A journal's identity: a random id made with the journal file, never a node's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub Arc<str>);

/// A numbered piece of a journal. The same number of the same epoch always holds the same records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The journal.
    pub epoch: Epoch,
    /// Its place: 1, 2, 3 … without gaps.
    pub number: u64,
    /// What happened, in the order in which it ended; at most [`BATCH_RECORDS_MAX`].
    pub attempts: Vec<Attempt>,
}

/// Which history the store carries on. It changes whenever the store may have lost what it had acknowledged: a server was
/// restarted, or another one has taken its place. Opaque; only compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage(pub Arc<str>);

/// Which roll-up a question is put to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageView {
    /// By API key (`usage:daily:{date}:{key}:{model}`); of one key, of one user's keys, or of all.
    Keys(KeyFilter),
    /// By user: the owner of the key when it was used; of one or of all. Records of keys without an owner are of the empty one.
    Users(Option<UserId>),
    /// By account (`usage:account:{accountId}:{date}`); of one or of all.
    Accounts(Option<AccountId>),
    /// Of the whole relay (`usage:global:{date}`), by model and platform; of one platform or of all.
    Global(Option<Platform>),
}

/// Which keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyFilter {
    /// Every key.
    All,
    /// One key.
    Key(KeyId),
    /// The keys of one user, as owned when used.
    User(UserId),
}

/// The buckets of a roll-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// Local hours; kept seven days.
    Hour,
    /// Local days; kept for the retention.
    Day,
    /// Local months; kept for ever.
    Month,
}

/// What rows are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    /// Hour, day or month.
    Bucket,
    /// Key, user or account of the view; of the global view the platform.
    Subject,
    /// Model.
    Model,
}

/// Which rows come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum UsageOrder {
    /// Those with the highest cost at list price.
    #[default]
    Cost,
    /// Those with the most tokens of all classes.
    Tokens,
    /// Those with the most requests.
    Requests,
}

/// A question to the roll-ups. Both ends are included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageQuery {
    /// Which roll-up.
    pub view: UsageView,
    /// Which buckets.
    pub period: Period,
    /// First bucket, by its name: `2026-11-23T09`, `2026-11-23`, `2026-11`.
    pub from: String,
    /// Last bucket, by its name.
    pub to: String,
    /// Only this model.
    pub model: Option<String>,
    /// What rows are told apart by; empty: one row, the total.
    pub group: BTreeSet<Dimension>,
    /// Which rows come first; of equal ones the first by name.
    pub order: UsageOrder,
    /// Rows at most, 1 to [`ROWS_MAX`]: the first ones of the order.
    pub limit: usize,
}

/// Sums over records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageSums {
    /// Requests: final records of kind `message`.
    pub requests: u64,
    /// Attempts: all records with an attempt number above zero, of any kind.
    pub attempts: u64,
    /// Final records of kind `message` that did not complete.
    pub failures: u64,
    /// Tokens by class.
    pub tokens: TokenUsage,
    /// Cost at list price.
    pub cost: NanoUsd,
    /// Cost times the operator's multipliers.
    pub cost_rated: NanoUsd,
}

/// One row of an answer. What was not told apart is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// The bucket's name.
    pub bucket: Option<String>,
    /// Id of the key, user or account, or the platform's name; empty for records that had none.
    pub subject: Option<String>,
    /// The model's name in the books.
    pub model: Option<String>,
    /// The sums.
    pub sums: UsageSums,
}

/// What a key has used since it was made (`api_key_usage`, `api_key_cost`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyTotals {
    /// Sums over all time.
    pub sums: UsageSums,
    /// Rated cost of the local day, week and month that the question named; zero when none fell in it.
    pub cost_day: NanoUsd,
    /// See `cost_day`.
    pub cost_week: NanoUsd,
    /// See `cost_day`.
    pub cost_month: NanoUsd,
    /// When it was last used: the latest `admitted_at` of its records.
    pub last_used_at: Option<Timestamp>,
}

/// Which records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptFilter {
    /// Admitted at or after.
    pub from: Option<Timestamp>,
    /// Admitted before.
    pub to: Option<Timestamp>,
    /// Of this request.
    pub request: Option<RequestId>,
    /// By this key.
    pub key: Option<KeyId>,
    /// By a key that this user owned then.
    pub user: Option<UserId>,
    /// Over this account.
    pub account: Option<AccountId>,
    /// Over an account of this platform.
    pub platform: Option<Platform>,
    /// With this model's name in the books.
    pub model: Option<String>,
    /// That ended so.
    pub outcome: Option<Outcome>,
    /// That the upstream answered with this HTTP status.
    pub status: Option<u16>,
}

/// A place in the list of records: after this record, in the order of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptCursor {
    /// The record's `admitted_at`.
    pub admitted_at: Timestamp,
    /// Its request.
    pub request_id: RequestId,
    /// Its number.
    pub attempt_no: u8,
}

/// A page of records, the latest `admitted_at` first; of equal ones the greater request id, then the greater number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptPage {
    /// The records; fewer than asked for, or none, where an engine has looked at as many as it looks at for one page.
    pub attempts: Vec<Attempt>,
    /// Where the next page begins; none at the end. Nothing else says that it is the end.
    pub next: Option<AttemptCursor>,
}

/// The port of the books.
///
/// * `apply` is all or nothing: every record and its part of every roll-up. On an engine of several parts a batch that is under
///   way may be seen in part, never twice; one that was interrupted is completed by sending the same number again.
/// * A batch is applied only if its number is the next of its epoch; one that was applied already changes nothing; one that
///   leaves a gap is refused. Either way the answer is the last number applied.
/// * `apply_again` is for batches that the store may have lost, sent in ascending order: what of a batch is there stays as it
///   is, what is not is applied, gap or not. Afterwards the epoch's last number is at least the batch's.
/// * Every roll-up equals the sum of the records that were ever applied, bucketed by [`Attempt::hour`], whether or not the
///   records are still kept. What `apply` has returned is visible to every question that is put after it.
/// * A record is identified by request and attempt number; applying it again under another number is the caller's error and is
///   not detected.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Applies a batch; returns the last number applied of its epoch.
    async fn apply(&self, batch: &Batch) -> Result<u64, StoreError>;

    /// Applies what of a batch is missing; returns the last number applied of its epoch.
    async fn apply_again(&self, batch: &Batch) -> Result<u64, StoreError>;

    /// The history that the store carries on now. Costs nothing on an engine that loses no part of what it has without the
    /// number that says so.
    async fn lineage(&self) -> Result<Lineage, StoreError>;

    /// The last number applied of `epoch`; 0 when none was.
    async fn applied(&self, epoch: &Epoch) -> Result<u64, StoreError>;

    /// Answers from the roll-ups.
    async fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError>;

    /// Totals of up to [`PAGE_RECORDS_MAX`] keys, in their order; `today` names the day, week and month of the costs.
    async fn key_totals(&self, keys: &[KeyId], today: Day) -> Result<Vec<KeyTotals>, StoreError>;

    /// A page of records, at most `limit` (1 to [`PAGE_RECORDS_MAX`]).
    async fn attempts(
        &self,
        filter: &AttemptFilter,
        after: Option<&AttemptCursor>,
        limit: usize,
    ) -> Result<AttemptPage, StoreError>;

    /// Removes up to `limit` records and day roll-ups of days before `day`, and hour roll-ups before `hours_before`; says how
    /// many. A key's cost of a day goes with the day, that of a week with its last day. Monthly and all-time totals stay.
    async fn prune(&self, day: Day, hours_before: Day, limit: usize) -> Result<u64, StoreError>;
}

impl UsageSums {
    /// Adds one record.
    pub fn add(&mut self, attempt: &Attempt) {
        use domain::AttemptKind::Message;
        let answered = attempt.kind == Message && attempt.is_final;
        self.requests += u64::from(answered);
        self.attempts += u64::from(attempt.attempt_no > 0);
        self.failures += u64::from(answered && attempt.outcome != Outcome::Completed);
        self.tokens += attempt.usage;
        self.cost += attempt.cost;
        self.cost_rated += attempt.cost_rated;
    }

    /// These sums without `part`, which is a part of them; nothing falls below zero.
    #[must_use]
    pub fn without(&self, part: &Self) -> Self {
        let tokens = |class: fn(&TokenUsage) -> u64| class(&self.tokens).saturating_sub(class(&part.tokens));
        Self {
            requests: self.requests.saturating_sub(part.requests),
            attempts: self.attempts.saturating_sub(part.attempts),
            failures: self.failures.saturating_sub(part.failures),
            tokens: TokenUsage {
                input: tokens(|tokens| tokens.input),
                output: tokens(|tokens| tokens.output),
                cache_write_5m: tokens(|tokens| tokens.cache_write_5m),
                cache_write_1h: tokens(|tokens| tokens.cache_write_1h),
                cache_read: tokens(|tokens| tokens.cache_read),
            },
            cost: NanoUsd((self.cost.0 - part.cost.0).max(0)),
            cost_rated: NanoUsd((self.cost_rated.0 - part.cost_rated.0).max(0)),
        }
    }

    /// Adds other sums.
    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.attempts += other.attempts;
        self.failures += other.failures;
        self.tokens += other.tokens;
        self.cost += other.cost;
        self.cost_rated += other.cost_rated;
    }
}

impl UsageOrder {
    /// What rows with these sums are ordered by, the highest first.
    #[must_use]
    pub fn amount(self, sums: &UsageSums) -> i128 {
        match self {
            Self::Cost => sums.cost.0,
            Self::Tokens => sums.tokens.total().into(),
            Self::Requests => sums.requests.into(),
        }
    }
}

impl AttemptFilter {
    /// Whether `attempt` is one of those asked for.
    #[must_use]
    pub fn passes(&self, attempt: &Attempt) -> bool {
        self.from.is_none_or(|from| attempt.admitted_at >= from)
            && self.to.is_none_or(|to| attempt.admitted_at < to)
            && self.request.as_ref().is_none_or(|request| attempt.request_id == *request)
            && self.key.as_ref().is_none_or(|key| attempt.key.as_ref() == Some(key))
            && self.user.as_ref().is_none_or(|user| attempt.user.as_ref() == Some(user))
            && self.account.as_ref().is_none_or(|account| attempt.account.as_ref() == Some(account))
            && self.model.as_ref().is_none_or(|model| *attempt.model == **model)
            && self.platform.is_none_or(|platform| attempt.platform == Some(platform))
            && self.outcome.is_none_or(|outcome| attempt.outcome == outcome)
            && self.status.is_none_or(|status| attempt.status == Some(status))
    }
}

impl AttemptCursor {
    /// The place of `attempt`.
    #[must_use]
    pub fn of(attempt: &Attempt) -> Self {
        Self {
            admitted_at: attempt.admitted_at,
            request_id: attempt.request_id.clone(),
            attempt_no: attempt.attempt_no,
        }
    }
}
