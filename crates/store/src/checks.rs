//! What a call may ask: the same refusals on every engine. Nothing is read or written here.

use crate::{
    audit::{AuditQuery, PAGE_ENTRIES_MAX},
    error::{StoreError, StoreFailure},
    keyspace::{COUNTED_BY, Column, ColumnKind, Family, Listing},
    ledger::{BATCH_RECORDS_MAX, Batch, PAGE_RECORDS_MAX, Period, ROWS_MAX, UsageQuery},
    limits::{CHARGES_MAX, Charge, Counter},
    records::{Comparison, Filter, ItemsQuery, PAGE_MAX, PageQuery, Value},
};
use domain::{AuditId, Day, Hour, KeyId, Month};
use std::borrow::Cow;

/// The refusal of a call that no store takes.
#[must_use]
pub fn unsupported(operation: impl Into<Cow<'static, str>>) -> StoreError {
    StoreError::new(operation, StoreFailure::Unsupported)
}

/// `family` is one that [`Records`](crate::Records) serves.
///
/// # Errors
///
/// When it has no columns.
pub fn served(family: Family) -> Result<(), StoreError> {
    if family.entry().columns.is_empty() { Err(unsupported(format!("keep records of {family}"))) } else { Ok(()) }
}

/// The family and column that `index` maps values of.
///
/// # Errors
///
/// When it is no such family.
pub fn indexed(index: Family) -> Result<(Family, &'static str), StoreError> {
    index.indexed().ok_or_else(|| unsupported(format!("find a record by {index}")))
}

/// Every value is of its column's kind.
///
/// # Errors
///
/// When a column is not in the table, or a value is of another kind.
pub fn values<'a>(
    family: Family,
    fields: impl IntoIterator<Item = (&'static str, Option<&'a Value>)>,
) -> Result<(), StoreError> {
    served(family)?;
    for (name, value) in fields {
        let column = family.column(name).ok_or_else(|| unsupported(format!("keep {name} of {family}")))?;
        of_kind(family, column, value)?;
    }
    Ok(())
}

/// Every filter is on a listed column.
///
/// # Errors
///
/// When one is not, or its value is of another kind.
pub fn filters(family: Family, filters: &[Filter]) -> Result<(), StoreError> {
    served(family)?;
    filters.iter().try_for_each(|filter| {
        let column = if filter.comparison == Comparison::Contains {
            listed_by_items(family, filter.column)?
        } else {
            listed(family, filter.column)?
        };
        of_kind(family, column, Some(&filter.value))
    })
}

/// The items can be had: the column is listed by them, what is counted can be told, and the answer is not too long.
///
/// # Errors
///
/// When they cannot.
pub fn items(query: &ItemsQuery) -> Result<(), StoreError> {
    listed_by_items(query.family, query.column)?;
    filters(query.family, &query.filters)?;
    if let Some(other) = query.filters.iter().find(|filter| !COUNTED_BY.contains(&filter.column)) {
        return Err(unsupported(format!("count items of {} by {}", query.family, other.column)));
    }
    within(query.limit, PAGE_MAX, "list so many items")
}

/// The records can be read at once: they are of a family that is served, and not too many.
///
/// # Errors
///
/// When they cannot.
pub fn ids(family: Family, count: usize) -> Result<(), StoreError> {
    served(family)?;
    if count <= PAGE_MAX { Ok(()) } else { Err(unsupported("read so many records")) }
}

/// The list can be had: its columns are listed and its page is not too long.
///
/// # Errors
///
/// When it cannot.
pub fn page(query: &PageQuery) -> Result<(), StoreError> {
    filters(query.family, &query.filters)?;
    let order = listed(query.family, query.order)?;
    of_kind(query.family, order, query.after.as_ref().and_then(|cursor| cursor.value.as_ref()))?;
    within(query.limit, PAGE_MAX, "list so many records")
}

/// The batch is not too long and has a number.
///
/// # Errors
///
/// When it is, or has none.
pub fn batch(batch: &Batch) -> Result<(), StoreError> {
    let fits = batch.number > 0 && batch.attempts.len() <= BATCH_RECORDS_MAX;
    if fits { Ok(()) } else { Err(unsupported("apply a batch of this size or number")) }
}

/// The question names buckets of its period, and the answer is not too long.
///
/// # Errors
///
/// When it does not, or is.
pub fn usage(query: &UsageQuery) -> Result<(), StoreError> {
    within(query.limit, ROWS_MAX, "answer so many rows")?;
    for name in [&query.from, &query.to] {
        let known = match query.period {
            Period::Hour => Hour::parse(name).is_some(),
            Period::Day => Day::parse(name).is_some(),
            Period::Month => Month::parse(name).is_some(),
        };
        if !known {
            return Err(unsupported(format!("answer for the bucket {name:?}")));
        }
    }
    Ok(())
}

/// A page of the ledger is not too long.
///
/// # Errors
///
/// When it is.
pub fn attempts(limit: usize) -> Result<(), StoreError> {
    within(limit, PAGE_RECORDS_MAX, "list so many attempts")
}

/// `id` says when its entry was made.
///
/// # Errors
///
/// When it is no UUID, version 7.
pub fn audit_id(id: &AuditId) -> Result<(), StoreError> {
    id.at().map(drop).ok_or_else(|| unsupported("append an entry without an instant"))
}

/// A page of the audit log is not too long.
///
/// # Errors
///
/// When it is.
pub fn audit_page(query: &AuditQuery) -> Result<(), StoreError> {
    within(query.limit, PAGE_ENTRIES_MAX, "list so many entries")
}

/// Totals are not asked for too many keys.
///
/// # Errors
///
/// When they are.
pub fn keys(keys: &[KeyId]) -> Result<(), StoreError> {
    if keys.len() <= PAGE_RECORDS_MAX { Ok(()) } else { Err(unsupported("sum up so many keys")) }
}

/// The charges are few and none is negative.
///
/// # Errors
///
/// When they are many or one is.
pub fn charges(charges: &[Charge]) -> Result<(), StoreError> {
    amounts(charges.len(), charges.iter().map(|charge| charge.amount))
}

/// The truth of a settlement names few counters and no negative amount.
///
/// # Errors
///
/// When it names many, or one.
pub fn truth(truth: &[(Counter, i64)]) -> Result<(), StoreError> {
    amounts(truth.len(), truth.iter().map(|(_, amount)| *amount))
}

fn amounts(count: usize, mut amounts: impl Iterator<Item = i64>) -> Result<(), StoreError> {
    let fits = count <= CHARGES_MAX && amounts.all(|amount| amount >= 0);
    if fits { Ok(()) } else { Err(unsupported("charge so many, or negative, amounts")) }
}

fn listed(family: Family, name: &str) -> Result<&'static Column, StoreError> {
    let is_listed = |column: &&Column| matches!(column.listing, Listing::Listed | Listing::Searched);
    family.column(name).filter(is_listed).ok_or_else(|| unsupported(format!("list {family} by {name}")))
}

fn listed_by_items(family: Family, name: &str) -> Result<&'static Column, StoreError> {
    let column = family.column(name).filter(|column| column.listing == Listing::Items);
    column.ok_or_else(|| unsupported(format!("list {family} by items of {name}")))
}

fn of_kind(family: Family, column: &Column, value: Option<&Value>) -> Result<(), StoreError> {
    let fits = matches!(
        (column.kind, value),
        (_, None)
            | (ColumnKind::Integer, Some(Value::Integer(_)))
            | (ColumnKind::Text | ColumnKind::Secret, Some(Value::Text(_)))
    );
    if fits { Ok(()) } else { Err(unsupported(format!("keep such a value as {} of {family}", column.name))) }
}

fn within(limit: usize, max: usize, operation: &'static str) -> Result<(), StoreError> {
    if (1..=max).contains(&limit) { Ok(()) } else { Err(unsupported(operation)) }
}
