//! The disk is full: nothing new is taken on, nothing taken on is lost.

use crate::support::{Books, PATIENCE, attempt, deliver_all, names, options};
use journal::{Journal, JournalOptions, JournalRefusal, NotWritten};
use std::{path::Path, time::Duration};
use tokio::time::timeout;

/// Room for a few hundred records.
fn small(directory: &Path) -> JournalOptions {
    JournalOptions { bytes_max: 128 << 10, kept_delivered: Duration::ZERO, ..options(directory) }
}

/// Writes until it fails; answers the names of everything that was tried.
async fn fill(journal: &Journal) -> Vec<String> {
    let mut tried = Vec::new();
    for name in names("fill", 10_000) {
        let written = journal.try_slot().unwrap().close(&attempt(&name)).await;
        tried.push(name);
        if written == Err(NotWritten) {
            return tried;
        }
    }
    panic!("10,000 records fit into 128 KB");
}

#[tokio::test]
async fn a_full_file_takes_nothing_new_on() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&small(directory.path())).unwrap();
    fill(&journal).await;
    assert_eq!(journal.try_slot().map(drop), Err(JournalRefusal::Unavailable));
    assert!(!journal.lag().available);
}

#[tokio::test]
async fn what_ended_while_the_file_was_full_is_written_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&small(directory.path())).unwrap();
    let taken_before = names("taken-before", 200);
    let slots: Vec<_> = taken_before.iter().map(|_| journal.try_slot().unwrap()).collect();
    let mut expected = fill(&journal).await;
    for (slot, name) in slots.into_iter().zip(taken_before) {
        drop(slot.close(&attempt(&name)));
        expected.push(name);
    }
    let books = Books::new();
    deliver_all(&journal, &books).await;
    assert_eq!(books.names(), expected);
    assert_eq!(journal.lag().open, 0);
}

#[tokio::test]
async fn a_journal_with_room_again_takes_attempts_on() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&small(directory.path())).unwrap();
    fill(&journal).await;
    deliver_all(&journal, &Books::new()).await;
    let open_again = async {
        while journal.try_slot().is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, open_again).await.expect("the journal recovers by itself");
}

#[tokio::test]
async fn an_idle_journal_that_can_be_written_again_finds_out_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    let disk = rusqlite::Connection::open(directory.path().join("journal.db")).unwrap();
    disk.execute_batch("ALTER TABLE chunk RENAME TO gone").unwrap();
    let written = journal.try_slot().unwrap().close(&attempt("unwritten")).await;
    assert_eq!((written, journal.lag().available), (Err(NotWritten), false));
    disk.execute_batch("ALTER TABLE gone RENAME TO chunk").unwrap();
    let available = async {
        while !journal.lag().available {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, available).await.expect("the journal recovers by itself");
}

#[tokio::test]
async fn closing_a_full_journal_says_how_many_records_are_lost() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&small(directory.path())).unwrap();
    fill(&journal).await;
    let error = journal.close().await.expect_err("there is no room");
    assert_eq!(error.to_string(), "the journal ended with 1 records unwritten");
}
