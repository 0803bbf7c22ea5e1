//! Top lists, trends, users, and a request with all its attempts.

use crate::{
    books::message,
    plane::{Plane, Reply},
    usage::{at, record},
};
use accounting::{PriceTable, PriceTraits, Pricing};
use domain::{Attempt, Calendar, NanoUsd, Outcome, Platform, Role, TokenUsage, UserId};
use serde_json::{Value, json};

fn of_user(user: &str, attempt: Attempt) -> Attempt {
    Attempt { user: UserId::parse(user).ok(), ..attempt }
}

/// k1 of u1 twice, k2 of u2 once and dearer, k3 of nobody three times and cheaper; over three days.
async fn six_messages() -> Plane {
    let plane = Plane::new().await;
    let cheap = |request: &str, day: &str| Attempt {
        cost: NanoUsd(1000),
        usage: TokenUsage { input: 1000, ..TokenUsage::ZERO },
        platform: Some(Platform::Ccr),
        model: "other".into(),
        ..message(request, "k3", "a2", at(day))
    };
    record(
        &plane,
        vec![
            of_user("u1", message("r1", "k1", "a1", at("2026-11-21T08:00:00Z"))),
            of_user("u1", message("r2", "k1", "a1", at("2026-11-23T08:00:00Z"))),
            of_user(
                "u2",
                Attempt { cost: NanoUsd(9_000_000), ..message("r3", "k2", "a2", at("2026-11-23T08:30:00Z")) },
            ),
            cheap("r4", "2026-11-21T09:00:00Z"),
            cheap("r5", "2026-11-23T09:00:00Z"),
            cheap("r6", "2026-11-23T09:10:00Z"),
        ],
    )
    .await;
    plane
}

fn ids(answer: &Value, list: &str) -> Vec<String> {
    let items = answer[list].as_array().expect("a list").iter();
    items.map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

fn requests(points: &Value) -> Vec<u64> {
    points.as_array().expect("points").iter().map(|point| point["requests"].as_u64().expect("a number")).collect()
}

#[tokio::test]
async fn a_top_list_has_the_order_that_is_asked_for() {
    let plane = six_messages().await;
    let viewer = plane.caller(Role::Viewer).await;
    for (query, expected) in [
        ("by=key", vec!["k2", "k1", "k3"]),
        ("by=key&order=requests", vec!["k3", "k1", "k2"]),
        ("by=key&order=tokens&limit=1", vec!["k3"]),
        ("by=user", vec!["u2", "u1", ""]),
        ("by=account&order=cost", vec!["a2", "a1"]),
        ("by=model&order=tokens", vec!["other", "claude-opus-5"]),
        ("by=platform&from=2026-11-23T09", vec!["ccr"]),
        ("by=platform&from=2026-11&to=2026-11", vec!["claude-console", "ccr"]),
    ] {
        let answer = viewer.get(&format!("/admin/usage/top?{query}")).await.expect(200);
        assert_eq!(ids(&answer, "items"), expected, "{query}");
    }
    let answer = viewer.get("/admin/usage/top?by=key&limit=1").await.expect(200);
    assert_eq!(answer["total"]["requests"], 6, "the total counts those that are not listed");
}

#[tokio::test]
async fn a_top_list_has_names_beside_ids() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let key = operator.post("/admin/api-keys", json!({"name": "laptop of Ada"})).await.expect(201);
    let key = key["id"].as_str().expect("an id").to_owned();
    record(&plane, vec![message("r1", &key, "gone", at("2026-11-23T08:00:00Z"))]).await;
    let name = async |by: &str| {
        let answer = operator.get(&format!("/admin/usage/top?by={by}")).await.expect(200);
        answer["items"][0]["name"].clone()
    };
    assert_eq!(name("key").await, "laptop of Ada");
    assert_eq!(name("account").await, Value::Null);
    assert_eq!(name("model").await, "claude-opus-5");
}

#[tokio::test]
async fn a_trend_has_every_bucket_and_its_parts_sum_up_to_the_whole() {
    let plane = six_messages().await;
    let viewer = plane.caller(Role::Viewer).await;
    let answer =
        viewer.get("/admin/usage/trend?period=day&by=key&limit=1&from=2026-11-20&to=2026-11-23").await.expect(200);
    assert_eq!(answer["buckets"], json!(["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"]));
    assert_eq!(ids(&answer, "series"), ["k2"]);
    assert_eq!(requests(&answer["series"][0]["points"]), [0, 0, 0, 1]);
    assert_eq!(requests(&answer["other"]), [0, 2, 0, 3]);
    assert_eq!(requests(&answer["total"]), [0, 2, 0, 4]);
    let users = viewer.get("/admin/usage/trend?period=hour&by=user").await.expect(200);
    assert_eq!(users["buckets"].as_array().expect("buckets").len(), 24);
    assert_eq!(ids(&users, "series"), ["u2", "u1"], "nobody is among the others");
    assert_eq!(requests(&users["other"]).iter().sum::<u64>(), 2);
    let total = viewer.get("/admin/usage/trend?period=month").await.expect(200);
    assert_eq!((requests(&total["total"]).len(), requests(&total["total"])[11]), (12, 6));
}

#[tokio::test]
async fn usage_of_a_user_is_that_of_its_keys_as_owned_when_used() {
    let plane = six_messages().await;
    let viewer = plane.caller(Role::Viewer).await;
    let count = async |query: &str| viewer.get(&format!("/admin/usage?{query}")).await.expect(200);
    assert_eq!(count("user=u1").await["total"]["requests"], 2);
    let keys = count("user=u1&by=key").await;
    assert_eq!((&keys["items"][0]["key_id"], &keys["items"][0]["requests"]), (&json!("k1"), &json!(2)));
    let users = count("by=user").await;
    let listed: Vec<_> = users["items"].as_array().expect("items").iter().map(|item| item["user_id"].clone()).collect();
    assert_eq!(listed, ["u2", "u1", ""]);
    let records = viewer.get("/admin/usage/records?user=u2").await.expect(200);
    assert_eq!(
        (records["items"].as_array().map(Vec::len), &records["items"][0]["request_id"]),
        (Some(1), &json!("r3"))
    );
    let ccr = viewer.get("/admin/usage/records?platform=ccr&status=200").await.expect(200);
    assert_eq!(ccr["items"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused_by_name() {
    let plane = Plane::new().await;
    let viewer = plane.caller(Role::Viewer).await;
    let refused = async |path: &str| -> Reply { viewer.get(&format!("/admin/usage/{path}")).await };
    for (path, field) in [
        ("top?by=key&limit=101", "limit"),
        ("top?by=key&from=2026-10-23", "from"),
        ("top?by=key&to=2026-10-23", "to"),
        ("trend?period=day&limit=21", "limit"),
        ("trend?period=hour&from=2026-11-15", "from"),
        ("trend?period=day&to=9999-12-31&from=2026-11-23", "from"),
    ] {
        assert_eq!(refused(path).await.refusal(), ("invalid_request", vec![field]), "{path}");
    }
    for path in ["top", "top?by=week", "top?by=key&order=x", "trend", "trend?period=year"] {
        assert_eq!(refused(path).await.refusal().0, "invalid_request", "{path}");
    }
}

#[tokio::test]
async fn a_request_is_read_with_all_its_attempts() {
    let plane = Plane::new().await;
    let made = "019ab0a7-b2c0-7000-8000-000000000001";
    for id in ["r1", made] {
        let failed = Attempt {
            is_final: false,
            outcome: Outcome::Refused,
            status: Some(529),
            ..message(id, "k1", "a1", at("2026-11-23T08:00:00Z"))
        };
        let served = Attempt { attempt_no: 2, note: "priority".into(), ..message(id, "k1", "a2", failed.admitted_at) };
        record_after(&plane, vec![failed, served]).await;
    }
    let viewer = plane.caller(Role::Viewer).await;
    for id in ["r1", made] {
        let answer = viewer.get(&format!("/admin/usage/records/{id}")).await.expect(200);
        let told: Vec<_> =
            answer["attempts"].as_array().expect("attempts").iter().map(|one| &one["account_id"]).collect();
        assert_eq!(told, ["a1", "a2"], "{id}");
        assert_eq!((&answer["total"]["requests"], &answer["total"]["attempts"]), (&json!(1), &json!(2)));
        assert_eq!(answer["attempts"][1]["note"], "priority");
    }
    assert_eq!(viewer.get("/admin/usage/records/r9").await.refusal().0, "not_found");
}

/// Records as the reference store takes them: in one batch of an epoch of their own.
async fn record_after(plane: &Plane, attempts: Vec<Attempt>) {
    let epoch = store::Epoch(attempts[0].request_id.as_str().into());
    plane.store.ledger.apply(&store::Batch { epoch, number: 1, attempts }).await.expect("applied");
}

#[tokio::test]
async fn a_record_s_cost_is_broken_down_and_the_parts_sum_up_to_it() {
    let plane = Plane::new().await;
    let mut attempt = message("r1", "k1", "a1", at("2026-11-23T08:00:00Z"));
    let (day, traits) = (Calendar::utc().day(attempt.admitted_at), PriceTraits::default());
    let asked = Pricing { model: "claude-opus-4-5", dialect: attempt.dialect, day, usage: &attempt.usage, traits };
    let priced = PriceTable::embedded().price(&asked);
    (attempt.cost, attempt.price) = (priced.cost, priced.price);
    record(&plane, vec![attempt]).await;
    let viewer = plane.caller(Role::Viewer).await;
    let listed = viewer.get("/admin/usage/records").await.expect(200)["items"][0].clone();
    let parts = &listed["cost_breakdown"];
    let usd = |text: &Value| NanoUsd::parse_usd(text.as_str().expect("a text")).expect("dollars");
    let classes = ["input", "output", "cache_write_5m", "cache_write_1h", "cache_read"];
    let sum: NanoUsd = classes.iter().map(|class| usd(&parts[*class]["cost_usd"])).sum();
    assert_eq!((sum, &parts["input"]["tokens"]), (usd(&listed["cost_usd"]), &json!(10)));
    assert_eq!(parts["input"]["price_per_million_usd"], "5.000000000");
}
