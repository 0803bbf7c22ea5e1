//! A key's holder asks about its own key: what it is, what it has used, and nothing of any other key.

use crate::support::{Form, MODEL, Site, body, error_type};
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use testkit::{Script, client::Answered};

/// Wrong keys from one address until it has to wait.
const FREE_GUESSES: usize = 30;

async fn get(site: &Site, path: &str, header: (&str, &str)) -> Answered {
    site.send(Request::get(path).header(header.0, header.1).body(Bytes::new()).unwrap()).await
}

async fn own(site: &Site, path: &str) -> Value {
    let answered = get(site, path, ("x-api-key", &site.key.key)).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    assert_eq!(answered.header("access-control-allow-origin"), "", "a page of another origin may not read it");
    assert_eq!(answered.header("cache-control"), "no-store");
    answered.json()
}

async fn make(site: &Site, document: &Value) -> (String, String) {
    let made = site.admin.post("/admin/api-keys", document).await.unwrap();
    (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_holder_sees_what_its_own_key_has_used() {
    let site = Site::start(Script::default()).await;
    let (_, other) = make(&site, &json!({"name": "somebody else's"})).await;
    assert_eq!(site.ask(Form::Json).await.status, 200);
    for _ in 0..2 {
        let request =
            Request::post("/v1/messages").header("x-api-key", &other).header("anthropic-version", "2023-06-01");
        let asked = Bytes::from(body(MODEL, Form::Json).to_string());
        let request = request.header("content-type", "application/json").body(asked).unwrap();
        assert_eq!(site.send(request).await.status, 200);
    }
    let usage = own(&site, "/v1/usage").await;
    for span in ["today", "week", "month", "total"] {
        assert_eq!(usage[span]["requests"], 1, "{span}: {usage}");
    }
    let records = site.records().await;
    let record = records.iter().find(|record| record["key_id"] == site.key.id.as_str()).unwrap();
    assert_eq!(usage["total"]["cost_usd"], record["cost_usd"]);
    assert_eq!(usage["total"]["total_tokens"], record["usage"]["total_tokens"]);
    let days = usage["by_day"].as_array().unwrap();
    assert_eq!((days.len(), &days[29]["requests"], &days[0]["requests"]), (30, &json!(1), &json!(0)));
    assert_eq!((&usage["by_model"][0]["model"], usage["by_model"].as_array().unwrap().len()), (&record["model"], 1));
}

#[tokio::test]
async fn a_holder_sees_what_its_key_is_and_never_its_hash() {
    let site = Site::start(Script::default()).await;
    let (id, key) = make(
        &site,
        &json!({"name": "laptop", "permissions": ["claude"], "allowed_clients": ["claude_code"],
            "restricted_models": ["claude-opus-5"], "expires_after_first_use": {"days": 1}}),
    )
    .await;
    let answered = get(&site, "/v1/key-info", ("authorization", &format!("Bearer {key}"))).await;
    let shown = answered.json();
    assert_eq!((&shown["name"], &shown["state"]), (&json!("laptop"), &json!("active")));
    assert_eq!((&shown["permissions"], &shown["allowed_clients"]), (&json!(["claude"]), &json!(["claude_code"])));
    assert_eq!(shown["restricted_models"], json!(["claude-opus-5"]));
    assert_eq!((&shown["expires_after_first_use_hours"], &shown["first_used_at"]), (&json!(24), &Value::Null));
    let text = String::from_utf8(answered.body.to_vec()).unwrap();
    assert!(!text.contains("hash") && !text.contains(&key) && !text.contains("tags"), "{text}");
    let record = site.admin.get(&format!("/admin/api-keys/{id}")).await.unwrap();
    assert_eq!(record["first_used_at"], Value::Null, "a look is no use");
}

#[tokio::test]
async fn a_holder_is_told_that_its_key_is_switched_off_and_a_deleted_key_is_nobody_s() {
    let site = Site::start(Script::default()).await;
    let (_, disabled) = make(&site, &json!({"name": "off", "active": false})).await;
    let answered = get(&site, "/api/v1/stats", ("x-goog-api-key", &disabled)).await;
    assert_eq!((answered.status.as_u16(), &answered.json()["key"]["state"]), (200, &json!("disabled")));
    assert_eq!(answered.json()["usage"]["total"]["requests"], 0);
    let (id, deleted) = make(&site, &json!({"name": "gone"})).await;
    site.admin.delete(&format!("/admin/api-keys/{id}")).await.unwrap();
    crate::support::eventually("the key is gone", async || {
        let answered = get(&site, "/v1/usage", ("x-api-key", &deleted)).await;
        (answered.status == 401).then(|| assert_eq!(error_type(&answered), "authentication_error"))
    })
    .await;
}

#[tokio::test]
async fn a_key_in_the_url_is_no_key_and_wrong_questions_are_refused() {
    let site = Site::start(Script::default()).await;
    let key = site.key.key.clone();
    for path in ["/v1/stats", "/v1/usage", "/v1/key-info"] {
        let bare = site.send(Request::get(format!("{path}?key={key}")).body(Bytes::new()).unwrap()).await;
        assert_eq!(bare.status, 401, "{path}");
        let wrong = get(&site, &format!("{path}?key={key}"), ("x-api-key", &key)).await;
        assert_eq!((wrong.status.as_u16(), error_type(&wrong).as_str()), (400, "invalid_request_error"), "{path}");
        let post = site.post(path, &[], &json!({})).await;
        assert_eq!((post.status.as_u16(), post.header("allow")), (405, "GET"), "{path}");
    }
    for query in ["from=yesterday", "from=2020-01-01", "from=2999-01-01"] {
        let wrong = get(&site, &format!("/v1/usage?{query}"), ("x-api-key", &key)).await;
        assert_eq!(wrong.status, 400, "{query}");
    }
}

#[tokio::test]
async fn who_guesses_keys_has_to_wait_and_whoever_holds_one_does_not() {
    let site = Site::start(Script::default()).await;
    for _ in 0..2 * FREE_GUESSES {
        assert_eq!(get(&site, "/v1/stats", ("x-api-key", &site.key.key)).await.status, 200);
    }
    for _ in 0..FREE_GUESSES {
        assert_eq!(get(&site, "/v1/stats", ("x-api-key", "cr_nobody")).await.status, 401);
    }
    let refused = get(&site, "/v1/stats", ("x-api-key", "cr_nobody")).await;
    assert_eq!((refused.status.as_u16(), error_type(&refused).as_str()), (429, "rate_limit_error"));
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(site.ask(Form::Json).await.status, 200, "requests go on");
}
