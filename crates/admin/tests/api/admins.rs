//! Administrators are added, changed and removed by owners only, and there is always an owner left.

use crate::plane::{PASSWORD, Plane};
use domain::{Admin, Role};
use http::Method;
use serde_json::json;
use std::sync::Arc;
use store::records::TypedRecords;

const ADMINS: &str = "/admin/admins";

#[tokio::test]
async fn a_generated_password_is_shown_once_and_opens_a_session() {
    let plane = Plane::new().await;
    let owner = plane.caller(Role::Owner).await;
    let added = owner.post(ADMINS, json!({"username": " mira ", "role": "operator"})).await.expect(201);
    assert_eq!((added["username"].as_str(), added["role"].as_str()), (Some("mira"), Some("operator")));
    let password = added["password"].as_str().expect("a password").to_owned();
    plane.sign_in("mira", &password).await.expect(200);
    let path = format!("{ADMINS}/{}", added["id"].as_str().expect("an id"));
    let shown = owner.get(&path).await.expect(200);
    let listed = owner.get(&format!("{ADMINS}?q=MIR")).await.expect(200);
    assert_eq!(listed["items"], json!([shown]));
    assert!(shown.get("password").is_none() && !shown.to_string().contains("argon2"), "{shown}");
}

#[tokio::test]
async fn a_given_password_is_not_shown() {
    let plane = Plane::new().await;
    let owner = plane.caller(Role::Owner).await;
    let body = json!({"username": "mira", "role": "viewer", "password": "a longer horse"});
    assert!(owner.post(ADMINS, body).await.expect(201)["password"].is_null());
    plane.sign_in("mira", "a longer horse").await.expect(200);
}

#[tokio::test]
async fn what_cannot_be_taken_is_named() {
    let plane = Plane::new().await;
    let owner = plane.caller(Role::Owner).await;
    let refused = async |body| {
        let reply = owner.post(ADMINS, body).await;
        let (kind, fields) = reply.refusal();
        (kind.to_owned(), fields.join(","))
    };
    let unprocessable = |fields: &str| ("unprocessable".to_owned(), fields.to_owned());
    let both = json!({"username": "x".repeat(65), "role": "viewer", "password": "short"});
    assert_eq!(refused(both).await, unprocessable("username,password"));
    assert_eq!(refused(json!({"username": "a\nb", "role": "viewer"})).await, unprocessable("username"));
    assert_eq!(refused(json!({"username": "a", "role": "root"})).await, unprocessable("role"));
    assert_eq!(refused(json!({"username": "a"})).await.0, "unprocessable");
    let taken = json!({"username": "viewer", "role": "viewer"});
    assert_eq!(refused(taken).await, ("conflict".to_owned(), "username".to_owned()));
}

#[tokio::test]
async fn a_renamed_administrator_signs_in_by_the_new_name_and_the_file_is_told() {
    let plane = Plane::new().await;
    let owner = plane.caller(Role::Owner).await;
    let path = format!("{ADMINS}/id-viewer");
    owner.patch(&path, json!({"username": "mira"})).await.expect(200);
    plane.sign_in("mira", PASSWORD).await.expect(200);
    plane.sign_in("viewer", PASSWORD).await.expect(401);
    assert_eq!(plane.changed.lock().iter().map(|admin| admin.username.clone()).collect::<Vec<_>>(), ["mira"]);
    let taken = owner.patch(&path, json!({"username": "operator"})).await;
    assert_eq!(taken.refusal(), ("conflict", vec!["username"]));
    let cleared = owner.patch(&path, json!({"username": null, "role": null})).await;
    assert_eq!(cleared.refusal(), ("unprocessable", vec!["username", "role"]));
}

#[tokio::test]
async fn a_change_for_another_version_is_not_made() {
    let plane = Plane::new().await;
    let owner = plane.caller(Role::Owner).await;
    let path = format!("{ADMINS}/id-viewer");
    let version = owner.get(&path).await.headers["etag"].to_str().expect("text").to_owned();
    let change = json!({"role": "operator"});
    owner.send_if(&version, Method::PATCH, &path, Some(&change)).await.expect(200);
    let stale = owner.send_if(&version, Method::PATCH, &path, Some(&json!({"role": "viewer"}))).await;
    assert_eq!(stale.refusal().0, "precondition_failed");
    let stale = owner.send_if(&version, Method::DELETE, &path, None).await;
    assert_eq!(stale.refusal().0, "precondition_failed");
}

#[tokio::test]
async fn a_role_that_is_taken_away_by_an_owner_is_gone_at_once() {
    let plane = Plane::new().await;
    let (owner, operator) = (plane.caller(Role::Owner).await, plane.caller(Role::Operator).await);
    owner.patch(&format!("{ADMINS}/id-operator"), json!({"role": "viewer"})).await.expect(200);
    assert_eq!(operator.post("/admin/api-keys", json!({"name": "k"})).await.refusal().0, "forbidden");
    operator.get("/admin/me").await.expect(200);
}

#[tokio::test]
async fn who_is_removed_is_signed_out_and_cannot_come_back() {
    let plane = Plane::new().await;
    let (owner, viewer) = (plane.caller(Role::Owner).await, plane.caller(Role::Viewer).await);
    let path = format!("{ADMINS}/id-viewer");
    owner.delete(&path).await.expect(204);
    viewer.get("/admin/me").await.expect(401);
    plane.sign_in("viewer", PASSWORD).await.expect(401);
    owner.delete(&path).await.expect(404);
    owner.get(&path).await.expect(404);
}

#[tokio::test]
async fn a_password_that_an_owner_sets_ends_all_sessions_of_that_administrator() {
    let plane = Plane::new().await;
    let (owner, viewer) = (plane.caller(Role::Owner).await, plane.caller(Role::Viewer).await);
    let path = format!("{ADMINS}/id-viewer/password");
    let set = owner.post(&path, json!({})).await.expect(200);
    viewer.get("/admin/me").await.expect(401);
    plane.sign_in("viewer", PASSWORD).await.expect(401);
    plane.sign_in("viewer", set["password"].as_str().expect("a password")).await.expect(200);
    assert!(owner.post(&path, json!({"password": "a longer horse"})).await.expect(200)["password"].is_null());
    assert_eq!(owner.post(&path, json!({"password": "short"})).await.refusal(), ("unprocessable", vec!["password"]));
    owner.post(&format!("{ADMINS}/nobody/password"), json!({})).await.expect(404);
}

#[tokio::test]
async fn the_last_owner_is_neither_removed_nor_demoted() {
    let plane = Plane::new().await;
    let owner = plane.caller(Role::Owner).await;
    let path = format!("{ADMINS}/id-owner");
    assert_eq!(owner.delete(&path).await.refusal().0, "conflict");
    assert_eq!(owner.patch(&path, json!({"role": "operator"})).await.refusal().0, "conflict");
    owner.patch(&path, json!({"role": "owner"})).await.expect(200);
    owner.patch(&format!("{ADMINS}/id-viewer"), json!({"role": "owner"})).await.expect(200);
    owner.patch(&path, json!({"role": "operator"})).await.expect(200);
    assert_eq!(owner.get(ADMINS).await.refusal().0, "forbidden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn owners_who_demote_and_remove_each_other_at_once_leave_one() {
    for round in 0..10 {
        let plane = Arc::new(Plane::new().await);
        for name in ["operator", "viewer"] {
            let path = format!("{ADMINS}/id-{name}");
            plane.caller(Role::Owner).await.patch(&path, json!({"role": "owner"})).await.expect(200);
        }
        let token = plane.caller(Role::Owner).await.token;
        let mut tasks = tokio::task::JoinSet::new();
        for (place, name) in ["owner", "operator", "viewer"].into_iter().enumerate() {
            let (plane, token) = (Arc::clone(&plane), token.clone());
            tasks.spawn(async move {
                let path = format!("{ADMINS}/id-{name}");
                let demotion = json!({"role": "viewer"});
                let request = if (place + round) % 2 == 0 {
                    crate::plane::request(Method::PATCH, &path, Some(&token), Some(&demotion))
                } else {
                    crate::plane::request(Method::DELETE, &path, Some(&token), None)
                };
                plane.send(request).await.status.as_u16()
            });
        }
        tasks.join_all().await;
        let mut owners = 0;
        for name in ["owner", "operator", "viewer"] {
            let found = plane.store.records.read::<Admin>(&format!("id-{name}")).await.expect("reads");
            owners += usize::from(found.is_some_and(|admin| admin.record.role == Role::Owner));
        }
        assert!(owners > 0, "round {round}");
    }
}
