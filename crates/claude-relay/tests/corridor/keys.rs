//! Keys: where a client may put one, which may do what, and that a change counts within a second.

use crate::support::{Form, MODEL, Site, body, error_type, merge};
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::{Script, client::Answered};

/// How soon a change must count.
const EFFECTIVE_MAX: Duration = Duration::from_secs(1);

/// What Claude Code sends, as far as it is known by it.
const CLAUDE_CODE: [(&str, &str); 3] =
    [("user-agent", "claude-cli/2.1.330 (external, cli)"), ("x-app", "cli"), ("x-claude-code-session-id", "s-1")];

/// Asks with these headers and no other credential.
async fn ask_with(site: &Site, headers: &[(&str, &str)]) -> Answered {
    let mut request = Request::post("/v1/messages").header("anthropic-version", "2023-06-01");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Bytes::from(body(MODEL, Form::Json).to_string());
    site.send(request.header("content-type", "application/json").body(body).unwrap()).await
}

async fn ask_as(site: &Site, key: &str) -> Answered {
    ask_with(site, &[("x-api-key", key)]).await
}

/// Makes a key with further properties; gives its id and itself.
async fn make_key(site: &Site, more: Value) -> (String, String) {
    let mut document = json!({"name": "another"});
    merge(&mut document, &more);
    let made = site.admin.post("/admin/api-keys", &document).await.unwrap();
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

/// Waits until asking with the key is answered by `status`: it may not take longer than a change may take.
async fn turns(site: &Site, key: &str, status: u16) -> Answered {
    let began = Instant::now();
    crate::support::eventually("the change counts", async || {
        let answered = ask_as(site, key).await;
        assert!(began.elapsed() < EFFECTIVE_MAX || answered.status == status, "not within {EFFECTIVE_MAX:?}");
        (answered.status == status).then_some(answered)
    })
    .await
}

#[tokio::test]
async fn a_key_is_found_wherever_a_client_puts_it() {
    let site = Site::start(Script::default()).await;
    let (key, bearer) = (site.key.key.as_str(), format!("Bearer {}", site.key.key));
    for header in [
        ("x-api-key", key),
        ("authorization", &bearer),
        ("authorization", key),
        ("x-goog-api-key", key),
        ("api-key", key),
    ] {
        assert_eq!(ask_with(&site, &[header]).await.status, 200, "{header:?}");
    }
    assert_eq!(site.upstream().books().complaints(), [] as [&str; 0]);
}

#[tokio::test]
async fn of_two_keys_the_one_that_may_is_taken() {
    let site = Site::start(Script::default()).await;
    let (_, disabled) = make_key(&site, json!({"active": false})).await;
    let valid = format!("Bearer {}", site.key.key);
    for other in ["sk-ant-of-the-client-itself", &disabled] {
        assert_eq!(ask_with(&site, &[("x-api-key", other), ("authorization", &valid)]).await.status, 200);
    }
    let answered = ask_with(&site, &[("x-api-key", "nobody"), ("authorization", "Bearer nobody-either")]).await;
    assert_eq!((answered.status.as_u16(), error_type(&answered).as_str()), (401, "authentication_error"));
}

#[tokio::test]
async fn a_key_that_is_not_known_is_refused_for_good() {
    let site = Site::start(Script::default()).await;
    let near = format!("{}x", site.key.key);
    let long = "k".repeat(4000);
    for key in ["", "cr_", "nobody", near.as_str(), long.as_str()] {
        let answered = ask_as(&site, key).await;
        assert_eq!((answered.status.as_u16(), error_type(&answered).as_str()), (401, "authentication_error"), "{key}");
        assert_eq!(answered.header("x-should-retry"), "false");
    }
    assert_eq!(ask_with(&site, &[]).await.status, 401);
    assert_eq!(site.records().await.len(), 0, "a stranger is not in the books");
}

#[tokio::test]
async fn a_key_that_is_switched_off_or_deleted_stops_to_work_at_once() {
    let site = Site::start(Script::default()).await;
    let (id, key) = make_key(&site, json!({})).await;
    let path = format!("/admin/api-keys/{id}");
    turns(&site, &key, 200).await;
    site.admin.patch(&path, &json!({"active": false})).await.unwrap();
    assert_eq!(error_type(&turns(&site, &key, 401).await), "authentication_error");
    site.admin.patch(&path, &json!({"active": true})).await.unwrap();
    turns(&site, &key, 200).await;
    site.admin.delete(&path).await.unwrap();
    turns(&site, &key, 401).await;
    assert_eq!(ask_as(&site, &site.key.key).await.status, 200, "another key is not concerned");
}

#[tokio::test]
async fn a_key_that_was_unknown_a_moment_ago_works_once_it_is_made() {
    let site = Site::start(Script::default()).await;
    assert_eq!(ask_as(&site, "cr_not_yet").await.status, 401);
    let (_, key) = make_key(&site, json!({})).await;
    assert_eq!(ask_as(&site, &key).await.status, 200);
}

#[tokio::test]
async fn a_key_s_fixed_end_is_kept_to() {
    let site = Site::start(Script::default()).await;
    let (id, key) = make_key(&site, json!({"expires_at": "2099-01-01T00:00:00Z"})).await;
    turns(&site, &key, 200).await;
    let past = json!({"expires_at": "2020-01-01T00:00:00Z"});
    site.admin.patch(&format!("/admin/api-keys/{id}"), &past).await.unwrap();
    let answered = turns(&site, &key, 401).await;
    assert!(answered.json()["error"]["message"].as_str().unwrap().contains("expired"), "{answered:?}");
}

#[tokio::test]
async fn a_life_that_is_counted_from_the_first_use_begins_with_it() {
    let site = Site::start(Script::default()).await;
    let (id, key) = make_key(&site, json!({"expires_after_first_use": {"hours": 1}})).await;
    let path = format!("/admin/api-keys/{id}");
    assert_eq!(site.admin.get(&path).await.unwrap()["first_used_at"], Value::Null);
    let (one, other) = tokio::join!(ask_as(&site, &key), ask_as(&site, &key));
    assert_eq!((one.status.as_u16(), other.status.as_u16()), (200, 200));
    let shown = site.admin.get(&path).await.unwrap();
    let first = shown["first_used_at"].clone();
    assert!(first.is_string(), "{shown}");
    assert_eq!(ask_as(&site, &key).await.status, 200);
    assert_eq!(site.admin.get(&path).await.unwrap()["first_used_at"], first, "written once");
}

#[tokio::test]
async fn a_key_may_use_only_what_it_is_permitted() {
    let site = Site::start(Script::default()).await;
    let (id, key) = make_key(&site, json!({"permissions": ["gemini"]})).await;
    let answered = ask_as(&site, &key).await;
    assert_eq!((answered.status.as_u16(), error_type(&answered).as_str()), (403, "permission_error"));
    let permitted = json!({"permissions": ["gemini", "claude"]});
    site.admin.patch(&format!("/admin/api-keys/{id}"), &permitted).await.unwrap();
    turns(&site, &key, 200).await;
}

#[tokio::test]
async fn a_key_that_is_restricted_to_clients_serves_them_alone() {
    let site = Site::start(Script::default()).await;
    let (_, key) = make_key(&site, json!({"allowed_clients": ["claude_code"]})).await;
    let answered = ask_as(&site, &key).await;
    assert_eq!((answered.status.as_u16(), error_type(&answered).as_str()), (403, "permission_error"));
    let headers: Vec<_> = [("x-api-key", key.as_str())].into_iter().chain(CLAUDE_CODE).collect();
    assert_eq!(ask_with(&site, &headers).await.status, 200);
}

#[tokio::test]
async fn a_restricted_model_is_refused_under_every_way_to_write_it() {
    let site = Site::start(Script::default()).await;
    let (_, key) = make_key(&site, json!({"restricted_models": [MODEL]})).await;
    let headers = [("x-api-key", key.as_str())];
    for model in [MODEL.to_owned(), MODEL.to_uppercase(), format!("ccr,{MODEL}"), MODEL.replace('-', "\\u002d")] {
        let body = body("M", Form::Json).to_string().replace("\"M\"", &format!("\"{model}\""));
        let request = Request::post("/v1/messages").header(headers[0].0, headers[0].1).body(Bytes::from(body)).unwrap();
        let answered = site.send(request).await;
        assert_eq!((answered.status.as_u16(), error_type(&answered).as_str()), (403, "permission_error"), "{model}");
    }
    let request = Request::get("/v1/models").header("x-api-key", &key).header("anthropic-version", "2023-06-01");
    let models = site.send(request.body(Bytes::new()).unwrap()).await;
    assert!(!String::from_utf8_lossy(&models.body).contains(&format!("\"{MODEL}\"")), "not in its list either");
    assert_eq!(site.upstream().books().messages().count(), 0);
}

#[tokio::test]
async fn a_change_of_an_account_counts_within_a_second() {
    let site = Site::start(Script::default()).await;
    let (path, key) = (format!("/admin/accounts/{}", site.accounts[0]), site.key.key.clone());
    site.admin.patch(&path, &json!({"schedulable": false})).await.unwrap();
    turns(&site, &key, 503).await;
    site.admin.patch(&path, &json!({"schedulable": true})).await.unwrap();
    turns(&site, &key, 200).await;
    site.admin.patch(&path, &json!({"api_key": "sk-ant-api03-revoked"})).await.unwrap();
    turns(&site, &key, 503).await;
    site.admin.patch(&path, &json!({"api_key": crate::support::CREDENTIAL})).await.unwrap();
    site.reset(0).await;
    turns(&site, &key, 200).await;
    site.admin.delete(&path).await.unwrap();
    turns(&site, &key, 503).await;
}
