//! Lists of keys by what the books say: in the order of last use or of rated cost, and only of keys that used a model.
//!
//! The keys that come next by rank are looked at first; only where few of them belong to the list are all keys of the list ranked.
//! What keys there are is read from the records each time; when they were used and what they cost is as old as
//! [`KeptRankings`](crate::rankings::KeptRankings) lets it be, and the page says so where that is more than a moment.

use crate::{
    cursor,
    listing::{self, ListQuery, Listed},
    rankings::{Question, Ranking, Told},
    refusal::Refusal,
    state::Plane,
    texts,
};
use domain::{ApiKey, Day};
use std::{cmp::Ordering, sync::Arc, time::Duration};
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

/// A page with how long ago the books were read for it, where that is more than a moment.
pub(super) struct RankedPage {
    pub(super) listed: Listed<ApiKey>,
    pub(super) age: Option<Duration>,
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

/// Begins to read what lists of keys are most often ranked by, so that the first such list need not wait for it.
pub(crate) fn prepare(plane: &Plane) {
    let today = (plane.given.calendar)().day(plane.now());
    let costs = days(None, None, today).ok().map(Question::RatedCost);
    plane.rankings.prepare([Question::LastUse].into_iter().chain(costs).collect());
}

/// A page of the list.
pub(super) async fn page(plane: &Plane, query: ListQuery, books: Books) -> Result<RankedPage, Refusal> {
    if books.order.is_none() && books.model.is_none() {
        prepare(plane);
        return Ok(RankedPage { listed: listing::page(plane, &[Family::ApiKey], query).await?, age: None });
    }
    let search = listing::search(query.search.clone())?;
    let selection = Selection { family: Family::ApiKey, filters: query.filters.clone(), search };
    plane.given.books.delivered().await;
    let users = told(plane, books.model).await?;
    let order = told(plane, books.order.clone()).await?;
    let age = [&users, &order].into_iter().flatten().filter_map(|told| told.age).max();
    let (users, order) = (users.map(|told| told.ranking), books.order.zip(order.map(|told| told.ranking)));
    let listed = match (order, users) {
        (Some((order, ranking)), users) => by_rank(plane, &query, &selection, &order, &ranking, users.as_deref()).await,
        (None, Some(users)) => by_column(plane, &query, selection, &users).await,
        (None, None) => listing::page(plane, &[Family::ApiKey], query).await,
    };
    Ok(RankedPage { listed: listed?, age })
}

async fn told(plane: &Plane, question: Option<Question>) -> Result<Option<Told>, Refusal> {
    match question {
        Some(question) => plane.rankings.get(question).await.map(Some),
        None => Ok(None),
    }
}

/// A page in the order of a ranking.
async fn by_rank(
    plane: &Plane,
    query: &ListQuery,
    selection: &Selection,
    order: &Question,
    ranking: &Ranking,
    users: Option<&Ranking>,
) -> Result<Listed<ApiKey>, Refusal> {
    let limit = listing::limit(query.limit)?;
    let list = format!("{order:?}.{:?}", query.order.direction);
    let after = query.cursor.as_deref().map(|text| cursor::read::<(Option<i128>, String)>(&list, text)).transpose()?;
    let after: Option<Place> = after.map(|(rank, id)| (rank, id.into()));
    let candidates = candidates(ranking, after.as_ref(), query.order.direction);
    let (rows, more) = if let Some(rows) = highest(plane, selection, users, &candidates, limit).await? {
        (rows, true)
    } else {
        let mut ids = plane.store().records.ids(selection).await?;
        ids.retain(|id| users.is_none_or(|users| users.rank(id).is_some()));
        let ranked = ids.into_iter().map(|id| (ranking.rank(&id), id));
        let (places, more) = first(ranked, after.as_ref(), query.order.direction, limit);
        let ids: Vec<_> = places.into_iter().map(|(_, id)| id).collect();
        (plane.store().records.get_all(Family::ApiKey, &ids).await?, more)
    };
    let next_cursor = rows.last().filter(|_| more).map(|row| cursor::write(&list, &(ranking.rank(&row.id), &row.id)));
    Ok(Listed { records: records(&rows)?, next_cursor })
}

/// The ids that come next by rank, as far as a page may be found among them: none where keys without a rank come next.
fn candidates(ranking: &Ranking, after: Option<&Place>, direction: Direction) -> Vec<Arc<str>> {
    let sorted = ranking.sorted();
    let after = match (after, direction) {
        (None, Direction::Descending) => {
            return sorted.iter().rev().take(FEW_MAX).map(|(_, id)| Arc::clone(id)).collect();
        }
        (Some((Some(rank), id)), _) => (*rank, Arc::clone(id)),
        (None, Direction::Ascending) | (Some((None, _)), _) => return Vec::new(),
    };
    match direction {
        Direction::Ascending => {
            let begin = sorted.partition_point(|place| *place <= after);
            sorted[begin..].iter().take(FEW_MAX).map(|(_, id)| Arc::clone(id)).collect()
        }
        Direction::Descending => {
            let end = sorted.partition_point(|place| *place < after);
            sorted[..end].iter().rev().take(FEW_MAX).map(|(_, id)| Arc::clone(id)).collect()
        }
    }
}

/// The rows of a page that more rows follow, if they are among `candidates`: then no other key need be looked at.
async fn highest(
    plane: &Plane,
    selection: &Selection,
    users: Option<&Ranking>,
    candidates: &[Arc<str>],
    limit: usize,
) -> Result<Option<Vec<Row>>, Refusal> {
    let ids = candidates.iter().filter(|id| users.is_none_or(|users| users.rank(id).is_some()));
    let ids: Vec<_> = ids.cloned().collect();
    let mut rows: Vec<Row> = Vec::new();
    for some in ids.chunks(step(limit)) {
        rows.extend(plane.store().records.get_all(Family::ApiKey, some).await?);
        rows.retain(|row| places::chooses(selection, row));
        if rows.len() > limit {
            rows.truncate(limit);
            return Ok(Some(rows));
        }
    }
    Ok(None)
}

/// Rows that are read at once on the way to a page of `limit`: twice as many, so that most pages take one step.
fn step(limit: usize) -> usize {
    (2 * limit).clamp(100, PAGE_MAX)
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

/// A page in the order of a column, of the keys that are in `users`.
async fn by_column(
    plane: &Plane,
    query: &ListQuery,
    selection: Selection,
    users: &Ranking,
) -> Result<Listed<ApiKey>, Refusal> {
    let (limit, place) = (listing::limit(query.limit)?, query.order.place());
    let after = query.cursor.as_deref().map(|text| listing::read_cursor(&place, text)).transpose()?;
    let (order, direction) = (query.order.column, query.order.direction);
    let Selection { family, filters, search } = selection.clone();
    let question = PageQuery { family, filters, search, order, direction, after, limit };
    let (rows, more) = if users.sorted().len() <= FEW_MAX {
        let ids = users.sorted().iter().map(|(_, id)| Arc::clone(id)).collect();
        sorted(plane, &question, ids).await?
    } else {
        walked(plane, question, &selection, users).await?
    };
    let next_cursor = rows.last().filter(|_| more).map(|row| listing::write_cursor(&place, row, order));
    Ok(Listed { records: records(&rows)?, next_cursor })
}

/// The rows of a page of few keys, and whether more come: all are read and sorted.
async fn sorted(plane: &Plane, question: &PageQuery, ids: Vec<Arc<str>>) -> Result<(Vec<Row>, bool), Refusal> {
    let mut rows = Vec::with_capacity(ids.len());
    for some in ids.chunks(PAGE_MAX) {
        rows.extend(plane.store().records.get_all(question.family, some).await?);
    }
    let (page, more) = places::page(question, rows.iter());
    Ok((page.into_iter().cloned().collect(), more))
}

/// The rows of a page of many keys, and whether more come: the list is walked through, and those in `users` are taken. Where that
/// takes long, it is first found out how many there are.
async fn walked(
    plane: &Plane,
    question: PageQuery,
    selection: &Selection,
    users: &Ranking,
) -> Result<(Vec<Row>, bool), Refusal> {
    let limit = question.limit;
    let mut next = PageQuery { limit: step(limit), ..question.clone() };
    let (mut rows, mut looked_at): (Vec<Row>, usize) = (Vec::new(), 0);
    loop {
        let page = plane.store().records.page(&next).await?;
        let before = looked_at;
        looked_at += page.rows.len();
        rows.extend(page.rows.into_iter().filter(|row| users.rank(&row.id).is_some()));
        let more = rows.len() > limit;
        if more || page.next.is_none() {
            rows.truncate(limit);
            return Ok((rows, more));
        }
        if before <= FEW_MAX && looked_at > FEW_MAX {
            let mut ids = plane.store().records.ids(selection).await?;
            ids.retain(|id| users.rank(id).is_some());
            if ids.len() <= FEW_MAX {
                return sorted(plane, &question, ids).await;
            }
        }
        next.after = page.next;
    }
}

fn records(rows: &[Row]) -> Result<Vec<Versioned<ApiKey>>, Refusal> {
    Ok(rows.iter().map(|row| Versioned::read(Family::ApiKey, row)).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::KeyId;

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

    #[test]
    fn the_candidates_are_those_that_come_next_by_rank() {
        let ranks = [("b", 5), ("c", 7), ("e", 5)].map(|(id, rank)| (KeyId::parse(id).expect("an id"), rank));
        let ranking = Ranking::new(ranks.into_iter());
        let told = |after: Option<(Option<i128>, &str)>, direction| {
            candidates(&ranking, after.map(place).as_ref(), direction).concat()
        };
        assert_eq!(told(None, Direction::Descending), "ceb");
        assert_eq!(told(Some((Some(5), "e")), Direction::Descending), "b");
        assert_eq!(told(Some((Some(5), "b")), Direction::Ascending), "ec");
        assert_eq!(told(None, Direction::Ascending), "");
        assert_eq!(told(Some((None, "a")), Direction::Ascending), "");
    }
}
