//! A stored credential is shown to an owner who says who they are once more, and to nobody else.

use crate::plane::{Caller, PASSWORD, Plane, Reply, request};
use domain::Role;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use store::audit::AuditQuery;
use vault::{TotpSecret, totp::Step};

/// Adds an account; gives the path that shows its credential.
async fn account(plane: &Plane) -> String {
    let body = json!({"platform": "ccr", "name": "a", "base_url": "http://127.0.0.1:1", "api_key": "the-credential"});
    let added = plane.caller(Role::Operator).await.post("/admin/accounts", body).await.expect(201);
    format!("/admin/accounts/{}/credentials/reveal", added["id"].as_str().expect("an id"))
}

fn asked(password: &str) -> Value {
    json!({"field": "api_key", "password": password})
}

async fn enable_second_factor(plane: &Plane, caller: &Caller<'_>) -> TotpSecret {
    let made = caller.post("/admin/me/totp", json!({"current_password": PASSWORD})).await.expect(200);
    let secret = TotpSecret::parse(made["secret"].as_str().expect("a secret").into()).expect("base 32");
    let code = json!({"code": secret.code(Step(plane.clock.now().as_ms() / 30_000))});
    caller.post("/admin/me/totp/confirm", code).await.expect(200);
    secret
}

#[tokio::test]
async fn an_owner_s_password_shows_it_and_the_log_says_so() {
    let plane = Plane::new().await;
    let path = account(&plane).await;
    let owner = plane.caller(Role::Owner).await;
    plane.clock.advance(Duration::from_secs(1));
    let reply = owner.post(&path, asked(PASSWORD)).await;
    assert_eq!(reply.headers["cache-control"], "no-store");
    assert_eq!(reply.expect(200), json!({"field": "api_key", "credential": "the-credential"}));
    let page = plane.store.audit.page(&AuditQuery { limit: 1, ..AuditQuery::default() }).await.expect("a page");
    let told = store::audit::to_text(&page.entries[0]);
    assert!(told.contains("reveal_account_credential") && told.contains("\"revealed\":\"api_key\""), "{told}");
    assert!(!told.contains("the-credential"), "{told}");
}

#[tokio::test]
async fn wrong_passwords_are_refused_and_slowed_down() {
    let plane = Plane::new().await;
    let path = account(&plane).await;
    let owner = plane.caller(Role::Owner).await;
    for _ in 0..5 {
        assert_eq!(owner.post(&path, asked("wrong")).await.refusal(), ("unprocessable", vec!["password"]));
    }
    let reply = owner.post(&path, asked(PASSWORD)).await;
    assert_eq!((reply.status.as_u16(), reply.headers.contains_key("retry-after")), (429, true));
}

#[tokio::test]
async fn where_there_is_a_second_factor_a_code_is_needed_each_time() {
    let plane = Plane::new().await;
    let path = account(&plane).await;
    let owner = plane.caller(Role::Owner).await;
    let secret = enable_second_factor(&plane, &owner).await;
    assert_eq!(owner.post(&path, asked(PASSWORD)).await.refusal(), ("unprocessable", vec!["code"]));
    plane.clock.advance(Duration::from_secs(60));
    let mut body = asked(PASSWORD);
    body["code"] = json!(secret.code(Step(plane.clock.now().as_ms() / 30_000)));
    owner.post(&path, body.clone()).await.expect(200);
    assert_eq!(owner.post(&path, body).await.refusal(), ("unprocessable", vec!["code"]));
}

#[tokio::test]
async fn a_field_that_the_account_lacks_is_named_and_an_account_that_is_not_there_is_not_found() {
    let plane = Plane::new().await;
    let path = account(&plane).await;
    let owner = plane.caller(Role::Owner).await;
    let reply = owner.post(&path, json!({"field": "refresh_token", "password": PASSWORD})).await;
    assert_eq!((reply.status.as_u16(), reply.refusal()), (422, ("unprocessable", vec!["field"])));
    owner.post("/admin/accounts/x/credentials/reveal", asked(PASSWORD)).await.expect(404);
}

async fn by_token(plane: &Plane, path: &str) -> Reply {
    let body = json!({"name": "t", "role": "owner", "scopes": ["accounts:read", "accounts:write"]});
    let issued = plane.caller(Role::Owner).await.post("/admin/api-tokens", body).await.expect(201);
    plane.send(request(Method::POST, path, issued["token"].as_str(), Some(&asked(PASSWORD)))).await
}

#[tokio::test]
async fn no_token_no_operator_and_nobody_without_a_password_sees_it() {
    let plane = Plane::new().await;
    let path = account(&plane).await;
    assert_eq!(by_token(&plane, &path).await.status.as_u16(), 403);
    plane.caller(Role::Operator).await.post(&path, asked(PASSWORD)).await.expect(403);
    let plane = plane.opened_locally();
    let local = plane.send(request(Method::POST, &path, None, Some(&asked(PASSWORD)))).await;
    assert_eq!(local.refusal().0, "conflict");
}

#[tokio::test]
async fn an_idempotency_key_does_not_keep_it() {
    let plane = Plane::new().await;
    let path = account(&plane).await;
    let owner = plane.caller(Role::Owner).await;
    for password in [PASSWORD, "another"] {
        let mut asked = request(Method::POST, &path, Some(&owner.token), Some(&asked(password)));
        asked.headers_mut().insert("idempotency-key", "k".parse().expect("a header"));
        let reply = plane.send(asked).await;
        assert_eq!(reply.status.is_success(), password == PASSWORD, "{}", reply.body);
    }
}
