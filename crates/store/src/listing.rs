//! Which records stand on a page of a list, and in which order: the same on every engine that decides it in Rust. Pure.

use crate::{
    keyspace::{Family, Listing},
    records::{Comparison, Direction, Filter, ItemCount, ItemsQuery, PageQuery, Row, Selection, Value},
};
use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// A record as far as a list looks at it.
pub trait Listed {
    /// Where such a record has what is in a column: looked up once for each question.
    type Place: Copy;

    /// Its id.
    fn id(&self) -> &str;

    /// The place of a listed column.
    fn place(family: Family, column: &'static str) -> Self::Place;

    /// The value in a place; none where it lacks it.
    fn value(&self, place: Self::Place) -> Option<&Value>;

    /// The items in the place of a column that is listed by them, each once.
    fn items(&self, place: Self::Place) -> impl Iterator<Item = Cow<'_, str>>;
}

impl Listed for Row {
    type Place = &'static str;

    fn id(&self) -> &str {
        &self.id
    }

    fn place(_: Family, column: &'static str) -> &'static str {
        column
    }

    fn value(&self, column: &'static str) -> Option<&Value> {
        self.fields.get(column)
    }

    fn items(&self, column: &'static str) -> impl Iterator<Item = Cow<'_, str>> {
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
    let choice = Choice::new(query.family, &query.filters, query.search.as_deref());
    let order = R::place(query.family, query.order);
    let after = query.after.as_ref().map(|after| (after.value.as_ref(), after.id.as_str()));
    // Each place is looked up once: sorting asks for them many times.
    let places = rows.map(|row| ((row.value(order), row.id()), row));
    let is_after = |place| after.is_none_or(|after| compare(query, place, after) == Ordering::Greater);
    let mut passing: Vec<_> = places.filter(|(place, row)| is_after(*place) && choice.takes(*row)).collect();
    let by_place = |a: &(Rank<'a>, &R), b: &(Rank<'a>, &R)| compare(query, a.0, b.0);
    let more = passing.len() > query.limit;
    if more {
        passing.select_nth_unstable_by(query.limit - 1, by_place);
        passing.truncate(query.limit);
    }
    passing.sort_unstable_by(by_place);
    (passing.into_iter().map(|(_, row)| row).collect(), more)
}

/// The same of `rows` that stand in the order that is asked for, the first behind the page before: no more of them are looked at
/// than the page needs.
pub fn page_in_order<'a, R: Listed + 'a>(query: &PageQuery, rows: impl Iterator<Item = &'a R>) -> (Vec<&'a R>, bool) {
    let choice = Choice::new(query.family, &query.filters, query.search.as_deref());
    let mut passing = rows.filter(|row| choice.takes(*row));
    let page = passing.by_ref().take(query.limit).collect();
    (page, passing.next().is_some())
}

/// The records that `selection` chooses.
pub fn chosen<'a, R: Listed + 'a>(
    selection: &Selection,
    rows: impl Iterator<Item = &'a R>,
) -> impl Iterator<Item = &'a R> {
    let choice = Choice::new(selection.family, &selection.filters, selection.search.as_deref());
    rows.filter(move |row| choice.takes(*row))
}

/// Whether `selection` chooses `row`.
pub fn chooses<R: Listed>(selection: &Selection, row: &R) -> bool {
    Choice::new(selection.family, &selection.filters, selection.search.as_deref()).takes(row)
}

/// How many records of `family` pass `filters`.
pub fn count<'a, R: Listed + 'a>(family: Family, filters: &[Filter], rows: impl Iterator<Item = &'a R>) -> u64 {
    let choice = Choice::new(family, filters, None);
    rows.filter(|row| choice.takes(*row)).count() as u64
}

/// The items that `query` asks for, in the order of their bytes.
pub fn items<'a, R: Listed + 'a>(query: &ItemsQuery, rows: impl Iterator<Item = &'a R>) -> Vec<ItemCount> {
    let choice = Choice::new(query.family, &query.filters, None);
    let place = R::place(query.family, query.column);
    let chosen = rows.filter(|row| choice.takes(*row));
    sum(query, chosen.flat_map(|row| row.items(place)).map(|item| (item, 1)))
}

/// The same of records that were counted before: by one that is like all of a group as far as items are counted by it, with how many
/// of the group have each item of the column.
pub fn items_of_groups<'a, R: Listed + 'a>(
    query: &ItemsQuery,
    groups: impl Iterator<Item = (&'a R, &'a HashMap<Arc<str>, u64>)>,
) -> Vec<ItemCount> {
    let choice = Choice::new(query.family, &query.filters, None);
    let chosen = groups.filter(|(like, _)| choice.takes(*like));
    sum(query, chosen.flat_map(|(_, counts)| counts).map(|(item, count)| (Cow::Borrowed(&**item), *count)))
}

fn sum<'a>(query: &ItemsQuery, items: impl Iterator<Item = (Cow<'a, str>, u64)>) -> Vec<ItemCount> {
    let mut counts: HashMap<Cow<'a, str>, u64> = HashMap::new();
    for (item, count) in items {
        *counts.entry(item).or_default() += count;
    }
    let search = query.search.as_deref().unwrap_or_default();
    let asked_for = counts.into_iter().filter(|(item, _)| {
        query.after.as_deref().is_none_or(|after| &**item > after) && contains(item.as_bytes(), search.as_bytes())
    });
    let mut asked_for: Vec<_> = asked_for.collect();
    asked_for.sort_unstable();
    asked_for.truncate(query.limit);
    asked_for.into_iter().map(|(item, records)| ItemCount { item: item.into_owned(), records }).collect()
}

/// What chooses records, the places of its columns known: filters, and a text that is looked for in the family's searched columns.
struct Choice<'a, R: Listed> {
    filters: Vec<(R::Place, &'a Filter)>,
    search: Option<(&'a str, Vec<R::Place>)>,
}

impl<'a, R: Listed> Choice<'a, R> {
    fn new(family: Family, filters: &'a [Filter], search: Option<&'a str>) -> Self {
        let searched = || family.entry().columns.iter().filter(|column| column.listing == Listing::Searched);
        let places = || searched().map(|column| R::place(family, column.name)).collect();
        Self {
            filters: filters.iter().map(|filter| (R::place(family, filter.column), filter)).collect(),
            search: search.map(|text| (text, places())),
        }
    }

    /// Whether `row` passes all filters and has the text.
    fn takes(&self, row: &R) -> bool {
        self.filters.iter().all(|&(place, filter)| passes(place, filter, row)) && self.finds(row)
    }

    fn finds(&self, row: &R) -> bool {
        let Some((text, places)) = &self.search else { return true };
        places.iter().any(|&place| match row.value(place) {
            Some(Value::Text(held)) => contains(held.as_bytes(), text.as_bytes()),
            _ => false,
        })
    }
}

fn passes<R: Listed>(place: R::Place, filter: &Filter, row: &R) -> bool {
    match filter.comparison {
        Comparison::Equal => row.value(place) == Some(&filter.value),
        Comparison::NotEqual => row.value(place) != Some(&filter.value),
        Comparison::Less => row.value(place).is_some_and(|value| *value < filter.value),
        Comparison::AtLeast => row.value(place).is_some_and(|value| *value >= filter.value),
        Comparison::Contains => match &filter.value {
            Value::Text(item) => row.items(place).any(|held| held == item.as_str()),
            Value::Integer(_) => false,
        },
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
type Rank<'a> = (Option<&'a Value>, &'a str);

fn compare(query: &PageQuery, a: Rank<'_>, b: Rank<'_>) -> Ordering {
    match query.direction {
        Direction::Ascending => a.cmp(&b),
        Direction::Descending => b.cmp(&a),
    }
}
