//! Accounts over HTTP.

use crate::plane::{Caller, Plane};
use domain::{
    Account, AccountId, AccountSettings, AuthScheme, Cooldown, CooldownCause, CooldownScope, GroupId, KeyId, Role,
    Service,
};
use http::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::time::Duration;
use store::{AffinityKey, AffinityScope, Family, records::TypedRecords};
use testkit::{Answer, ErrorKind, Reply, Script, ScriptedUpstream};

const PATH: &str = "/admin/accounts";
const SECRET: &str = "sk-ant-api03-very-secret";

fn document() -> Value {
    json!({"platform": "claude-console", "name": "main", "base_url": "https://api.anthropic.com", "api_key": SECRET})
}

fn with(field: &str, value: Value) -> Value {
    let mut document = document();
    document[field] = value;
    document
}

async fn create(caller: &Caller<'_>, body: Value) -> Value {
    caller.post(PATH, body).await.expect(201)
}

fn id(account: &Value) -> AccountId {
    AccountId::parse(account["id"].as_str().expect("an id")).expect("an id")
}

async fn stored(plane: &Plane, id: &AccountId) -> Account {
    plane.store.records.read(id.as_str()).await.expect("reads").expect("exists").record
}

async fn secret_of(plane: &Plane, id: &AccountId) -> String {
    let account = stored(plane, id).await;
    let (AccountSettings::ClaudeConsole(endpoint) | AccountSettings::Ccr(endpoint)) = account.settings else {
        panic!("an account with an endpoint")
    };
    let place = vault::Place { family: Family::ClaudeConsoleAccount.name(), id: id.as_str(), field: "api_key" };
    plane.keyring.open(place, &endpoint.api_key).expect("opens").expose_secret().to_owned()
}

fn cooldown(plane: &Plane, scope: CooldownScope) -> Cooldown {
    let now = plane.clock.now();
    Cooldown {
        scope,
        cause: CooldownCause::RateLimit,
        since: now,
        until: now.plus(Duration::from_secs(60)),
        source: "retry-after".into(),
        status: Some(429),
    }
}

#[tokio::test]
async fn a_credential_is_sealed_at_its_place_and_never_comes_back() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let created = operator.post(PATH, with("api_key", json!(format!(" {SECRET}\n")))).await;
    assert_eq!(created.headers["etag"], "\"1\"");
    let account = created.expect(201);
    let path = format!("{PATH}/{}", id(&account));
    assert_eq!(secret_of(&plane, &id(&account)).await, SECRET);
    let read = operator.get(&path).await.expect(200);
    let listed = operator.get(PATH).await.expect(200);
    let changed = operator.patch(&path, json!({"name": "n"})).await.expect(200);
    for body in [account, read, listed, changed] {
        let text = body.to_string();
        assert!(!text.contains("very-secret") && !text.contains("v1:"), "{text}");
        assert!(text.contains("\"secrets\":[\"api_key\"]"), "{text}");
    }
}

#[tokio::test]
async fn a_new_account_has_what_was_asked_for() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let account = create(&operator, json!({
        "platform": "ccr", "name": "router", "description": "d", "base_url": "http://127.0.0.1:3456/", "api_key": "abc",
        "priority": 3, "weight": 20, "stops_at_warning": true, "schedulable": false, "concurrency_max": 4,
        "models": {"claude-opus-5": "glm-5"},
        "messages_path": "/anthropic/v1/messages", "expires_at": "2027-01-01T00:00:00Z",
    })).await;
    let expected = json!({
        "platform": "ccr", "name": "router", "description": "d", "base_url": "http://127.0.0.1:3456", "auth": "bearer",
        "priority": 3, "weight": 20, "stops_at_warning": true, "schedulable": false, "concurrency_max": 4,
        "models": {"claude-opus-5": "glm-5"},
        "messages_path": "/anthropic/v1/messages", "expires_at": "2027-01-01T00:00:00.000Z", "version": 1,
    });
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&account[field], value, "{field}");
    }
    assert_eq!(
        (&account["state"]["status"], &account["state"]["reasons"]),
        (&json!("paused"), &json!(["an administrator paused it"]))
    );
    let plain = create(&operator, with("models", json!(["a", "b"]))).await;
    assert_eq!(
        (&plain["priority"], &plain["auth"], &plain["models"]),
        (&json!(50), &json!("x-api-key"), &json!({"a": "a", "b": "b"}))
    );
    assert_eq!(plain["state"]["status"], "ready");
}

#[tokio::test]
async fn what_cannot_be_an_account_is_refused_field_by_field() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    for (field, value) in [
        ("platform", json!("unheard-of")),
        ("name", json!("")),
        ("base_url", json!("ftp://h.example")),
        ("base_url", json!("https://user:pass@h.example")),
        ("base_url", json!("https://h.example/?q=1")),
        ("base_url", json!("https://h.example/#f")),
        ("base_url", json!("")),
        ("api_key", json!("")),
        ("api_key", json!("a b")),
        ("api_key", json!("a\r\nx-evil: 1")),
        ("priority", json!(0)),
        ("priority", json!(101)),
        ("weight", json!(0)),
        ("weight", json!(101)),
        ("stops_at_warning", json!("yes")),
        ("priority", json!(-1)),
        ("concurrency_max", json!(0)),
        ("models", json!({"": "a"})),
        ("models", json!("all")),
        ("messages_path", json!("v1/messages")),
        ("auth", json!("basic")),
        ("daily_quota", json!(5)),
        ("proxy", json!("http://p/x")),
    ] {
        let refused = operator.post(PATH, with(field, value.clone())).await;
        assert_eq!(refused.refusal(), ("unprocessable", vec![field]), "{value}");
    }
    assert_eq!(operator.get(PATH).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn another_credential_is_sealed_and_the_rest_stays() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let account = create(&operator, document()).await;
    let path = format!("{PATH}/{}", id(&account));
    operator.patch(&path, json!({"api_key": "other-key"})).await.expect(200);
    assert_eq!(secret_of(&plane, &id(&account)).await, "other-key");
    let changed = stored(&plane, &id(&account)).await;
    let (AccountSettings::ClaudeConsole(endpoint) | AccountSettings::Ccr(endpoint)) = changed.settings else {
        panic!("an account with an endpoint")
    };
    assert_eq!(endpoint.auth, AuthScheme::ApiKeyHeader, "the scheme was not asked to change");
    let usual = operator.patch(&path, json!({"auth": null})).await.expect(200);
    assert_eq!(usual["auth"], "bearer");
    for (field, value) in [("api_key", Value::Null), ("platform", Value::Null), ("platform", json!("ccr"))] {
        assert_eq!(operator.patch(&path, json!({field: value})).await.refusal(), ("unprocessable", vec![field]));
    }
}

#[tokio::test]
async fn null_sets_an_account_s_field_back() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let mut body = document();
    body["priority"] = json!(1);
    body["concurrency_max"] = json!(2);
    body["models"] = json!(["m"]);
    body["messages_path"] = json!("/x/messages");
    let path = format!("{PATH}/{}", id(&create(&operator, body).await));
    let cleared = json!({"priority": null, "weight": null, "stops_at_warning": null, "concurrency_max": null, "models": null, "messages_path": null});
    let account = operator.patch(&path, cleared).await.expect(200);
    assert_eq!((&account["priority"], &account["concurrency_max"]), (&json!(50), &Value::Null));
    assert_eq!((&account["weight"], &account["stops_at_warning"]), (&json!(10), &json!(false)));
    assert_eq!((&account["models"], &account["messages_path"]), (&json!({}), &Value::Null));
}

#[tokio::test]
async fn a_cooling_account_says_why_and_until_when_and_a_reset_ends_it() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let account = create(&operator, document()).await;
    let path = format!("{PATH}/{}", id(&account));
    let health = &plane.store.health;
    health.begin(&id(&account), &cooldown(&plane, CooldownScope::ModelFamily("opus".into()))).await.expect("begins");
    assert_eq!(operator.get(&path).await.expect(200)["state"]["status"], "limited");
    health.begin(&id(&account), &cooldown(&plane, CooldownScope::Account)).await.expect("begins");
    let read = operator.get(&path).await.expect(200);
    let listed = operator.get(PATH).await.expect(200)["items"][0].clone();
    for state in [&read["state"], &listed["state"]] {
        assert_eq!((&state["status"], &state["until"]), (&json!("cooling_down"), &json!("2026-11-23T09:31:00.000Z")));
        assert_eq!(
            state["last_error"],
            json!({"cause": "rate_limit", "status": 429, "at": "2026-11-23T09:30:00.000Z"})
        );
        assert_eq!(
            (state["cooldowns"].as_array().expect("a list").len(), state["reasons"].as_array().expect("a list").len()),
            (2, 2)
        );
    }
    let reset = operator.post(&format!("{path}/reset"), json!({})).await.expect(200);
    assert_eq!(
        reset["state"],
        json!({"status": "ready", "reasons": [], "until": null, "cooldowns": [], "last_error": null})
    );
}

#[tokio::test]
async fn a_removed_account_leaves_no_cooldown_and_no_bound_session() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let account = create(&operator, document()).await;
    let (path, id, now) = (format!("{PATH}/{}", id(&account)), id(&account), plane.clock.now());
    let session = AffinityKey::parse(&"a".repeat(64)).expect("a hash");
    plane.store.affinity.bind(&session, None, &id, Duration::from_secs(60), now).await.expect("binds");
    plane.store.health.begin(&id, &cooldown(&plane, CooldownScope::Account)).await.expect("begins");
    let refused = operator.send_if("\"9\"", Method::DELETE, &path, None).await;
    assert_eq!(refused.refusal().0, "precondition_failed");
    operator.delete(&path).await.expect(204);
    assert_eq!(operator.get(&path).await.refusal().0, "not_found");
    assert_eq!(operator.delete(&path).await.refusal().0, "not_found");
    assert_eq!(plane.store.affinity.get(&session, None, now).await.expect("reads"), None);
    assert_eq!(plane.store.health.of(&id, now).await.expect("reads"), []);
}

#[tokio::test]
async fn each_account_says_why_it_does_not_serve_a_key_and_a_model() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let mut ids = Vec::new();
    for (name, more) in [
        ("sound", json!({})),
        ("paused", json!({"schedulable": false})),
        ("limited", json!({})),
        ("doubtful", json!({})),
        ("other-model", json!({"models": ["m"]})),
    ] {
        let mut body = document();
        body["name"] = json!(name);
        body["priority"] = json!(ids.len() + 1);
        for (field, value) in more.as_object().expect("an object") {
            body[field] = value.clone();
        }
        ids.push(id(&create(&operator, body).await));
    }
    let overload = Cooldown { cause: CooldownCause::Overloaded, ..cooldown(&plane, CooldownScope::Account) };
    plane.store.health.begin(&ids[2], &cooldown(&plane, CooldownScope::Account)).await.expect("begins");
    plane.store.health.begin(&ids[3], &overload).await.expect("begins");
    let told = async |query: &str| -> Vec<(String, Option<String>)> {
        let page = operator.get(&format!("/admin/eligibility{query}")).await.expect(200);
        let text = |item: &Value, field: &str| item[field].as_str().map(str::to_owned);
        let items = page["items"].as_array().expect("a list").clone();
        items.iter().map(|item| (text(item, "verdict").expect("a verdict"), text(item, "reason"))).collect()
    };
    let out = |reason: &str| ("out".to_owned(), Some(reason.to_owned()));
    let all = told("?model=claude-opus-5").await;
    assert_eq!((&all[0], &all[1]), (&("sound".to_owned(), None), &out("paused")));
    assert_eq!(all[2], out("cooling down (rate_limit) until 2026-11-23T09:31:00.000Z"));
    assert_eq!((all[3].0.as_str(), &all[4]), ("doubtful", &out("does not serve the model")));
    let key = operator.post("/admin/api-keys", json!({"name": "k"})).await.expect(201);
    let path = format!("/admin/api-keys/{}", key["id"].as_str().expect("an id"));
    let bound = json!({"bindings": {"claude": {"type": "account", "id": ids[0].to_string()}}});
    operator.send_if("*", Method::PATCH, &path, Some(&bound)).await.expect(200);
    let asked = format!("?key={}", key["id"].as_str().expect("an id"));
    let of_key = told(&asked).await;
    assert_eq!((&of_key[0], &of_key[4]), (&("sound".to_owned(), None), &out("not what the key is bound to")));
    assert_eq!(told("?service=gemini").await, []);
    assert_eq!(told("?model=ccr,m").await, [], "the prefix asks for another platform");
    assert_eq!(operator.get("/admin/eligibility?key=nobody").await.refusal().0, "not_found");
    assert_eq!(operator.get("/admin/eligibility?model=").await.refusal().0, "invalid_request");
}

#[tokio::test]
async fn sticky_sessions_are_ended_by_account_by_key_by_group_and_all_at_once() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let path = "/admin/sticky-sessions";
    let key = AffinityScope::Key(KeyId::parse("k1").expect("an id"));
    let group = AffinityScope::Group(GroupId::parse("g1").expect("an id"));
    let account = |id| AccountId::parse(id).expect("an id");
    for (scope, session, to) in [(&key, "s1", "a"), (&key, "s2", "b"), (&group, "s1", "a"), (&group, "s2", "b")] {
        let (session, to) = (AffinityKey::of(scope, Service::Claude, session.as_bytes()), account(to));
        let bind = plane.store.affinity.bind(&session, None, &to, Duration::from_secs(60), plane.clock.now());
        bind.await.expect("binds");
    }
    for (query, ended) in [("?account=c", 0), ("?account=a", 2), ("?key=k1", 1), ("?group=g1", 1), ("", 0)] {
        let answered = operator.delete(&format!("{path}{query}")).await;
        assert_eq!(answered.expect(200), json!({"ended": ended}), "{query}");
    }
    for query in ["?account=a&key=k1", "?account=a%20b", "?group=", "?user=u"] {
        assert_eq!(operator.delete(&format!("{path}{query}")).await.refusal().0, "invalid_request", "{query}");
    }
    let viewer = plane.caller(Role::Viewer).await;
    assert_eq!(viewer.delete(path).await.refusal().0, "forbidden");
}

#[tokio::test]
async fn accounts_of_all_platforms_stand_in_one_list_in_one_order() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    for (number, platform) in ["claude-console", "ccr", "ccr", "claude-console", "ccr"].into_iter().enumerate() {
        let mut body = with("platform", json!(platform));
        body["priority"] = json!(10 - number);
        body["schedulable"] = json!(number != 2);
        create(&operator, body).await;
    }
    let priorities = async |query: &str| {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("{PATH}?order=priority&direction=asc&limit=2{query}{cursor}");
            let page = operator.get(&path).await.expect(200);
            seen.extend(
                page["items"]
                    .as_array()
                    .expect("items")
                    .iter()
                    .map(|item| item["priority"].as_u64().expect("a number")),
            );
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return seen,
            }
        }
    };
    assert_eq!(priorities("").await, [6, 7, 8, 9, 10]);
    assert_eq!(priorities("&platform=ccr").await, [6, 8, 9]);
    assert_eq!(priorities("&schedulable=false").await, [8]);
    assert_eq!(priorities("&platform=gemini").await, Vec::<u64>::new());
}

async fn upstream(reply: Reply) -> (ScriptedUpstream, Value) {
    let upstream = ScriptedUpstream::start(Script::always(reply)).await.expect("starts");
    let document = with("base_url", json!(upstream.base_url()));
    (upstream, document)
}

#[tokio::test]
async fn a_test_sends_one_tiny_request_and_leaves_a_record_of_what_it_cost() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let (upstream, document) = upstream(Reply::message(Answer::text("hi"))).await;
    let account = create(&operator, document).await;
    let report = operator.send(Method::POST, &format!("{PATH}/{}/test", id(&account)), None).await.expect(200);
    assert_eq!(
        (&report["ok"], &report["status"], &report["model"]),
        (&json!(true), &json!(200), &json!("claude-haiku-4-5"))
    );
    upstream.settled(1).await;
    let records = operator.get("/admin/usage/records").await.expect(200);
    let record = &records["items"][0];
    assert_eq!((&record["kind"], &record["outcome"]), (&json!("account_test"), &json!("completed")));
    assert_eq!((&record["request_id"], &record["cost_usd"]), (&report["request_id"], &json!("0.000100000")));
    assert_eq!((&record["account_id"], &record["note"]), (&account["id"], &json!("tested by operator")));
    let total = operator.get("/admin/usage").await.expect(200)["total"].clone();
    assert_eq!((&total["requests"], &total["attempts"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn a_test_tells_how_the_provider_refused() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let (_upstream, document) = upstream(Reply::error(ErrorKind::Authentication)).await;
    let account = create(&operator, document).await;
    let report =
        operator.post(&format!("{PATH}/{}/test", id(&account)), json!({"model": "claude-opus-5"})).await.expect(200);
    assert_eq!(
        (&report["ok"], &report["status"], &report["model"]),
        (&json!(false), &json!(401), &json!("claude-opus-5"))
    );
    let record = operator.get("/admin/usage/records").await.expect(200)["items"][0].clone();
    assert_eq!((&record["outcome"], &record["failure"]), (&json!("refused"), &json!("credential")));
    assert!(!report.to_string().contains(SECRET), "{report}");
}

#[tokio::test]
async fn a_test_repeats_what_the_provider_said_unless_it_tells_the_host_or_the_credential() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    for (words, told) in [
        ("the model is retired", "The upstream refused with 400 Bad Request. It said: the model is retired"),
        (&format!("no such key: {SECRET}"), "The upstream refused with 400 Bad Request."),
        ("http://127.0.0.1:1/v1 is no route", "The upstream refused with 400 Bad Request."),
    ] {
        let error = json!({"type": "error", "error": {"type": "invalid_request_error", "message": words}});
        let reply = Reply::bytes(400, "application/json", error.to_string()).with_header("request-id", words);
        let (_upstream, document) = upstream(reply).await;
        let account = create(&operator, document).await;
        let report = operator.post(&format!("{PATH}/{}/test", id(&account)), json!({})).await.expect(200);
        assert_eq!(report["message"], told);
        let path = format!("/admin/usage/records?request_id={}", report["request_id"].as_str().expect("an id"));
        let record = operator.get(&path).await.expect(200)["items"][0].clone();
        assert_eq!(record["upstream_request_id"] == "", !told.contains(words), "{record}");
    }
}

#[tokio::test]
async fn a_test_of_an_address_where_nobody_listens_says_so() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let nobody = testkit::upstream::refused_base_url().await.expect("a port");
    let account = create(&operator, with("base_url", json!(nobody))).await;
    let report = operator.post(&format!("{PATH}/{}/test", id(&account)), json!({})).await.expect(200);
    assert_eq!((&report["ok"], &report["status"]), (&json!(false), &Value::Null));
    let record = operator.get("/admin/usage/records").await.expect(200)["items"][0].clone();
    assert_eq!(record["failure"], "connect");
}

#[tokio::test]
async fn a_test_asks_only_for_models_that_the_account_serves() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let (_upstream, mut document) = upstream(Reply::message(Answer::text("hi"))).await;
    document["models"] = json!({"claude-opus-5": "glm-5"});
    let path = format!("{PATH}/{}/test", id(&create(&operator, document).await));
    assert_eq!(operator.post(&path, json!({})).await.expect(200)["model"], "glm-5");
    assert_eq!(operator.post(&path, json!({"model": "other"})).await.refusal(), ("unprocessable", vec!["model"]));
}
