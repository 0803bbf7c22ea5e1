//! Roll-ups by key, account and the whole relay, per hour, day and month. Summed in memory: one upsert per row that a batch touches.

use super::integer;
use crate::sql::{row_limit, run, table};
use domain::{AccountId, Attempt, Day, Hour, KeyId, Platform, UserId};
use rusqlite::{Connection, ToSql, params};
use std::collections::{BTreeMap, HashMap};
use store::{
    Family, StoreError,
    ledger::{Period, UsageSums},
};

/// Names of the columns of [`UsageSums`], in the order in which they are written and read.
pub(super) const SUMS: [&str; 10] = [
    "requests",
    "attempts",
    "failures",
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "cost_nanos",
    "cost_rated_nanos",
];

/// What names a row beside its bucket, in the order of [`View::names`]; a place that the view does not use is empty.
type Names<'a> = [&'a str; 3];

/// One of the three views.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum View {
    Keys,
    Accounts,
    Global,
}

const VIEWS: [View; 3] = [View::Keys, View::Accounts, View::Global];

const PERIODS: [Period; 3] = [Period::Hour, Period::Day, Period::Month];

impl View {
    /// The columns that name a row beside its bucket.
    pub(super) const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Keys => &["key_id", "user_id", "model"],
            Self::Accounts => &["account_id", "model"],
            Self::Global => &["platform", "model"],
        }
    }

    /// The table of this view and period.
    pub(super) fn table(self, period: Period) -> String {
        table(match (self, period) {
            (Self::Keys, Period::Hour) => Family::UsageHourly,
            (Self::Keys, Period::Day) => Family::UsageDaily,
            (Self::Keys, Period::Month) => Family::UsageMonthly,
            (Self::Accounts, Period::Hour) => Family::UsageAccountHourly,
            (Self::Accounts, Period::Day) => Family::UsageAccount,
            (Self::Accounts, Period::Month) => Family::UsageAccountMonthly,
            (Self::Global, Period::Hour) => Family::UsageGlobalHourly,
            (Self::Global, Period::Day) => Family::UsageGlobal,
            (Self::Global, Period::Month) => Family::UsageGlobalMonthly,
        })
    }

    fn row(self, attempt: &Attempt) -> Names<'_> {
        let key = attempt.key.as_ref().map_or("", KeyId::as_str);
        match self {
            Self::Keys => [key, attempt.user.as_ref().map_or("", UserId::as_str), &attempt.model],
            Self::Accounts => [attempt.account.as_ref().map_or("", AccountId::as_str), &attempt.model, ""],
            Self::Global => [attempt.platform.map_or("", Platform::as_str), &attempt.model, ""],
        }
    }
}

/// The column that holds the bucket.
pub(super) const fn bucket_column(period: Period) -> &'static str {
    match period {
        Period::Hour => "hour",
        Period::Day => "day",
        Period::Month => "month",
    }
}

/// Adds `attempts` to every roll-up. Days and months are summed from the hours, of which there are fewer.
pub(super) fn add(connection: &Connection, attempts: &[Attempt]) -> Result<(), StoreError> {
    for view in VIEWS {
        let mut hours: HashMap<(Hour, Names<'_>), UsageSums> = HashMap::new();
        for attempt in attempts {
            hours.entry((attempt.hour, view.row(attempt))).or_default().add(attempt);
        }
        for period in PERIODS {
            add_to(connection, view, period, &hours)?;
        }
    }
    Ok(())
}

fn add_to(
    connection: &Connection,
    view: View,
    period: Period,
    hours: &HashMap<(Hour, Names<'_>), UsageSums>,
) -> Result<(), StoreError> {
    let mut buckets = HashMap::new();
    for (hour, _) in hours.keys() {
        buckets.entry(*hour).or_insert_with(|| bucket(period, *hour));
    }
    // In the order of the table, so that neighbours are written together.
    let mut touched: BTreeMap<(&str, &Names<'_>), UsageSums> = BTreeMap::new();
    for ((hour, names), sums) in hours {
        touched.entry((buckets[hour].as_str(), names)).or_default().merge(sums);
    }
    let columns: Vec<_> = [bucket_column(period)].iter().chain(view.names()).copied().collect();
    let sql = upsert(&view.table(period), &columns);
    for ((bucket, names), sums) in &touched {
        let numbers = numbers(sums)?;
        let names = names[..view.names().len()].iter().map(|name| name as &dyn ToSql);
        let values: Vec<&dyn ToSql> =
            [bucket as &dyn ToSql].into_iter().chain(names).chain(numbers.iter().map(|number| number as _)).collect();
        run(connection, "add to a roll-up", &sql, values.as_slice())?;
    }
    Ok(())
}

/// An upsert that adds [`SUMS`] to the row with these names.
pub(super) fn upsert(table: &str, names: &[&str]) -> String {
    let columns: Vec<_> = names.iter().copied().chain(SUMS).collect();
    let sums = SUMS.map(|sum| format!("{sum} = {sum} + excluded.{sum}")).join(", ");
    format!(
        "INSERT INTO {table} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {sums}",
        columns.join(", "),
        vec!["?"; columns.len()].join(", "),
        names.join(", ")
    )
}

/// The numbers of [`SUMS`].
pub(super) fn numbers(sums: &UsageSums) -> Result<[i64; 10], StoreError> {
    let tokens = &sums.tokens;
    let count = |count: u64| integer(count.into());
    Ok([
        count(sums.requests)?,
        count(sums.attempts)?,
        count(sums.failures)?,
        count(tokens.input)?,
        count(tokens.output)?,
        count(tokens.cache_write_5m)?,
        count(tokens.cache_write_1h)?,
        count(tokens.cache_read)?,
        integer(sums.cost.0)?,
        integer(sums.cost_rated.0)?,
    ])
}

/// Removes up to `limit` day roll-ups before `day` and hour roll-ups before `hours_before`; says how many.
pub(super) fn prune(connection: &Connection, day: Day, hours_before: Day, limit: usize) -> Result<usize, StoreError> {
    let mut left = limit;
    for (view, period) in VIEWS.into_iter().flat_map(|view| PERIODS.map(|period| (view, period))) {
        let end = match period {
            Period::Hour => hours_before,
            Period::Day => day,
            Period::Month => continue,
        };
        let (table, bucket, names) = (view.table(period), bucket_column(period), view.names().join(", "));
        let sql = format!(
            "DELETE FROM {table} WHERE ({bucket}, {names}) IN
                (SELECT {bucket}, {names} FROM {table} WHERE {bucket} < ?1 ORDER BY {bucket}, {names} LIMIT ?2)"
        );
        left -= run(connection, "remove old roll-ups", &sql, params![end.to_string(), row_limit(left)])?;
    }
    Ok(limit - left)
}

fn bucket(period: Period, hour: Hour) -> String {
    match period {
        Period::Hour => hour.to_string(),
        Period::Day => hour.day().to_string(),
        Period::Month => hour.day().month().to_string(),
    }
}
