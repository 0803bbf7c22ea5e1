//! Lists of API keys in the orders that the books say.

use crate::{
    books::{TestBooks, message},
    plane::{Caller, Plane},
};
use admin::Books as _;
use async_trait::async_trait;
use domain::{Attempt, KeyId, NanoUsd, Outcome, Role, Timestamp};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use store::{Rankings, StoreError, rankings::Days};
use tokio::sync::Semaphore;

const PATH: &str = "/admin/api-keys";

async fn create(plane: &Plane, caller: &Caller<'_>, name: &str, tag: &str) -> String {
    // Ids that are made later sort later.
    plane.clock.advance(Duration::from_secs(1));
    let key = caller.post(PATH, json!({"name": name, "tags": [tag]})).await.expect(201);
    key["id"].as_str().expect("an id").to_owned()
}

/// Uses a key once, so many hours from now.
async fn used(plane: &Plane, books: &TestBooks, key: &str, hours: u64, model: &str, cost: i128) {
    let admitted_at = plane.clock.now().plus(Duration::from_secs(3600 * hours));
    let attempt = message(&format!("r-{key}"), key, "a1", admitted_at);
    let attempt = Attempt { model: model.into(), cost_rated: NanoUsd(cost), ..attempt };
    let opening = Attempt { outcome: Outcome::Crashed, ..attempt.clone() };
    books.open(&opening).await.expect("opens").close(attempt).await.expect("closes");
}

async fn names(caller: &Caller<'_>, query: &str) -> String {
    let page = caller.get(&format!("{PATH}?{query}")).await.expect(200);
    page["items"].as_array().expect("items").iter().map(|key| key["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn keys_are_ordered_by_last_use_and_by_rated_cost_page_after_page() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let books = TestBooks::new(Arc::clone(&plane.store.ledger));
    for (name, hours, cost) in [("a", 1, 5), ("b", 3, 2), ("c", 0, 0), ("d", 2, 2)] {
        let id = create(&plane, &operator, name, if cost == 2 { "two" } else { "other" }).await;
        if hours > 0 {
            used(&plane, &books, &id, hours, "claude-opus-5", cost).await;
        }
    }
    // This node may have read the books before; another one reads them now.
    let node = plane.another_node(|_| ()).await;
    let operator = node.caller(Role::Operator).await;
    assert_eq!(names(&operator, "order=last_used").await, "bdac");
    assert_eq!(names(&operator, "order=last_used&direction=asc").await, "cadb");
    assert_eq!(names(&operator, "order=last_used&tag=two").await, "bd");
    assert_eq!(names(&operator, "order=cost").await, "adbc");
    assert_eq!(names(&operator, "order=cost&from=2026-11-20&to=2026-11-22").await, "dcba");
    let mut paged = String::new();
    let mut next = String::new();
    loop {
        let page = operator.get(&format!("{PATH}?order=cost&limit=1{next}")).await.expect(200);
        paged += page["items"][0]["name"].as_str().expect("a name");
        assert_eq!(page["items"][0]["usage"]["requests"], u64::from(page["items"][0]["name"] != "c"));
        assert_eq!(page["books_as_of"], json!(null));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(paged, "adbc");
    let refused = operator.get(&format!("{PATH}?order=last_used{next}")).await;
    assert_eq!(refused.refusal(), ("invalid_request", vec!["cursor"]));
    // A key that is made or deleted shows at once, however old the order is.
    let new = create(&plane, &operator, "e", "new").await;
    assert_eq!(names(&operator, "order=last_used").await, "bdaec");
    operator.delete(&format!("{PATH}/{new}")).await.expect(204);
    assert_eq!(names(&operator, "order=last_used").await, "bdac");
}

#[tokio::test]
async fn keys_are_found_by_a_model_that_they_used_in_some_days() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let books = TestBooks::new(Arc::clone(&plane.store.ledger));
    for (name, hours, model) in [("a", 1, "claude-opus-5"), ("b", 0, "claude-haiku-5"), ("c", 30, "claude-opus-5")] {
        let id = create(&plane, &operator, name, "t").await;
        used(&plane, &books, &id, hours, model, 1).await;
    }
    create(&plane, &operator, "d", "t").await;
    assert_eq!(names(&operator, "model=claude-opus-5&to=2026-11-24&order=name&direction=asc").await, "ac");
    assert_eq!(names(&operator, "model=claude-opus-5&to=2026-11-23").await, "a");
    assert_eq!(names(&operator, "model=claude-opus-5&to=2026-11-24&q=nobody").await, "");
    assert_eq!(names(&operator, "model=nobody-s").await, "");
    let first = operator.get(&format!("{PATH}?model=claude-opus-5&to=2026-11-24&order=name&limit=1")).await.expect(200);
    let cursor = first["next_cursor"].as_str().expect("a next page");
    assert_eq!(names(&operator, &format!("model=claude-opus-5&to=2026-11-24&order=name&cursor={cursor}")).await, "a");
    for (query, name) in [
        ("from=2026-11-01", "from"),
        ("order=last_used&to=2026-11-01", "to"),
        ("model=a b", "model"),
        ("model=m&from=2026-11", "from"),
        ("model=m&to=0000-01-01", "to"),
        ("model=m&from=2026-11-24&to=2026-11-23", "from"),
        ("order=cost&from=2025-11-01", "from"),
    ] {
        let refused = operator.get(&format!("{PATH}?{}", query.replace(' ', "%20"))).await;
        assert_eq!(refused.refusal(), ("invalid_request", vec![name]), "{query}");
    }
}

/// Books that are read as often as the test lets them be.
struct Slow {
    rankings: Arc<dyn Rankings>,
    free: Semaphore,
}

#[async_trait]
impl Rankings for Slow {
    async fn last_uses(&self) -> Result<Vec<(KeyId, Timestamp)>, StoreError> {
        self.free.acquire().await.expect("open").forget();
        self.rankings.last_uses().await
    }

    async fn rated_costs(&self, days: Days) -> Result<Vec<(KeyId, NanoUsd)>, StoreError> {
        self.rankings.rated_costs(days).await
    }

    async fn keys_of_model(&self, model: &str, days: Days) -> Result<Vec<KeyId>, StoreError> {
        self.rankings.keys_of_model(model, days).await
    }
}

#[tokio::test]
async fn an_order_that_is_older_than_a_moment_is_given_at_once_and_says_so() {
    let plane = Plane::new().await;
    let slow = Arc::new(Slow { rankings: Arc::clone(&plane.store.rankings), free: Semaphore::new(1) });
    let node = plane.another_node(|store| store.rankings = Arc::clone(&slow) as _).await;
    let operator = node.caller(Role::Operator).await;
    for name in ["a", "b"] {
        create(&plane, &operator, name, "t").await;
    }
    let listed = async || operator.get(&format!("{PATH}?order=last_used")).await.expect(200);
    assert_eq!(listed().await["books_as_of"], json!(null));
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(20)).await;
    tokio::time::resume();
    let older = listed().await;
    let as_of = older["books_as_of"].as_str().expect("an instant");
    assert!(as_of <= &*plane.clock.now().minus(Duration::from_secs(20)).to_string(), "{as_of}");
    assert_eq!(older["items"].as_array().expect("items").len(), 2);
    slow.free.add_permits(Semaphore::MAX_PERMITS / 2);
    while listed().await["books_as_of"] != json!(null) {}
}
