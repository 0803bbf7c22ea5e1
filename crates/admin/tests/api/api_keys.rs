//! API keys over HTTP.

use crate::{
    books::{TestBooks, message},
    plane::{Caller, Plane},
};
use admin::Books as _;
use domain::{ApiKey, Attempt, Outcome, Role};
use http::Method;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use store::{Family, records::TypedRecords};

const PATH: &str = "/admin/api-keys";

async fn create(caller: &Caller<'_>, body: Value) -> Value {
    caller.post(PATH, body).await.expect(201)
}

fn id(key: &Value) -> String {
    key["id"].as_str().expect("an id").to_owned()
}

async fn stored(plane: &Plane, id: &str) -> ApiKey {
    plane.store.records.read(id).await.expect("reads").expect("exists").record
}

#[tokio::test]
async fn a_key_is_shown_once_and_found_by_its_hash() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let reply = operator.post(PATH, json!({"name": "ci"})).await;
    let (location, tag) = (reply.headers["location"].clone(), reply.headers["etag"].clone());
    let issued = reply.expect(201);
    let clear = issued["key"].as_str().expect("the key");
    assert!(clear.starts_with("cr_") && clear.len() == 67, "{clear}");
    assert_eq!(location, format!("{PATH}/{}", id(&issued)));
    assert_eq!(tag, "\"1\"");
    let hash = vault::api_keys::hash(clear).to_string();
    let found = plane.store.records.find(Family::ApiKeyHash, &hash).await.expect("reads").expect("found");
    assert_eq!(found.id, id(&issued));
    let shown = operator.get(&format!("{PATH}/{}", id(&issued))).await.expect(200);
    let listed = operator.get(PATH).await.expect(200);
    for body in [shown, listed] {
        let text = body.to_string();
        assert!(!text.contains(clear) && !text.contains(&hash), "{text}");
    }
}

#[tokio::test]
async fn a_new_key_has_what_was_asked_for() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let key = create(
        &operator,
        json!({
            "name": " build ", "description": "for CI", "permissions": ["gemini", "claude"],
            "allowed_clients": ["claude_code"], "restricted_models": ["claude-opus-5"], "tags": ["a", "b", "a"],
            "expires_at": "2027-01-01T00:00:00+01:00", "active": false,
        }),
    )
    .await;
    let expected = json!({
        "name": "build", "description": "for CI", "permissions": ["claude", "gemini"],
        "allowed_clients": ["claude_code"], "restricted_models": ["claude-opus-5"], "tags": ["a", "b"],
        "expires_at": "2026-12-31T23:00:00.000Z", "state": "disabled", "expired": false, "version": 1,
        "created_by": "operator", "created_at": "2026-11-23T09:30:00.000Z", "last_used_at": null,
    });
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&key[field], value, "{field}");
    }
    let plain = create(&operator, json!({"name": "plain"})).await;
    assert_eq!(
        (&plain["permissions"], &plain["state"], &plain["expires_at"]),
        (&json!("all"), &json!("active"), &Value::Null)
    );
    assert_eq!(plain["usage"]["cost_usd"], "0.000000000");
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named_at_once() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let wrong = json!({
        "name": "", "description": "\u{0}", "tags": ["\n"], "restricted_models": ["a b"],
        "expires_at": "2027-01-01T00:00:00Z", "expires_after_first_use": {"days": 3},
    });
    let refused = operator.post(PATH, wrong).await;
    let (kind, mut fields) = refused.refusal();
    fields.sort_unstable();
    assert_eq!(kind, "unprocessable");
    assert_eq!(fields, ["description", "expires_after_first_use", "name", "restricted_models", "tags"]);
    assert_eq!(plane.store.records.count(Family::ApiKey, &[]).await.expect("counts"), 0);
}

#[tokio::test]
async fn limits_that_are_not_enforced_are_refused_by_name() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    for field in ["daily_cost_limit", "concurrency_limit", "rate_limit_window", "tokenLimit", "colour"] {
        let refused = operator.post(PATH, json!({"name": "k", field: 5})).await;
        assert_eq!(refused.refusal(), ("unprocessable", vec![field]));
        let not_yet = refused.body.to_string().contains("does not enforce it yet");
        assert_eq!(not_yet, field != "colour", "{field}: {}", refused.body);
    }
}

#[tokio::test]
async fn values_of_another_type_are_named() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    for (field, value) in [
        ("name", json!(5)),
        ("permissions", json!("some")),
        ("permissions", json!([])),
        ("allowed_clients", json!("claude_code")),
        ("expires_at", json!("tomorrow")),
        ("active", json!("yes")),
    ] {
        let mut body = json!({"name": "k"});
        body[field] = value;
        assert_eq!(operator.post(PATH, body).await.refusal(), ("unprocessable", vec![field]));
    }
}

#[tokio::test]
async fn a_change_touches_the_fields_that_it_names_and_null_sets_back() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let key = create(&operator, json!({
        "name": "k", "description": "d", "permissions": ["claude"], "tags": ["t"], "expires_at": "2027-01-01T00:00:00Z",
    })).await;
    let path = format!("{PATH}/{}", id(&key));
    plane.clock.advance(Duration::from_secs(1));
    let changed = operator.patch(&path, json!({"name": "n", "tags": null, "active": false})).await;
    assert_eq!(changed.headers["etag"], "\"2\"");
    let changed = changed.expect(200);
    assert_eq!((&changed["name"], &changed["tags"], &changed["state"]), (&json!("n"), &json!([]), &json!("disabled")));
    assert_eq!((&changed["description"], &changed["permissions"]), (&json!("d"), &json!(["claude"])));
    assert_eq!(changed["expires_at"], "2027-01-01T00:00:00.000Z");
    assert_eq!(changed["updated_at"], "2026-11-23T09:30:01.000Z");
    let freed =
        operator.patch(&path, json!({"expires_at": null, "permissions": null, "active": null})).await.expect(200);
    assert_eq!(
        (&freed["expires_at"], &freed["permissions"], &freed["state"]),
        (&Value::Null, &json!("all"), &json!("active"))
    );
    let refused = operator.patch(&path, json!({"name": null})).await;
    assert_eq!(refused.refusal(), ("unprocessable", vec!["name"]));
}

#[tokio::test]
async fn a_life_counted_from_first_use_is_kept_when_it_is_changed() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let key = create(&operator, json!({"name": "k", "expires_after_first_use": {"days": 2}})).await;
    assert_eq!((&key["expires_after_first_use"], &key["expires_at"]), (&json!({"days": 2}), &Value::Null));
    let first_used_at = plane.clock.now().into();
    let used = store::records::Changes::from([("first_used_at", Some(first_used_at))]);
    plane.store.records.update(Family::ApiKey, &id(&key), used, store::records::Condition::Exists).await.expect("used");
    let path = format!("{PATH}/{}", id(&key));
    let longer = operator.patch(&path, json!({"expires_after_first_use": {"hours": 30}})).await.expect(200);
    assert_eq!(
        (&longer["expires_after_first_use"], &longer["expires_at"]),
        (&json!({"hours": 30}), &json!("2026-11-24T15:30:00.000Z"))
    );
    let both = json!({"expires_after_first_use": {"hours": 3}, "expires_at": "2027-01-01T00:00:00Z"});
    assert_eq!(operator.patch(&path, both).await.refusal().1, ["expires_after_first_use"]);
}

#[tokio::test]
async fn a_change_for_an_older_version_is_refused() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let path = format!("{PATH}/{}", id(&create(&operator, json!({"name": "k"})).await));
    let rename = json!({"name": "n"});
    operator.send_if("\"1\"", Method::PATCH, &path, Some(&rename)).await.expect(200);
    for (method, body) in [(Method::PATCH, Some(&rename)), (Method::DELETE, None)] {
        let refused = operator.send_if("\"1\"", method, &path, body).await;
        assert_eq!((refused.status.as_u16(), refused.refusal().0), (412, "precondition_failed"));
    }
    operator.send_if("\"1\", \"2\"", Method::DELETE, &path, None).await.expect(204);
}

#[tokio::test]
async fn changes_made_side_by_side_all_hold() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let path = format!("{PATH}/{}", id(&create(&operator, json!({"name": "k"})).await));
    let (name, note, tags) = tokio::join!(
        operator.patch(&path, json!({"name": "n"})),
        operator.patch(&path, json!({"description": "d"})),
        operator.patch(&path, json!({"tags": ["t"]})),
    );
    for reply in [name, note, tags] {
        reply.expect(200);
    }
    let key = operator.get(&path).await.expect(200);
    assert_eq!((&key["name"], &key["description"], &key["tags"]), (&json!("n"), &json!("d"), &json!(["t"])));
    assert_eq!(key["version"], 4);
}

#[tokio::test]
async fn a_deleted_key_is_kept_for_the_books_and_not_listed() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let key = create(&operator, json!({"name": "k"})).await;
    let path = format!("{PATH}/{}", id(&key));
    operator.delete(&path).await.expect(204);
    operator.delete(&path).await.expect(204);
    assert!(matches!(stored(&plane, &id(&key)).await.state, domain::KeyState::Deleted { .. }));
    assert_eq!(operator.get(PATH).await.expect(200)["items"], json!([]));
    assert_eq!(operator.get(&format!("{PATH}?state=deleted")).await.expect(200)["items"][0]["id"], key["id"]);
    assert_eq!(operator.get(&path).await.expect(200)["deleted_at"], "2026-11-23T09:30:00.000Z");
    assert_eq!(operator.patch(&path, json!({"active": true})).await.refusal().0, "conflict");
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    for id in ["x", "a%2Fb", "%ff", &"x".repeat(65)] {
        let path = format!("{PATH}/{id}");
        assert_eq!(operator.get(&path).await.refusal().0, "not_found", "{id}");
        assert_eq!(operator.patch(&path, json!({})).await.refusal().0, "not_found", "{id}");
        assert_eq!(operator.delete(&path).await.refusal().0, "not_found", "{id}");
    }
}

#[tokio::test]
async fn a_list_is_walked_page_by_page_in_every_order() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    for number in 0..7 {
        plane.clock.advance(Duration::from_secs(1));
        let mut body = json!({"name": format!("key {}", number % 3)});
        if number % 2 == 0 {
            body["expires_at"] = json!(format!("2027-01-0{}T00:00:00Z", number + 1));
        }
        create(&operator, body).await;
    }
    for order in ["name", "created_at", "expires_at"] {
        for direction in ["asc", "desc"] {
            let mut seen = Vec::new();
            let mut cursor = String::new();
            loop {
                let path = format!("{PATH}?order={order}&direction={direction}&limit=2{cursor}");
                let page = operator.get(&path).await.expect(200);
                let items = page["items"].as_array().expect("items").clone();
                assert!((1..=2).contains(&items.len()));
                seen.extend(items.into_iter().map(|item| (item[order].to_string(), id(&item))));
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            let mut sorted = seen.clone();
            // `null` of those without an end stands first; JSON texts begin with a quote, which sorts before `n`.
            sorted.sort_by_key(|(value, id)| (value != "null", value.clone(), id.clone()));
            if direction == "desc" {
                sorted.reverse();
            }
            assert_eq!(seen, sorted, "{order} {direction}");
            assert_eq!(seen.len(), 7);
        }
    }
}

#[tokio::test]
async fn a_cursor_of_another_order_is_refused() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    for name in ["a", "b"] {
        create(&operator, json!({"name": name})).await;
    }
    let page = operator.get(&format!("{PATH}?order=name&limit=1")).await.expect(200);
    let cursor = page["next_cursor"].as_str().expect("a further page");
    for query in [format!("cursor={cursor}"), "cursor=x".to_owned(), "limit=0".to_owned(), "limit=501".to_owned()] {
        let refused = operator.get(&format!("{PATH}?{query}")).await;
        assert_eq!((refused.status.as_u16(), refused.refusal().0), (400, "invalid_request"), "{query}");
    }
}

#[tokio::test]
async fn a_list_is_searched_and_filtered() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    create(&operator, json!({"name": "Alpha", "description": "first"})).await;
    create(&operator, json!({"name": "beta", "active": false})).await;
    create(&operator, json!({"name": "gamma", "expires_at": "2026-11-23T09:30:00Z"})).await;
    let names = async |query: &str| {
        let page = operator.get(&format!("{PATH}?order=name&direction=asc&{query}")).await.expect(200);
        let items = page["items"].as_array().expect("items").clone();
        items.iter().map(|item| item["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("q=ALPHA").await, ["Alpha"]);
    assert_eq!(names("q=first").await, ["Alpha"]);
    assert_eq!(names("q=%25").await, Vec::<String>::new());
    assert_eq!(names("state=disabled").await, ["beta"]);
    assert_eq!(names("state=expired").await, ["gamma"]);
    assert_eq!(names("state=any&q=").await, ["Alpha", "beta", "gamma"]);
    for query in ["colour=red", "state=broken", "limit=x", "limit=1&limit=2"] {
        assert_eq!(operator.get(&format!("{PATH}?{query}")).await.refusal().0, "invalid_request", "{query}");
    }
}

#[tokio::test]
async fn a_key_comes_with_what_it_has_used() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let key = create(&operator, json!({"name": "k"})).await;
    let books = TestBooks::new(Arc::clone(&plane.store.ledger));
    for request in ["r1", "r2"] {
        let attempt = message(request, &id(&key), "a1", plane.clock.now());
        let opening = Attempt { outcome: Outcome::Crashed, ..attempt.clone() };
        books.open(&opening).await.expect("opens").close(attempt).await.expect("closes");
    }
    let listed = operator.get(PATH).await.expect(200)["items"][0].clone();
    assert_eq!(listed["last_used_at"], "2026-11-23T09:30:00.000Z");
    let expected = json!({"requests": 2, "attempts": 2, "failures": 0, "input_tokens": 20, "total_tokens": 42,
        "cost_usd": "0.002500000", "rated_cost_usd": "0.002500000", "rated_cost_day_usd": "0.002500000"});
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&listed["usage"][field], value, "{field}");
    }
}
