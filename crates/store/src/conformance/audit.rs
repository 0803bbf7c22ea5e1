//! The sentences of [`Audit`](crate::Audit).

use super::{
    Fixture,
    samples::{START, at},
};
use crate::{
    Audit, AuditEntry,
    audit::{Actor, ActorKind, AuditOutcome, AuditQuery, Changed, Resource, Shown},
    error::StoreFailure,
};
use domain::{AuditId, Timestamp};
use std::collections::BTreeSet;

/// A day, in milliseconds.
const DAY: i64 = 24 * 3_600_000;

fn id(at: Timestamp, number: u32) -> AuditId {
    let first = AuditId::first_of(at);
    let (head, _) = first.as_str().split_at(24);
    AuditId::parse(&format!("{head}{number:012x}")).expect("an id")
}

fn key(id: &str) -> Resource {
    Resource { kind: "api_key".to_owned(), id: id.to_owned() }
}

pub(super) fn entry(at: Timestamp, number: u32) -> AuditEntry {
    AuditEntry {
        id: id(at, number),
        request: format!("request-{number}"),
        actor: Actor {
            kind: ActorKind::Admin,
            id: Some("a1".to_owned()),
            name: Some("mira \"é\"".to_owned()),
            token: number.is_multiple_of(2).then(|| "t1".to_owned()),
        },
        origin: "2001:db8::1".to_owned(),
        operation: "change_api_key".to_owned(),
        resource: Some(key("k1")),
        changes: vec![Changed {
            resource: key("k2"),
            before: [("name".to_owned(), Shown::Text("old".to_owned()))].into(),
            after: [("expires_at".to_owned(), Shown::Integer(i64::MAX))].into(),
        }],
        outcome: AuditOutcome::Done,
        status: Some(200),
        refusal: None,
    }
}

async fn append(audit: &dyn Audit, entries: &[AuditEntry]) {
    for entry in entries {
        audit.append(entry).await.expect("appended");
    }
}

/// All ids of a list, page by page.
async fn listed(audit: &dyn Audit, mut query: AuditQuery) -> Vec<AuditId> {
    let mut ids = Vec::new();
    loop {
        let page = audit.page(&query).await.expect("a page");
        assert!(page.entries.len() <= query.limit);
        ids.extend(page.entries.into_iter().map(|entry| entry.id));
        let Some(next) = page.next else { return ids };
        query.after = Some(next);
    }
}

fn all(limit: usize) -> AuditQuery {
    AuditQuery { limit, ..AuditQuery::default() }
}

/// An entry reads back as it was appended, after a restart too.
pub async fn an_entry_reads_back_as_it_was_appended(mut fixture: impl Fixture) {
    let bare = AuditEntry {
        actor: Actor { kind: ActorKind::Nobody, id: None, name: None, token: None },
        resource: None,
        changes: Vec::new(),
        outcome: AuditOutcome::Refused,
        status: Some(401),
        refusal: Some("unauthenticated".to_owned()),
        ..entry(at(1), 2)
    };
    let entries = [entry(at(0), 1), bare];
    append(&*fixture.store().audit, &entries).await;
    fixture.restart().await;
    let audit = fixture.store().audit;
    for entry in entries {
        assert_eq!(audit.get(&entry.id).await.expect("a read"), Some(entry));
    }
    assert_eq!(audit.get(&id(at(2), 3)).await.expect("a read"), None);
    assert_eq!(audit.get(&AuditId::parse("a1").expect("an id")).await.expect("a read"), None);
}

/// An entry that has begun takes its outcome once, and is one entry.
pub async fn an_entry_takes_its_outcome_once(fixture: impl Fixture) {
    let audit = fixture.store().audit;
    let begun = AuditEntry { outcome: AuditOutcome::Begun, status: None, changes: Vec::new(), ..entry(at(0), 1) };
    let done = entry(at(0), 1);
    let other = AuditEntry { outcome: AuditOutcome::Failed, ..entry(at(0), 1) };
    for (appended, expected) in [(&begun, &begun), (&done, &done), (&other, &done), (&begun, &done)] {
        append(&*audit, std::slice::from_ref(appended)).await;
        let page = audit.page(&all(10)).await.expect("a page");
        assert_eq!(page.entries.as_slice(), std::slice::from_ref(expected));
    }
}

/// Pages hold each entry once, the newest first, over the ends of days.
pub async fn pages_hold_each_entry_once_the_newest_first(fixture: impl Fixture) {
    let audit = fixture.store().audit;
    let mut expected = Vec::new();
    for number in 0..25 {
        let made = entry(at(i64::from(number) * DAY / 4), number);
        append(&*audit, std::slice::from_ref(&made)).await;
        expected.insert(0, made.id);
    }
    for limit in [1, 4, 25, 500] {
        assert_eq!(listed(&*audit, all(limit)).await, expected, "{limit} at once");
    }
}

/// Entries are filtered by everything that a question names.
pub async fn entries_are_filtered_by_everything_that_a_question_names(fixture: impl Fixture) {
    let audit = fixture.store().audit;
    let user = Actor { kind: ActorKind::User, id: Some("u1".to_owned()), name: None, token: None };
    let entries = [
        entry(at(0), 0),
        AuditEntry { actor: user, ..entry(at(DAY), 1) },
        AuditEntry { operation: "delete_api_key".to_owned(), ..entry(at(2 * DAY), 2) },
        AuditEntry { outcome: AuditOutcome::Refused, changes: Vec::new(), ..entry(at(3 * DAY), 3) },
        AuditEntry { resource: None, ..entry(at(4 * DAY), 4) },
    ];
    append(&*audit, &entries).await;
    let about = |id: Option<&str>| Some(("api_key".to_owned(), id.map(str::to_owned)));
    let questions: [(AuditQuery, &[usize]); 11] = [
        (AuditQuery { actor: Some("u1".to_owned()), ..all(2) }, &[1]),
        (AuditQuery { operation: Some("delete_api_key".to_owned()), ..all(2) }, &[2]),
        (AuditQuery { outcome: Some(AuditOutcome::Refused), ..all(2) }, &[3]),
        (AuditQuery { resource: about(Some("k1")), ..all(2) }, &[3, 2, 1, 0]),
        (AuditQuery { resource: about(Some("k2")), ..all(2) }, &[4, 2, 1, 0]),
        (AuditQuery { resource: about(None), ..all(2) }, &[4, 3, 2, 1, 0]),
        (AuditQuery { resource: Some(("user".to_owned(), Some("k1".to_owned()))), ..all(2) }, &[]),
        (AuditQuery { from: Some(at(DAY)), to: Some(at(3 * DAY)), ..all(2) }, &[2, 1]),
        (AuditQuery { from: Some(at(DAY + 1)), ..all(2) }, &[4, 3, 2]),
        (AuditQuery { from: Some(at(3 * DAY)), to: Some(at(DAY)), ..all(2) }, &[]),
        (AuditQuery { actor: Some("a1".to_owned()), resource: about(Some("k1")), to: Some(at(DAY)), ..all(2) }, &[0]),
    ];
    for (query, expected) in questions {
        let expected = expected.iter().map(|&place| entries[place].id.clone()).collect::<Vec<_>>();
        assert_eq!(listed(&*audit, query.clone()).await, expected, "{query:?}");
    }
}

/// Of entries that are appended side by side none is lost.
pub async fn of_parallel_entries_none_is_lost(fixture: impl Fixture) {
    let audit = fixture.store().audit;
    let appended = super::at_once(40, |number| {
        let audit = std::sync::Arc::clone(&audit);
        async move {
            let made = entry(at(i64::from(number % 3) * DAY), number);
            audit.append(&made).await.expect("appended");
            made.id
        }
    });
    let appended: BTreeSet<_> = appended.await.into_iter().collect();
    assert_eq!(listed(&*audit, all(500)).await.into_iter().collect::<BTreeSet<_>>(), appended);
}

/// Pruning removes the oldest entries, at most as many as it may, and none that is young enough.
pub async fn pruning_removes_the_oldest_entries_up_to_its_limit(fixture: impl Fixture) {
    let audit = fixture.store().audit;
    let entries: Vec<_> = (0..6).map(|number| entry(at(i64::from(number) * DAY / 2), number)).collect();
    append(&*audit, &entries).await;
    let mut removed = 0;
    for _ in 0..6 {
        let step = audit.prune(at(2 * DAY), 3).await.expect("pruned");
        assert!(step <= 3, "{step} at once");
        removed += step;
    }
    assert_eq!(removed, 4);
    assert_eq!(listed(&*audit, all(10)).await, [entries[5].id.clone(), entries[4].id.clone()]);
    assert_eq!(audit.get(&entries[0].id).await.expect("a read"), None);
}

/// What the log cannot answer is refused.
pub async fn what_the_audit_log_cannot_answer_is_refused(fixture: impl Fixture) {
    let audit = fixture.store().audit;
    for limit in [0, 501] {
        assert_eq!(audit.page(&all(limit)).await.expect_err("refused").kind, StoreFailure::Unsupported);
    }
    let timeless = AuditEntry { id: AuditId::parse("a1").expect("an id"), ..entry(START, 1) };
    assert_eq!(audit.append(&timeless).await.expect_err("refused").kind, StoreFailure::Unsupported);
}
