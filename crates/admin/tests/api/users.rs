//! Users are administered by administrators and have a plane of their own; neither opens what is the other's.

use crate::{
    books::message,
    plane::{PASSWORD, Plane, Reply, request},
};
use domain::{ApiKey, Attempt, KeyState, NanoUsd, Role, UserId};
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Batch, Epoch, records::TypedRecords};

const USERS: &str = "/admin/users";
const KEYS: &str = "/user/api-keys";

/// A user who is signed in.
struct Person<'a> {
    plane: &'a Plane,
    id: String,
    token: String,
}

impl Person<'_> {
    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        self.plane.send(request(method, path, Some(&self.token), body.as_ref())).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }
}

async fn sign_in(plane: &Plane, email: &str, password: &str) -> Reply {
    let body = json!({"email": email, "password": password});
    plane.send(request(Method::POST, "/user/session", None, Some(&body))).await
}

fn text(body: &Value, field: &str) -> String {
    body[field].as_str().unwrap_or_else(|| panic!("no {field} in {body}")).to_owned()
}

/// Adds a user and signs them in.
async fn person<'a>(plane: &'a Plane, name: &str, keys_max: u32) -> Person<'a> {
    let email = format!("{name}@example.com");
    let body = json!({"email": email, "name": name, "password": PASSWORD, "keys_max": keys_max});
    let added = plane.caller(Role::Operator).await.post(USERS, body).await.expect(201);
    let signed_in = sign_in(plane, &email, PASSWORD).await.expect(200);
    Person { plane, id: text(&added, "id"), token: text(&signed_in, "token") }
}

#[tokio::test]
async fn a_user_is_added_listed_searched_and_changed() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let added = operator.post(USERS, json!({"email": " Mira@Example.com", "name": "Mira"})).await.expect(201);
    assert_eq!((text(&added, "email").as_str(), &added["keys_max"]), ("mira@example.com", &json!(3)));
    sign_in(&plane, "MIRA@example.com", &text(&added, "password")).await.expect(200);
    let path = format!("{USERS}/{}", text(&added, "id"));
    let shown = operator.get(&path).await.expect(200);
    assert!(shown.get("password").is_none() && !shown.to_string().contains("argon2"), "{shown}");
    assert_eq!(operator.get(&format!("{USERS}?q=mira&active=true")).await.expect(200)["items"], json!([shown]));
    assert_eq!(operator.get(&format!("{USERS}?active=false")).await.expect(200)["items"], json!([]));
    let changed = operator.patch(&path, json!({"name": "M.", "keys_max": null, "active": false})).await.expect(200);
    assert_eq!((text(&changed, "name").as_str(), &changed["active"]), ("M.", &json!(false)));
    let stale = operator.send_if("\"1\"", Method::PATCH, &path, Some(&json!({"name": "x"}))).await;
    assert_eq!(stale.refusal().0, "precondition_failed");
}

#[tokio::test]
async fn what_no_user_may_be_is_named() {
    let plane = Plane::new().await;
    person(&plane, "mira", 3).await;
    let operator = plane.caller(Role::Operator).await;
    let body = json!({"email": "mira", "name": "", "password": "short", "keys_max": 1001});
    let refused = operator.post(USERS, body).await;
    assert_eq!(refused.refusal(), ("unprocessable", vec!["email", "name", "keys_max", "password"]));
    let taken = operator.post(USERS, json!({"email": "MIRA@example.com", "name": "Mira"})).await;
    assert_eq!(taken.refusal(), ("conflict", vec!["email"]));
}

#[tokio::test]
async fn a_user_sees_no_operation_of_administrators_and_they_none_of_users() {
    let plane = Plane::new().await;
    let mira = person(&plane, "mira", 3).await;
    let owner = plane.caller(Role::Owner).await;
    let scopes: Vec<_> = domain::Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    let made = owner.post("/admin/api-tokens", json!({"name": "t", "scopes": scopes})).await.expect(201);
    let document: Value = serde_json::from_str(&admin::openapi_text()).expect("JSON");
    let mut refused = (0, 0);
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            let method: Method = method.to_uppercase().parse().expect("a method");
            let path = path.replace("{id}", "x").replace("{model}", "x");
            if operation["x-role"].is_null() {
                continue;
            }
            if operation["x-role"] == "user" {
                assert!(path.starts_with("/user/"), "{path}");
                for token in [owner.token.clone(), text(&made, "token")] {
                    plane.send(request(method.clone(), &path, Some(&token), None)).await.expect(401);
                }
                refused.0 += 1;
            } else {
                assert!(path.starts_with("/admin/"), "{path}");
                mira.send(method, &path, None).await.expect(401);
                refused.1 += 1;
            }
        }
    }
    assert!(refused.0 > 10 && refused.1 > 40, "{refused:?}");
    mira.get("/user/me").await.expect(200);
}

#[tokio::test]
async fn a_user_whose_id_is_an_administrator_s_is_nobody_else_for_it() {
    let plane = Plane::new().await;
    let mira = person(&plane, "mira", 3).await;
    let user = plane.store.records.read::<domain::User>(&mira.id).await.expect("reads").expect("exists").record;
    let twin =
        domain::User { id: UserId::parse("id-owner").expect("an id"), email: "twin@example.com".to_owned(), ..user };
    plane.store.records.add(&twin).await.expect("added");
    let token = text(&sign_in(&plane, "twin@example.com", PASSWORD).await.expect(200), "token");
    plane.send(request(Method::GET, "/admin/me", Some(&token), None)).await.expect(401);
    let owner = plane.caller(Role::Owner).await;
    assert_eq!(owner.delete("/admin/sessions").await.expect(200)["ended"], 0);
    plane.send(request(Method::GET, "/user/me", Some(&token), None)).await.expect(200);
}

#[tokio::test]
async fn an_unknown_address_a_wrong_password_and_a_disabled_user_are_refused_in_the_same_words() {
    let plane = Plane::new().await;
    let mira = person(&plane, "mira", 3).await;
    let wrong = sign_in(&plane, "mira@example.com", "wrong password").await;
    let unknown = sign_in(&plane, "nobody@example.com", PASSWORD).await;
    let operator = plane.caller(Role::Operator).await;
    operator.patch(&format!("{USERS}/{}", mira.id), json!({"active": false})).await.expect(200);
    let disabled = sign_in(&plane, "mira@example.com", PASSWORD).await;
    for reply in [&unknown, &disabled] {
        assert_eq!((reply.status.as_u16(), &reply.body), (401, &wrong.body));
    }
    mira.get("/user/me").await.expect(401);
    operator.patch(&format!("{USERS}/{}", mira.id), json!({"active": true})).await.expect(200);
    mira.get("/user/me").await.expect(401);
    sign_in(&plane, "mira@example.com", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn guesses_for_a_user_are_slowed_down() {
    let plane = Plane::new().await;
    person(&plane, "mira", 3).await;
    for _ in 0..5 {
        sign_in(&plane, "mira@example.com", "wrong password").await.expect(401);
    }
    let refused = sign_in(&plane, "Mira@example.com", PASSWORD).await;
    assert_eq!((refused.status.as_u16(), refused.refusal().0), (429, "too_many_requests"));
}

#[tokio::test]
async fn a_user_s_changed_password_ends_the_other_sessions() {
    let plane = Plane::new().await;
    let mira = person(&plane, "mira", 3).await;
    let other = text(&sign_in(&plane, "mira@example.com", PASSWORD).await.expect(200), "token");
    assert_eq!(mira.get("/user/sessions").await.expect(200)["items"].as_array().expect("items").len(), 2);
    let change = json!({"current_password": PASSWORD, "new_password": "a longer horse"});
    mira.post("/user/me/password", change.clone()).await.expect(204);
    mira.get("/user/me").await.expect(200);
    plane.send(request(Method::GET, "/user/me", Some(&other), None)).await.expect(401);
    assert_eq!(mira.post("/user/me/password", change).await.refusal(), ("unprocessable", vec!["current_password"]));
    sign_in(&plane, "mira@example.com", "a longer horse").await.expect(200);
    let operator = plane.caller(Role::Operator).await;
    let set = operator.post(&format!("{USERS}/{}/password", mira.id), json!({})).await.expect(200);
    mira.get("/user/me").await.expect(401);
    sign_in(&plane, "mira@example.com", &text(&set, "password")).await.expect(200);
    assert_eq!(operator.delete(&format!("{USERS}/{}/sessions", mira.id)).await.expect(200)["ended"], 1);
}

#[tokio::test]
async fn users_end_their_own_sessions_and_nobody_else_s() {
    let plane = Plane::new().await;
    let (mira, noor) = (person(&plane, "mira", 3).await, person(&plane, "noor", 3).await);
    let own = mira.get("/user/sessions").await.expect(200);
    let path = format!("/user/sessions/{}", text(&own["items"][0], "id"));
    noor.delete(&path).await.expect(404);
    assert_eq!(noor.delete("/user/sessions").await.expect(200)["ended"], 0);
    mira.get("/user/me").await.expect(200);
    mira.delete(&path).await.expect(204);
    mira.get("/user/me").await.expect(401);
    noor.delete("/user/session").await.expect(204);
    noor.get("/user/me").await.expect(401);
}

#[tokio::test]
async fn a_user_s_key_is_shown_once_and_is_theirs() {
    let plane = Plane::new().await;
    let mira = person(&plane, "mira", 3).await;
    let made = mira.post(KEYS, json!({"name": "laptop"})).await.expect(201);
    assert!(text(&made, "key").starts_with("cr_"));
    assert_eq!((text(&made, "owner"), text(&made, "created_by")), (mira.id.clone(), "mira@example.com".to_owned()));
    let path = format!("{KEYS}/{}", text(&made, "id"));
    let shown = mira.get(&path).await.expect(200);
    assert_eq!(mira.get(KEYS).await.expect(200)["items"], json!([shown]));
    let renamed = mira.send(Method::PATCH, &path, Some(json!({"name": "old", "active": false}))).await.expect(200);
    assert_eq!((text(&renamed, "name"), text(&renamed, "state")), ("old".to_owned(), "disabled".to_owned()));
    let again = mira.send(Method::PATCH, &path, Some(json!({"active": true}))).await;
    assert_eq!(again.refusal(), ("unprocessable", vec!["active"]));
    mira.delete(&path).await.expect(204);
    mira.get(&path).await.expect(404);
    assert_eq!(mira.get("/user/me").await.expect(200)["keys"], 0);
}

#[tokio::test]
async fn keys_of_others_are_as_good_as_none() {
    let plane = Plane::new().await;
    let (mira, noor) = (person(&plane, "mira", 3).await, person(&plane, "noor", 3).await);
    let of_noor = text(&noor.post(KEYS, json!({"name": "k"})).await.expect(201), "id");
    let operator = plane.caller(Role::Operator).await;
    let of_nobody = text(&operator.post("/admin/api-keys", json!({"name": "k"})).await.expect(201), "id");
    for id in [of_noor, of_nobody] {
        let path = format!("{KEYS}/{id}");
        mira.get(&path).await.expect(404);
        mira.delete(&path).await.expect(404);
        mira.send(Method::PATCH, &path, Some(json!({"name": "mine"}))).await.expect(404);
        let mut stale = request(Method::DELETE, &path, Some(&mira.token), None);
        stale.headers_mut().insert("if-match", "\"9\"".parse().expect("a header"));
        plane.send(stale).await.expect(404);
    }
    assert_eq!(mira.get(KEYS).await.expect(200)["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_made_at_once_do_not_outrun_the_quota() {
    let plane = Arc::new(Plane::new().await);
    let token = person(&plane, "mira", 3).await.token;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (plane, token) = (Arc::clone(&plane), token.clone());
        tasks.spawn(async move {
            let body = json!({"name": "k"});
            plane.send(request(Method::POST, KEYS, Some(&token), Some(&body))).await.status.as_u16()
        });
    }
    let mut statuses = tasks.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 201, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn who_is_removed_takes_their_keys_along() {
    let plane = Plane::new().await;
    let mira = person(&plane, "mira", 3).await;
    let key = text(&mira.post(KEYS, json!({"name": "k"})).await.expect(201), "id");
    let operator = plane.caller(Role::Operator).await;
    let path = format!("{USERS}/{}", mira.id);
    operator.delete(&path).await.expect(204);
    operator.delete(&path).await.expect(404);
    mira.get("/user/me").await.expect(401);
    sign_in(&plane, "mira@example.com", PASSWORD).await.expect(401);
    let key = plane.store.records.read::<ApiKey>(&key).await.expect("reads").expect("exists").record;
    assert!(matches!(key.state, KeyState::Deleted { .. }), "{key:?}");
}

#[tokio::test]
async fn a_user_s_usage_is_that_of_their_keys_alone() {
    let plane = Plane::new().await;
    let (mira, noor) = (person(&plane, "mira", 3).await, person(&plane, "noor", 3).await);
    let made = text(&mira.post(KEYS, json!({"name": "k"})).await.expect(201), "id");
    let other = text(&noor.post(KEYS, json!({"name": "k"})).await.expect(201), "id");
    let attempts =
        [(&made, &mira.id, 5), (&other, &noor.id, 70)].map(|(key, user, cost)| attempt(&plane, key, user, cost));
    let batch = Batch { epoch: Epoch("e".into()), number: 1, attempts: attempts.into() };
    plane.store.ledger.apply(&batch).await.expect("applied");
    let usage = mira.get("/user/usage?by=day,model").await.expect(200);
    assert_eq!(usage["total"]["cost_usd"], "0.000000005", "{usage}");
    assert_eq!(text(&usage["items"][0], "bucket"), "2026-11-23");
    let by_key = mira.get("/user/usage?by=key").await.expect(200);
    assert_eq!(text(&by_key["items"][0], "key_id"), made);
    for by in ["account", "platform"] {
        assert_eq!(mira.get(&format!("/user/usage?by={by}")).await.refusal(), ("invalid_request", vec!["by"]));
    }
    assert_eq!(mira.get(&format!("/user/usage?key={other}")).await.refusal().0, "invalid_request");
}

/// A completed message by a key of a user.
fn attempt(plane: &Plane, key: &str, user: &str, cost: i64) -> Attempt {
    let message = message(&format!("r-{cost}"), key, "a1", plane.clock.now());
    Attempt { user: UserId::parse(user).ok(), cost: NanoUsd(cost.into()), ..message }
}
