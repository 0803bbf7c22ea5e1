//! Labels of API keys over HTTP.

use crate::plane::{Caller, Plane};
use domain::Role;
use http::Method;
use serde_json::{Value, json};
use std::fmt::Write;

const KEYS: &str = "/admin/api-keys";
const TAGS: &str = "/admin/tags";

async fn create(caller: &Caller<'_>, name: &str, tags: &[&str]) -> String {
    let key = caller.post(KEYS, json!({"name": name, "tags": tags})).await.expect(201);
    key["id"].as_str().expect("an id").to_owned()
}

/// The labels as they are listed, each with its count.
async fn told(caller: &Caller<'_>, query: &str) -> String {
    let page = caller.get(&format!("{TAGS}?{query}")).await.expect(200);
    let items = page["items"].as_array().expect("items").iter();
    items.fold(String::new(), |mut told, tag| {
        write!(told, "{}:{} ", tag["name"].as_str().expect("a name"), tag["keys"]).expect("a text");
        told
    })
}

async fn tags_of(caller: &Caller<'_>, id: &str) -> Value {
    caller.get(&format!("{KEYS}/{id}")).await.expect(200)["tags"].clone()
}

async fn names(caller: &Caller<'_>, query: &str) -> String {
    let page = caller.get(&format!("{KEYS}?order=name&direction=asc&{query}")).await.expect(200);
    let items = page["items"].as_array().expect("items").iter();
    items.map(|key| key["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn labels_are_listed_with_the_keys_that_are_not_deleted() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    create(&operator, "a", &["team b", "x"]).await;
    create(&operator, "b", &["team b"]).await;
    let gone = create(&operator, "c", &["team b", "only"]).await;
    operator.delete(&format!("{KEYS}/{gone}")).await.expect(204);
    assert_eq!(told(&operator, "").await, "team b:2 x:1 ");
    assert_eq!(told(&operator, "q=TEAM").await, "team b:2 ");
    let first = operator.get(&format!("{TAGS}?limit=1")).await.expect(200);
    let cursor = first["next_cursor"].as_str().expect("a next page");
    let last = operator.get(&format!("{TAGS}?limit=1&cursor={cursor}")).await.expect(200);
    assert_eq!(last, json!({"items": [{"name": "x", "keys": 1}], "next_cursor": null}));
    assert_eq!(operator.get(&format!("{TAGS}?limit=501")).await.refusal(), ("invalid_request", vec!["limit"]));
}

#[tokio::test]
async fn several_labels_filter_for_keys_that_have_all_of_them() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    create(&operator, "a", &["x", "ü&=/"]).await;
    create(&operator, "b", &["x"]).await;
    assert_eq!(names(&operator, "tag=x").await, "ab");
    assert_eq!(names(&operator, "tag=x&limit=5&tag=%C3%BC%26%3D%2F").await, "a");
    assert_eq!(names(&operator, "tag=X").await, "");
    assert_eq!(operator.get(&format!("{KEYS}?tag=")).await.refusal(), ("invalid_request", vec!["tag"]));
    let many = (0..21).fold(String::new(), |many, tag| format!("{many}&tag={tag}"));
    assert_eq!(operator.get(&format!("{KEYS}?{many}")).await.refusal(), ("invalid_request", vec!["tag"]));
}

#[tokio::test]
async fn a_label_is_renamed_on_all_keys_and_merged_where_the_new_one_is_there() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let (one, both) = (create(&operator, "a", &["x", "old/1"]).await, create(&operator, "b", &["old/1", "new"]).await);
    let gone = create(&operator, "c", &["old/1"]).await;
    operator.delete(&format!("{KEYS}/{gone}")).await.expect(204);
    create(&operator, "d", &["old"]).await;
    let path = format!("{TAGS}/old%2F1/rename");
    let renamed = operator.post(&path, json!({"name": " new "})).await.expect(200);
    assert_eq!(renamed, json!({"changed": 3, "complete": true}));
    assert_eq!(
        (tags_of(&operator, &one).await, tags_of(&operator, &both).await),
        (json!(["x", "new"]), json!(["new"]))
    );
    assert_eq!(tags_of(&operator, &gone).await, json!(["new"]));
    assert_eq!(told(&operator, "").await, "new:2 old:1 x:1 ");
    assert_eq!(operator.post(&path, json!({"name": "new"})).await.refusal().0, "not_found");
    for name in ["", "a\nb", "old"] {
        let refused = operator.post(&format!("{TAGS}/old/rename"), json!({"name": name})).await;
        assert_eq!(refused.refusal(), ("unprocessable", vec!["name"]), "{name:?}");
    }
}

#[tokio::test]
async fn a_label_is_removed_from_all_keys() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let mut keys = Vec::new();
    for number in 0..70 {
        keys.push(create(&operator, &format!("k{number}"), &["all", "%41 b"]).await);
    }
    let removed = operator.send(Method::DELETE, &format!("{TAGS}/%2541%20b"), None).await.expect(200);
    assert_eq!(removed, json!({"changed": 70, "complete": true}));
    assert_eq!(told(&operator, "").await, "all:70 ");
    assert_eq!(tags_of(&operator, &keys[69]).await, json!(["all"]));
    assert_eq!(operator.delete(&format!("{TAGS}/%2541%20b")).await.refusal().0, "not_found");
}
