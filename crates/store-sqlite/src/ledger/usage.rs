//! Answers from the roll-ups. Nothing is summed from records.

use super::{
    roll_up::{SUMS, View, bucket_column},
    row::{Columns, tokens},
};
use crate::sql::{row_limit, rows};
use rusqlite::{Connection, Row, params_from_iter, types::Value};
use std::fmt::Write;
use store::{
    StoreError,
    ledger::{Dimension, KeyFilter, UsageQuery, UsageRow, UsageSums, UsageView},
};

pub(super) fn usage(connection: &Connection, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
    let (view, subject) = place(&query.view);
    let bucket = bucket_column(query.period);
    let told = |dimension, column| if query.group.contains(&dimension) { column } else { "NULL" };
    let names =
        [told(Dimension::Bucket, bucket), told(Dimension::Subject, view.names()[0]), told(Dimension::Model, "model")]
            .join(", ");
    let sums = SUMS.map(|sum| format!("coalesce(sum({sum}), 0)")).join(", ");
    let mut sql = format!("SELECT {names}, {sums} FROM {} WHERE {bucket} BETWEEN ? AND ?", view.table(query.period));
    let mut values = vec![Value::from(query.from.clone()), Value::from(query.to.clone())];
    let model = query.model.as_ref().map(|model| ("model", model.clone()));
    for (column, value) in subject.into_iter().chain(model) {
        write!(sql, " AND {column} = ?").expect("a text takes what is written to it");
        values.push(value.into());
    }
    if !query.group.is_empty() {
        write!(sql, " GROUP BY {names}").expect("a text takes what is written to it");
    }
    sql += " ORDER BY sum(cost_nanos) DESC, 1, 2, 3 LIMIT ?";
    values.push(row_limit(query.limit).into());
    rows(connection, "sum up usage", &sql, params_from_iter(values), row)
}

/// The view, and the column and value that narrow it.
fn place(view: &UsageView) -> (View, Option<(&'static str, String)>) {
    match view {
        UsageView::Keys(KeyFilter::All) => (View::Keys, None),
        UsageView::Keys(KeyFilter::Key(key)) => (View::Keys, Some(("key_id", key.to_string()))),
        UsageView::Keys(KeyFilter::User(user)) => (View::Keys, Some(("user_id", user.to_string()))),
        UsageView::Accounts(account) => {
            (View::Accounts, account.as_ref().map(|account| ("account_id", account.to_string())))
        }
        UsageView::Global(platform) => (View::Global, platform.map(|platform| ("platform", platform.to_string()))),
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
