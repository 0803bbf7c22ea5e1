//! Lists of records, the same way for every resource: filters, search, order, and cursors that clients hand back unread.

use crate::{
    cursor,
    pages::{self, DirectionWord},
    refusal::Refusal,
    state::Plane,
};
use store::{
    Family, Record,
    records::{Cursor, Direction, Filter, PAGE_MAX, PageQuery, Row, Value, Versioned},
};

/// Items on a page unless the client asks for another number.
pub(crate) const LIMIT_DEFAULT: usize = 50;

/// Longest text that is searched for, in characters.
const SEARCH_CHARS_MAX: usize = 200;

/// A column that orders a list, and the name of that order in queries.
pub(crate) struct Order {
    pub(crate) column: &'static str,
    pub(crate) direction: Direction,
}

/// The words for the orders of one kind of list; the default is what holds where none is given.
pub(crate) trait OrderWord: Copy + Default {
    /// The column that orders the list.
    fn column(self) -> &'static str;
}

impl Order {
    /// What a client asks for; left out: the default, the greatest first.
    pub(crate) fn asked<W: OrderWord>(word: Option<W>, direction: Option<DirectionWord>) -> Self {
        Self { column: word.unwrap_or_default().column(), direction: pages::direction(direction) }
    }

    /// What cursors of this order name.
    pub(crate) fn place(&self) -> String {
        format!("{}.{:?}", self.column, self.direction)
    }
}

/// What a client asks of a list.
pub(crate) struct ListQuery {
    pub(crate) filters: Vec<Filter>,
    pub(crate) search: Option<String>,
    pub(crate) order: Order,
    pub(crate) cursor: Option<String>,
    pub(crate) limit: Option<usize>,
}

impl ListQuery {
    /// What a walk through all that pass `filters` asks for: pages as long as there are, the newest first.
    pub(crate) fn walk(filters: Vec<Filter>, cursor: Option<String>) -> Self {
        let order = Order { column: "created_at", direction: Direction::Descending };
        Self { filters, search: None, order, cursor, limit: Some(PAGE_MAX) }
    }
}

/// A page as it was read.
pub(crate) struct Listed<T> {
    pub(crate) records: Vec<Versioned<T>>,
    pub(crate) next_cursor: Option<String>,
}

/// Checks a page's length.
pub(crate) fn limit(asked: Option<usize>) -> Result<usize, Refusal> {
    match asked.unwrap_or(LIMIT_DEFAULT) {
        limit @ 1..=PAGE_MAX => Ok(limit),
        _ => Err(Refusal::parameter("limit", format!("write a number from 1 to {PAGE_MAX}"))),
    }
}

/// A page of the records of `families`, merged in one order.
pub(crate) async fn page<T: Record>(
    plane: &Plane,
    families: &[Family],
    query: ListQuery,
) -> Result<Listed<T>, Refusal> {
    let limit = limit(query.limit)?;
    let search = search(query.search)?;
    let place = query.order.place();
    let after = query.cursor.as_deref().map(|text| read_cursor(&place, text)).transpose()?;
    let mut rows = Vec::new();
    let mut more = false;
    for &family in families {
        let question = PageQuery {
            family,
            filters: query.filters.clone(),
            search: search.clone(),
            order: query.order.column,
            direction: query.order.direction,
            after: after.clone(),
            limit,
        };
        let page = plane.store().records.page(&question).await?;
        more |= page.next.is_some();
        rows.extend(page.rows.into_iter().map(|row| (family, row)));
    }
    if families.len() > 1 {
        merge(&mut rows, &query.order);
    }
    more |= rows.len() > limit;
    rows.truncate(limit);
    let last = if more { rows.last() } else { None };
    let next_cursor = last.map(|(_, row)| write_cursor(&place, row, query.order.column));
    let records = rows.iter().map(|(family, row)| Versioned::read(*family, row)).collect::<Result<_, _>>()?;
    Ok(Listed { records, next_cursor })
}

/// Brings the rows of several families into the order in which each family's stand: by value, then by id.
fn merge(rows: &mut [(Family, Row)], order: &Order) {
    rows.sort_by(|(_, one), (_, other)| {
        let by_value = one.fields.get(order.column).cmp(&other.fields.get(order.column));
        let ascending = by_value.then_with(|| one.id.cmp(&other.id));
        match order.direction {
            Direction::Ascending => ascending,
            Direction::Descending => ascending.reverse(),
        }
    });
}

/// Checks a text to be searched for; an empty one is none.
pub(crate) fn search(text: Option<String>) -> Result<Option<String>, Refusal> {
    let text = text.filter(|text| !text.is_empty());
    match text {
        Some(text) if text.chars().count() > SEARCH_CHARS_MAX => {
            Err(Refusal::parameter("q", format!("shorten it to {SEARCH_CHARS_MAX} characters")))
        }
        text => Ok(text),
    }
}

/// The cursor behind a row.
pub(crate) fn write_cursor(place: &str, row: &Row, column: &str) -> String {
    let (number, text) = match row.fields.get(column) {
        Some(Value::Integer(number)) => (Some(*number), None),
        Some(Value::Text(text)) => (None, Some(text.as_str())),
        None => (None, None),
    };
    cursor::write(place, &(number, text, row.id.as_str()))
}

/// The place that a cursor names.
pub(crate) fn read_cursor(place: &str, given: &str) -> Result<Cursor, Refusal> {
    let (number, text, id): (Option<i64>, Option<String>, String) = cursor::read(place, given)?;
    let value = number.map(Value::Integer).or_else(|| text.map(Value::Text));
    Ok(Cursor { value, id })
}
