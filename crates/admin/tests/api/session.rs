//! Signing in and out.

use crate::plane::{PASSWORD, Plane, request};
use domain::{Admin, Role};
use http::Method;
use serde_json::json;
use std::time::Duration;
use store::records::{Condition, TypedRecords};

#[tokio::test]
async fn the_right_password_opens_a_session_for_a_day() {
    let plane = Plane::new().await;
    let body = plane.sign_in("viewer", PASSWORD).await.expect(200);
    assert_eq!(body["expires_at"], "2026-11-24T09:30:00.000Z");
    let me = plane.caller(Role::Viewer).await.get("/admin/me").await.expect(200);
    assert_eq!((me["username"].as_str(), me["role"].as_str()), (Some("viewer"), Some("viewer")));
    assert_eq!(me["session"]["expires_at"], "2026-11-24T09:30:00.000Z");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_refused_in_the_same_words() {
    let plane = Plane::new().await;
    let wrong = plane.sign_in("owner", "wrong password").await;
    let unknown = plane.sign_in("nobody", "wrong password").await;
    assert_eq!(wrong.refusal().0, "unauthenticated");
    assert_eq!((wrong.status, wrong.body), (unknown.status, unknown.body));
}

#[tokio::test]
async fn a_session_ends_when_its_time_is_over() {
    let plane = Plane::new().await;
    let viewer = plane.caller(Role::Viewer).await;
    plane.clock.advance(Duration::from_secs(24 * 3600 - 1));
    viewer.get("/admin/me").await.expect(200);
    plane.clock.advance(Duration::from_secs(1));
    viewer.get("/admin/me").await.expect(401);
}

#[tokio::test]
async fn signing_out_ends_one_session_at_once() {
    let plane = Plane::new().await;
    let (one, other) = (plane.caller(Role::Viewer).await, plane.caller(Role::Viewer).await);
    one.delete("/admin/session").await.expect(204);
    one.get("/admin/me").await.expect(401);
    other.get("/admin/me").await.expect(200);
}

#[tokio::test]
async fn a_role_that_was_taken_away_is_gone_at_once_whatever_the_token_says() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let found = plane.store.records.read::<Admin>("id-operator").await.expect("reads").expect("exists");
    let lowered = Admin { role: Role::Viewer, ..found.record.clone() };
    plane.store.records.change(&found.record, &lowered, Condition::Exists).await.expect("changes");
    assert_eq!(operator.post("/admin/api-keys", json!({"name": "k"})).await.refusal().0, "forbidden");
}

#[tokio::test]
async fn an_administrator_who_was_removed_is_signed_out() {
    let plane = Plane::new().await;
    let viewer = plane.caller(Role::Viewer).await;
    plane.store.records.remove(store::Family::Admin, "id-viewer", None).await.expect("removed");
    viewer.get("/admin/me").await.expect(401);
}

#[tokio::test]
async fn a_token_counts_only_in_the_one_authorization_header() {
    let plane = Plane::new().await;
    let token = plane.caller(Role::Owner).await.token;
    let elsewhere = [
        ("cookie", format!("token={token}; adminToken={token}")),
        ("x-admin-token", token.clone()),
        ("authorization", token.clone()),
        ("authorization", format!("Basic {token}")),
    ];
    for (name, value) in elsewhere {
        let mut asked = request(Method::GET, &format!("/admin/me?token={token}"), None, None);
        asked.headers_mut().insert(name, value.parse().expect("a header"));
        plane.send(asked).await.expect(401);
    }
    let mut twice = request(Method::GET, "/admin/me", Some(&token), None);
    twice.headers_mut().append("authorization", format!("Bearer {token}").parse().expect("a header"));
    plane.send(twice).await.expect(401);
}

#[tokio::test]
async fn guesses_are_slowed_down_and_the_wait_is_told() {
    let plane = Plane::new().await;
    for _ in 0..5 {
        plane.sign_in("owner", "wrong password").await.expect(401);
    }
    let refused = plane.sign_in("owner", PASSWORD).await;
    assert_eq!((refused.status.as_u16(), refused.refusal().0), (429, "too_many_requests"));
    assert_eq!(refused.headers["retry-after"], "10");
    plane.clock.advance(Duration::from_secs(10));
    plane.sign_in("owner", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn guesses_from_elsewhere_do_not_slow_down_other_addresses() {
    let plane = Plane::new().await;
    exhaust_address(&plane).await;
    assert_eq!(sign_in_from(&plane, "203.0.113.1", "owner", PASSWORD).await, 429);
    assert_eq!(sign_in_from(&plane, "203.0.113.2", "owner", PASSWORD).await, 200);
}

#[tokio::test]
async fn a_few_guesses_for_other_names_do_not_keep_a_right_password_out() {
    let plane = Plane::new().await;
    for name in ["a", "b", "c", "d", "e", "f"] {
        assert_eq!(sign_in_from(&plane, "203.0.113.1", name, "wrong password").await, 401);
    }
    assert_eq!(sign_in_from(&plane, "203.0.113.1", "owner", PASSWORD).await, 200);
}

#[tokio::test]
async fn guesses_of_others_at_the_address_do_not_keep_somebody_signed_in_from_changing_the_password() {
    let plane = Plane::new().await;
    let viewer = plane.caller(Role::Viewer).await;
    exhaust_address(&plane).await;
    let change = json!({"current_password": PASSWORD, "new_password": "a longer horse"});
    let mut asked = request(Method::POST, "/admin/me/password", Some(&viewer.token), Some(&change));
    asked.headers_mut().insert("x-forwarded-for", "203.0.113.1".parse().expect("a header"));
    plane.send(asked).await.expect(204);
}

/// The status of a sign-in from `address`.
async fn sign_in_from(plane: &Plane, address: &str, username: &str, password: &str) -> u16 {
    let body = json!({"username": username, "password": password});
    let mut asked = request(Method::POST, "/admin/session", None, Some(&body));
    asked.headers_mut().insert("x-forwarded-for", address.parse().expect("a header"));
    plane.send(asked).await.status.as_u16()
}

/// Makes as many wrong guesses from 203.0.113.1 as are free, for a name each.
async fn exhaust_address(plane: &Plane) {
    for name in 0..30 {
        assert_eq!(sign_in_from(plane, "203.0.113.1", &format!("n{name}"), "wrong password").await, 401);
    }
}

#[tokio::test]
async fn a_changed_password_holds_at_once_and_ends_all_other_sessions() {
    let plane = Plane::new().await;
    let (one, other) = (plane.caller(Role::Viewer).await, plane.caller(Role::Viewer).await);
    let change = json!({"current_password": PASSWORD, "new_password": "a longer horse"});
    one.post("/admin/me/password", change).await.expect(204);
    one.get("/admin/me").await.expect(200);
    other.get("/admin/me").await.expect(401);
    plane.sign_in("viewer", PASSWORD).await.expect(401);
    plane.sign_in("viewer", "a longer horse").await.expect(200);
    let told = plane.changed.lock();
    assert_eq!(told.iter().map(|admin| admin.username.as_str()).collect::<Vec<_>>(), ["viewer"]);
}

#[tokio::test]
async fn a_password_is_not_changed_without_the_current_one_or_to_a_short_one() {
    let plane = Plane::new().await;
    let viewer = plane.caller(Role::Viewer).await;
    let change = json!({"current_password": "wrong password", "new_password": "a longer horse"});
    let refused = viewer.post("/admin/me/password", change).await;
    assert_eq!(refused.refusal(), ("unprocessable", vec!["current_password"]));
    let change = json!({"current_password": PASSWORD, "new_password": "short"});
    assert_eq!(viewer.post("/admin/me/password", change).await.refusal(), ("unprocessable", vec!["new_password"]));
    assert!(plane.changed.lock().is_empty());
}

#[tokio::test]
async fn the_oldest_of_a_hundred_sessions_makes_room_for_the_next() {
    let plane = Plane::new().await;
    let first = plane.caller(Role::Viewer).await;
    let subject = store::sessions::SessionSubject::Admin(domain::AdminId::parse("id-viewer").expect("an id"));
    for number in 0..99 {
        plane.clock.advance(Duration::from_secs(1));
        let now = plane.clock.now();
        let session = store::Session {
            id: domain::SessionId::parse(&format!("s{number}")).expect("an id"),
            subject: subject.clone(),
            created_at: now,
            expires_at: now.plus(Duration::from_secs(3600)),
            address: String::new(),
            user_agent: String::new(),
        };
        plane.store.sessions.create(&session).await.expect("created");
    }
    first.get("/admin/me").await.expect(200);
    plane.clock.advance(Duration::from_secs(1));
    plane.caller(Role::Viewer).await.get("/admin/me").await.expect(200);
    first.get("/admin/me").await.expect(401);
}
