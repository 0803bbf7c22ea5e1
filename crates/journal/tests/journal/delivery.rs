//! Each record reaches the ledger once, whatever fails.

use crate::{
    crash::killed,
    support::{Books, Fault, PATIENCE, deliver, deliver_all, names, options, write},
};
use journal::{Delivery, Journal, JournalOptions};
use rusqlite::Connection;
use std::{path::Path, sync::Arc, time::Duration};

async fn write_all(journal: &Journal, names: &[String]) {
    for name in names {
        write(journal, name).await;
    }
}

fn rows(directory: &Path, table: &str) -> i64 {
    let reader = Connection::open(directory.join("journal.db")).unwrap();
    reader.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn lost_answers_and_failed_calls_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    let books = Books::failing([Fault::Before, Fault::After, Fault::Before, Fault::After, Fault::After]);
    let expected = names("each", 3);
    for name in &expected {
        write(&journal, name).await;
        deliver_all(&journal, &books).await;
    }
    assert_eq!((books.names(), books.gaps()), (expected, 0));
}

#[tokio::test]
async fn a_delivery_cut_off_at_any_point_is_taken_up_by_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    let books = Books::failing([Fault::After, Fault::Before, Fault::After]);
    let expected = names("cut-off", 40);
    for (at, name) in expected.iter().enumerate() {
        let task = deliver(&journal, &books);
        write(&journal, name).await;
        for _ in 0..at {
            tokio::task::yield_now().await;
        }
        task.abort();
        let _ = task.await;
    }
    deliver_all(&journal, &books).await;
    assert_eq!((books.names(), books.gaps()), (expected, 0));
}

#[tokio::test]
async fn a_restart_goes_on_from_what_the_ledger_has() {
    let directory = tempfile::tempdir().unwrap();
    let books = Books::failing([Fault::After]);
    let expected = names("restart", 4);
    for name in &expected {
        let journal = Journal::open(&options(directory.path())).unwrap();
        write(&journal, name).await;
        let task = deliver(&journal, &books);
        tokio::task::yield_now().await;
        task.abort();
        let _ = task.await;
        journal.close().await.unwrap();
    }
    deliver_all(&Journal::open(&options(directory.path())).unwrap(), &books).await;
    assert_eq!((books.names(), books.epochs()), (expected, 1));
}

#[tokio::test]
async fn a_batch_holds_no_more_than_it_may() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    let expected = names("backlog", 9000);
    for name in &expected {
        drop(journal.try_slot().unwrap().close(&crate::support::attempt(name)));
    }
    let books = Books::new();
    deliver_all(&journal, &books).await;
    assert_eq!(books.names(), expected);
    assert!(books.largest() <= store::ledger::BATCH_RECORDS_MAX && books.largest() > 3000, "{}", books.largest());
}

#[tokio::test]
async fn a_ledger_restored_from_a_backup_gets_again_what_it_lacks() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    let books = Books::new();
    let expected = names("restored", 5);
    for name in &expected {
        write(&journal, name).await;
        deliver_all(&journal, &books).await;
    }
    books.restore(2);
    journal.close().await.unwrap();
    deliver_all(&Journal::open(&options(directory.path())).unwrap(), &books).await;
    assert_eq!((books.names(), books.epochs()), (expected, 1));
}

#[tokio::test]
async fn a_ledger_restored_under_a_running_delivery_gets_again_what_it_lacks() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    let books = Books::new();
    let task = deliver(&journal, &books);
    let expected = names("restored", 5);
    for (at, name) in expected.iter().enumerate() {
        books.restore(if at == 4 { 1 } else { usize::MAX });
        write(&journal, name).await;
        journal.delivered(PATIENCE).await.unwrap();
    }
    task.abort();
    assert_eq!((books.names(), books.epochs()), (expected, 1));
}

#[tokio::test]
async fn what_a_restored_ledger_lacks_and_nobody_keeps_does_not_stop_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let options = JournalOptions { kept_delivered: Duration::ZERO, ..options(directory.path()) };
    let journal = Journal::open(&options).unwrap();
    let books = Books::new();
    for name in names("gone", 4) {
        write(&journal, &name).await;
        deliver_all(&journal, &books).await;
    }
    write(&journal, "rest").await;
    books.restore(1);
    let old = journal.epoch();
    deliver_all(&journal, &books).await;
    assert_eq!(books.names(), ["gone-00000", "rest"]);
    assert_eq!(journal.epoch(), old, "another part of the ledger may have what this part lacks");
}

#[tokio::test]
async fn a_ledger_with_another_history_is_put_to_all_that_is_kept_once_more() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    let books = Books::new();
    let expected = names("lost", 4);
    for name in &expected[..3] {
        write(&journal, name).await;
        deliver_all(&journal, &books).await;
    }
    assert_eq!(books.again(), 0);
    books.lose(2);
    let task = deliver(&journal, &books);
    write(&journal, &expected[3]).await;
    journal.delivered(PATIENCE).await.unwrap();
    assert_eq!((books.names(), books.epochs(), books.again()), (expected.clone(), 1, 3));
    // Also without anything new to deliver.
    books.lose(1);
    let found = async {
        while books.names() != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("found out by itself");
    task.abort();
}

#[tokio::test]
async fn a_loss_while_the_relay_was_down_is_found_at_its_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let books = Books::new();
    let expected = names("down", 3);
    for name in &expected {
        let journal = Journal::open(&options(directory.path())).unwrap();
        write(&journal, name).await;
        deliver_all(&journal, &books).await;
        journal.close().await.unwrap();
    }
    books.lose(1);
    let journal = Journal::open(&options(directory.path())).unwrap();
    let task = deliver(&journal, &books);
    let found = async {
        while books.names() != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("sent again");
    task.abort();
    assert_eq!(books.epochs(), 1);
}

#[tokio::test]
async fn a_journal_of_the_version_before_is_brought_up_to_date() {
    let directory = tempfile::tempdir().unwrap();
    let books = Books::new();
    let journal = Journal::open(&options(directory.path())).unwrap();
    write(&journal, "before").await;
    journal.close().await.unwrap();
    let file = Connection::open(directory.path().join("journal.db")).unwrap();
    file.execute_batch("ALTER TABLE journal DROP COLUMN lineage; PRAGMA user_version = 1;").unwrap();
    drop(file);
    let journal = Journal::open(&options(directory.path())).unwrap();
    write(&journal, "with").await;
    deliver_all(&journal, &books).await;
    assert_eq!(books.names(), ["before", "with"]);
}

#[tokio::test]
async fn a_journal_restored_from_a_backup_counts_nothing_twice() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    let books = Books::new();
    write(&journal, "one").await;
    deliver_all(&journal, &books).await;
    write(&journal, "two").await;
    let backup = killed(directory.path());
    deliver_all(&journal, &books).await;
    journal.close().await.unwrap();
    let journal = Journal::open(&options(backup.path())).unwrap();
    write(&journal, "three").await;
    deliver_all(&journal, &books).await;
    assert_eq!((books.names(), books.epochs()), (vec!["one".into(), "three".into(), "two".into()], 2));
}

#[tokio::test]
async fn two_journals_have_two_epochs() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let epoch = |directory: &Path| Journal::open(&options(directory)).unwrap().epoch();
    assert_ne!(epoch(one.path()), epoch(other.path()));
    assert_eq!(epoch(one.path()), epoch(one.path()));
}

#[tokio::test]
async fn delivered_records_are_removed_when_they_are_old() {
    let directory = tempfile::tempdir().unwrap();
    let options = JournalOptions { kept_delivered: Duration::ZERO, ..options(directory.path()) };
    let journal = Journal::open(&options).unwrap();
    let books = Books::new();
    write_all(&journal, &names("old", 3000)).await;
    deliver_all(&journal, &books).await;
    let task = deliver(&journal, &books);
    let gone = async {
        while rows(directory.path(), "chunk") > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("nothing is left");
    task.abort();
    assert_eq!(rows(directory.path(), "batch"), 1);
}

#[tokio::test]
async fn delivered_records_are_kept_while_they_are_young() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    write_all(&journal, &names("young", 3)).await;
    deliver_all(&journal, &Books::new()).await;
    assert_eq!(rows(directory.path(), "chunk"), 3);
}

#[tokio::test]
async fn numbers_go_on_after_everything_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let options = JournalOptions { kept_delivered: Duration::ZERO, ..options(directory.path()) };
    let books = Books::new();
    let expected = names("removed", 5);
    for name in &expected {
        let journal = Journal::open(&options).unwrap();
        write(&journal, name).await;
        deliver_all(&journal, &books).await;
        journal.close().await.unwrap();
    }
    assert_eq!((books.names(), books.epochs()), (expected, 1));
}

#[tokio::test]
async fn damaged_records_are_left_out_and_the_rest_is_delivered() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    write_all(&journal, &names("damaged", 3)).await;
    journal.close().await.unwrap();
    let file = Connection::open(directory.path().join("journal.db")).unwrap();
    file.execute("UPDATE chunk SET records = zeroblob(100) WHERE first_seq = 2", []).unwrap();
    drop(file);
    let books = Books::new();
    deliver_all(&Journal::open(&options(directory.path())).unwrap(), &books).await;
    assert_eq!(books.names(), ["damaged-00000", "damaged-00002"]);
}

#[tokio::test]
async fn waiting_for_delivery_ends_in_time_without_one() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    write(&journal, "alone").await;
    assert!(journal.delivered(Duration::from_millis(1)).await.is_err());
    assert_eq!(journal.lag().undelivered, 1);
}

#[tokio::test]
async fn a_delivery_ends_with_its_journal() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    let task = deliver(&journal, &Books::new());
    write(&journal, "last").await;
    journal.delivered(PATIENCE).await.unwrap();
    journal.close().await.unwrap();
    tokio::time::timeout(PATIENCE, task).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn a_delivery_ends_when_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(&options(directory.path())).unwrap();
    Delivery::run(journal, Books::new() as Arc<_>, std::future::ready(())).await;
}
