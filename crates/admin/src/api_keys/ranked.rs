//! Lists of keys by what the books say: in the order of last use or of rated cost, and only of keys that used a model.
//!
//! What keys there are is read from the records each time; when they were used and what they cost is as old as
//! [`KeptRankings`](crate::rankings::KeptRankings) lets it be.

use crate::{
    cursor,
    listing::{self, ListQuery, Listed},
    rankings::{Question, Ranking},
    refusal::Refusal,
    state::Plane,
    texts,
};
use domain::{ApiKey, Day};
use std::{cmp::Ordering, sync::Arc};
use store::{
    Family, listing as places,
    rankings::{DAYS_MAX, Days},
    records::{Direction, PAGE_MAX, PageQuery, Row, Selection, Versioned},
};

/// Keys that are read and sorted here; of more, a page is soon full by walking through the list.
const FEW_MAX: usize = 2000;

/// Days before the last one, unless the client names the first.
const DAYS_BEFORE: i32 = 29;

/// What the books have to say about a list.
pub(super) struct Books {
    /// By what it is ordered, if not by a field of the keys.
    pub(super) order: Option<Question>,
    /// The model that its keys have used.
    pub(super) model: Option<Question>,
}

/// A key's place in a ranked list: what it is ranked by, and its id.
type Place = (Option<i128>, Arc<str>);

/// The days that `from` and `to` name, or the last thirty.
pub(super) fn days(from: Option<&str>, to: Option<&str>, today: Day) -> Result<Days, Refusal> {
    let parse = |name, text: &str| {
        let message = "write a day such as 2026-11-23";
        Day::parse(text).filter(|_| text >= "0001").ok_or_else(|| Refusal::parameter(name, message))
    };
    let to = to.map(|text| parse("to", text)).transpose()?.unwrap_or(today);
    let from = from.map(|text| parse("from", text)).transpose()?.unwrap_or_else(|| to.plus_days(-DAYS_BEFORE));
    if from > to {
        return Err(Refusal::parameter("from", "it is after `to`; exchange the two"));
    }
    Days::new(from, to)
        .ok_or_else(|| Refusal::parameter("from", format!("it is more than {DAYS_MAX} days before the end of `to`")))
}

/// The model of a query, by its name in the books.
pub(super) fn model(text: &str) -> Result<String, Refusal> {
    texts::model(text).map_err(|reason| Refusal::parameter("model", reason))
}

/// A page of the list.
pub(super) async fn page(plane: &Plane, query: ListQuery, books: Books) -> Result<Listed<ApiKey>, Refusal> {
    if books.order.is_none() && books.model.is_none() {
        return listing::page(plane, &[Family::ApiKey], query).await;
    }
    let search = listing::search(query.search.clone())?;
    let selection = Selection { family: Family::ApiKey, filters: query.filters.clone(), search };
    let mut ids = plane.store().records.ids(&selection).await?;
    plane.given.books.delivered().await;
    let users = match books.model {
        Some(model) => Some(plane.rankings.get(model).await?),
        None => None,
    };
    if let Some(users) = &users {
        ids.retain(|id| users.contains_key(id));
    }
    match (books.order, users) {
        (Some(order), _) => by_rank(plane, &query, &selection, order, ids).await,
        (None, Some(users)) => by_column(plane, &query, selection, &users, &ids).await,
        (None, None) => listing::page(plane, &[Family::ApiKey], query).await,
    }
}

/// A page in the order of a ranking.
async fn by_rank(
    plane: &Plane,
    query: &ListQuery,
    selection: &Selection,
    order: Question,
    ids: Vec<Arc<str>>,
) -> Result<Listed<ApiKey>, Refusal> {
    let limit = listing::limit(query.limit)?;
    let list = format!("{order:?}.{:?}", query.order.direction);
    let after = query.cursor.as_deref().map(|text| cursor::read::<(Option<i128>, String)>(&list, text)).transpose()?;
    let after = after.map(|(rank, id)| (rank, id.into()));
    let ranking = plane.rankings.get(order).await?;
    let ranked = ids.into_iter().map(|id| (ranking.get(&id).copied(), id));
    let (places, more) = first(ranked, after.as_ref(), query.order.direction, limit);
    let next_cursor = places.last().filter(|_| more).map(|(rank, id)| cursor::write(&list, &(rank, &**id)));
    let ids: Vec<_> = places.into_iter().map(|(_, id)| id).collect();
    // Of what was changed since the ids were read, what still belongs here is shown.
    let mut rows = plane.store().records.get_all(Family::ApiKey, &ids).await?;
    rows.retain(|row| places::chooses(selection, row));
    Ok(Listed { records: records(&rows)?, next_cursor })
}

/// The first `limit` places behind `after`, and whether there are more. Keys without a rank stand where the lowest would.
fn first(
    ranked: impl Iterator<Item = Place>,
    after: Option<&Place>,
    direction: Direction,
    limit: usize,
) -> (Vec<Place>, bool) {
    let compare = |a: &Place, b: &Place| match direction {
        Direction::Ascending => a.cmp(b),
        Direction::Descending => b.cmp(a),
    };
    let is_after = |place: &Place| after.is_none_or(|after| compare(place, after) == Ordering::Greater);
    let mut places: Vec<_> = ranked.filter(is_after).collect();
    let more = places.len() > limit;
    if more {
        places.select_nth_unstable_by(limit - 1, compare);
        places.truncate(limit);
    }
    places.sort_unstable_by(compare);
    (places, more)
}

/// A page in the order of a column, of the keys that are in `users`; `ids` are those of the list that are.
async fn by_column(
    plane: &Plane,
    query: &ListQuery,
    selection: Selection,
    users: &Ranking,
    ids: &[Arc<str>],
) -> Result<Listed<ApiKey>, Refusal> {
    let (limit, place) = (listing::limit(query.limit)?, query.order.place());
    let after = query.cursor.as_deref().map(|text| listing::read_cursor(&place, text)).transpose()?;
    let (order, direction) = (query.order.column, query.order.direction);
    let Selection { family, filters, search } = selection;
    let question = PageQuery { family, filters, search, order, direction, after, limit };
    let (rows, more) =
        if ids.len() > FEW_MAX { walked(plane, question, users).await? } else { sorted(plane, &question, ids).await? };
    let next_cursor = rows.last().filter(|_| more).map(|row| listing::write_cursor(&place, row, order));
    Ok(Listed { records: records(&rows)?, next_cursor })
}

/// The rows of a page of few keys, and whether more come: all are read and sorted.
async fn sorted(plane: &Plane, question: &PageQuery, ids: &[Arc<str>]) -> Result<(Vec<Row>, bool), Refusal> {
    let mut rows = Vec::with_capacity(ids.len());
    for some in ids.chunks(PAGE_MAX) {
        rows.extend(plane.store().records.get_all(question.family, some).await?);
    }
    let (page, more) = places::page(question, rows.iter());
    Ok((page.into_iter().cloned().collect(), more))
}

/// The rows of a page of many keys, and whether more come: the list is walked through, and those in `users` are taken.
async fn walked(plane: &Plane, question: PageQuery, users: &Ranking) -> Result<(Vec<Row>, bool), Refusal> {
    let limit = question.limit;
    let mut step = PageQuery { limit: PAGE_MAX, ..question };
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let page = plane.store().records.page(&step).await?;
        rows.extend(page.rows.into_iter().filter(|row| users.contains_key(row.id.as_str())));
        let more = rows.len() > limit;
        if more || page.next.is_none() {
            rows.truncate(limit);
            return Ok((rows, more));
        }
        step.after = page.next;
    }
}

fn records(rows: &[Row]) -> Result<Vec<Versioned<ApiKey>>, Refusal> {
    Ok(rows.iter().map(|row| Versioned::read(Family::ApiKey, row)).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place((rank, id): (Option<i128>, &str)) -> Place {
        (rank, id.into())
    }

    #[test]
    fn keys_without_a_rank_stand_last_where_the_highest_come_first() {
        let ranked = [(None, "a"), (Some(5), "b"), (Some(7), "c"), (None, "d"), (Some(5), "e")].map(place);
        let told = |direction, after: Option<&Place>, limit| {
            let (places, more) = first(ranked.iter().cloned(), after, direction, limit);
            let ids: String = places.iter().map(|(_, id)| &**id).collect();
            (ids, more)
        };
        assert_eq!(told(Direction::Descending, None, 10), ("cebda".to_owned(), false));
        assert_eq!(told(Direction::Ascending, None, 3), ("adb".to_owned(), true));
        assert_eq!(told(Direction::Descending, Some(&place((Some(5), "e"))), 2), ("bd".to_owned(), true));
        assert_eq!(told(Direction::Descending, Some(&place((None, "d"))), 2), ("a".to_owned(), false));
    }
}
