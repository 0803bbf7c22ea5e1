//! The OpenAPI document, and what all answers have in common.

use crate::plane::{Plane, request};
use domain::Role;
use http::{Method, Request};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const COMMITTED: &str = include_str!("../../openapi.json");

#[test]
fn the_committed_document_is_fresh() {
    assert!(
        COMMITTED == admin::openapi_text(),
        "crates/admin/openapi.json is out of date: `cargo run -p admin --example openapi > crates/admin/openapi.json`"
    );
}

#[tokio::test]
async fn the_document_is_served_to_everybody() {
    let reply = Plane::new().await.send(request(Method::GET, "/admin/openapi.json", None, None)).await;
    assert_eq!(reply.headers["content-type"], "application/json");
    let document = reply.expect(200);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document, serde_json::from_str::<Value>(COMMITTED).expect("JSON"));
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                    let pointer = reference.trim_start_matches('#');
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                fields.values().for_each(|value| check(value, document));
            }
            Value::Array(items) => items.iter().for_each(|value| check(value, document)),
            _ => (),
        }
    }
    let document: Value = serde_json::from_str(COMMITTED).expect("JSON");
    check(&document, &document);
}

/// What in a request has no bound: texts without a longest, a pattern, a list of words or a format; lists and maps without a number
/// of items; numbers without a greatest.
fn unbounded(schema: &Value, document: &Value, at: &str, seen: &mut BTreeSet<String>, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        if seen.insert(reference.to_owned()) {
            let target = document.pointer(reference.trim_start_matches('#')).expect("the reference leads somewhere");
            unbounded(target, document, reference, seen, found);
        }
        return;
    }
    let is =
        |name: &str| schema["type"] == name || schema["type"].as_array().is_some_and(|all| all.contains(&json!(name)));
    let lacks = |names: &[&str]| names.iter().all(|name| schema[*name].is_null());
    if is("string") && lacks(&["maxLength", "pattern", "enum", "const"]) && schema["format"] != "date-time" {
        found.push(format!("{at}: a text"));
    }
    if is("array") && lacks(&["maxItems"]) {
        found.push(format!("{at}: a list"));
    }
    if (is("integer") || is("number")) && lacks(&["maximum"]) {
        found.push(format!("{at}: a number"));
    }
    if schema["additionalProperties"].is_object() && lacks(&["maxProperties"]) {
        found.push(format!("{at}: a map"));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        unbounded(property, document, &format!("{at}.{name}"), seen, found);
    }
    for part in ["oneOf", "anyOf", "allOf"] {
        schema[part].as_array().into_iter().flatten().for_each(|part| unbounded(part, document, at, seen, found));
    }
    for part in ["items", "additionalProperties"] {
        if schema[part].is_object() {
            unbounded(&schema[part], document, &format!("{at}[]"), seen, found);
        }
    }
}

#[test]
fn every_text_list_and_number_of_a_request_has_its_bound() {
    let document: Value = serde_json::from_str(COMMITTED).expect("JSON");
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let at = format!("{method} {path} ?{}", parameter["name"]);
                unbounded(&parameter["schema"], &document, &at, &mut seen, &mut found);
            }
            for content in operation["requestBody"]["content"].as_object().into_iter().flatten().map(|(_, it)| it) {
                unbounded(&content["schema"], &document, &format!("{method} {path}"), &mut seen, &mut found);
            }
        }
    }
    assert!(seen.len() > 20 && found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_in_the_form_of_all_refusals() {
    let plane = Plane::new().await;
    for path in ["/admin", "/admin/", "/admin/nothing", "/admin/api-keys/x/y", "/admin/api-keys/", "/admin/%ff"] {
        let reply = plane.send(request(Method::GET, path, None, None)).await;
        assert_eq!((reply.status.as_u16(), reply.refusal().0), (404, "not_found"), "{path}");
    }
    let reply = plane.send(request(Method::PUT, "/admin/api-keys", None, None)).await;
    assert_eq!((reply.status.as_u16(), reply.refusal().0), (405, "method_not_allowed"));
    let allowed: Vec<_> = reply.headers["allow"].to_str().expect("text").split(',').collect();
    assert!(allowed.contains(&"GET") && allowed.contains(&"POST"), "{allowed:?}");
}

#[tokio::test]
async fn every_answer_forbids_caching_and_sniffing() {
    let plane = Plane::new().await;
    let viewer = plane.caller(Role::Viewer).await;
    let replies = [
        viewer.get("/admin/me").await,
        viewer.get("/admin/nothing").await,
        plane.sign_in("viewer", "wrong password").await,
        plane.send(request(Method::PUT, "/admin/me", None, None)).await,
        plane.send(request(Method::GET, "/admin/openapi.json", None, None)).await,
    ];
    for reply in replies {
        assert_eq!(reply.headers["cache-control"], "no-store");
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
        assert!(!reply.headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_told_apart() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let send = async |content_type: &str, body: String| {
        let asked = Request::post("/admin/api-keys")
            .header("authorization", format!("Bearer {}", operator.token))
            .header("content-type", content_type)
            .body(body.into())
            .expect("a request");
        let reply = plane.send(asked).await;
        (reply.status.as_u16(), reply.refusal().0.to_owned())
    };
    let json = "application/json";
    assert_eq!(send(json, "{".to_owned()).await, (400, "invalid_request".to_owned()));
    assert_eq!(send(json, "[]".to_owned()).await, (422, "unprocessable".to_owned()));
    assert_eq!(send(json, r#"{"name":"a","name":"b"}"#.to_owned()).await, (422, "unprocessable".to_owned()));
    assert_eq!(send("text/plain", "{}".to_owned()).await, (400, "invalid_request".to_owned()));
    let long = json!({"name": "x".repeat(1024 * 1024)}).to_string();
    assert_eq!(send(json, long).await, (413, "payload_too_large".to_owned()));
    let deep = "[".repeat(100_000);
    assert_eq!(send(json, deep).await, (400, "invalid_request".to_owned()));
}
