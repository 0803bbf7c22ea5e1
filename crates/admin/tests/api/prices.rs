//! Prices over HTTP.

use crate::plane::Plane;
use domain::Role;
use http::Method;
use serde_json::{Value, json};
use store::{Family, nouns::ModelPricingRecord, records::TypedRecords};

const PATH: &str = "/admin/model-pricing";

fn price(input: &str) -> Value {
    json!({"provider": "anthropic", "prices": [{"tiers": [{"input": input, "output": 15}]}]})
}

#[tokio::test]
async fn an_own_price_stands_over_the_table_s_until_it_is_removed() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let path = format!("{PATH}/claude-haiku-4-5");
    let before = operator.get(&path).await;
    assert_eq!(before.headers["etag"], "\"0\"");
    let before = before.expect(200);
    assert_eq!(
        (&before["source"], &before["price"]["prices"][0]["tiers"][0]["input"]),
        (&json!("embedded"), &json!("1"))
    );
    let set = operator.put(&path, price("2.5")).await;
    assert_eq!(set.headers["etag"], "\"1\"");
    let set = set.expect(200);
    assert_eq!((&set["source"], &set["price"]["prices"][0]["tiers"][0]["input"]), (&json!("api"), &json!("2.5")));
    assert_eq!(operator.get(&path).await.expect(200), set);
    operator.delete(&path).await.expect(204);
    assert_eq!(operator.get(&path).await.expect(200), before);
    assert_eq!(operator.delete(&path).await.refusal().0, "not_found");
}

#[tokio::test]
async fn an_own_price_is_kept_as_the_price_table_prints_it() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    operator.put(&format!("{PATH}/zai%2Fglm_5.1"), price("0.1")).await.expect(200);
    let found = plane.store.records.read::<ModelPricingRecord>("zai_2Fglm_5F5_2E1").await;
    let record = found.expect("reads").expect("exists").record;
    let stored = accounting::ModelPrice::parse_json(&record.document).expect("a price");
    assert_eq!(stored.model(), "zai/glm_5.1");
    assert_eq!(stored.prices()[0].tiers[0].classes.input, domain::PicoUsd(100_000));
}

#[tokio::test]
async fn a_number_is_taken_as_it_is_written_down_to_the_last_digit() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let mut document = price("1");
    document["prices"][0]["tiers"][0]["input"] = json!(0.3);
    let set = operator.put(&format!("{PATH}/m"), document).await.expect(200);
    assert_eq!(set["price"]["prices"][0]["tiers"][0]["input"], "0.3");
}

#[tokio::test]
async fn a_price_is_changed_only_at_the_version_that_was_read() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let path = format!("{PATH}/m");
    let refused = operator.send_if("\"3\"", Method::PUT, &path, Some(&price("1"))).await;
    assert_eq!(refused.refusal().0, "precondition_failed");
    operator.send_if("\"0\"", Method::PUT, &path, Some(&price("1"))).await.expect(200);
    operator.send_if("\"1\"", Method::PUT, &path, Some(&price("2"))).await.expect(200);
    for method in [Method::PUT, Method::DELETE] {
        let refused = operator.send_if("\"1\"", method, &path, Some(&price("3"))).await;
        assert_eq!(refused.refusal().0, "precondition_failed");
    }
}

#[tokio::test]
async fn a_wrong_price_is_refused_with_its_field() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let cases = [
        (price("-1"), "tiers.input"),
        (price("abc"), "tiers.input"),
        (json!({"provider": "nobody", "prices": [{"tiers": [{"input": 1, "output": 1}]}]}), "provider"),
        (json!({"provider": "other", "prices": []}), "prices"),
        (json!({"provider": "other", "prices": [{"from": "soon", "tiers": [{"input": 1, "output": 1}]}]}), "from"),
        (json!({"provider": "other", "prices": [{"tiers": [{"input": 1}]}]}), "prices[0].tiers[0]"),
        (json!({"model": "n", "provider": "other", "prices": [{"tiers": [{"input": 1, "output": 1}]}]}), "model"),
    ];
    for (document, field) in cases {
        let refused = operator.put(&format!("{PATH}/m"), document.clone()).await;
        assert_eq!(refused.refusal(), ("unprocessable", vec![field]), "{document}");
    }
    assert_eq!(plane.store.records.count(Family::ModelPricing, &[]).await.expect("counts"), 0);
}

#[tokio::test]
async fn the_table_is_searched_and_walked_page_by_page() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    operator.put(&format!("{PATH}/own-haiku"), price("1")).await.expect(200);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = operator.get(&format!("{PATH}?q=HAIKU&limit=2{cursor}")).await.expect(200);
        let items = page["items"].as_array().expect("items").clone();
        seen.extend(items.iter().map(|item| item["price"]["model"].as_str().expect("a name").to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(seen.len() > 4 && seen.is_sorted() && seen.iter().all(|name| name.contains("haiku")), "{seen:?}");
    let own = operator.get(&format!("{PATH}?source=api")).await.expect(200);
    assert_eq!(own["items"].as_array().expect("items").len(), 1);
}

#[tokio::test]
async fn a_model_without_a_price_is_not_found() {
    let plane = Plane::new().await;
    let viewer = plane.caller(Role::Viewer).await;
    for model in ["unheard-of", "a%20b", "%ff"] {
        assert_eq!(viewer.get(&format!("{PATH}/{model}")).await.refusal().0, "not_found", "{model}");
    }
}
