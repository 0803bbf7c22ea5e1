//! What an operator wants to know of this installation at a glance.

use crate::{refusal::Refusal, state::Shared, wire::Instant};
use axum::{Json, extract::State};
use domain::{Account, Timestamp};
use serde::Serialize;
use std::sync::Arc;
use store::{
    Family, Record,
    records::{Comparison, Filter, Value},
};
use utoipa::ToSchema;

/// Tells what only the composition root knows.
pub type SystemSource = Arc<dyn Fn() -> SystemFacts + Send + Sync>;

/// What only the composition root knows of this installation.
#[derive(Debug, Clone)]
pub struct SystemFacts {
    /// The program's version, `0.1.0`.
    pub version: String,
    /// When this process started.
    pub started_at: Timestamp,
    /// The storage engine, `sqlite`.
    pub store_engine: String,
    /// The version of the store's schema.
    pub schema_version: u32,
    /// The store's own id.
    pub store_id: String,
    /// What an operator should change about the store's servers; a sentence each.
    pub store_warnings: Vec<String>,
    /// Files and what they take on the disk.
    pub files: Vec<FileSize>,
}

/// What a file takes on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSize {
    /// Its name, `relay.db`.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// An installation at a glance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = System)]
pub(crate) struct SystemView {
    /// The program's version.
    #[schema(example = "0.1.0")]
    version: String,
    started_at: Instant,
    uptime_seconds: u64,
    /// The relay's clock at the time of the answer.
    now: Instant,
    /// The time zone of days, hours and months in the books.
    #[schema(example = "Asia/Shanghai")]
    time_zone: String,
    /// Today in that time zone.
    #[schema(example = "2026-11-23")]
    today: String,
    store: StoreView,
    /// Records that are journaled and not yet in the ledger.
    journal_waiting: u64,
    counts: CountsView,
}

/// The store.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StoreFacts)]
struct StoreView {
    #[schema(example = "sqlite")]
    engine: String,
    schema_version: u32,
    /// The store's own id.
    id: String,
    /// What an operator should change about the store's servers; a sentence each.
    warnings: Vec<String>,
    files: Vec<FileSizeView>,
}

/// What a file takes on the disk.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FileSize)]
struct FileSizeView {
    #[schema(example = "relay.db")]
    name: String,
    bytes: u64,
}

/// How many there are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Counts)]
struct CountsView {
    /// Keys that were not deleted.
    api_keys: u64,
    accounts: u64,
    administrators: u64,
}

/// Shows the installation.
#[utoipa::path(get, path = "/admin/system", tag = "System", operation_id = "read_system",
    responses((status = 200, body = SystemView, description = "The installation.")))]
pub(crate) async fn read(State(plane): State<Shared>) -> Result<Json<SystemView>, Refusal> {
    let now = plane.now();
    let calendar = (plane.given.calendar)();
    let facts = (plane.given.system)();
    let records = &plane.store().records;
    let deleted = Value::from("deleted");
    let existing = Filter { column: "state", comparison: Comparison::NotEqual, value: deleted };
    let mut accounts = 0;
    for &family in Account::FAMILIES {
        accounts += records.count(family, &[]).await?;
    }
    Ok(Json(SystemView {
        version: facts.version,
        started_at: Instant(facts.started_at),
        uptime_seconds: now.since(facts.started_at).as_secs(),
        now: Instant(now),
        time_zone: calendar.name(),
        today: calendar.day(now).to_string(),
        store: StoreView {
            engine: facts.store_engine,
            schema_version: facts.schema_version,
            id: facts.store_id,
            warnings: facts.store_warnings,
            files: facts.files.into_iter().map(|file| FileSizeView { name: file.name, bytes: file.bytes }).collect(),
        },
        journal_waiting: plane.given.books.waiting(),
        counts: CountsView {
            api_keys: records.count(Family::ApiKey, &[existing]).await?,
            accounts,
            administrators: records.count(Family::Admin, &[]).await?,
        },
    }))
}
