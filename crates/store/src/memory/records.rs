//! Records in memory.

use crate::{
    Events, Family, Notice, RecordError, Records, StoreError, Version, checks,
    events::LocalEvents,
    keyspace::Listing,
    records::{Change, Changes, Comparison, Condition, Cursor, Direction, Fields, Filter, Page, PageQuery, Row, Value},
};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
};

type Place = (Family, String);

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<Place, Row>,
    changes: BTreeMap<u64, Place>,
    last_change: HashMap<Place, u64>,
    sequence: u64,
}

#[derive(Debug)]
pub(super) struct MemoryRecords {
    state: Mutex<State>,
    events: LocalEvents,
}

impl MemoryRecords {
    pub(super) fn new(events: LocalEvents) -> Self {
        Self { state: Mutex::default(), events }
    }

    fn announce(&self, family: Family, id: &str) {
        self.events.publish(Notice::Record { family, id: id.into() });
    }
}

#[async_trait]
impl Records for MemoryRecords {
    async fn insert(&self, family: Family, id: &str, fields: Fields) -> Result<Version, RecordError> {
        checks::values(family, fields.iter().map(|(&name, value)| (name, Some(value))))?;
        let row = Row { id: id.to_owned(), version: Version(1), fields };
        {
            let mut state = self.state.lock();
            if state.rows.contains_key(&(family, id.to_owned())) {
                return Err(RecordError::Duplicate { index: family });
            }
            state.test_unique(family, &row)?;
            state.put(family, row);
        }
        self.announce(family, id);
        Ok(Version(1))
    }

    async fn get(&self, family: Family, id: &str) -> Result<Option<Row>, StoreError> {
        checks::served(family)?;
        Ok(self.state.lock().rows.get(&(family, id.to_owned())).cloned())
    }

    async fn find(&self, index: Family, value: &str) -> Result<Option<Row>, StoreError> {
        let (family, column) = checks::indexed(index)?;
        let state = self.state.lock();
        Ok(state.of(family).find(|row| row.fields.get(column) == Some(&value.into())).cloned())
    }

    async fn update(
        &self,
        family: Family,
        id: &str,
        changes: Changes,
        condition: Condition,
    ) -> Result<Version, RecordError> {
        checks::values(family, changes.iter().map(|(&name, value)| (name, value.as_ref())))?;
        if let Condition::FieldAbsent(column) = condition {
            checks::values(family, [(column, None)])?;
        }
        let version = self.state.lock().update(family, id, changes, condition)?;
        self.announce(family, id);
        Ok(version)
    }

    async fn remove(&self, family: Family, id: &str, expected: Option<Version>) -> Result<(), RecordError> {
        checks::served(family)?;
        {
            let mut state = self.state.lock();
            let place = (family, id.to_owned());
            let current = state.rows.get(&place).ok_or(RecordError::Missing)?.version;
            if expected.is_some_and(|expected| expected != current) {
                return Err(RecordError::Conflict { current });
            }
            state.rows.remove(&place);
            state.note_change(place);
        }
        self.announce(family, id);
        Ok(())
    }

    async fn page(&self, query: &PageQuery) -> Result<Page, StoreError> {
        checks::page(query)?;
        let state = self.state.lock();
        let passing = state.of(query.family).filter(|row| {
            query.filters.iter().all(|filter| passes(row, filter)) && found(query, row) && is_after(query, row)
        });
        let mut rows: Vec<_> = passing.cloned().collect();
        rows.sort_by(|a, b| compare(query, place(query, a), place(query, b)));
        let more = rows.len() > query.limit;
        rows.truncate(query.limit);
        let last = rows.last().filter(|_| more);
        let next = last.map(|row| Cursor { value: row.fields.get(query.order).cloned(), id: row.id.clone() });
        Ok(Page { rows, next })
    }

    async fn count(&self, family: Family, filters: &[Filter]) -> Result<u64, StoreError> {
        checks::filters(family, filters)?;
        let state = self.state.lock();
        Ok(state.of(family).filter(|row| filters.iter().all(|filter| passes(row, filter))).count() as u64)
    }

    async fn changes_after(&self, sequence: u64, limit: usize) -> Result<Vec<Change>, StoreError> {
        let state = self.state.lock();
        let later = state.changes.range(sequence.saturating_add(1)..).take(limit);
        Ok(later.map(|(&sequence, (family, id))| Change { sequence, family: *family, id: id.clone() }).collect())
    }
}

impl State {
    fn of(&self, family: Family) -> impl Iterator<Item = &Row> {
        self.rows.range((family, String::new())..).take_while(move |((of, _), _)| *of == family).map(|(_, row)| row)
    }

    fn update(
        &mut self,
        family: Family,
        id: &str,
        changes: Changes,
        condition: Condition,
    ) -> Result<Version, RecordError> {
        let mut row = self.rows.get(&(family, id.to_owned())).ok_or(RecordError::Missing)?.clone();
        let holds = match condition {
            Condition::Exists => true,
            Condition::Version(expected) => expected == row.version,
            Condition::FieldAbsent(column) => !row.fields.contains_key(column),
        };
        if !holds {
            return Err(RecordError::Conflict { current: row.version });
        }
        for (name, value) in changes {
            match value {
                Some(value) => row.fields.insert(name, value),
                None => row.fields.remove(name),
            };
        }
        self.test_unique(family, &row)?;
        row.version = Version(row.version.0 + 1);
        let version = row.version;
        self.put(family, row);
        Ok(version)
    }

    fn test_unique(&self, family: Family, new: &Row) -> Result<(), RecordError> {
        for unique in family.entry().unique {
            let Some(value) = new.fields.get(unique.column) else { continue };
            if self.of(family).any(|row| row.id != new.id && row.fields.get(unique.column) == Some(value)) {
                return Err(RecordError::Duplicate { index: unique.index });
            }
        }
        Ok(())
    }

    fn put(&mut self, family: Family, row: Row) {
        let place = (family, row.id.clone());
        self.rows.insert(place.clone(), row);
        self.note_change(place);
    }

    fn note_change(&mut self, place: Place) {
        self.sequence += 1;
        if let Some(earlier) = self.last_change.insert(place.clone(), self.sequence) {
            self.changes.remove(&earlier);
        }
        self.changes.insert(self.sequence, place);
    }
}

fn passes(row: &Row, filter: &Filter) -> bool {
    let value = row.fields.get(filter.column);
    match filter.comparison {
        Comparison::Equal => value == Some(&filter.value),
        Comparison::NotEqual => value != Some(&filter.value),
        Comparison::Less => value.is_some_and(|value| *value < filter.value),
        Comparison::AtLeast => value.is_some_and(|value| *value >= filter.value),
    }
}

fn found(query: &PageQuery, row: &Row) -> bool {
    let Some(search) = query.search.as_deref().map(str::to_ascii_lowercase) else { return true };
    let mut searched = query.family.entry().columns.iter().filter(|column| column.listing == Listing::Searched);
    searched.any(|column| match row.fields.get(column.name) {
        Some(Value::Text(text)) => text.to_ascii_lowercase().contains(&search),
        _ => false,
    })
}

fn is_after(query: &PageQuery, row: &Row) -> bool {
    let Some(after) = &query.after else { return true };
    compare(query, place(query, row), (after.value.as_ref(), &after.id)) == Ordering::Greater
}

fn place<'a>(query: &PageQuery, row: &'a Row) -> (Option<&'a Value>, &'a str) {
    (row.fields.get(query.order), &row.id)
}

fn compare(query: &PageQuery, a: (Option<&Value>, &str), b: (Option<&Value>, &str)) -> Ordering {
    match query.direction {
        Direction::Ascending => a.cmp(&b),
        Direction::Descending => b.cmp(&a),
    }
}
