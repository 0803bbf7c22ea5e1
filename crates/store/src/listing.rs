//! Which records stand on a page of a list, and in which order: the same on every engine that decides it in Rust. Pure.

use crate::{
    keyspace::{Family, Listing},
    records::{Comparison, Direction, Filter, ItemCount, ItemsQuery, PageQuery, Row, Selection, Value},
};
use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

/// A record as far as a list looks at it.
pub trait Listed {
    /// Its id.
    fn id(&self) -> &str;

    /// The value of a listed column; none where it lacks it.
    fn value(&self, column: &str) -> Option<&Value>;

    /// The items of a column that is listed by them, each once.
    fn items(&self, column: &str) -> impl Iterator<Item = Cow<'_, str>>;
}

impl Listed for Row {
    fn id(&self) -> &str {
        &self.id
    }

    fn value(&self, column: &str) -> Option<&Value> {
        self.fields.get(column)
    }

    fn items(&self, column: &str) -> impl Iterator<Item = Cow<'_, str>> {
        items_of(self.fields.get(column)).into_iter().map(Cow::Owned)
    }
}

/// The items of a value, each once: the texts of a JSON array; none of what is no such array.
#[must_use]
pub fn items_of(value: Option<&Value>) -> BTreeSet<String> {
    let Some(Value::Text(text)) = value else { return BTreeSet::new() };
    let items = serde_json::from_str::<Vec<serde_json::Value>>(text).unwrap_or_default();
    items.into_iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// The records of the page that `query` asks for, in order, and whether more come behind them. Costs one look at each record.
pub fn page<'a, R: Listed + 'a>(query: &PageQuery, rows: impl Iterator<Item = &'a R>) -> (Vec<&'a R>, bool) {
    let search = Search::new(query.family, query.search.as_deref());
    let after = query.after.as_ref().map(|after| (after.value.as_ref(), after.id.as_str()));
    // Each place is looked up once: sorting asks for them many times.
    let places = rows.map(|row| ((row.value(query.order), row.id()), row));
    let is_after = |place| after.is_none_or(|after| compare(query, place, after) == Ordering::Greater);
    let mut passing: Vec<_> =
        places.filter(|(place, row)| is_after(*place) && passes(&query.filters, *row) && search.finds(*row)).collect();
    let by_place = |a: &(Place<'a>, &R), b: &(Place<'a>, &R)| compare(query, a.0, b.0);
    let more = passing.len() > query.limit;
    if more {
        passing.select_nth_unstable_by(query.limit - 1, by_place);
        passing.truncate(query.limit);
    }
    passing.sort_unstable_by(by_place);
    (passing.into_iter().map(|(_, row)| row).collect(), more)
}

/// The records that `selection` chooses.
pub fn chosen<'a, R: Listed + 'a>(
    selection: &Selection,
    rows: impl Iterator<Item = &'a R>,
) -> impl Iterator<Item = &'a R> {
    let search = Search::new(selection.family, selection.search.as_deref());
    rows.filter(move |row| passes(&selection.filters, *row) && search.finds(*row))
}

/// Whether `selection` chooses `row`.
pub fn chooses<R: Listed>(selection: &Selection, row: &R) -> bool {
    passes(&selection.filters, row) && Search::new(selection.family, selection.search.as_deref()).finds(row)
}

/// The items that `query` asks for, in the order of their bytes.
pub fn items<'a, R: Listed + 'a>(query: &ItemsQuery, rows: impl Iterator<Item = &'a R>) -> Vec<ItemCount> {
    let mut counts: BTreeMap<Cow<'a, str>, u64> = BTreeMap::new();
    for item in rows.filter(|row| passes(&query.filters, *row)).flat_map(|row| row.items(query.column)) {
        *counts.entry(item).or_default() += 1;
    }
    let search = query.search.as_deref().unwrap_or_default();
    let asked_for = counts.into_iter().filter(|(item, _)| {
        query.after.as_deref().is_none_or(|after| &**item > after) && contains(item.as_bytes(), search.as_bytes())
    });
    asked_for.take(query.limit).map(|(item, records)| ItemCount { item: item.into_owned(), records }).collect()
}

/// Whether `row` passes all of `filters`.
pub fn passes<R: Listed>(filters: &[Filter], row: &R) -> bool {
    filters.iter().all(|filter| {
        if filter.comparison == Comparison::Contains {
            let Value::Text(item) = &filter.value else { return false };
            return row.items(filter.column).any(|held| held == item.as_str());
        }
        let value = row.value(filter.column);
        match filter.comparison {
            Comparison::Equal => value == Some(&filter.value),
            Comparison::NotEqual => value != Some(&filter.value),
            Comparison::Less => value.is_some_and(|value| *value < filter.value),
            Comparison::AtLeast => value.is_some_and(|value| *value >= filter.value),
            Comparison::Contains => false,
        }
    })
}

/// A text that is looked for in a family's searched columns; none finds every record.
struct Search<'a> {
    text: Option<&'a str>,
    columns: Vec<&'static str>,
}

impl<'a> Search<'a> {
    fn new(family: Family, text: Option<&'a str>) -> Self {
        let columns = family.entry().columns.iter().filter(|column| column.listing == Listing::Searched);
        Self { text, columns: columns.map(|column| column.name).collect() }
    }

    fn finds<R: Listed>(&self, row: &R) -> bool {
        let Some(text) = self.text else { return true };
        self.columns.iter().any(|column| match row.value(column) {
            Some(Value::Text(held)) => contains(held.as_bytes(), text.as_bytes()),
            _ => false,
        })
    }
}

/// Whether `search` stands in `text`, without regard to ASCII case.
fn contains(text: &[u8], search: &[u8]) -> bool {
    let Some((first, rest)) = search.split_first() else { return true };
    let Some(starts) = text.len().checked_sub(rest.len()) else { return false };
    // The first byte decides almost everywhere; only where it stands are the others looked at.
    let first = first.to_ascii_lowercase();
    let begins = text[..starts].iter().enumerate().filter(|(_, byte)| byte.to_ascii_lowercase() == first);
    let mut ends = begins.map(|(at, _)| &text[at + 1..at + search.len()]);
    ends.any(|end| end.eq_ignore_ascii_case(rest))
}

/// What orders a record: its value of the ordering column, then its id.
type Place<'a> = (Option<&'a Value>, &'a str);

fn compare(query: &PageQuery, a: Place<'_>, b: Place<'_>) -> Ordering {
    match query.direction {
        Direction::Ascending => a.cmp(&b),
        Direction::Descending => b.cmp(&a),
    }
}
