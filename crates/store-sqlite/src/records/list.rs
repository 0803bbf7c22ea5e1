//! Lists of records: filters, search, and pages that go on after a value and an id.

use super::{columns, record};
use crate::{
    error::failed,
    sql::{Field, row_limit, rows, table},
};
use rusqlite::{Connection, params_from_iter};
use store::{
    Family, StoreError,
    keyspace::Listing,
    records::{Comparison, Cursor, Direction, Filter, Page, PageQuery, Value},
};

/// Conditions with their values, all of which hold.
struct Conditions(String, Vec<Value>);

pub(super) fn page(connection: &Connection, query: &PageQuery) -> Result<Page, StoreError> {
    let mut conditions = Conditions::of(&query.filters);
    conditions.search(query);
    conditions.after(query);
    let (order, way) = (query.order, way(query.direction));
    let sql = format!(
        "SELECT {} FROM {} WHERE {} ORDER BY {order} {way}, id {way} LIMIT ?",
        columns(query.family),
        table(query.family),
        conditions.0
    );
    // One more than asked for tells whether there is a next page.
    conditions.1.push(Value::Integer(row_limit(query.limit + 1)));
    let values = params_from_iter(conditions.1.iter().map(|value| Field(Some(value))));
    let mut rows = rows(connection, "list records", &sql, values, |row| record(query.family, row))?;
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let last = rows.last().filter(|_| more);
    let next = last.map(|row| Cursor { value: row.fields.get(order).cloned(), id: row.id.clone() });
    Ok(Page { rows, next })
}

pub(super) fn count(connection: &Connection, family: Family, filters: &[Filter]) -> Result<u64, StoreError> {
    let Conditions(conditions, values) = Conditions::of(filters);
    let sql = format!("SELECT count(*) FROM {} WHERE {conditions}", table(family));
    let values = params_from_iter(values.iter().map(|value| Field(Some(value))));
    let count = connection.prepare_cached(&sql).and_then(|mut statement| statement.query_row(values, |row| row.get(0)));
    count.map_err(failed("count records"))
}

impl Conditions {
    fn of(filters: &[Filter]) -> Self {
        let mut conditions = Self("TRUE".to_owned(), Vec::new());
        for filter in filters {
            let comparison = match filter.comparison {
                Comparison::Equal => "=",
                Comparison::NotEqual => "IS NOT",
                Comparison::Less => "<",
                Comparison::AtLeast => ">=",
            };
            conditions.add(&format!("{} {comparison} ?", filter.column), [filter.value.clone()]);
        }
        conditions
    }

    fn add(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.0 += " AND ";
        self.0 += condition;
        self.1.extend(values);
    }

    fn search(&mut self, query: &PageQuery) {
        let Some(search) = &query.search else { return };
        let text = Value::Text(search.to_ascii_lowercase());
        let searched = query.family.entry().columns.iter().filter(|column| column.listing == Listing::Searched);
        // `lower` knows ASCII only, which is what the contract asks for.
        let places: Vec<_> = searched.map(|column| format!("instr(lower({}), ?) > 0", column.name)).collect();
        let found = if places.is_empty() { "FALSE".to_owned() } else { places.join(" OR ") };
        self.add(&format!("({found})"), vec![text; places.len()]);
    }

    /// What comes after the cursor. NULL is the smallest value, and compares with nothing: it has its own cases.
    fn after(&mut self, query: &PageQuery) {
        let Some(Cursor { value, id }) = &query.after else { return };
        let (order, id) = (query.order, Value::Text(id.clone()));
        match (query.direction, value) {
            (Direction::Ascending, Some(value)) => {
                self.add(&format!("({order}, id) > (?, ?)"), [value.clone(), id]);
            }
            (Direction::Ascending, None) => {
                self.add(&format!("({order} IS NOT NULL OR id > ?)"), [id]);
            }
            (Direction::Descending, Some(value)) => {
                self.add(&format!("(({order}, id) < (?, ?) OR {order} IS NULL)"), [value.clone(), id]);
            }
            (Direction::Descending, None) => {
                self.add(&format!("({order} IS NULL AND id < ?)"), [id]);
            }
        }
    }
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => "ASC",
        Direction::Descending => "DESC",
    }
}
