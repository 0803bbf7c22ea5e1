//! A master dies under load and another takes its place: in a Cluster, and behind sentinels.

use crate::{
    load::{Load, assert_totals_are_sums, script},
    stage::{books_of, cluster, relay, stop},
    support::Site,
};
use std::{collections::HashSet, sync::Arc};
use testkit::{redis::RedisSentinel, relay::StoreServers};
use tokio::task::spawn_blocking;

/// Answers that clients saw whole in each phase.
const ANSWERS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_usage_is_lost_when_a_master_of_a_cluster_dies_soak() {
    let servers = cluster();
    let site = Site::start_as(relay().on(StoreServers::Cluster(Arc::clone(&servers))), [script()]).await;
    let mut seen_whole = HashSet::new();
    for master in 0..testkit::redis::MASTERS {
        let mut load = Load::start(&site);
        load.see(ANSWERS, &mut seen_whole).await;
        servers.lock().kill9(master);
        load.see(ANSWERS, &mut seen_whole).await;
        let dying = Arc::clone(&servers);
        spawn_blocking(move || {
            let mut servers = dying.lock();
            servers.wait_until_well();
            servers.start_again(master);
            servers.wait_until_well();
        })
        .await
        .unwrap();
        load.see(ANSWERS, &mut seen_whole).await;
        stop(load, &mut seen_whole).await;
        let records = books_of(&site, &seen_whole).await;
        assert_totals_are_sums(&site, &records).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_usage_is_lost_when_sentinels_replace_a_dead_master() {
    let mut servers = spawn_blocking(RedisSentinel::start).await.unwrap();
    let site = Site::start_as(relay().env("REDIS_URL", &servers.url()), [script()]).await;
    let mut seen_whole = HashSet::new();
    let mut load = Load::start(&site);
    load.see(ANSWERS, &mut seen_whole).await;
    let _servers = spawn_blocking(move || {
        servers.fail_over();
        servers
    })
    .await
    .unwrap();
    load.see(ANSWERS, &mut seen_whole).await;
    stop(load, &mut seen_whole).await;
    let records = books_of(&site, &seen_whole).await;
    assert_totals_are_sums(&site, &records).await;
}
