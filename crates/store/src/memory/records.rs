//! Records in memory.

use crate::{
    Events, Family, Notice, RecordError, Records, StoreError, Version, checks,
    events::LocalEvents,
    listing,
    records::{
        Change, Changes, Condition, Cursor, Fields, Filter, ItemCount, ItemsQuery, Page, PageQuery, Row, Selection,
        Synced,
    },
};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
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

    async fn sync(&self, family: Family, _id: &str) -> Result<Synced, StoreError> {
        checks::served(family)?;
        Ok(Synced::AsPromised)
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
        let (rows, more) = listing::page(query, state.of(query.family));
        let last = rows.last().filter(|_| more);
        let next = last.map(|row| Cursor { value: row.fields.get(query.order).cloned(), id: row.id.clone() });
        Ok(Page { rows: rows.into_iter().cloned().collect(), next })
    }

    async fn count(&self, family: Family, filters: &[Filter]) -> Result<u64, StoreError> {
        checks::filters(family, filters)?;
        let state = self.state.lock();
        Ok(listing::count(family, filters, state.of(family)))
    }

    async fn ids(&self, selection: &Selection) -> Result<Vec<Arc<str>>, StoreError> {
        checks::filters(selection.family, &selection.filters)?;
        let state = self.state.lock();
        Ok(listing::chosen(selection, state.of(selection.family)).map(|row| row.id.as_str().into()).collect())
    }

    async fn get_all(&self, family: Family, ids: &[Arc<str>]) -> Result<Vec<Row>, StoreError> {
        checks::ids(family, ids.len())?;
        let state = self.state.lock();
        Ok(ids.iter().filter_map(|id| state.rows.get(&(family, id.to_string())).cloned()).collect())
    }

    async fn items(&self, query: &ItemsQuery) -> Result<Vec<ItemCount>, StoreError> {
        checks::items(query)?;
        Ok(listing::items(query, self.state.lock().of(query.family)))
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
