//! What API keys are bound to, and whose they are, over HTTP.

use crate::{
    account_groups::{account, group},
    plane::{Caller, Plane},
};
use domain::Role;
use serde_json::{Value, json};

const PATH: &str = "/admin/api-keys";

fn to(kind: &str, id: &str) -> Value {
    json!({"claude": {"type": kind, "id": id}})
}

async fn bound(caller: &Caller<'_>, bindings: Value) -> String {
    let made = caller.post(PATH, json!({"name": "k", "bindings": bindings})).await.expect(201);
    format!("{PATH}/{}", made["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn a_key_is_bound_to_an_account_or_a_group_and_shown_with_its_name() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let (account, group) = (account(&operator, "main").await, group(&operator, "research", &[]).await);
    let key = bound(&operator, to("account", &account)).await;
    let shown = |kind: &str, id: &str, name: &str| json!({"claude": {"type": kind, "id": id, "name": name}});
    assert_eq!(operator.get(&key).await.expect(200)["bindings"], shown("account", &account, "main"));
    let changed = operator.patch(&key, json!({"bindings": to("group", &group)})).await.expect(200);
    assert_eq!(changed["bindings"], shown("group", &group, "research"));
    assert_eq!(operator.patch(&key, json!({"name": "other"})).await.expect(200)["bindings"], changed["bindings"]);
    assert_eq!(operator.patch(&key, json!({"bindings": null})).await.expect(200)["bindings"], json!({}));
}

#[tokio::test]
async fn what_a_key_cannot_be_bound_to_is_named() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let account = account(&operator, "main").await;
    let key = bound(&operator, json!({})).await;
    for (bindings, field) in [
        (to("account", "nobody"), "bindings.claude.id"),
        (to("group", &account), "bindings.claude.id"),
        (to("account", "a b"), "bindings.claude.id"),
        (to("pool", "x"), "bindings.claude.type"),
        (json!({"gemini": {"type": "account", "id": account}}), "bindings.gemini.id"),
        (json!({"other": {"type": "account", "id": account}}), "bindings.other"),
        (json!({"claude": {"type": "account", "id": account, "name": "main"}}), "bindings.claude.name"),
        (json!({"claude": account}), "bindings.claude"),
    ] {
        let made = operator.post(PATH, json!({"name": "k", "bindings": bindings})).await;
        assert_eq!(made.refusal(), ("unprocessable", vec![field]), "{bindings}");
        let changed = operator.patch(&key, json!({"bindings": bindings})).await;
        assert_eq!(changed.refusal(), ("unprocessable", vec![field]), "{bindings}");
    }
}

#[tokio::test]
async fn what_keys_are_bound_to_is_not_deleted_and_how_many_are_is_told() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let account = account(&operator, "main").await;
    let group = group(&operator, "research", &[&account]).await;
    let paths = [format!("/admin/accounts/{account}"), format!("/admin/account-groups/{group}")];
    let both = json!({"claude": {"type": "group", "id": group}, "gemini": {"type": "group", "id": group}});
    let keys = [
        bound(&operator, to("account", &account)).await,
        bound(&operator, to("account", &account)).await,
        bound(&operator, both).await,
    ];
    for (path, told) in paths.iter().zip(["2 keys are bound to this account", "1 key is bound to this group"]) {
        let refused = operator.delete(path).await;
        assert_eq!(refused.refusal().0, "conflict");
        let message = refused.body["error"]["message"].as_str().expect("a message");
        assert!(message.starts_with(told), "{message}");
    }
    operator.delete(&keys[0]).await.expect(204);
    operator.patch(&keys[1], json!({"bindings": null})).await.expect(200);
    operator.delete(&keys[2]).await.expect(204);
    for path in paths {
        operator.delete(&path).await.expect(204);
    }
    assert_eq!(operator.get(&keys[0]).await.expect(200)["bindings"]["claude"]["name"], Value::Null, "it is gone");
}

#[tokio::test]
async fn keys_are_listed_by_what_they_are_bound_to() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let account = account(&operator, "main").await;
    bound(&operator, to("account", &account)).await;
    bound(&operator, json!({})).await;
    let listed = operator.get(&format!("{PATH}?binding=claude:account:{account}")).await.expect(200);
    assert_eq!(listed["items"].as_array().expect("items").len(), 1);
    assert_eq!(listed["items"][0]["bindings"]["claude"]["name"], "main");
    for wrong in ["", "claude", "claude:account", "claude:account:a%20b", "other:account:a"] {
        let refused = operator.get(&format!("{PATH}?binding={wrong}")).await;
        assert_eq!(refused.refusal(), ("invalid_request", vec!["binding"]), "{wrong}");
    }
}

#[tokio::test]
async fn many_keys_are_bound_at_once_and_each_refusal_stands_at_its_key() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let group = group(&operator, "research", &[]).await;
    let keys = json!({"keys": [{"name": "a", "bindings": to("group", &group)},
        {"name": "b", "bindings": to("group", "nothing")}, {"name": "c", "owner": "nobody"}, {"name": "d"}]});
    let made = operator.post(&format!("{PATH}/batch"), keys).await.expect(200);
    let items = made["items"].as_array().expect("items");
    let told: Vec<_> = items.iter().map(|item| (&item["status"], &item["error"]["details"][0]["field"])).collect();
    let refused = |field| (json!(422), json!(field));
    let expected =
        [(json!(201), Value::Null), refused("bindings.claude.id"), refused("owner"), (json!(201), Value::Null)];
    assert_eq!(told, expected.iter().map(|(status, field)| (status, field)).collect::<Vec<_>>());
    let ids = json!({"ids": [items[3]["id"]], "patch": {"bindings": to("group", &group)}});
    let changed = operator.patch(&format!("{PATH}/batch"), ids).await.expect(200);
    assert_eq!(changed["items"][0]["api_key"]["bindings"]["claude"]["name"], "research");
}

#[tokio::test]
async fn a_key_has_an_owner_who_is_there() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let user = json!({"email": "mira@example.com", "name": "Mira"});
    let user = operator.post("/admin/users", user).await.expect(201)["id"].as_str().expect("an id").to_owned();
    let key = bound(&operator, json!({})).await;
    assert_eq!(operator.patch(&key, json!({"owner": user})).await.expect(200)["owner"], json!(user));
    operator.patch(&key, json!({"owner": null})).await.expect(200);
    operator.delete(&format!("/admin/users/{user}")).await.expect(204);
    for owner in [user.as_str(), "nobody", "a b"] {
        let made = operator.post(PATH, json!({"name": "k", "owner": owner})).await;
        assert_eq!(made.refusal(), ("unprocessable", vec!["owner"]), "{owner}");
        let changed = operator.patch(&key, json!({"owner": owner})).await;
        assert_eq!(changed.refusal(), ("unprocessable", vec!["owner"]), "{owner}");
    }
}
