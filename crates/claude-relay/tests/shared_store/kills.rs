//! Redis, or Redis and the relay, are killed under load. What a client saw whole is in the books once.

use crate::{
    load::{Load, assert_totals_are_sums, script},
    stage::{books_of, on, server, stop},
    support::{Site, soak_factor},
};
use std::{collections::HashSet, sync::Arc};
use tokio::task::spawn_blocking;

/// Kills in a test; a soak kills ten times as often.
const KILLS: usize = 5;

/// Answers that clients saw whole before a kill, and while Redis is away.
const ANSWERS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_saw_whole_is_in_the_books_once_after_redis_was_killed_soak() {
    let redis = server();
    let site = Site::start_as(on(&redis), [script()]).await;
    let mut seen_whole = HashSet::new();
    for _ in 0..KILLS * soak_factor(10) {
        let mut load = Load::start(&site);
        load.see(ANSWERS, &mut seen_whole).await;
        redis.lock().kill9();
        load.see(ANSWERS, &mut seen_whole).await;
        let server = Arc::clone(&redis);
        spawn_blocking(move || server.lock().start_again()).await.unwrap();
        load.see(ANSWERS, &mut seen_whole).await;
        stop(load, &mut seen_whole).await;
        let records = books_of(&site, &seen_whole).await;
        assert_totals_are_sums(&site, &records).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_saw_whole_is_in_the_books_once_after_both_were_killed_soak() {
    let redis = server();
    let mut site = Site::start_as(on(&redis), [script()]).await;
    let mut seen_whole = HashSet::new();
    for _ in 0..KILLS * soak_factor(10) {
        let mut load = Load::start(&site);
        load.see(ANSWERS, &mut seen_whole).await;
        redis.lock().kill9();
        load.see(ANSWERS / 2, &mut seen_whole).await;
        site.relay.kill9().await.unwrap();
        load.end(&mut seen_whole).await;
        let server = Arc::clone(&redis);
        spawn_blocking(move || server.lock().start_again()).await.unwrap();
        site = site.restart().await;
        let records = books_of(&site, &seen_whole).await;
        assert_totals_are_sums(&site, &records).await;
    }
}
