//! The list of models at one path in four dialects, told apart by what their clients send, without what the key may not use.

use crate::platforms::{keyed, site};
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use testkit::Reply;

/// A client: its platform's account, what it asks, and what its provider lists.
struct Client {
    platform: &'static str,
    query: &'static str,
    /// The header that carries its key, and what it sends beside.
    key_header: &'static str,
    more: &'static [(&'static str, &'static str)],
    list: Value,
    /// Where the models stand in the list, and their names in them.
    models: (&'static str, &'static str),
}

fn clients() -> [Client; 4] {
    [
        Client {
            platform: "claude-console",
            query: "",
            key_header: "x-api-key",
            more: &[("anthropic-version", "2023-06-01")],
            list: json!({"data": [
                {"type": "model", "id": "kept", "display_name": "Kept", "created_at": "2026-01-01T00:00:00Z"},
                {"type": "model", "id": "barred", "display_name": "Barred", "created_at": "2026-01-01T00:00:00Z"},
            ], "first_id": "kept", "last_id": "barred", "has_more": false}),
            models: ("data", "id"),
        },
        Client {
            platform: "openai-responses",
            query: "",
            key_header: "authorization",
            more: &[],
            list: json!({"object": "list", "data": [
                {"id": "kept", "object": "model", "created": 1_790_000_000, "owned_by": "system"},
                {"id": "barred", "object": "model", "created": 1_790_000_000, "owned_by": "system"},
            ]}),
            models: ("data", "id"),
        },
        Client {
            platform: "openai-responses",
            query: "?client_version=0.99.0",
            key_header: "authorization",
            more: &[],
            list: json!({"models": [
                {"slug": "kept", "display_name": "Kept"}, {"slug": "barred", "display_name": "Barred"},
            ]}),
            models: ("models", "slug"),
        },
        Client {
            platform: "gemini",
            query: "",
            key_header: "x-goog-api-key",
            more: &[],
            list: json!({"models": [
                {"name": "models/kept", "displayName": "Kept"}, {"name": "models/barred", "displayName": "Barred"},
            ]}),
            models: ("models", "name"),
        },
    ]
}

#[tokio::test]
async fn each_client_is_listed_the_models_of_its_dialect_that_its_key_may_use() {
    for client in clients() {
        let told = format!("{}{}", client.platform, client.query);
        let reply = Reply::bytes(200, "application/json", client.list.to_string());
        let site = site(&keyed(client.platform), reply).await;
        let barred = json!({"name": "a restricted one", "restricted_models": ["barred"]});
        let key = site.admin.post("/admin/api-keys", &barred).await.unwrap()["key"].as_str().unwrap().to_owned();
        for (key, names) in [(&site.key.key, vec!["kept", "barred"]), (&key, vec!["kept"])] {
            let opening = if client.key_header == "authorization" { format!("Bearer {key}") } else { key.clone() };
            let request = Request::get(format!("/v1/models{}", client.query)).header(client.key_header, opening);
            let request = client.more.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            let answered = site.send(request.body(Bytes::new()).unwrap()).await;
            assert_eq!(answered.status, 200, "{told}: {answered:?}");
            let (member, name) = client.models;
            let list = answered.json();
            let listed = list[member].as_array().unwrap().iter().map(|model| model[name].as_str().unwrap());
            let listed: Vec<_> = listed.map(|name| name.trim_start_matches("models/")).collect();
            assert_eq!(listed, names, "{told}: {list}");
        }
    }
}
