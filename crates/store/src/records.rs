//! Records: what must last, found by id or by a unique secondary key, changed field by field.
//!
//! An engine sees a record as named fields of a family of the [keyspace](crate::keyspace); a [`Record`] turns them into a noun of
//! `domain` and back. Fields that this version does not know are kept by the engines untouched.

use crate::{
    error::{StoreError, StoreFailure},
    keyspace::Family,
};
use async_trait::async_trait;
use std::{collections::BTreeMap, future::Future, sync::Arc};

/// Records on one page at most.
pub const PAGE_MAX: usize = 500;

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A whole number; times are in milliseconds since 1970, UTC.
    Integer(i64),
    /// A text.
    Text(String),
}

/// Fields by name; a field without a value is absent.
pub type Fields = BTreeMap<&'static str, Value>;

/// What an update does to fields: a value is written, none removes. Fields that are not named keep their value.
pub type Changes = BTreeMap<&'static str, Option<Value>>;

/// How often a record has changed, from 1: what `ETag` and `If-Match` carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// A record as an engine holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: Version,
    /// Its fields, as far as the keyspace table lists them.
    pub fields: Fields,
}

/// When an update takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Whenever the record exists.
    Exists,
    /// While the record is at this version.
    Version(Version),
    /// While the record lacks this field.
    FieldAbsent(&'static str),
}

/// How a field is compared with a filter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// Equal.
    Equal,
    /// Not equal; a record without the field passes.
    NotEqual,
    /// Less; a record without the field does not pass.
    Less,
    /// Greater or equal; a record without the field does not pass.
    AtLeast,
    /// The value is one of the column's items; the only comparison of a column that is listed by its items.
    Contains,
}

/// One condition on a listed column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Filter {
    /// A column that the keyspace table marks as listed.
    pub column: &'static str,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub value: Value,
}

/// Which way a list runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Greatest first.
    Descending,
}

/// A place in a list: after the record with this value and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Value of the column that orders the list; none when the record lacks it.
    pub value: Option<Value>,
    /// The record's id.
    pub id: String,
}

/// A question for a list. Records without the ordering column stand where the smallest value would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    /// Which family.
    pub family: Family,
    /// All of these hold.
    pub filters: Vec<Filter>,
    /// A text that stands, without regard to ASCII case, somewhere in a searched column; none: no search.
    pub search: Option<String>,
    /// A listed column; equal values are ordered by id, the same way.
    pub order: &'static str,
    /// Which way.
    pub direction: Direction,
    /// Where the page begins.
    pub after: Option<Cursor>,
    /// Records at most, 1 to [`PAGE_MAX`].
    pub limit: usize,
}

impl PageQuery {
    /// The question for the first page of all records of `family`, the oldest first; for the next one, set [`after`](Self::after).
    #[must_use]
    pub const fn whole(family: Family) -> Self {
        Self {
            family,
            filters: Vec::new(),
            search: None,
            order: "created_at",
            direction: Direction::Ascending,
            after: None,
            limit: PAGE_MAX,
        }
    }
}

/// A question for all records that a list without an end would show.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selection {
    /// Which family.
    pub family: Family,
    /// See [`PageQuery::filters`].
    pub filters: Vec<Filter>,
    /// See [`PageQuery::search`].
    pub search: Option<String>,
}

/// A question for the items of a column, in the order of their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemsQuery {
    /// Which family.
    pub family: Family,
    /// A column that is listed by its items.
    pub column: &'static str,
    /// All of these hold of a record that is counted; on columns of [`COUNTED_BY`](crate::keyspace::COUNTED_BY).
    pub filters: Vec<Filter>,
    /// A text that stands in the item, without regard to ASCII case; none: every item.
    pub search: Option<String>,
    /// Only items behind this one.
    pub after: Option<String>,
    /// Items at most, 1 to [`PAGE_MAX`].
    pub limit: usize,
}

/// An item, and how many records have it; more than none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemCount {
    /// The item.
    pub item: String,
    /// Records that pass the filters and have it.
    pub records: u64,
}

/// A page of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The records.
    pub rows: Vec<Row>,
    /// Where the next page begins; none at the end.
    pub next: Option<Cursor>,
}

/// A change as the durable sequence keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place, from 1, growing; gaps are possible.
    pub sequence: u64,
    /// The record's family.
    pub family: Family,
    /// The record's id; whether it still exists is found by reading it.
    pub id: String,
}

/// How safe a record is once it was synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synced {
    /// On disk: a power cut does not undo it.
    OnDisk,
    /// As safe as any change that was answered: the engine cannot say when it is on disk.
    AsPromised,
}

/// Why a change of a record was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordError {
    /// There is no such record.
    #[error("there is no such record")]
    Missing,
    /// The condition did not hold.
    #[error("the record has changed in the meantime")]
    Conflict {
        /// The version that the record has.
        current: Version,
    },
    /// Another record has this id, or this value of a unique column.
    #[error("another record of {index} has this value")]
    Duplicate {
        /// The index, or the family itself for the id.
        index: Family,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The port of records.
///
/// * Each change is atomic with its secondary keys, its version and its place in the change sequence.
/// * What was answered with success is there after `kill -9`; a change that was refused left nothing.
/// * An update changes the fields that it names and no other, so that it cannot undo another writer's.
/// * A read that starts after a change returned sees it. A page is one point in time; pages of one list may differ in time.
/// * Each change is announced as [`Notice::Record`](crate::Notice::Record): once at least when every read sees it, lists too.
/// * A record that was synced is there after the operating system goes down too, where the answer is [`Synced::OnDisk`].
/// * A column or family that the keyspace table does not list is refused as [`StoreFailure::Unsupported`].
#[async_trait]
pub trait Records: Send + Sync {
    /// Adds a record at version 1.
    async fn insert(&self, family: Family, id: &str, fields: Fields) -> Result<Version, RecordError>;

    /// The record with this id.
    async fn get(&self, family: Family, id: &str) -> Result<Option<Row>, StoreError>;

    /// The record whose unique column has this value, by the index family (`api_key_hash`, `admin_username`, `user_email`).
    async fn find(&self, index: Family, value: &str) -> Result<Option<Row>, StoreError>;

    /// Changes fields; returns the new version. An update that names nothing still counts as a change.
    async fn update(
        &self,
        family: Family,
        id: &str,
        changes: Changes,
        condition: Condition,
    ) -> Result<Version, RecordError>;

    /// Returns when all that was answered about this record before is on disk; a record that is missing counts as one. For the few
    /// changes that a power cut must not undo: it takes milliseconds at the least, and up to seconds.
    ///
    /// # Errors
    ///
    /// When it is not on disk in time. The change itself stands.
    async fn sync(&self, family: Family, id: &str) -> Result<Synced, StoreError>;

    /// Removes a record and its secondary keys; with `expected` only at that version.
    async fn remove(&self, family: Family, id: &str, expected: Option<Version>) -> Result<(), RecordError>;

    /// A page of a list.
    async fn page(&self, query: &PageQuery) -> Result<Page, StoreError>;

    /// How many records of `family` pass `filters`.
    async fn count(&self, family: Family, filters: &[Filter]) -> Result<u64, StoreError>;

    /// The ids of all records that `selection` chooses, in no order.
    async fn ids(&self, selection: &Selection) -> Result<Vec<Arc<str>>, StoreError>;

    /// The records of `family` with these ids, up to [`PAGE_MAX`], in their order; those that are missing are left out.
    async fn get_all(&self, family: Family, ids: &[Arc<str>]) -> Result<Vec<Row>, StoreError>;

    /// The items of a column with how many records have each. An item that a record names twice counts once.
    async fn items(&self, query: &ItemsQuery) -> Result<Vec<ItemCount>, StoreError>;

    /// Changes after `sequence`, oldest first, at most `limit`. Of several changes of one record the last is kept at least.
    async fn changes_after(&self, sequence: u64, limit: usize) -> Result<Vec<Change>, StoreError>;
}

/// A noun that is kept as a record.
pub trait Record: Sized + Send {
    /// The families that hold such records; more than one where the kind decides.
    const FAMILIES: &'static [Family];

    /// The family of this one.
    fn family(&self) -> Family;

    /// Its id.
    fn id(&self) -> &str;

    /// Its fields.
    fn fields(&self) -> Fields;

    /// Reads it back.
    ///
    /// # Errors
    ///
    /// When a field is missing or does not parse: [`StoreFailure::Damaged`], naming record and field.
    fn read(family: Family, row: &Row) -> Result<Self, StoreError>;
}

/// A record with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The record.
    pub record: T,
    /// Its version.
    pub version: Version,
}

/// Typed access to [`Records`].
pub trait TypedRecords: Records {
    /// Adds `record`.
    fn add<T: Record + Sync>(&self, record: &T) -> impl Future<Output = Result<Version, RecordError>> + Send {
        async move { self.insert(record.family(), record.id(), record.fields()).await }
    }

    /// The record with this id, in whichever of its families.
    fn read<T: Record>(&self, id: &str) -> impl Future<Output = Result<Option<Versioned<T>>, StoreError>> + Send {
        async move {
            for &family in T::FAMILIES {
                if let Some(row) = self.get(family, id).await? {
                    return Versioned::read(family, &row).map(Some);
                }
            }
            Ok(None)
        }
    }

    /// Writes the fields in which `new` differs from `old`: one change, whatever else was written in between.
    fn change<T: Record + Sync>(
        &self,
        old: &T,
        new: &T,
        condition: Condition,
    ) -> impl Future<Output = Result<Version, RecordError>> + Send {
        async move { self.update(old.family(), old.id(), difference(&old.fields(), new.fields()), condition).await }
    }
}

impl<R: Records + ?Sized> TypedRecords for R {}

impl<T: Record> Versioned<T> {
    /// Reads a row.
    ///
    /// # Errors
    ///
    /// When it does not parse.
    pub fn read(family: Family, row: &Row) -> Result<Self, StoreError> {
        T::read(family, row).map(|record| Self { record, version: row.version })
    }
}

/// The changes that turn `old` into `new`.
#[must_use]
pub fn difference(old: &Fields, new: Fields) -> Changes {
    let removed = old.keys().filter(|name| !new.contains_key(*name)).map(|&name| (name, None)).collect::<Vec<_>>();
    let written = new.into_iter().filter(|(name, value)| old.get(name) != Some(value));
    written.map(|(name, value)| (name, Some(value))).chain(removed).collect()
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<domain::Timestamp> for Value {
    fn from(at: domain::Timestamp) -> Self {
        Self::Integer(at.as_ms())
    }
}

/// Reads the fields of one row, naming record and field when one does not parse.
#[derive(Debug, Clone, Copy)]
pub struct FieldReader<'a> {
    family: Family,
    row: &'a Row,
}

impl<'a> FieldReader<'a> {
    /// Reads from `row` of `family`.
    #[must_use]
    pub const fn new(family: Family, row: &'a Row) -> Self {
        Self { family, row }
    }

    /// A text, or none.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        match self.row.fields.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A number, or none.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.row.fields.get(name) {
            Some(Value::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// An instant, or none.
    #[must_use]
    pub fn timestamp(&self, name: &str) -> Option<domain::Timestamp> {
        self.integer(name).map(domain::Timestamp::from_ms)
    }

    /// What `parse` makes of the text of a field that must be there.
    ///
    /// # Errors
    ///
    /// When the field is missing or `parse` gives none.
    pub fn parsed<T>(&self, name: &str, parse: impl FnOnce(&'a str) -> Option<T>) -> Result<T, StoreError> {
        self.required(name, self.text(name).and_then(parse))
    }

    /// The value of a field that must be there.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| self.damaged(name))
    }

    /// The error of a field that does not parse.
    #[must_use]
    pub fn damaged(&self, name: &str) -> StoreError {
        let operation = format!("read {name} of {}:{{{}}}", self.family.name(), self.row.id);
        StoreError::new(operation, StoreFailure::Damaged)
    }
}
