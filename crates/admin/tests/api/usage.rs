//! Sums and records over HTTP.

use crate::{
    books::{TestBooks, message},
    plane::Plane,
};
use admin::Books as _;
use domain::{Attempt, Outcome, Role, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) async fn record(plane: &Plane, attempts: Vec<Attempt>) {
    let books = TestBooks::new(Arc::clone(&plane.store.ledger));
    for attempt in attempts {
        let opening = Attempt { outcome: Outcome::Crashed, ..attempt.clone() };
        books.open(&opening).await.expect("opens").close(attempt).await.expect("closes");
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("RFC 3339")
}

/// Two messages of k1 over a1, one a day; one of k2 over a2 with another model that did not complete.
async fn three_messages() -> Plane {
    let plane = Plane::new().await;
    let other = Attempt {
        model: "claude-haiku-5-5".into(),
        outcome: Outcome::Refused,
        ..message("r3", "k2", "a2", at("2026-11-23T09:29:00Z"))
    };
    record(
        &plane,
        vec![
            message("r1", "k1", "a1", at("2026-11-22T23:59:59Z")),
            message("r2", "k1", "a1", at("2026-11-23T08:00:00Z")),
            other,
        ],
    )
    .await;
    plane
}

/// What a row is told apart by, with its requests.
type Row = (Vec<String>, u64);

fn rows(answer: &Value, fields: &[&str]) -> Vec<Row> {
    let row = |item: &Value| {
        let names = fields.iter().map(|field| item[*field].as_str().expect("told apart").to_owned()).collect();
        (names, item["requests"].as_u64().expect("a number"))
    };
    answer["items"].as_array().expect("items").iter().map(row).collect()
}

fn row(names: &[&str], requests: u64) -> Row {
    (names.iter().map(|&name| name.to_owned()).collect(), requests)
}

#[tokio::test]
async fn the_total_is_the_sum_of_the_records() {
    let plane = three_messages().await;
    let viewer = plane.caller(Role::Viewer).await;
    let answer = viewer.get("/admin/usage").await.expect(200);
    assert_eq!(
        (&answer["from"], &answer["to"], &answer["items"]),
        (&json!("2026-10-25"), &json!("2026-11-23"), &json!([]))
    );
    let total = &answer["total"];
    let expected = json!({"requests": 3, "attempts": 3, "failures": 1, "input_tokens": 30, "output_tokens": 15,
        "cache_write_5m_tokens": 9, "cache_write_1h_tokens": 6, "cache_read_tokens": 3, "total_tokens": 63,
        "cost_usd": "0.003750000", "rated_cost_usd": "0.003750000"});
    assert_eq!(total, &expected);
}

#[tokio::test]
async fn each_way_to_tell_rows_apart_has_the_same_total() {
    let plane = three_messages().await;
    let viewer = plane.caller(Role::Viewer).await;
    let cases: [(&str, &[&str], Vec<Row>); 6] = [
        ("day", &["bucket"], vec![row(&["2026-11-22"], 1), row(&["2026-11-23"], 2)]),
        ("month", &["bucket"], vec![row(&["2026-11"], 3)]),
        ("key", &["key_id"], vec![row(&["k1"], 2), row(&["k2"], 1)]),
        ("account", &["account_id"], vec![row(&["a1"], 2), row(&["a2"], 1)]),
        ("platform", &["platform"], vec![row(&["claude-console"], 3)]),
        ("model", &["model"], vec![row(&["claude-opus-5"], 2), row(&["claude-haiku-5-5"], 1)]),
    ];
    for (by, fields, expected) in cases {
        let answer = viewer.get(&format!("/admin/usage?by={by}")).await.expect(200);
        assert_eq!(rows(&answer, fields), expected, "{by}");
        assert_eq!((&answer["total"]["requests"], &answer["truncated"]), (&json!(3), &json!(false)), "{by}");
    }
    let hours = viewer.get("/admin/usage?by=hour,key").await.expect(200);
    let expected =
        [row(&["2026-11-22T23", "k1"], 1), row(&["2026-11-23T08", "k1"], 1), row(&["2026-11-23T09", "k2"], 1)];
    assert_eq!(rows(&hours, &["bucket", "key_id"]), expected);
}

#[tokio::test]
async fn sums_are_limited_to_days_keys_accounts_and_models() {
    let plane = three_messages().await;
    let viewer = plane.caller(Role::Viewer).await;
    for (query, requests) in [
        ("from=2026-11-23", 2),
        ("to=2026-11-22", 1),
        ("from=2026-11-23T09&to=2026-11-23T09", 1),
        ("from=2026-11&to=2026-11", 3),
        ("key=k1", 2),
        ("by=model&key=k1&from=2026-11-23", 1),
        ("account=a2", 1),
        ("platform=ccr", 0),
        ("model=claude-haiku-5-5", 1),
    ] {
        let answer = viewer.get(&format!("/admin/usage?{query}")).await.expect(200);
        assert_eq!(answer["total"]["requests"], requests, "{query}");
    }
}

#[tokio::test]
async fn rows_beyond_the_limit_are_counted_in_the_total() {
    let plane = three_messages().await;
    let viewer = plane.caller(Role::Viewer).await;
    let answer = viewer.get("/admin/usage?by=key&limit=1").await.expect(200);
    assert_eq!(rows(&answer, &["key_id"]), [row(&["k1"], 2)]);
    assert_eq!((&answer["truncated"], &answer["total"]["requests"]), (&json!(true), &json!(3)));
}

#[tokio::test]
async fn questions_that_the_sums_cannot_answer_are_refused() {
    let plane = Plane::new().await;
    let viewer = plane.caller(Role::Viewer).await;
    for query in [
        "by=week",
        "by=key,account",
        "by=key&account=a1",
        "from=x",
        "from=2026-11-24",
        "from=2026-10-23",
        "from=2026-11-15T23",
        "user=%20",
        "user=u1&account=a1",
        "limit=0",
        "key=%20",
        "x=1",
    ] {
        assert_eq!(viewer.get(&format!("/admin/usage?{query}")).await.refusal().0, "invalid_request", "{query}");
    }
}

#[tokio::test]
async fn dates_before_the_first_year_are_refused_by_name_and_the_last_ones_are_not() {
    let plane = Plane::new().await;
    let viewer = plane.caller(Role::Viewer).await;
    for query in ["?to=0000-01-01", "?to=0000-12", "?to=0000-01-01T09", "/records?to=0000-01-01"] {
        let refused = viewer.get(&format!("/admin/usage{query}")).await;
        assert_eq!(refused.refusal(), ("invalid_request", vec!["to"]), "{query}");
    }
    for instant in ["0000-12-31T23:59:59Z", "-000001-01-01T00:00:00Z"] {
        let refused = viewer.get(&format!("/admin/usage/records?from={instant}")).await;
        assert_eq!(refused.refusal(), ("invalid_request", vec!["from"]), "{instant}");
    }
    for query in ["?to=0001-01", "?to=9999-12-31", "?to=9999-12-31T23", "?to=9999-12", "/records?to=9999-12-31"] {
        viewer.get(&format!("/admin/usage{query}")).await.expect(200);
    }
}

#[tokio::test]
async fn a_record_shows_all_that_the_ledger_keeps() {
    let plane = three_messages().await;
    let viewer = plane.caller(Role::Viewer).await;
    let record = viewer.get("/admin/usage/records?request_id=r2").await.expect(200)["items"][0].clone();
    let expected = json!({
        "request_id": "r2", "attempt_no": 1, "final": true, "kind": "message", "key_id": "k1", "user_id": null,
        "account_id": "a1", "platform": "claude-console", "dialect": "anthropic", "model": "claude-opus-5",
        "model_requested": "claude-opus-5", "model_upstream": "claude-opus-5", "stream": true,
        "admitted_at": "2026-11-23T08:00:00.000Z", "started_at": "2026-11-23T08:00:00.000Z",
        "ended_at": "2026-11-23T08:00:01.500Z", "duration_ms": 1500, "first_byte_ms": 300, "outcome": "completed",
        "failure": null, "status": 200,
        "usage": {"input_tokens": 10, "output_tokens": 5, "cache_write_5m_tokens": 3, "cache_write_1h_tokens": 2,
            "cache_read_tokens": 1, "total_tokens": 21},
        "usage_source": "reported", "cost_usd": "0.001250000", "rated_cost_usd": "0.001250000",
        "price": "embedded-2026-11/claude-opus-5@always>0", "cost_breakdown": null, "client": "claude-cli/2.0", "upstream_request_id": "req_1",
        "note": "",
    });
    assert_eq!(record, expected);
}

#[tokio::test]
async fn records_are_filtered_and_walked_page_by_page() {
    let plane = three_messages().await;
    let viewer = plane.caller(Role::Viewer).await;
    let walk = async |query: &str| {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = viewer.get(&format!("/admin/usage/records?limit=1&{query}{cursor}")).await.expect(200);
            let items = page["items"].as_array().expect("items").clone();
            seen.extend(items.iter().map(|item| item["request_id"].as_str().expect("an id").to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return seen.join(" "),
            }
        }
    };
    assert_eq!(walk("").await, "r3 r2 r1");
    assert_eq!(walk("from=2026-11-23").await, "r3 r2");
    assert_eq!(walk("to=2026-11-22").await, "r1");
    assert_eq!(walk("from=2026-11-23T09:29:00Z").await, "r3");
    assert_eq!(walk("to=2026-11-23T09:29:00Z").await, "r2 r1");
    assert_eq!(walk("key=k1").await, "r2 r1");
    assert_eq!(walk("account=a2").await, "r3");
    assert_eq!(walk("model=claude-haiku-5-5").await, "r3");
    assert_eq!(walk("outcome=completed").await, "r2 r1");
    assert_eq!(walk("request_id=r9").await, "");
}

#[tokio::test]
async fn a_filter_that_makes_no_sense_is_refused() {
    let plane = Plane::new().await;
    let viewer = plane.caller(Role::Viewer).await;
    for query in [
        "from=yesterday",
        "outcome=lost",
        "key=a%20b",
        "cursor=e30",
        "limit=501",
        "by=day",
        "user=a%20b",
        "platform=x",
        "status=99",
    ] {
        let refused = viewer.get(&format!("/admin/usage/records?{query}")).await;
        assert_eq!(refused.refusal().0, "invalid_request", "{query}");
    }
}
