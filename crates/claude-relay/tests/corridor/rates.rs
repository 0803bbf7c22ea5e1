//! Rate multipliers: the rated cost in the books is the list cost times the key's factor, or else the relay's.

use crate::support::{Form, Site, eventually};
use domain::NanoUsd;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::Script;

/// How soon a change must count.
const EFFECTIVE_MAX: Duration = Duration::from_secs(1);

fn nanos(record: &Value, field: &str) -> i128 {
    NanoUsd::parse_usd(record[field].as_str().unwrap()).unwrap().0
}

/// Asks until the record names this factor, within the time that a change may take; none: until it names none.
async fn rated_by(site: &Site, factor: Option<&str>, changed: Instant) -> Value {
    let suffix = factor.map(|factor| format!("~{factor}"));
    eventually("the change counts", async || {
        let answered = site.ask(Form::Json).await;
        let sent_at = Instant::now();
        let record = site.record_of(&answered).await;
        let price = record["price"].as_str().unwrap();
        let counts = suffix.as_ref().map_or(!price.contains('~'), |suffix| price.ends_with(suffix));
        assert!(counts || sent_at.duration_since(changed) < EFFECTIVE_MAX, "not within {EFFECTIVE_MAX:?}: {price}");
        counts.then_some(record)
    })
    .await
}

async fn set_relay(site: &Site, rates: Value) -> Instant {
    let body = json!({"rate_multipliers": rates});
    let answered = site.admin.send(http::Method::PUT, "/admin/rate-multipliers", Some(&body)).await.unwrap();
    assert_eq!(answered.status, 200, "{answered:?}");
    Instant::now()
}

async fn set_key(site: &Site, rates: Value) -> Instant {
    let path = format!("/admin/api-keys/{}", site.key.id);
    site.admin.patch(&path, &json!({"rate_multipliers": rates})).await.unwrap();
    Instant::now()
}

#[tokio::test]
async fn the_rated_cost_is_the_list_cost_times_the_factor_of_the_key_or_else_of_the_relay() {
    let site = Site::start(Script::default()).await;
    let plain = rated_by(&site, None, Instant::now()).await;
    let list = nanos(&plain, "cost_usd");
    assert!(list > 0 && nanos(&plain, "rated_cost_usd") == list, "{plain}");
    let set = set_relay(&site, json!({"claude-console": "1.5", "ccr": "7"})).await;
    let relay_rated = rated_by(&site, Some("1.5"), set).await;
    assert_eq!((nanos(&relay_rated, "cost_usd"), nanos(&relay_rated, "rated_cost_usd")), (list, list * 3 / 2));
    let set = set_key(&site, json!({"claude-console": "0.2"})).await;
    let key_rated = rated_by(&site, Some("0.2"), set).await;
    assert_eq!((nanos(&key_rated, "cost_usd"), nanos(&key_rated, "rated_cost_usd")), (list, list / 5));
    let set = set_key(&site, json!({"ccr": "9"})).await;
    rated_by(&site, Some("1.5"), set).await;
    let set = set_relay(&site, json!({})).await;
    rated_by(&site, None, set).await;
}

#[tokio::test]
async fn the_books_keep_list_and_rated_cost_apart_and_sum_both() {
    let site = Site::start(Script::default()).await;
    let set = set_key(&site, json!({"claude-console": "0"})).await;
    rated_by(&site, Some("0"), set).await;
    let set = set_key(&site, json!({"claude-console": "2.5"})).await;
    rated_by(&site, Some("2.5"), set).await;
    let (records, key) = (site.records().await, format!("/admin/api-keys/{}", site.key.id));
    let sum = |field: &str| records.iter().map(|record| nanos(record, field)).sum::<i128>();
    let (list, rated) = (sum("cost_usd"), sum("rated_cost_usd"));
    assert_ne!(list, rated);
    let total = site.admin.usage().await.unwrap()["total"].clone();
    assert_eq!((nanos(&total, "cost_usd"), nanos(&total, "rated_cost_usd")), (list, rated));
    let used = site.admin.get(&key).await.unwrap()["usage"].clone();
    assert_eq!((nanos(&used, "cost_usd"), nanos(&used, "rated_cost_usd")), (list, rated));
    assert_eq!(nanos(&used, "rated_cost_month_usd"), rated);
}
