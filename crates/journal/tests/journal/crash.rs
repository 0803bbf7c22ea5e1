//! The process dies: what a copy of its files holds is what a restart finds.

use crate::support::{Books, PATIENCE, attempt, deliver_all, names, opening, options, write};
use domain::Outcome;
use journal::{Journal, JournalError};
use rusqlite::Connection;
use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};
use tempfile::TempDir;
use tokio::{task::JoinSet, time::timeout};

/// The files as `kill -9` would leave them now. The file itself changes at checkpoints only, the WAL grows at its end.
pub(crate) fn killed(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in ["journal.db", "journal.db-wal"] {
        fs::copy(directory.join(file), copy.path().join(file)).unwrap();
    }
    copy
}

pub(crate) async fn until_written(directory: &Path, openings: i64) {
    let reader = Connection::open(directory.join("journal.db")).unwrap();
    let count = || reader.query_row("SELECT count(*) FROM opening", [], |row| row.get::<_, i64>(0)).unwrap();
    let written = async {
        while count() < openings {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, written).await.expect("openings are written by themselves");
}

async fn recovered(copy: &TempDir) -> Arc<Books> {
    let books = Books::new();
    deliver_all(&Journal::open(&options(copy.path())).unwrap(), &books).await;
    books
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_record_that_was_acknowledged_under_load_is_there_once() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for task in 0..32 {
        let (journal, acknowledged) = (journal.clone(), Arc::clone(&acknowledged));
        tasks.spawn(async move {
            for name in names(&format!("task-{task:02}"), 200) {
                let mut slot = journal.try_slot().unwrap();
                slot.open(&opening(&name));
                slot.close(&attempt(&name)).await.unwrap();
                acknowledged.lock().unwrap().push(name);
            }
        });
    }
    while acknowledged.lock().unwrap().len() < 1000 {
        tokio::task::yield_now().await;
    }
    let expected = acknowledged.lock().unwrap().clone();
    let books = recovered(&killed(directory.path())).await;
    tasks.join_all().await;
    let mut found = books.names();
    let all = found.len();
    found.dedup();
    assert_eq!(found.len(), all, "a record is there twice");
    assert!(expected.iter().all(|name| found.binary_search(name).is_ok()), "an acknowledged record is gone");
}

#[tokio::test]
async fn what_was_open_is_crashed() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    let expected = names("open", 600);
    let mut slots = Vec::new();
    for name in &expected {
        let mut slot = journal.try_slot().unwrap();
        slot.open(&opening(name));
        slots.push(slot);
    }
    until_written(directory.path(), 600).await;
    let books = recovered(&killed(directory.path())).await;
    assert_eq!(books.names(), expected);
    assert!(books.records().iter().all(|record| record.outcome == Outcome::Crashed));
}

#[tokio::test]
async fn an_attempt_that_ended_before_the_crash_is_not_crashed() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    let mut slot = journal.try_slot().unwrap();
    slot.open(&opening("long"));
    until_written(directory.path(), 1).await;
    slot.close(&attempt("long")).await.unwrap();
    assert_eq!(recovered(&killed(directory.path())).await.records(), [attempt("long")]);
}

#[tokio::test]
async fn a_second_crash_finds_no_opening_again() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    let mut slot = journal.try_slot().unwrap();
    slot.open(&opening("open"));
    until_written(directory.path(), 1).await;
    let copy = killed(directory.path());
    let _dead = Journal::open(&options(copy.path())).unwrap();
    assert_eq!(recovered(&killed(copy.path())).await.names(), ["open"]);
}

#[tokio::test]
async fn a_crash_changes_no_epoch() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    write(&journal, "one").await;
    let after = Journal::open(&options(killed(directory.path()).path())).unwrap();
    assert_eq!(after.epoch(), journal.epoch());
}

#[test]
fn a_journal_of_a_later_version_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let options = options(directory.path());
    drop(Journal::open(&options).unwrap());
    Connection::open(&options.path).unwrap().pragma_update(None, "user_version", 3).unwrap();
    assert!(matches!(Journal::open(&options), Err(JournalError::Newer { found: 3, known: 2, .. })));
}

#[test]
fn a_file_that_is_no_journal_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let options = options(directory.path());
    fs::write(&options.path, "not a database, and long enough to be looked at").unwrap();
    assert!(matches!(Journal::open(&options), Err(JournalError::File { .. })));
}
