//! A relay with one account of OpenAI's API at any upstream, for each test its own.

use crate::stage::forgiving;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::{
    AdminClient, RelayProcess,
    relay::{ADMIN_PASSWORD, ADMIN_USERNAME, IssuedKey},
};

/// The account's credential, which no client may see.
const CREDENTIAL: &str = "sk-what-only-the-upstream-may-see";

/// Records that are looked at: more than any test here makes.
const RECORDS_MAX: usize = 100;

/// How often it is looked whether the records are there.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Longest that is waited for them, on a machine that does much else.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// A running relay and what belongs to it.
pub(crate) struct Room {
    pub(crate) relay: RelayProcess,
    admin: AdminClient,
    pub(crate) key: IssuedKey,
}

impl Room {
    /// A relay whose account is at `base_url`.
    pub(crate) async fn start(base_url: &str) -> Self {
        let relay = forgiving().start().await.unwrap();
        let admin = AdminClient::sign_in(&relay.base_url(), ADMIN_USERNAME, ADMIN_PASSWORD).await.unwrap();
        let account =
            json!({"platform": "openai-responses", "name": "scripted", "base_url": base_url, "api_key": CREDENTIAL});
        admin.post("/admin/accounts", &account).await.unwrap();
        let key = admin.create_key("a client").await.unwrap();
        Self { relay, admin, key }
    }

    /// The records, once there are `count` of them.
    pub(crate) async fn records(&self, count: usize) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let records = self.admin.records(RECORDS_MAX).await.unwrap();
            if records.len() >= count {
                return records;
            }
            assert!(began.elapsed() < WAIT_MAX, "{} of {count} records within {WAIT_MAX:?}", records.len());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
