//! Many keys in one request, over HTTP.

use crate::plane::{Caller, Plane};
use domain::Role;
use serde_json::{Value, json};
use store::Family;

const PATH: &str = "/admin/api-keys/batch";

async fn create(caller: &Caller<'_>, count: usize) -> Vec<String> {
    let keys: Vec<_> = (0..count).map(|number| json!({"name": format!("key {number}")})).collect();
    let made = caller.post(PATH, json!({"keys": keys})).await.expect(200);
    let items = made["items"].as_array().expect("items");
    items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

fn statuses(reply: &Value) -> Vec<u64> {
    let items = reply["items"].as_array().expect("items");
    items.iter().map(|item| item["status"].as_u64().expect("a status")).collect()
}

#[tokio::test]
async fn five_hundred_keys_are_made_at_once_each_with_its_own_secret() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let keys: Vec<_> = (0..500).map(|number| json!({"name": format!("key {number}")})).collect();
    let made = operator.post(PATH, json!({"keys": keys})).await.expect(200);
    let items = made["items"].as_array().expect("items");
    let mut secrets: Vec<_> = items.iter().map(|item| item["api_key"]["key"].as_str().expect("a key")).collect();
    secrets.sort_unstable();
    secrets.dedup();
    assert_eq!(secrets.len(), 500);
    for (number, item) in items.iter().enumerate() {
        assert_eq!((&item["status"], &item["error"]), (&json!(201), &Value::Null));
        assert_eq!(item["api_key"]["name"], format!("key {number}"));
        assert_eq!(item["api_key"]["id"], item["id"]);
    }
    assert_eq!(plane.store.records.count(Family::ApiKey, &[]).await.expect("counts"), 500);
}

#[tokio::test]
async fn an_item_that_is_refused_says_why_and_the_others_are_done() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let body = json!({"keys": [{"name": "a"}, {"name": ""}, {"name": "c"}]});
    let made = operator.post(PATH, body).await.expect(200);
    assert_eq!(statuses(&made), [201, 422, 201]);
    let refused = &made["items"][1];
    assert_eq!((&refused["id"], &refused["api_key"]), (&Value::Null, &Value::Null));
    assert_eq!(refused["error"]["type"], "unprocessable");
    assert_eq!(refused["error"]["details"][0]["field"], "name");
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_is_refused_whole() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let many = vec![json!({"name": "k"}); 501];
    for (body, field) in [
        (json!({"keys": []}), "keys"),
        (json!({"keys": many}), "keys"),
        (json!({"keys": [{"name": "a"}, {"name": 5}]}), "keys[1].name"),
        (json!({"keys": [{"name": "a", "daily_cost_limit": 5}]}), "keys[0].daily_cost_limit"),
    ] {
        let refused = operator.post(PATH, body).await;
        assert_eq!(refused.refusal(), ("unprocessable", vec![field]));
        let not_yet = refused.body.to_string().contains("does not enforce it yet");
        assert_eq!(not_yet, field.ends_with("limit"), "{}", refused.body);
    }
    assert_eq!(plane.store.records.count(Family::ApiKey, &[]).await.expect("counts"), 0);
}

#[tokio::test]
async fn one_change_is_made_to_many_keys() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let mut ids = create(&operator, 3).await;
    operator.delete(&format!("/admin/api-keys/{}", ids[1])).await.expect(204);
    ids.push("nobody".to_owned());
    ids.push("no id".to_owned());
    let body = json!({"ids": ids, "patch": {"tags": ["t"], "active": false}});
    let changed = operator.patch(PATH, body).await.expect(200);
    assert_eq!(statuses(&changed), [200, 409, 200, 404, 404]);
    assert_eq!(changed["items"][2]["api_key"]["name"], "key 2");
    for item in [&changed["items"][0], &changed["items"][2]] {
        assert_eq!((&item["api_key"]["tags"], &item["api_key"]["state"]), (&json!(["t"]), &json!("disabled")));
    }
    assert_eq!(changed["items"][1]["error"]["type"], "conflict");
}

#[tokio::test]
async fn each_key_is_given_its_own_change_at_its_own_version() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let ids = create(&operator, 3).await;
    let body = json!({"changes": [
        {"id": ids[0], "patch": {"name": "a"}, "version": 1},
        {"id": ids[1], "patch": {"name": "b"}, "version": 7},
        {"id": ids[2], "patch": {"name": null}},
    ]});
    let changed = operator.patch(PATH, body).await.expect(200);
    assert_eq!(statuses(&changed), [200, 412, 422]);
    assert_eq!(changed["items"][0]["api_key"]["name"], "a");
    assert_eq!(changed["items"][1]["error"]["type"], "precondition_failed");
    let kept = operator.get(&format!("/admin/api-keys/{}", ids[1])).await.expect(200);
    assert_eq!((&kept["name"], &kept["version"]), (&json!("key 1"), &json!(1)));
}

#[tokio::test]
async fn changes_that_contradict_each_other_are_refused_by_name() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let change = json!({"id": "a", "patch": {}});
    for (body, field) in [
        (json!({}), "ids"),
        (json!({"patch": {}}), "ids"),
        (json!({"ids": ["a"]}), "patch"),
        (json!({"ids": ["a"], "patch": {}, "changes": [change]}), "changes"),
        (json!({"ids": [], "patch": {}}), "ids"),
        (json!({"changes": []}), "changes"),
        (json!({"ids": ["a", "b", "a"], "patch": {}}), "ids[2]"),
        (json!({"changes": [change, change]}), "changes[1].id"),
        (json!({"ids": ["a"], "patch": {"colour": 1}}), "patch.colour"),
    ] {
        let refused = operator.patch(PATH, body.clone()).await;
        assert_eq!(refused.refusal(), ("unprocessable", vec![field]), "{body}");
    }
}

#[tokio::test]
async fn many_keys_are_deleted_and_restored() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let mut ids = create(&operator, 40).await;
    ids.push("nobody".to_owned());
    let deleted = operator.post(&format!("{PATH}/delete"), json!({"ids": ids})).await.expect(200);
    assert_eq!(statuses(&deleted), [vec![204; 40], vec![404]].concat());
    assert_eq!(operator.get("/admin/api-keys").await.expect(200)["items"], json!([]));
    let restored = operator.post(&format!("{PATH}/restore"), json!({"ids": ids})).await.expect(200);
    assert_eq!(statuses(&restored), [vec![200; 40], vec![404]].concat());
    assert_eq!(restored["items"][39]["api_key"]["id"], ids[39]);
    for action in ["delete", "restore"] {
        let refused = operator.post(&format!("{PATH}/{action}"), json!({"ids": ["a", "a"]})).await;
        assert_eq!(refused.refusal(), ("unprocessable", vec!["ids[1]"]));
    }
}
