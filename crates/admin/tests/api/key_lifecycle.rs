//! What happens to a key after it was made, over HTTP: restore, purge, regenerate, renew.

use crate::{
    books::{TestBooks, message},
    plane::{Caller, Plane},
};
use admin::Books as _;
use domain::{Attempt, Outcome, Role};
use http::Method;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use store::{Family, records::Condition};

const PATH: &str = "/admin/api-keys";

async fn create(caller: &Caller<'_>, body: Value) -> (String, Value) {
    let key = caller.post(PATH, body).await.expect(201);
    (format!("{PATH}/{}", key["id"].as_str().expect("an id")), key)
}

async fn act(caller: &Caller<'_>, path: &str, action: &str) -> crate::plane::Reply {
    caller.send(Method::POST, &format!("{path}/{action}"), None).await
}

async fn is_found(plane: &Plane, clear: &Value) -> bool {
    let hash = vault::api_keys::hash(clear.as_str().expect("the key")).to_string();
    plane.store.records.find(Family::ApiKeyHash, &hash).await.expect("reads").is_some()
}

#[tokio::test]
async fn a_restored_key_works_again_with_the_secret_that_it_had() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let (path, key) = create(&operator, json!({"name": "k", "tags": ["t"]})).await;
    operator.delete(&path).await.expect(204);
    let restored = act(&operator, &path, "restore").await.expect(200);
    assert_eq!((&restored["state"], &restored["deleted_at"]), (&json!("active"), &Value::Null));
    assert_eq!((&restored["tags"], &restored["hint"]), (&json!(["t"]), &key["hint"]));
    assert!(is_found(&plane, &key["key"]).await);
    assert_eq!(operator.get(PATH).await.expect(200)["items"][0]["id"], key["id"]);
    operator.patch(&path, json!({"name": "n"})).await.expect(200);
}

#[tokio::test]
async fn restoring_a_key_that_is_not_deleted_changes_nothing() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let (path, _) = create(&operator, json!({"name": "k", "active": false})).await;
    let key = act(&operator, &path, "restore").await.expect(200);
    assert_eq!((&key["state"], &key["version"]), (&json!("disabled"), &json!(1)));
}

#[tokio::test]
async fn only_a_deleted_key_is_removed_for_good_and_its_use_stays_in_the_books() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let (path, key) = create(&operator, json!({"name": "k"})).await;
    let books = TestBooks::new(Arc::clone(&plane.store.ledger));
    let attempt = message("r1", key["id"].as_str().expect("an id"), "a1", plane.clock.now());
    let opening = Attempt { outcome: Outcome::Crashed, ..attempt.clone() };
    books.open(&opening).await.expect("opens").close(attempt).await.expect("closes");
    assert_eq!(act(&operator, &path, "purge").await.refusal().0, "conflict");
    operator.delete(&path).await.expect(204);
    let older = operator.send_if("\"1\"", Method::POST, &format!("{path}/purge"), None).await;
    assert_eq!(older.refusal().0, "precondition_failed");
    act(&operator, &path, "purge").await.expect(204);
    for reply in
        [operator.get(&path).await, act(&operator, &path, "restore").await, act(&operator, &path, "purge").await]
    {
        assert_eq!(reply.refusal().0, "not_found");
    }
    assert!(!is_found(&plane, &key["key"]).await);
    let records = operator.get("/admin/usage/records").await.expect(200);
    assert_eq!(records["items"].as_array().map(Vec::len), Some(1), "{records}");
}

#[tokio::test]
async fn a_regenerated_key_has_another_secret_and_the_old_one_is_nobody_s() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let (path, key) = create(&operator, json!({"name": "k", "description": "d"})).await;
    let reply = act(&operator, &path, "regenerate").await;
    assert_eq!(reply.headers["etag"], "\"2\"");
    let issued = reply.expect(200);
    assert_ne!(issued["key"], key["key"]);
    assert_ne!(issued["hint"], key["hint"]);
    assert_eq!((&issued["id"], &issued["description"]), (&key["id"], &json!("d")));
    assert!(!is_found(&plane, &key["key"]).await);
    assert!(is_found(&plane, &issued["key"]).await);
    let shown = operator.get(&path).await.expect(200).to_string();
    assert!(!shown.contains(issued["key"].as_str().expect("the key")), "{shown}");
}

#[tokio::test]
async fn a_deleted_key_is_neither_regenerated_nor_renewed() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let (path, _) = create(&operator, json!({"name": "k", "expires_at": "2027-01-01T00:00:00Z"})).await;
    operator.delete(&path).await.expect(204);
    assert_eq!(act(&operator, &path, "regenerate").await.refusal().0, "conflict");
    let renewed = operator.post(&format!("{path}/renew"), json!({"extend_by": {"days": 1}})).await;
    assert_eq!(renewed.refusal().0, "conflict");
}

#[tokio::test]
async fn a_key_is_renewed_by_a_span_or_until_an_instant() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let (path, _) = create(&operator, json!({"name": "k", "expires_at": "2026-11-23T10:30:00Z"})).await;
    let path = format!("{path}/renew");
    let later = operator.post(&path, json!({"extend_by": {"hours": 2}})).await.expect(200);
    assert_eq!(later["expires_at"], "2026-11-23T12:30:00.000Z");
    plane.clock.advance(Duration::from_secs(4 * 3600));
    let revived = operator.post(&path, json!({"extend_by": {"days": 1}})).await.expect(200);
    assert_eq!((&revived["expires_at"], &revived["expired"]), (&json!("2026-11-24T13:30:00.000Z"), &json!(false)));
    let fixed = operator.post(&path, json!({"expires_at": "2027-01-01T00:00:00Z"})).await.expect(200);
    assert_eq!(fixed["expires_at"], "2027-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn a_life_counted_from_first_use_is_renewed_before_and_after_it() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let (path, key) = create(&operator, json!({"name": "k", "expires_after_first_use": {"days": 2}})).await;
    let renew = format!("{path}/renew");
    let unused = operator.post(&renew, json!({"extend_by": {"days": 3}})).await.expect(200);
    assert_eq!((&unused["expires_after_first_use"], &unused["expires_at"]), (&json!({"days": 5}), &Value::Null));
    let first = store::records::Changes::from([("first_used_at", Some(plane.clock.now().into()))]);
    let id = key["id"].as_str().expect("an id");
    plane.store.records.update(Family::ApiKey, id, first, Condition::Exists).await.expect("used");
    let used = operator.post(&renew, json!({"extend_by": {"days": 1}})).await.expect(200);
    assert_eq!(
        (&used["expires_after_first_use"], &used["expires_at"]),
        (&json!({"days": 6}), &json!("2026-11-29T09:30:00.000Z"))
    );
}

#[tokio::test]
async fn a_renewal_that_says_nothing_too_much_or_what_is_over_is_refused_by_name() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let (ending, _) = create(&operator, json!({"name": "k", "expires_at": "2026-12-01T00:00:00Z"})).await;
    for (body, field) in [
        (json!({}), "extend_by"),
        (json!({"extend_by": {"days": 0}}), "extend_by"),
        (json!({"extend_by": {"days": 3650}}), "extend_by"),
        (json!({"extend_by": 5}), "extend_by"),
        (json!({"extend_by": {"days": 1}, "expires_at": "2027-01-01T00:00:00Z"}), "expires_at"),
        (json!({"expires_at": "2026-11-30T00:00:00Z"}), "expires_at"),
        (json!({"expires_at": "2020-01-01T00:00:00Z"}), "expires_at"),
    ] {
        let refused = operator.post(&format!("{ending}/renew"), body.clone()).await;
        assert_eq!(refused.refusal(), ("unprocessable", vec![field]), "{body}");
    }
    let (endless, _) = create(&operator, json!({"name": "k"})).await;
    let refused = operator.post(&format!("{endless}/renew"), json!({"extend_by": {"days": 1}})).await;
    assert_eq!(refused.refusal().0, "conflict");
}

#[tokio::test]
async fn an_action_for_an_older_version_is_not_done() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let (path, _) = create(&operator, json!({"name": "k", "expires_at": "2027-01-01T00:00:00Z"})).await;
    operator.delete(&path).await.expect(204);
    let refused = operator.send_if("\"1\"", Method::POST, &format!("{path}/restore"), None).await;
    assert_eq!(refused.refusal().0, "precondition_failed");
    operator.send_if("\"2\"", Method::POST, &format!("{path}/restore"), None).await.expect(200);
    let body = json!({"extend_by": {"days": 1}});
    for (action, body) in [("regenerate", None), ("renew", Some(&body))] {
        let refused = operator.send_if("\"1\"", Method::POST, &format!("{path}/{action}"), body).await;
        assert_eq!(refused.refusal().0, "precondition_failed", "{action}");
    }
}

#[tokio::test]
async fn a_key_s_owner_is_set_cleared_and_filtered_by() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let user = json!({"email": "mira@example.com", "name": "Mira"});
    let user = operator.post("/admin/users", user).await.expect(201)["id"].as_str().expect("an id").to_owned();
    let (path, key) = create(&operator, json!({"name": "k", "owner": user})).await;
    create(&operator, json!({"name": "other"})).await;
    assert_eq!(key["owner"], json!(user));
    let listed = operator.get(&format!("{PATH}?owner={user}")).await.expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["items"][0]["id"], key["id"]);
    assert_eq!(operator.patch(&path, json!({"owner": null})).await.expect(200)["owner"], Value::Null);
    assert_eq!(operator.get(&format!("{PATH}?owner={user}")).await.expect(200)["items"], json!([]));
    assert_eq!(operator.patch(&path, json!({"owner": "a b"})).await.refusal(), ("unprocessable", vec!["owner"]));
    assert_eq!(operator.get(&format!("{PATH}?owner=a%20b")).await.refusal(), ("invalid_request", vec!["owner"]));
}
