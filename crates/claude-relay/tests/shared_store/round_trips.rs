//! How often a request waits for Redis.

use crate::{
    stage::{on, server},
    support::{Form, MODEL, Site, body, eventually},
};
use serde_json::json;
use testkit::Script;

/// Waits at most, for a key that this node has not seen and an account with a ceiling.
const ROUND_TRIPS_MAX: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_waits_three_times_for_redis_at_most_and_once_for_a_known_key() {
    let redis = server();
    let site = Site::start_as(on(&redis), [Script::default()]).await;
    let account = format!("/admin/accounts/{}", site.accounts[0]);
    site.admin.patch(&account, &json!({"concurrency_max": 2})).await.unwrap();
    eventually("the ceiling holds", async || {
        let before = site.metric("store_round_trips").await;
        assert_eq!(site.ask(Form::Json).await.status, 200);
        (site.metric("store_round_trips").await > before).then_some(())
    })
    .await;
    // Where a session is is asked once, together with a slot; what is told behind the answers is no wait.
    let before = site.metric("store_round_trips").await;
    for _ in 0..3 {
        let request = body(MODEL, Form::Json);
        assert_eq!(site.post("/v1/messages", &[("x-session-id", "s-1")], &request).await.status, 200);
    }
    let sent = site.metric("store_round_trips").await - before;
    assert!((4..=5).contains(&sent), "{sent}: a look-up and three slots; one more may be sent behind the answers");
    for known in [false, true] {
        let mut site_key = None;
        if !known {
            site_key = Some(site.admin.create_key("a stranger").await.unwrap());
        }
        for form in [Form::Json, Form::Stream] {
            let before = site.metric("store_round_trips").await;
            let answered = match &site_key {
                Some(key) => {
                    let headers = [("authorization", format!("Bearer {}", key.key))];
                    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                    site.post("/v1/messages", &headers, &body(MODEL, form)).await
                }
                None => site.ask(form).await,
            };
            assert_eq!(answered.status, 200, "{answered:?}");
            let waits = site.metric("store_round_trips").await - before;
            assert!((1..=ROUND_TRIPS_MAX).contains(&waits), "{waits} waits for a key that is known: {known}");
            if known {
                assert_eq!(waits, 1, "a slot is taken, and nothing else");
            }
        }
    }
}
