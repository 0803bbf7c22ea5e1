//! What the tests of the shared store have in common.

use crate::{
    load::{Load, flaw},
    support::{Site, eventually},
};
use parking_lot::Mutex;
use serde_json::Value;
use std::{collections::HashSet, sync::Arc};
use testkit::{
    redis::{RedisCluster, RedisServer},
    relay::{RelayCommand, StoreServers},
};

/// The binary with its defaults, on no servers yet.
pub(crate) fn relay() -> RelayCommand {
    RelayCommand::new(env!("CARGO_BIN_EXE_claude-relay")).env("LOG_LEVEL", "warn")
}

/// A server that the test and the relay share.
pub(crate) fn server() -> Arc<Mutex<RedisServer>> {
    Arc::new(Mutex::new(RedisServer::start()))
}

/// A Cluster that the test and the relay share.
pub(crate) fn cluster() -> Arc<Mutex<RedisCluster>> {
    Arc::new(Mutex::new(RedisCluster::start()))
}

/// The relay on this server.
pub(crate) fn on(server: &Arc<Mutex<RedisServer>>) -> RelayCommand {
    relay().on(StoreServers::Redis(Arc::clone(server)))
}

/// Waits until the books are those of what was seen, each once, and gives them.
pub(crate) async fn books_of(site: &Site, seen_whole: &HashSet<String>) -> Vec<Value> {
    let mut last_flaw = None;
    let found = eventually("the books are right", async || {
        let records = readable_records(site).await?;
        last_flaw = flaw(&records, seen_whole);
        if let Some(flaw) = last_flaw.as_ref().filter(|flaw| flaw.starts_with("booked twice")) {
            panic!("{flaw}");
        }
        last_flaw.is_none().then_some(records)
    });
    found.await
}

/// All records; none while the store cannot be asked.
async fn readable_records(site: &Site) -> Option<Vec<Value>> {
    site.admin.get("/admin/usage/records?limit=1").await.ok()?;
    Some(site.records().await)
}

/// Has the clients stop after the answers that they wait for; adds these.
pub(crate) async fn stop(load: Load, seen_whole: &mut HashSet<String>) {
    let Load { mut clients, mut answers } = load;
    answers.close();
    while let Some(id) = answers.recv().await {
        seen_whole.insert(id);
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
}
