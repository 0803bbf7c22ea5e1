//! Redis's own files, copied under load, start in a fresh Redis with nothing missing that was acknowledged before the copy.

use crate::{
    load::{Load, flaw, script},
    stage::{on, relay, server, stop},
    support::{Site, eventually},
};
use parking_lot::Mutex;
use serde_json::Value;
use std::{collections::HashSet, fs, path::Path, sync::Arc};
use tempfile::TempDir;
use testkit::{
    AdminClient,
    redis::{RedisServer, ServerOptions},
    relay::{ADMIN_PASSWORD, ADMIN_USERNAME, StoreServers},
};

/// Answers before and while the files are copied.
const ANSWERS: usize = 200;

/// What a copy is compared with.
struct Before {
    site: Site,
    redis: Arc<Mutex<RedisServer>>,
    load: Load,
    /// Seen and in the ledger.
    booked: HashSet<String>,
    keys: Value,
}

async fn under_load() -> Before {
    let redis = server();
    let site = Site::start_as(on(&redis), [script()]).await;
    let (mut booked, mut load) = (HashSet::new(), Load::start(&site));
    load.see(ANSWERS, &mut booked).await;
    eventually("what was seen is in the ledger", async || {
        let records = site.admin.records(500).await.unwrap();
        flaw(&records, &booked).is_none().then_some(())
    })
    .await;
    let keys = site.admin.get("/admin/api-keys").await.unwrap();
    // The copy is taken with everything going on, and some time after what it must hold.
    load.see(ANSWERS, &mut HashSet::new()).await;
    Before { site, redis, load, booked, keys }
}

/// A relay of its own on a copy has what was there before.
async fn assert_complete(before: Before, copy: RedisServer) {
    let Before { site, redis: _redis, load, booked, keys } = before;
    stop(load, &mut HashSet::new()).await;
    let place = TempDir::new().unwrap();
    let data_dir = place.path().join("data");
    fs::create_dir(&data_dir).unwrap();
    fs::copy(site.relay.data_dir().join("secrets.env"), data_dir.join("secrets.env")).unwrap();
    let command = relay().on(StoreServers::Redis(Arc::new(Mutex::new(copy))));
    let relay = command.start_on(&data_dir).await.unwrap();
    let admin = AdminClient::sign_in(&relay.base_url(), ADMIN_USERNAME, ADMIN_PASSWORD).await.unwrap();
    assert_eq!(admin.get("/admin/api-keys").await.unwrap()["items"][0]["id"], keys["items"][0]["id"]);
    let (mut records, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/admin/usage/records?limit=500{cursor}")).await.unwrap();
        records.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(flaw(&records, &booked), None);
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_taken_under_load_holds_everything_that_was_acknowledged_before() {
    let before = under_load().await;
    let last_save = before.redis.lock().command(&["LASTSAVE"]).unwrap();
    // Of the same second, a save would not be told from the one before.
    eventually("the second is over", async || {
        (before.redis.lock().command(&["TIME"]).unwrap().lines().next().unwrap() > last_save.as_str()).then_some(())
    })
    .await;
    before.redis.lock().command(&["BGSAVE"]).unwrap();
    eventually("the snapshot is there", async || {
        (before.redis.lock().command(&["LASTSAVE"]).unwrap() != last_save).then_some(())
    })
    .await;
    let files = TempDir::new().unwrap();
    fs::copy(before.redis.lock().directory().join("dump.rdb"), files.path().join("dump.rdb")).unwrap();
    // With an append-only file Redis would look for that one alone.
    let arguments = ["--appendonly", "no"].map(str::to_owned).into();
    let copy = RedisServer::start_from(files.path(), ServerOptions { arguments, ..ServerOptions::default() });
    assert_complete(before, copy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_only_directory_copied_under_load_holds_everything_that_was_acknowledged_before() {
    let before = under_load().await;
    let files = TempDir::new().unwrap();
    let target = files.path().join("appendonlydir");
    fs::create_dir(&target).unwrap();
    copy(&before.redis.lock().directory().join("appendonlydir"), &target);
    assert_complete(before, RedisServer::start_from(files.path(), ServerOptions::default())).await;
}
