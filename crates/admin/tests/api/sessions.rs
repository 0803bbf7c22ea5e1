//! Sessions are listed and ended by whom they belong to, and by owners.

use crate::plane::Plane;
use domain::Role;
use serde_json::json;

const SESSIONS: &str = "/admin/sessions";

#[tokio::test]
async fn one_s_own_sessions_are_listed_with_the_one_that_asks_marked() {
    let plane = Plane::new().await;
    let (one, other) = (plane.caller(Role::Viewer).await, plane.caller(Role::Viewer).await);
    plane.caller(Role::Owner).await;
    let listed = one.get(SESSIONS).await.expect(200);
    let items = listed["items"].as_array().expect("items");
    assert_eq!((items.len(), &listed["next_cursor"]), (2, &json!(null)));
    assert_eq!(items.iter().filter(|session| session["current"] == json!(true)).count(), 1);
    assert!(!listed.to_string().contains(&one.token) && !listed.to_string().contains(&other.token));
}

#[tokio::test]
async fn ending_one_session_leaves_the_others() {
    let plane = Plane::new().await;
    let (one, other) = (plane.caller(Role::Viewer).await, plane.caller(Role::Viewer).await);
    let me = other.get("/admin/me").await.expect(200);
    let path = format!("{SESSIONS}/{}", me["session"]["id"].as_str().expect("an id"));
    one.delete(&path).await.expect(204);
    other.get("/admin/me").await.expect(401);
    one.get("/admin/me").await.expect(200);
    one.delete(&path).await.expect(404);
}

#[tokio::test]
async fn ending_all_sessions_leaves_the_one_that_asks() {
    let plane = Plane::new().await;
    let (one, other) = (plane.caller(Role::Viewer).await, plane.caller(Role::Viewer).await);
    assert_eq!(one.delete(SESSIONS).await.expect(200), json!({"ended": 1}));
    other.get("/admin/me").await.expect(401);
    one.get("/admin/me").await.expect(200);
}

#[tokio::test]
async fn only_an_owner_sees_and_ends_the_sessions_of_others() {
    let plane = Plane::new().await;
    let viewer = plane.caller(Role::Viewer).await;
    let me = viewer.get("/admin/me").await.expect(200);
    let one = format!("{SESSIONS}/{}", me["session"]["id"].as_str().expect("an id"));
    let all = format!("{SESSIONS}?admin=id-viewer");
    let operator = plane.caller(Role::Operator).await;
    assert_eq!(operator.get(&all).await.refusal().0, "forbidden");
    assert_eq!(operator.delete(&all).await.refusal().0, "forbidden");
    assert_eq!(operator.delete(&one).await.refusal().0, "not_found");
    viewer.get("/admin/me").await.expect(200);
    let owner = plane.caller(Role::Owner).await;
    assert_eq!(owner.get(&all).await.expect(200)["items"].as_array().expect("items").len(), 1);
    owner.delete(&one).await.expect(204);
    viewer.get("/admin/me").await.expect(401);
    let viewer = plane.caller(Role::Viewer).await;
    assert_eq!(owner.delete(&all).await.expect(200), json!({"ended": 1}));
    viewer.get("/admin/me").await.expect(401);
    assert_eq!(owner.get(&format!("{SESSIONS}?admin=a:b")).await.refusal(), ("invalid_request", vec!["admin"]));
}
