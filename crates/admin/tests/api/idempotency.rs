//! A request with a key may be sent again: it is done once, and answered the same, on whichever node.

use crate::plane::{Caller, PASSWORD, Plane, Reply, request};
use async_trait::async_trait;
use domain::{Role, Timestamp};
use http::{HeaderValue, Method, Request};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use store::{Family, Fence, Locks, StoreError};
use tokio::sync::Semaphore;
use vault::{EncryptionKey, Keyring};

const KEYS: &str = "/admin/api-keys";
const TOKENS: &str = "/admin/api-tokens";

fn keyed(caller: &Caller<'_>, path: &str, key: &str, body: &Value) -> Request<axum::body::Body> {
    let mut asked = request(Method::POST, path, Some(&caller.token), Some(body));
    asked.headers_mut().insert("idempotency-key", key.parse().expect("a header"));
    asked
}

/// Sends a POST with a key to a node.
async fn post(node: &Plane, caller: &Caller<'_>, path: &str, key: &str, body: Value) -> Reply {
    node.send(keyed(caller, path, key, &body)).await
}

fn is_replayed(reply: &Reply) -> bool {
    reply.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
}

async fn count(plane: &Plane, family: Family) -> u64 {
    plane.store.records.count(family, &[]).await.expect("a count")
}

#[tokio::test]
async fn the_same_request_is_done_once_and_answered_the_same_on_every_node() {
    let plane = Plane::new().await;
    let other = plane.another_node(|_| ()).await;
    let operator = plane.caller(Role::Operator).await;
    let first = post(&plane, &operator, KEYS, "k1", json!({"name": "a"})).await;
    assert!(!is_replayed(&first));
    let again = post(&other, &operator, KEYS, "k1", json!({"name": "a"})).await;
    assert!(is_replayed(&again));
    for header in ["etag", "location", "content-type"] {
        assert_eq!(first.headers[header], again.headers[header], "{header}");
    }
    assert_eq!((first.status, first.body), (again.status, again.body));
    assert_eq!(count(&plane, Family::ApiKey).await, 1);
}

#[tokio::test]
async fn another_request_with_the_key_is_refused_by_name() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    post(&plane, &operator, KEYS, "k1", json!({"name": "a"})).await.expect(201);
    let other = post(&plane, &operator, KEYS, "k1", json!({"name": "b"})).await;
    assert_eq!((other.status.as_u16(), other.refusal()), (422, ("unprocessable", vec!["Idempotency-Key"])));
    assert_eq!(count(&plane, Family::ApiKey).await, 1);
}

#[tokio::test]
async fn keys_of_other_callers_paths_and_days_are_other_keys() {
    let plane = Plane::new().await;
    let (operator, owner) = (plane.caller(Role::Operator).await, plane.caller(Role::Owner).await);
    let body = json!({"name": "a"});
    let first = post(&plane, &operator, KEYS, "k1", body.clone()).await.expect(201);
    let others = post(&plane, &owner, KEYS, "k1", body.clone()).await;
    assert!(!is_replayed(&others));
    let path = format!("{KEYS}/{}/regenerate", first["id"].as_str().expect("an id"));
    let elsewhere = post(&plane, &operator, &path, "k1", json!({})).await;
    assert!(!is_replayed(&elsewhere));
    plane.clock.advance(Duration::from_secs(24 * 3600 - 1));
    let operator = plane.caller(Role::Operator).await;
    assert!(is_replayed(&post(&plane, &operator, KEYS, "k1", body.clone()).await), "in another session");
    plane.clock.advance(Duration::from_secs(1));
    let next_day = post(&plane, &operator, KEYS, "k1", body).await;
    assert_eq!((next_day.status.as_u16(), is_replayed(&next_day)), (201, false));
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_by_name() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let long = "x".repeat(256);
    for key in ["", "a b", "\u{e9}", &long] {
        let mut asked = request(Method::POST, KEYS, Some(&operator.token), Some(&json!({"name": "a"})));
        asked.headers_mut().insert("idempotency-key", HeaderValue::from_bytes(key.as_bytes()).expect("a header"));
        let reply = plane.send(asked).await;
        assert_eq!(
            (reply.status.as_u16(), reply.refusal()),
            (400, ("invalid_request", vec!["Idempotency-Key"])),
            "{key:?}"
        );
    }
    let mut twice = keyed(&operator, KEYS, "a", &json!({"name": "a"}));
    twice.headers_mut().append("idempotency-key", "b".parse().expect("a header"));
    assert_eq!(plane.send(twice).await.status.as_u16(), 400);
    let longest = "~".repeat(255);
    post(&plane, &operator, KEYS, &longest, json!({"name": "a"})).await.expect(201);
    assert_eq!(count(&plane, Family::ApiKey).await, 1);
}

#[tokio::test]
async fn a_refusal_is_given_again_too_and_whoever_may_do_it_no_longer_gets_nothing() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let refused = post(&plane, &operator, KEYS, "k1", json!({"name": ""})).await;
    let again = post(&plane, &operator, KEYS, "k1", json!({"name": ""})).await;
    assert_eq!((refused.status.as_u16(), is_replayed(&again)), (422, true));
    assert_eq!(refused.body, again.body);
    post(&plane, &operator, KEYS, "k2", json!({"name": "a"})).await.expect(201);
    let owner = plane.caller(Role::Owner).await;
    owner.patch("/admin/admins/id-operator", json!({"role": "viewer"})).await.expect(200);
    let demoted = post(&plane, &operator, KEYS, "k2", json!({"name": "a"})).await;
    assert_eq!((demoted.status.as_u16(), demoted.body["key"].as_str()), (403, None));
}

#[tokio::test]
async fn what_is_kept_is_sealed() {
    let (plane, kept) = (Plane::new().await, Arc::new(parking_lot::Mutex::new(Vec::new())));
    let listening = Listening { port: Arc::clone(&plane.store.idempotency), heard: Arc::clone(&kept) };
    let node = plane.another_node(|store| store.idempotency = Arc::new(listening)).await;
    let owner = plane.caller(Role::Owner).await;
    let made = post(&node, &owner, KEYS, "key-of-a-client", json!({"name": "a"})).await.expect(201);
    let body = json!({"current_password": PASSWORD, "new_password": "a longer horse"});
    post(&node, &owner, "/admin/me/password", "other-key-of-it", body).await.expect(204);
    let kept = kept.lock().join("\n");
    assert!(kept.matches("v1:").count() >= 4, "{kept}");
    for secret in [made["key"].as_str().expect("a key"), "key-of-a-client", PASSWORD, "\"name\""] {
        assert!(!kept.contains(secret), "{secret} is kept: {kept}");
    }
}

/// Hears what is kept.
struct Listening {
    port: Arc<dyn store::Idempotency>,
    heard: Arc<parking_lot::Mutex<Vec<String>>>,
}

#[async_trait]
impl store::Idempotency for Listening {
    async fn claim(
        &self,
        key: &str,
        claim: &store::idempotency::Claim,
        now: Timestamp,
    ) -> Result<store::idempotency::Claimed, StoreError> {
        self.heard.lock().extend([key.to_owned(), claim.request.clone()]);
        self.port.claim(key, claim, now).await
    }

    async fn answer(
        &self,
        key: &str,
        holder: &str,
        answer: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.heard.lock().push(answer.to_owned());
        self.port.answer(key, holder, answer, until, now).await
    }

    async fn release(&self, key: &str, holder: &str) -> Result<bool, StoreError> {
        self.port.release(key, holder).await
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        self.port.sweep(now, limit).await
    }
}

/// Locks that are given one by one, as the test lets them go; making a token takes one.
struct Slow {
    locks: Arc<dyn Locks>,
    asked: Semaphore,
    free: Semaphore,
}

#[async_trait]
impl Locks for Slow {
    async fn acquire(
        &self,
        name: &str,
        holder: &str,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Option<Fence>, StoreError> {
        self.asked.add_permits(1);
        self.free.acquire().await.expect("open").forget();
        self.locks.acquire(name, holder, ttl, now).await
    }

    async fn release(&self, name: &str, holder: &str) -> Result<bool, StoreError> {
        self.locks.release(name, holder).await
    }
}

async fn slow_node(plane: &Plane) -> (Plane, Arc<Slow>) {
    let locks = Arc::clone(&plane.store.locks);
    let slow = Arc::new(Slow { locks, asked: Semaphore::new(0), free: Semaphore::new(0) });
    (plane.another_node(|store| store.locks = Arc::clone(&slow) as _).await, slow)
}

fn token() -> Value {
    json!({"name": "t", "role": "viewer", "scopes": ["usage:read"]})
}

#[tokio::test]
async fn while_a_node_works_on_it_the_others_say_to_wait() {
    let plane = Plane::new().await;
    let (node, slow) = slow_node(&plane).await;
    let owner = plane.caller(Role::Owner).await;
    let meanwhile = async {
        slow.asked.acquire().await.expect("open").forget();
        let busy = post(&plane, &owner, TOKENS, "k1", token()).await;
        assert_eq!((busy.status.as_u16(), busy.headers["retry-after"].as_bytes()), (409, &b"1"[..]));
        slow.free.add_permits(1);
    };
    let (first, ()) = tokio::join!(post(&node, &owner, TOKENS, "k1", token()), meanwhile);
    let again = post(&plane, &owner, TOKENS, "k1", token()).await;
    assert_eq!((first.status.as_u16(), is_replayed(&again)), (201, true));
    assert_eq!(first.body["token"], again.body["token"]);
    assert_eq!(count(&plane, Family::ApiToken).await, 1);
}

#[tokio::test]
async fn a_client_that_leaves_in_between_finds_the_answer_when_it_comes_back() {
    let plane = Plane::new().await;
    let (node, slow) = slow_node(&plane).await;
    let owner = plane.caller(Role::Owner).await;
    {
        let asked = post(&node, &owner, TOKENS, "k1", token());
        tokio::select! {
            biased;
            _ = asked => panic!("it waits for the lock"),
            permit = slow.asked.acquire() => permit.expect("open").forget(),
        }
    }
    slow.free.add_permits(1);
    loop {
        let again = post(&plane, &owner, TOKENS, "k1", token()).await;
        if again.status.as_u16() == 201 {
            assert!(is_replayed(&again));
            break;
        }
        assert_eq!(again.status.as_u16(), 409);
        tokio::task::yield_now().await;
    }
    assert_eq!(count(&plane, Family::ApiToken).await, 1);
}

#[tokio::test]
async fn a_node_that_dies_in_between_is_waited_for_a_minute() {
    let plane = Plane::new().await;
    let (node, slow) = slow_node(&plane).await;
    let owner = plane.caller(Role::Owner).await;
    let stuck = post(&node, &owner, TOKENS, "k1", token());
    let meanwhile = async {
        slow.asked.acquire().await.expect("open").forget();
        plane.clock.advance(Duration::from_secs(59));
        post(&plane, &owner, TOKENS, "k1", token()).await.expect(409);
        plane.clock.advance(Duration::from_secs(1));
        post(&plane, &owner, TOKENS, "k1", token()).await.expect(201);
    };
    tokio::select! {
        _ = stuck => panic!("it waits for the lock"),
        () = meanwhile => {}
    }
    assert_eq!(count(&plane, Family::ApiToken).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_requests_side_by_side_on_two_nodes_one_is_done() {
    let plane = Plane::new().await;
    let other = plane.another_node(|_| ()).await;
    let operator = plane.caller(Role::Operator).await;
    let send = |number: usize| {
        let node = if number.is_multiple_of(2) { &plane } else { &other };
        post(node, &operator, KEYS, "k1", json!({"name": "a"}))
    };
    let replies = futures_util::future::join_all((0..16).map(send)).await;
    assert_eq!(count(&plane, Family::ApiKey).await, 1);
    let done = replies.iter().filter(|reply| reply.status.as_u16() == 201 && !is_replayed(reply)).count();
    let others = replies.iter().filter(|reply| reply.status.as_u16() == 409 || is_replayed(reply)).count();
    assert_eq!((done, others), (1, 15));
}

#[tokio::test]
async fn an_answer_that_does_not_open_any_more_is_told_so() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    post(&plane, &operator, KEYS, "k1", json!({"name": "a"})).await.expect(201);
    let other_key = Arc::new(Keyring::new(&EncryptionKey::generate(), &[]));
    let rotated = Plane { keyring: other_key, ..plane.another_node(|_| ()).await }.another_node(|_| ()).await;
    let again = post(&rotated, &operator, KEYS, "k1", json!({"name": "a"})).await;
    assert_eq!((again.status.as_u16(), again.refusal().0), (409, "conflict"));
    assert_eq!(count(&plane, Family::ApiKey).await, 1);
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    let plane = Plane::new().await;
    let failing = Arc::new(Failing);
    let node = plane.another_node(|store| store.locks = failing).await;
    let owner = plane.caller(Role::Owner).await;
    post(&node, &owner, TOKENS, "k1", token()).await.expect(503);
    let next = post(&plane, &owner, TOKENS, "k1", token()).await;
    assert_eq!((next.status.as_u16(), is_replayed(&next)), (201, false));
}

/// Locks of a store that is out of reach.
struct Failing;

#[async_trait]
impl Locks for Failing {
    async fn acquire(&self, _: &str, _: &str, _: Duration, _: Timestamp) -> Result<Option<Fence>, StoreError> {
        Err(StoreError::new("take a lock", store::error::StoreFailure::Unavailable))
    }

    async fn release(&self, _: &str, _: &str) -> Result<bool, StoreError> {
        Ok(false)
    }
}

#[test]
fn every_post_of_somebody_who_is_signed_in_is_documented_to_take_a_key() {
    let document: Value = serde_json::from_str(&admin::openapi_text()).expect("JSON");
    let without = ["/admin/session", "/user/session", "/admin/accounts/{id}/credentials/reveal"];
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let takes = parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key");
            assert_eq!(takes, method == "post" && !without.contains(&path.as_str()), "{method} {path}");
        }
    }
}
