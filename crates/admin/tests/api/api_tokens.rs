//! API tokens let programs into what their scopes name, with no more than their maker's role, until they are revoked.

use crate::plane::{Caller, Plane, request};
use domain::{Role, Scope};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

const TOKENS: &str = "/admin/api-tokens";

/// Makes a token; gives the answer.
async fn make(maker: &Caller<'_>, body: Value) -> Value {
    maker.post(TOKENS, body).await.expect(201)
}

fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body[field].as_str().expect("a text")
}

/// The status of a request by `token`.
async fn status(plane: &Plane, token: &str, method: Method, path: &str, body: Option<&Value>) -> u16 {
    plane.send(request(method, path, Some(token), body)).await.status.as_u16()
}

fn every_scope() -> Vec<&'static str> {
    Scope::ALL.iter().map(|scope| scope.as_str()).collect()
}

#[tokio::test]
async fn a_token_is_shown_once_and_does_what_its_scopes_name_and_nothing_else() {
    let plane = Plane::new().await;
    let owner = plane.caller(Role::Owner).await;
    let made = make(&owner, json!({"name": "keys", "scopes": ["api-keys:read"]})).await;
    let token = text(&made, "token");
    assert!(token.starts_with("crt_") && token.len() == 68, "{token}");
    assert_eq!(status(&plane, token, Method::GET, "/admin/api-keys", None).await, 200);
    let refused = plane.send(request(Method::POST, "/admin/api-keys", Some(token), Some(&json!({"name": "k"})))).await;
    assert_eq!(refused.refusal().0, "forbidden");
    assert_eq!(status(&plane, token, Method::GET, "/admin/accounts", None).await, 403);
    let shown = owner.get(&format!("{TOKENS}/{}", text(&made, "id"))).await.expect(200);
    let listed = owner.get(TOKENS).await.expect(200);
    assert_eq!(listed["items"], json!([shown]));
    assert!(!listed.to_string().contains(&token[10..]), "{listed}");
    assert_eq!(shown["last_used_at"], "2026-11-23T09:30:00.000Z");
}

#[tokio::test]
async fn no_token_gets_in_where_the_document_names_no_scope() {
    let plane = Plane::new().await;
    let made = make(&plane.caller(Role::Owner).await, json!({"name": "all", "scopes": every_scope()})).await;
    let document: Value = serde_json::from_str(&admin::openapi_text()).expect("JSON");
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            if operation["x-role"].as_str().is_none_or(|role| role == "user") {
                continue;
            }
            let schemes = operation["security"].as_array().expect("schemes");
            let is_open = schemes.iter().any(|scheme| scheme["api_token"][0].is_string());
            let people = ["/admin/me", "/admin/session", "/admin/admins", "/admin/api-tokens"];
            assert!(!is_open || !people.iter().any(|start| path.starts_with(start)), "{method} {path}");
            let (method, path) = (method.to_uppercase(), path.replace("{id}", "x").replace("{model}", "x"));
            let method = method.parse().expect("a method");
            let status = status(&plane, text(&made, "token"), method, &path, None).await;
            assert_eq!(status != 403, is_open, "{path}: {status}");
        }
    }
}

#[tokio::test]
async fn a_token_never_does_more_than_its_maker_may_at_that_moment() {
    let plane = Plane::new().await;
    let (owner, operator) = (plane.caller(Role::Owner).await, plane.caller(Role::Operator).await);
    let made = make(&operator, json!({"name": "keys", "scopes": ["api-keys:write"]})).await;
    let (token, body) = (text(&made, "token"), json!({"name": "k"}));
    assert_eq!(status(&plane, token, Method::POST, "/admin/api-keys", Some(&body)).await, 201);
    owner.patch("/admin/admins/id-operator", json!({"role": "viewer"})).await.expect(200);
    assert_eq!(status(&plane, token, Method::POST, "/admin/api-keys", Some(&body)).await, 403);
    owner.patch("/admin/admins/id-operator", json!({"role": "owner"})).await.expect(200);
    assert_eq!(status(&plane, token, Method::POST, "/admin/api-keys", Some(&body)).await, 201);
    owner.delete("/admin/admins/id-operator").await.expect(204);
    assert_eq!(status(&plane, token, Method::POST, "/admin/api-keys", Some(&body)).await, 401);
    assert_eq!(owner.get(TOKENS).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn a_token_s_own_role_is_its_ceiling() {
    let plane = Plane::new().await;
    let owner = plane.caller(Role::Owner).await;
    let made = make(&owner, json!({"name": "look", "role": "viewer", "scopes": every_scope()})).await;
    let token = text(&made, "token");
    assert_eq!(status(&plane, token, Method::GET, "/admin/api-keys", None).await, 200);
    assert_eq!(status(&plane, token, Method::POST, "/admin/api-keys", Some(&json!({"name": "k"}))).await, 403);
}

#[tokio::test]
async fn a_token_ends_when_its_time_is_over_and_when_it_is_revoked() {
    let plane = Plane::new().await;
    let owner = plane.caller(Role::Owner).await;
    let body = json!({"name": "t", "scopes": ["usage:read"], "expires_at": "2026-11-23T10:30:00Z"});
    let ending = make(&owner, body).await;
    let revoked = make(&owner, json!({"name": "t", "scopes": ["usage:read"]})).await;
    for made in [&ending, &revoked] {
        assert_eq!(status(&plane, text(made, "token"), Method::GET, "/admin/usage", None).await, 200);
    }
    let path = format!("{TOKENS}/{}", text(&revoked, "id"));
    owner.delete(&path).await.expect(204);
    owner.delete(&path).await.expect(404);
    plane.clock.advance(Duration::from_secs(3600));
    for made in [&ending, &revoked] {
        assert_eq!(status(&plane, text(made, "token"), Method::GET, "/admin/usage", None).await, 401);
    }
}

#[tokio::test]
async fn what_no_token_may_be_is_named() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let body = json!({"name": "", "role": "owner", "scopes": [], "expires_at": "2026-11-23T09:30:00Z"});
    let refused = operator.post(TOKENS, body).await;
    let (kind, mut fields) = refused.refusal();
    fields.sort_unstable();
    assert_eq!((kind, fields), ("unprocessable", vec!["expires_at", "name", "role", "scopes"]));
    let unknown = operator.post(TOKENS, json!({"name": "t", "scopes": ["admins:write"]})).await;
    assert_eq!(unknown.refusal(), ("unprocessable", vec!["scopes[0]"]));
}

#[tokio::test]
async fn tokens_of_others_are_seen_and_revoked_by_owners_only() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let made = make(&operator, json!({"name": "t", "scopes": ["usage:read"]})).await;
    let path = format!("{TOKENS}/{}", text(&made, "id"));
    let viewer = plane.caller(Role::Viewer).await;
    assert_eq!(viewer.get(TOKENS).await.expect(200)["items"], json!([]));
    assert_eq!(viewer.get(&format!("{TOKENS}?admin=id-operator")).await.refusal().0, "forbidden");
    viewer.get(&path).await.expect(404);
    viewer.delete(&path).await.expect(404);
    let owner = plane.caller(Role::Owner).await;
    assert_eq!(owner.get(&format!("{TOKENS}?admin=id-owner")).await.expect(200)["items"], json!([]));
    owner.get(&path).await.expect(200);
    owner.delete(&path).await.expect(204);
}

#[tokio::test]
async fn an_administrator_has_a_hundred_tokens_at_most() {
    let plane = Plane::new().await;
    let viewer = plane.caller(Role::Viewer).await;
    for _ in 0..100 {
        make(&viewer, json!({"name": "t", "scopes": ["usage:read"]})).await;
    }
    let refused = viewer.post(TOKENS, json!({"name": "t", "scopes": ["usage:read"]})).await;
    assert_eq!(refused.refusal().0, "conflict");
    let owner = plane.caller(Role::Owner).await;
    make(&owner, json!({"name": "t", "scopes": ["usage:read"]})).await;
}
