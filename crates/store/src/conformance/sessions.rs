//! The sentences of [`Sessions`](crate::Sessions).

use super::{
    Fixture,
    samples::{START, admin, at, session, user},
};
use crate::sessions::SessionSubject;
use domain::{SessionId, Timestamp};

fn id(number: u64) -> SessionId {
    session(number, admin(1), START).id
}

/// A session is found until it ends, with everything that was said of it.
pub async fn a_session_is_found_until_it_ends(fixture: impl Fixture) {
    let sessions = fixture.store().sessions;
    for (number, subject) in [(1, admin(1)), (2, SessionSubject::User(user(1)))] {
        let created = session(number, subject, at(100));
        sessions.create(&created).await.expect("a session");
        assert_eq!(sessions.get(&id(number), at(99)).await.expect("a read"), Some(created));
        assert_eq!(sessions.get(&id(number), at(100)).await.expect("a read"), None);
    }
    assert_eq!(sessions.get(&id(3), START).await.expect("a read"), None);
}

/// A session survives a restart.
pub async fn a_session_survives_a_restart(mut fixture: impl Fixture) {
    let created = session(1, admin(1), at(100));
    fixture.store().sessions.create(&created).await.expect("a session");
    fixture.restart().await;
    assert_eq!(fixture.store().sessions.get(&id(1), START).await.expect("a read"), Some(created));
}

/// A revoked session is not found again, after a restart either.
pub async fn a_revoked_session_is_not_found_again(mut fixture: impl Fixture) {
    let sessions = fixture.store().sessions;
    sessions.create(&session(1, admin(1), at(100))).await.expect("a session");
    assert!(sessions.revoke(&id(1)).await.expect("an answer"));
    assert!(!sessions.revoke(&id(1)).await.expect("an answer"));
    assert_eq!(sessions.get(&id(1), START).await.expect("a read"), None);
    fixture.restart().await;
    assert_eq!(fixture.store().sessions.get(&id(1), START).await.expect("a read"), None);
}

/// All sessions of a subject are revoked but the one to keep, and none of another's.
pub async fn all_sessions_of_a_subject_are_revoked_but_one(fixture: impl Fixture) {
    let sessions = fixture.store().sessions;
    for number in 0..6 {
        sessions.create(&session(number, admin(number % 2), at(100))).await.expect("a session");
    }
    assert_eq!(sessions.revoke_all(&admin(0), Some(&id(2))).await.expect("an answer"), 2);
    assert!(sessions.get(&id(2), START).await.expect("a read").is_some());
    assert_eq!(sessions.revoke_all(&admin(0), None).await.expect("an answer"), 1);
    assert_eq!(sessions.list(&admin(1), START, 10).await.expect("a list").len(), 3);
}

/// Open sessions are listed newest first, at most as many as asked for.
pub async fn sessions_are_listed_newest_first(fixture: impl Fixture) {
    let sessions = fixture.store().sessions;
    let end = |number: u64| if number == 3 { at(50) } else { at(100) };
    for number in 0..5 {
        sessions.create(&session(number, admin(1), end(number))).await.expect("a session");
    }
    sessions.create(&session(9, admin(2), at(100))).await.expect("a session");
    let listed = async |now: Timestamp, limit| {
        let listed = sessions.list(&admin(1), now, limit).await.expect("a list");
        listed.into_iter().map(|session| session.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(at(50), 10).await, [id(4), id(2), id(1), id(0)]);
    assert_eq!(listed(at(0), 2).await, [id(4), id(3)]);
}

/// Creating a session again replaces it, whoever's it was.
pub async fn creating_a_session_again_replaces_it(fixture: impl Fixture) {
    let sessions = fixture.store().sessions;
    sessions.create(&session(1, admin(1), at(100))).await.expect("a session");
    let replacing = session(1, SessionSubject::User(user(1)), at(200));
    sessions.create(&replacing).await.expect("a session");
    assert_eq!(sessions.get(&id(1), at(150)).await.expect("a read"), Some(replacing));
    assert_eq!(sessions.list(&admin(1), START, 10).await.expect("a list"), []);
}

/// A sweep removes sessions that have ended, at most as many as it may, and no other.
pub async fn a_sweep_removes_ended_sessions_up_to_its_limit(fixture: impl Fixture) {
    let sessions = fixture.store().sessions;
    for (number, subject) in [(0, admin(1)), (1, SessionSubject::User(user(1))), (2, admin(1)), (3, admin(1))] {
        let ends_at = at(10 * (i64::try_from(number).expect("a small number") + 1));
        sessions.create(&session(number, subject, ends_at)).await.expect("a session");
    }
    for expected in [2, 1, 0] {
        assert_eq!(sessions.sweep(at(30), 2).await.expect("a sweep"), expected);
    }
    assert!(sessions.get(&id(3), at(30)).await.expect("a read").is_some());
}
