//! Answers from the roll-ups. Nothing is summed from records.

use super::{
    roll_up::{SUMS, View, bucket_column},
    row::{Columns, tokens},
};
use crate::{
    error::failed,
    sql::{row_limit, rows},
};
use rusqlite::{Connection, Row, params, params_from_iter, types::Value};
use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
    fmt::Write,
};
use store::{
    StoreError,
    ledger::{Dimension, KeyFilter, UsageOrder, UsageQuery, UsageRow, UsageSums, UsageView},
};

/// Tokens of all classes.
const TOKENS: &str = "input_tokens + output_tokens + cache_write_5m_tokens + cache_write_1h_tokens + cache_read_tokens";

/// A roll-up, what its rows are told apart by, and what narrows it.
struct Place {
    view: View,
    subject: &'static str,
    only: Option<(&'static str, String)>,
}

pub(super) fn usage(connection: &Connection, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
    let place = Place::of(&query.view);
    if place.view == View::Keys && place.only.is_none() && query.group == BTreeSet::from([Dimension::Subject]) {
        return by_subject(connection, query, &place);
    }
    let bucket = bucket_column(query.period);
    let table = place.view.table(query.period);
    let told = |dimension, column| if query.group.contains(&dimension) { column } else { "NULL" };
    let names =
        [told(Dimension::Bucket, bucket), told(Dimension::Subject, place.subject), told(Dimension::Model, "model")]
            .join(", ");
    let sums = SUMS.map(|sum| format!("coalesce(sum({sum}), 0)")).join(", ");
    let within = place.within(&table, bucket);
    let mut sql = format!("SELECT {names}, {sums} FROM {table} WHERE {within}");
    let mut values = vec![Value::from(query.from.clone()), Value::from(query.to.clone())];
    let model = query.model.as_ref().map(|model| ("model", model.clone()));
    for (column, value) in place.only.into_iter().chain(model) {
        write!(sql, " AND {column} = ?").expect("a text takes what is written to it");
        values.push(value.into());
    }
    if !query.group.is_empty() {
        write!(sql, " GROUP BY {names}").expect("a text takes what is written to it");
    }
    let amount = amount(query.order);
    write!(sql, " ORDER BY sum({amount}) DESC, 1, 2, 3 LIMIT ?").expect("a text takes what is written to it");
    values.push(row_limit(query.limit).into());
    rows(connection, "sum up usage", &sql, params_from_iter(values), row)
}

/// The sums of every key or user, added up here: the engine would sort a row of each bucket and model first, which takes ten times
/// as long with a hundred thousand keys. What is held is a row of each key.
fn by_subject(connection: &Connection, query: &UsageQuery, place: &Place) -> Result<Vec<UsageRow>, StoreError> {
    let operation = "sum up usage";
    let bucket = bucket_column(query.period);
    let table = place.view.table(query.period);
    let within = place.within(&table, bucket);
    let sql = format!(
        "SELECT {}, {} FROM {table} WHERE {within} AND (?3 IS NULL OR model = ?3)",
        place.subject,
        SUMS.join(", ")
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failed(operation))?;
    let found = statement.query(params![query.from, query.to, query.model]);
    let mut found = found.map_err(failed(operation))?;
    let mut by_name: HashMap<String, UsageSums> = HashMap::new();
    while let Some(row) = found.next().map_err(failed(operation))? {
        let sums = sums(row, 1)?;
        let name =
            row.get_ref(0).map_err(failed(operation))?.as_str().map_err(|error| failed(operation)(error.into()))?;
        match by_name.get_mut(name) {
            Some(so_far) => so_far.merge(&sums),
            None => drop(by_name.insert(name.to_owned(), sums)),
        }
    }
    let mut rows: Vec<_> = by_name.into_iter().collect();
    rows.sort_unstable_by(|(name, sums), (other, theirs)| {
        let amount = |sums| Reverse(query.order.amount(sums));
        (amount(sums), name).cmp(&(amount(theirs), other))
    });
    rows.truncate(query.limit);
    let row = |(name, sums)| UsageRow { bucket: None, subject: Some(name), model: None, sums };
    Ok(rows.into_iter().map(row).collect())
}

const fn amount(order: UsageOrder) -> &'static str {
    match order {
        UsageOrder::Cost => "cost_nanos",
        UsageOrder::Tokens => TOKENS,
        UsageOrder::Requests => "requests",
    }
}

impl Place {
    fn of(view: &UsageView) -> Self {
        let new = |view: View, subject, only| Self { view, subject, only };
        match view {
            UsageView::Keys(KeyFilter::All) => new(View::Keys, "key_id", None),
            UsageView::Keys(KeyFilter::Key(key)) => new(View::Keys, "key_id", Some(("key_id", key.to_string()))),
            UsageView::Keys(KeyFilter::User(user)) => new(View::Keys, "key_id", Some(("user_id", user.to_string()))),
            UsageView::Users(user) => {
                new(View::Keys, "user_id", user.as_ref().map(|user| ("user_id", user.to_string())))
            }
            UsageView::Accounts(account) => {
                let only = account.as_ref().map(|account| ("account_id", account.to_string()));
                new(View::Accounts, "account_id", only)
            }
            UsageView::Global(platform) => {
                new(View::Global, "platform", platform.map(|platform| ("platform", platform.to_string())))
            }
        }
    }

    /// The condition that a row is of one of the buckets from `?1` to `?2`, in the form that lets the engine seek.
    ///
    /// The bucket leads the table's key, and what narrows the question comes next. So each bucket that exists is sought by itself:
    /// a range of buckets would be read whole, with the rows of every key. Rows of a user have an index of their own, which holds
    /// no row of nobody.
    fn within(&self, table: &str, bucket: &str) -> String {
        match self.only {
            None => format!("{bucket} BETWEEN ?1 AND ?2"),
            Some(("user_id", _)) => format!("{bucket} BETWEEN ?1 AND ?2 AND user_id <> ''"),
            Some(_) => format!(
                "{bucket} IN (WITH RECURSIVE existing (bucket) AS (
                    SELECT min({bucket}) FROM {table} WHERE {bucket} >= ?1
                    UNION ALL SELECT (SELECT min({bucket}) FROM {table} WHERE {bucket} > existing.bucket)
                        FROM existing WHERE existing.bucket < ?2
                ) SELECT bucket FROM existing WHERE bucket <= ?2)"
            ),
        }
    }
}

fn row(row: &Row<'_>) -> Result<UsageRow, StoreError> {
    let at = Columns(row);
    Ok(UsageRow { bucket: at.value(0)?, subject: at.value(1)?, model: at.value(2)?, sums: sums(row, 3)? })
}

/// Reads [`SUMS`], from column `first` on.
pub(super) fn sums(row: &Row<'_>, first: usize) -> Result<UsageSums, StoreError> {
    let at = Columns(row);
    Ok(UsageSums {
        requests: at.value(first)?,
        attempts: at.value(first + 1)?,
        failures: at.value(first + 2)?,
        tokens: tokens(row, first + 3)?,
        cost: at.money(first + 8)?,
        cost_rated: at.money(first + 9)?,
    })
}
