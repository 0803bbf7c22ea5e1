//! Lists of records: filters, search, and pages that go on after a value and an id.
//!
//! A list is walked in its order until the page is full, unless a filter or the search leaves few records: then these are read and
//! sorted. Which it is, is found by asking for the few first.

use super::{columns, record};
use crate::{
    error::failed,
    sql::{Field, row_limit, rows, table},
};
use rusqlite::{Connection, params_from_iter};
use std::sync::Arc;
use store::{
    Family, StoreError,
    keyspace::Listing,
    records::{Comparison, Cursor, Direction, Filter, ItemCount, ItemsQuery, Page, PageQuery, Row, Selection, Value},
};

/// Records that count as few: read and sorted within milliseconds. Of more, a page is soon full by walking.
const FEW_MAX: usize = 2000;

/// Characters of a text that are looked for in trigrams; a longer one is told from what these leave.
const TRIGRAMS_MAX: usize = 30;

/// How a filter's column is written: a plus sign keeps the planner from leading with its index, which would read and sort many.
const WALKED: &str = "+";
const LEADING: &str = "";

/// Conditions with their values, all of which hold.
struct Conditions(String, Vec<Value>);

/// Where the records of a list are taken from, and what of them holds.
struct Source {
    from: String,
    conditions: Conditions,
}

pub(super) fn page(connection: &Connection, query: &PageQuery) -> Result<Page, StoreError> {
    let PageQuery { family, filters, search, .. } = query.clone();
    let Some(source) = Source::of(connection, &Selection { family, filters, search })? else {
        return Ok(Page { rows: Vec::new(), next: None });
    };
    // One more than asked for tells whether there is a next page.
    let mut places = places(connection, query, &source, query.limit + 1)?;
    let more = places.len() > query.limit;
    places.truncate(query.limit);
    let next = places.last().filter(|_| more).cloned();
    let rows = get_all(connection, family, places.iter().map(|place| place.id.as_str()))?;
    Ok(Page { rows, next })
}

/// The first `limit` places of the list.
fn places(
    connection: &Connection,
    query: &PageQuery,
    source: &Source,
    limit: usize,
) -> Result<Vec<Cursor>, StoreError> {
    let (order, way) = (query.order, way(query.direction));
    let mut places = Vec::new();
    for (stretch, ends) in stretches(query) {
        let Source { from, conditions: Conditions(conditions, values) } = source;
        let sql = format!(
            "SELECT {order}, id FROM {from} WHERE {conditions} AND {stretch} ORDER BY {order} {way}, id {way} LIMIT ?"
        );
        let rest = Value::Integer(row_limit(limit - places.len()));
        let values = values.iter().chain(&ends).chain([&rest]).map(|value| Field(Some(value)));
        let read = |row: &rusqlite::Row<'_>| {
            let place = || Ok(Cursor { value: value(row, 0)?, id: row.get(1)? });
            place().map_err(failed("read a place"))
        };
        places.extend(rows(connection, "list records", &sql, params_from_iter(values), read)?);
        if places.len() == limit {
            break;
        }
    }
    Ok(places)
}

/// The ids of all records that `selection` chooses.
pub(super) fn ids(connection: &Connection, selection: &Selection) -> Result<Vec<Arc<str>>, StoreError> {
    let Some(source) = Source::of(connection, selection)? else { return Ok(Vec::new()) };
    let Source { from, conditions: Conditions(conditions, values) } = source;
    let values = params_from_iter(values.iter().map(|value| Field(Some(value))));
    rows(connection, "choose records", &format!("SELECT id FROM {from} WHERE {conditions}"), values, id)
}

/// The records with these ids that there are, in their order.
pub(super) fn get_all<'a>(
    connection: &Connection,
    family: Family,
    ids: impl Iterator<Item = &'a str>,
) -> Result<Vec<Row>, StoreError> {
    let sql = format!("SELECT {} FROM {} WHERE id = ?1", columns(family), table(family));
    let mut all = Vec::new();
    for id in ids {
        all.extend(rows(connection, "read records", &sql, [id], |row| record(family, row))?);
    }
    Ok(all)
}

pub(super) fn items(connection: &Connection, query: &ItemsQuery) -> Result<Vec<ItemCount>, StoreError> {
    let mut conditions = Conditions::of(query.family, &query.filters, WALKED);
    if let Some(after) = &query.after {
        conditions.add("item > ?", [Value::Text(after.clone())]);
    }
    if let Some(search) = &query.search {
        conditions.add("instr(lower(item), ?) > 0", [Value::Text(search.to_ascii_lowercase())]);
    }
    let Conditions(conditions, mut values) = conditions;
    values.push(Value::Integer(row_limit(query.limit)));
    let sql = format!(
        "SELECT item, count(*) FROM {} WHERE {conditions} GROUP BY item ORDER BY item LIMIT ?",
        item_table(query.family, query.column)
    );
    let values = params_from_iter(values.iter().map(|value| Field(Some(value))));
    rows(connection, "count items", &sql, values, |row| {
        let count = || Ok(ItemCount { item: row.get(0)?, records: row.get(1)? });
        count().map_err(failed("read an item"))
    })
}

pub(super) fn count(connection: &Connection, family: Family, filters: &[Filter]) -> Result<u64, StoreError> {
    let Conditions(conditions, values) = Conditions::of(family, filters, LEADING);
    let sql = format!("SELECT count(*) FROM {} WHERE {conditions}", table(family));
    let values = params_from_iter(values.iter().map(|value| Field(Some(value))));
    let count = connection.prepare_cached(&sql).and_then(|mut statement| statement.query_row(values, |row| row.get(0)));
    count.map_err(failed("count records"))
}

impl Source {
    /// None where a filter or the search leaves nothing.
    fn of(connection: &Connection, selection: &Selection) -> Result<Option<Self>, StoreError> {
        let family = selection.family;
        let mut conditions = Conditions::of(family, &selection.filters, WALKED);
        conditions.search(selection);
        let Some(few) = few(connection, selection)? else {
            return Ok(Some(Self { from: table(family), conditions }));
        };
        if few.is_empty() {
            return Ok(None);
        }
        let from = format!("(SELECT value AS few FROM json_each(?)) CROSS JOIN {} ON id = few", table(family));
        conditions.1.insert(0, Value::Text(json_array(&few)));
        Ok(Some(Self { from, conditions }))
    }
}

/// Ids of the records that one of the conditions leaves, if one leaves few; among them are all that the others leave.
fn few(connection: &Connection, selection: &Selection) -> Result<Option<Vec<Arc<str>>>, StoreError> {
    let family = selection.family;
    let filters = selection.filters.iter().filter_map(|filter| match filter.comparison {
        Comparison::Equal => {
            Some((format!("SELECT id FROM {} WHERE {} = ?", table(family), filter.column), filter.value.clone()))
        }
        Comparison::Contains => {
            let items = item_table(family, filter.column);
            Some((format!("SELECT id FROM {items} WHERE item = ?"), filter.value.clone()))
        }
        Comparison::NotEqual | Comparison::Less | Comparison::AtLeast => None,
    });
    let filters = filters.map(|(sql, value)| (sql, vec![value]));
    let search = selection.search.as_deref().filter(|_| family == Family::ApiKey).and_then(with_trigrams);
    for (sql, mut values) in filters.chain(search) {
        values.push(Value::Integer(row_limit(FEW_MAX + 1)));
        let values = params_from_iter(values.iter().map(|value| Field(Some(value))));
        let ids = rows(connection, "look for few records", &format!("{sql} LIMIT ?"), values, id)?;
        if ids.len() <= FEW_MAX {
            return Ok(Some(ids));
        }
    }
    Ok(None)
}

/// The question for the keys that may have `search` in what they are searched by; none where trigrams do not tell.
fn with_trigrams(search: &str) -> Option<(String, Vec<Value>)> {
    if search.contains('\0') {
        return None;
    }
    let letters: Vec<char> = search.chars().collect();
    let quoted = |letters: &[char]| format!("\"{}\"", letters.iter().collect::<String>().replace('"', "\"\""));
    let trigrams: Vec<_> = letters.windows(3).take(TRIGRAMS_MAX).map(quoted).collect();
    if !trigrams.is_empty() {
        let sql = "SELECT id FROM api_key_trigrams JOIN api_key_searched ON number = api_key_trigrams.rowid
            WHERE api_key_trigrams MATCH ?";
        return Some((sql.to_owned(), vec![Value::Text(trigrams.join(" AND "))]));
    }
    // Trigrams are in small letters, by rules that are the same here for ASCII and for letters that have no other case.
    let has_no_case = |letter: &char| letter.is_ascii() || !(letter.is_lowercase() || letter.is_uppercase());
    letters.iter().all(has_no_case).then(|| {
        let sql = "SELECT DISTINCT id FROM api_key_trigram JOIN api_key_searched ON number = doc WHERE term >= ? AND term <= ?";
        let first = search.to_ascii_lowercase();
        let last = format!("{first}{}", char::MAX);
        (sql.to_owned(), vec![Value::Text(first), Value::Text(last)])
    })
}

/// The table of the items of a column.
fn item_table(family: Family, column: &str) -> String {
    format!("{}_{column}", table(family))
}

/// What comes after the cursor, piece by piece in the order of the list. NULL is the smallest value, and compares with nothing.
fn stretches(query: &PageQuery) -> Vec<(String, Vec<Value>)> {
    let Some(Cursor { value, id }) = &query.after else { return vec![("TRUE".to_owned(), Vec::new())] };
    let (order, id) = (query.order, Value::Text(id.clone()));
    let (sign, is_last_null) = match query.direction {
        Direction::Ascending => (">", false),
        Direction::Descending => ("<", true),
    };
    let own = match value {
        Some(value) => (format!("({order}, id) {sign} (?, ?)"), vec![value.clone(), id]),
        None => (format!("{order} IS NULL AND id {sign} ?"), vec![id]),
    };
    let rest = match (value, is_last_null) {
        (Some(_), true) => Some(format!("{order} IS NULL")),
        (None, false) => Some(format!("{order} IS NOT NULL")),
        (Some(_), false) | (None, true) => None,
    };
    [own].into_iter().chain(rest.map(|rest| (rest, Vec::new()))).collect()
}

impl Conditions {
    fn of(family: Family, filters: &[Filter], sign: &str) -> Self {
        let mut conditions = Self("TRUE".to_owned(), Vec::new());
        for filter in filters {
            let comparison = match filter.comparison {
                Comparison::Equal => "=",
                Comparison::NotEqual => "IS NOT",
                Comparison::Less => "<",
                Comparison::AtLeast => ">=",
                Comparison::Contains => {
                    conditions.contains(family, filter);
                    continue;
                }
            };
            conditions.add(&format!("{sign}{} {comparison} ?", filter.column), [filter.value.clone()]);
        }
        conditions
    }

    fn add(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.0 += " AND ";
        self.0 += condition;
        self.1.extend(values);
    }

    /// Looked up for each record that is walked over: `IS TRUE` keeps the planner from beginning with the items.
    fn contains(&mut self, family: Family, filter: &Filter) {
        let (items, table) = (item_table(family, filter.column), table(family));
        let condition =
            format!("(EXISTS (SELECT 1 FROM {items} AS held WHERE held.item = ? AND held.id = {table}.id)) IS TRUE");
        self.add(&condition, [filter.value.clone()]);
    }

    fn search(&mut self, selection: &Selection) {
        let Some(search) = &selection.search else { return };
        let text = Value::Text(search.to_ascii_lowercase());
        let searched = selection.family.entry().columns.iter().filter(|column| column.listing == Listing::Searched);
        // `lower` knows ASCII only, which is what the contract asks for.
        let places: Vec<_> = searched.map(|column| format!("instr(lower({}), ?) > 0", column.name)).collect();
        let found = if places.is_empty() { "FALSE".to_owned() } else { places.join(" OR ") };
        self.add(&format!("({found})"), vec![text; places.len()]);
    }
}

/// A value of whichever type, or none.
fn value(row: &rusqlite::Row<'_>, place: usize) -> rusqlite::Result<Option<Value>> {
    Ok(match row.get_ref(place)? {
        rusqlite::types::ValueRef::Integer(number) => Some(Value::Integer(number)),
        rusqlite::types::ValueRef::Text(_) => row.get(place).map(Value::Text).map(Some)?,
        _ => None,
    })
}

fn id(row: &rusqlite::Row<'_>) -> Result<Arc<str>, StoreError> {
    row.get_ref(0).and_then(|id| Ok(id.as_str()?.into())).map_err(failed("read an id"))
}

/// Ids as a JSON array.
fn json_array(ids: &[Arc<str>]) -> String {
    let quoted: Vec<_> =
        ids.iter().map(|id| format!("\"{}\"", id.replace('\\', "\\\\").replace('"', "\\\""))).collect();
    format!("[{}]", quoted.join(","))
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => "ASC",
        Direction::Descending => "DESC",
    }
}
