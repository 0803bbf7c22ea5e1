//! Which records stand on a page of a list, and in which order: the same on every engine that decides it in Rust. Pure.

use crate::{
    keyspace::Listing,
    records::{Comparison, Direction, Filter, PageQuery, Row, Value},
};
use std::cmp::Ordering;

/// A record as far as a list looks at it.
pub trait Listed {
    /// Its id.
    fn id(&self) -> &str;

    /// The value of a listed column; none where it lacks it.
    fn value(&self, column: &str) -> Option<&Value>;
}

impl Listed for Row {
    fn id(&self) -> &str {
        &self.id
    }

    fn value(&self, column: &str) -> Option<&Value> {
        self.fields.get(column)
    }
}

/// The records of the page that `query` asks for, in order, and whether more come behind them. Costs one look at each record.
pub fn page<'a, R: Listed + 'a>(query: &PageQuery, rows: impl Iterator<Item = &'a R>) -> (Vec<&'a R>, bool) {
    let mut passing: Vec<_> =
        rows.filter(|row| is_after(query, *row) && passes(&query.filters, *row) && is_found(query, *row)).collect();
    let by_place = |a: &&R, b: &&R| compare(query, place(query, *a), place(query, *b));
    let more = passing.len() > query.limit;
    if more {
        passing.select_nth_unstable_by(query.limit - 1, by_place);
        passing.truncate(query.limit);
    }
    passing.sort_unstable_by(by_place);
    (passing, more)
}

/// Whether `row` passes all of `filters`.
pub fn passes<R: Listed>(filters: &[Filter], row: &R) -> bool {
    filters.iter().all(|filter| {
        let value = row.value(filter.column);
        match filter.comparison {
            Comparison::Equal => value == Some(&filter.value),
            Comparison::NotEqual => value != Some(&filter.value),
            Comparison::Less => value.is_some_and(|value| *value < filter.value),
            Comparison::AtLeast => value.is_some_and(|value| *value >= filter.value),
        }
    })
}

fn is_found<R: Listed>(query: &PageQuery, row: &R) -> bool {
    let Some(search) = &query.search else { return true };
    let mut searched = query.family.entry().columns.iter().filter(|column| column.listing == Listing::Searched);
    searched.any(|column| match row.value(column.name) {
        Some(Value::Text(text)) => contains(text.as_bytes(), search.as_bytes()),
        _ => false,
    })
}

/// Whether `search` stands in `text`, without regard to ASCII case.
fn contains(text: &[u8], search: &[u8]) -> bool {
    search.is_empty() || text.windows(search.len()).any(|part| part.eq_ignore_ascii_case(search))
}

fn is_after<R: Listed>(query: &PageQuery, row: &R) -> bool {
    let Some(after) = &query.after else { return true };
    compare(query, place(query, row), (after.value.as_ref(), &after.id)) == Ordering::Greater
}

fn place<'a, R: Listed>(query: &PageQuery, row: &'a R) -> (Option<&'a Value>, &'a str) {
    (row.value(query.order), row.id())
}

fn compare(query: &PageQuery, a: (Option<&Value>, &str), b: (Option<&Value>, &str)) -> Ordering {
    match query.direction {
        Direction::Ascending => a.cmp(&b),
        Direction::Descending => b.cmp(&a),
    }
}
