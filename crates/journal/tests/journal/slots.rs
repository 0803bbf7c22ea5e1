//! Places and records: nothing is lost between the door and the file.

use crate::support::{Books, PATIENCE, attempt, deliver, deliver_all, names, opening, options, write};
use domain::Outcome;
use journal::{Journal, JournalOptions, JournalRefusal, NotWritten};
use std::sync::Arc;
use tokio::task::JoinSet;

#[tokio::test]
async fn a_full_journal_refuses_until_a_slot_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&JournalOptions { slots_max: 2, ..options(directory.path()) }).unwrap();
    let (_first, second) = (journal.try_slot().unwrap(), journal.try_slot().unwrap());
    assert_eq!(journal.try_slot().map(drop), Err(JournalRefusal::Full));
    drop(second);
    assert_eq!(journal.try_slot().map(drop), Ok(()));
}

#[tokio::test]
async fn a_place_is_free_again_when_its_record_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&JournalOptions { slots_max: 1, ..options(directory.path()) }).unwrap();
    for name in names("one-by-one", 100) {
        write(&journal, &name).await;
    }
    assert_eq!(journal.lag().open, 0);
}

#[tokio::test]
async fn an_unopened_slot_leaves_no_record() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    drop(journal.try_slot().unwrap());
    write(&journal, "another").await;
    assert_eq!(journal.lag().undelivered, 1);
}

#[tokio::test]
async fn an_opened_slot_that_is_dropped_leaves_its_opening_as_record() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    let mut slot = journal.try_slot().unwrap();
    slot.open(&opening("dropped"));
    drop(slot);
    let books = Books::new();
    deliver_all(&journal, &books).await;
    assert_eq!(books.records(), [opening("dropped")]);
}

#[tokio::test]
async fn an_opening_written_long_before_its_drop_is_its_record() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    let mut slot = journal.try_slot().unwrap();
    slot.open(&opening("dropped"));
    crate::crash::until_written(directory.path(), 1).await;
    drop(slot);
    let books = Books::new();
    deliver_all(&journal, &books).await;
    assert_eq!(books.records(), [opening("dropped")]);
}

#[tokio::test]
async fn a_record_comes_out_as_it_went_in() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    write(&journal, "the-one").await;
    let books = Books::new();
    deliver_all(&journal, &books).await;
    assert_eq!(books.records(), [attempt("the-one")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_attempts_at_once_are_ten_thousand_records() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&JournalOptions { slots_max: 10_000, ..options(directory.path()) }).unwrap();
    let books = Books::new();
    let delivery = deliver(&journal, &books);
    let expected = names("many", 10_000);
    let mut tasks = JoinSet::new();
    let slots: Vec<_> = expected.iter().map(|_| journal.try_slot().unwrap()).collect();
    for (slot, name) in slots.into_iter().zip(expected.clone()) {
        tasks.spawn(async move {
            let mut slot = slot;
            slot.open(&opening(&name));
            tokio::task::yield_now().await;
            slot.close(&attempt(&name)).await
        });
    }
    assert!(tasks.join_all().await.into_iter().all(|written| written == Ok(())));
    journal.delivered(PATIENCE).await.unwrap();
    delivery.abort();
    assert_eq!(books.names(), expected);
    assert!(books.records().iter().all(|record| record.outcome == Outcome::Completed));
    assert_eq!((journal.lag().open, journal.lag().undelivered), (0, 0));
}

#[tokio::test]
async fn a_closed_journal_has_written_what_was_queued() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    let expected = names("queued", 1000);
    for name in &expected {
        drop(journal.try_slot().unwrap().close(&attempt(name)));
    }
    journal.close().await.unwrap();
    let books = Books::new();
    deliver_all(&Journal::open(&options(directory.path())).unwrap(), &books).await;
    assert_eq!(books.names(), expected);
}

#[tokio::test]
async fn a_closed_journal_takes_nothing_more_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    let late = journal.try_slot().unwrap();
    journal.clone().close().await.unwrap();
    assert_eq!(journal.try_slot().map(drop), Err(JournalRefusal::Unavailable));
    assert_eq!(late.close(&attempt("late")).await, Err(NotWritten));
    assert_eq!(journal.lag().open, 0);
}

#[tokio::test]
async fn slots_come_back_from_tasks_that_are_aborted() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Arc::new(Journal::open(&options(directory.path())).unwrap());
    let mut tasks = JoinSet::new();
    for name in names("aborted", 100) {
        let mut slot = journal.try_slot().unwrap();
        slot.open(&opening(&name));
        tasks.spawn(async move {
            let _slot = slot;
            std::future::pending::<()>().await;
        });
    }
    tasks.shutdown().await;
    let books = Books::new();
    deliver_all(&journal, &books).await;
    assert_eq!((journal.lag().open, books.names()), (0, names("aborted", 100)));
}
