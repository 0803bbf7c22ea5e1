//! Redis is away: at the start, in the midst of requests, for longer than the grace.

use crate::{
    stage::{books_of, on, server},
    support::{Form, MODEL, Site, body, error_type, eventually},
};
use bytes::Bytes;
use http::Request;
use std::collections::HashSet;
use testkit::{Script, client::Answered};

/// Requests in each phase.
const REQUESTS: usize = 20;

async fn ask_with(site: &Site, key: &str) -> Answered {
    let request = Request::post("/v1/messages").header("x-api-key", key).header("content-type", "application/json");
    let body = Bytes::from(body(MODEL, Form::Json).to_string());
    site.client.send(request.header("anthropic-version", "2023-06-01").body(body).unwrap()).await.unwrap()
}

async fn ask_many(site: &Site, seen_whole: &mut HashSet<String>) {
    for number in 0..REQUESTS {
        let form = if number % 2 == 0 { Form::Json } else { Form::Stream };
        let answered = site.ask(form).await;
        assert_eq!(answered.status, 200, "{answered:?}");
        seen_whole.insert(answered.header("x-request-id").to_owned());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_keys_go_on_while_redis_is_away_and_their_usage_is_delivered_afterwards() {
    let redis = server();
    let site = Site::start_as(on(&redis), [Script::default()]).await;
    let mut seen_whole = HashSet::new();
    ask_many(&site, &mut seen_whole).await;
    redis.lock().kill9();
    ask_many(&site, &mut seen_whole).await;
    let unknown = ask_with(&site, "cr_0000000000000000000000000000000000000000000000000000000000000000").await;
    assert_eq!(unknown.status, 503, "whether a key is nobody's cannot be told: {unknown:?}");
    assert!(!unknown.header("retry-after").is_empty(), "{unknown:?}");
    let health = site.client.get("/health", &[]).await.unwrap();
    assert_eq!(health.status, 503, "{health:?}");
    redis.lock().start_again();
    let records = books_of(&site, &seen_whole).await;
    assert_eq!(records.len(), seen_whole.len());
    eventually("the relay is well", async || {
        (site.client.get("/health", &[]).await.unwrap().status == 200).then_some(())
    })
    .await;
    let unknown = ask_with(&site, "cr_0000000000000000000000000000000000000000000000000000000000000000").await;
    assert_eq!(unknown.status, 401, "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_the_grace_known_keys_are_refused_with_a_time_to_come_back() {
    let redis = server();
    let site = Site::start_as(on(&redis).env("STORE_GRACE", "1s"), [Script::default()]).await;
    assert_eq!(site.ask(Form::Json).await.status, 200);
    redis.lock().kill9();
    let refused = eventually("the grace is over", async || {
        let answered = site.ask(Form::Json).await;
        (answered.status != 200).then_some(answered)
    });
    let refused = refused.await;
    assert_eq!((refused.status.as_u16(), error_type(&refused).as_str()), (503, "api_error"), "{refused:?}");
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0), "{refused:?}");
    redis.lock().start_again();
    eventually("it serves again", async || (site.ask(Form::Json).await.status == 200).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_grace_a_known_key_is_refused_as_soon_as_redis_is_away() {
    let redis = server();
    let site = Site::start_as(on(&redis).env("STORE_GRACE", "0s"), [Script::default()]).await;
    assert_eq!(site.ask(Form::Json).await.status, 200);
    redis.lock().kill9();
    eventually("it is found out", async || (site.ask(Form::Json).await.status == 503).then_some(())).await;
    redis.lock().start_again();
    eventually("it serves again", async || (site.ask(Form::Json).await.status == 200).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_does_not_answer_is_spared_and_found_again() {
    let redis = server();
    let site = Site::start_as(on(&redis).env("REDIS_TIMEOUT", "200ms"), [Script::default()]).await;
    let mut seen_whole = HashSet::new();
    ask_many(&site, &mut seen_whole).await;
    redis.lock().pause();
    ask_many(&site, &mut seen_whole).await;
    let spared = || site.relay.output().iter().any(|line| line.contains("it is spared until it does"));
    eventually("it is spared", async || {
        site.ask(Form::Json).await;
        spared().then_some(())
    })
    .await;
    redis.lock().resume();
    books_of(&site, &seen_whole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_waits_for_redis() {
    let redis = server();
    redis.lock().terminate();
    let later = async {
        // The relay is certainly asking by then: a start takes a fraction of it.
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let redis = std::sync::Arc::clone(&redis);
        tokio::task::spawn_blocking(move || redis.lock().start_again()).await.unwrap();
    };
    let (started, ()) = tokio::join!(on(&redis).start(), later);
    let started = started.unwrap();
    assert!(started.output().iter().any(|line| line.contains("Redis is not there yet")), "{:?}", started.output());
}
