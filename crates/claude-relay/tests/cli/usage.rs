//! `claude-relay usage`.

use crate::{accounts, site::Site};
use serde_json::json;
use testkit::{Answer, HttpClient, Reply, Script, ScriptedUpstream};

const MODEL: &str = "claude-sonnet-4-5";

/// One request through the relay, and what is said of it.
#[tokio::test]
async fn a_request_is_in_the_sums_and_in_the_records_under_its_names() {
    let mut site = Site::running().await;
    let upstream = ScriptedUpstream::start(Script::always(Reply::message(Answer::hello()))).await.unwrap();
    accounts::create(&site, "main", &upstream.base_url()).await;
    let user = site.document(&["user", "create", "mira@example.com", "--name", "Mira"]).await;
    let owner = format!("owner={}", user["id"].as_str().unwrap());
    let key = site.document(&["api-key", "create", "laptop", "--set", &owner]).await;
    let key = key["key"].as_str().unwrap().to_owned();
    let client = HttpClient::new(site.relay.as_ref().unwrap().base_url());
    let body = json!({"model": MODEL, "max_tokens": 16, "messages": [{"role": "user", "content": "Hello"}]});
    let headers = [("x-api-key", key.as_str()), ("anthropic-version", "2023-06-01")];
    let answered = client.post_json("/v1/messages", &headers, &body).await.unwrap();
    assert_eq!(answered.status.as_u16(), 200, "{answered:?}");
    for _ in 0..2 {
        let sums = site.said(&["usage", "--by", "day,model"]).await;
        assert!(sums.contains(MODEL) && sums.contains('█') && sums.contains("total"), "{sums}");
        let by_key = site.said(&["usage", "--by", "key", "--key", "laptop"]).await;
        assert!(by_key.contains("laptop"), "{by_key}");
        let document = site.document(&["usage", "--by", "total"]).await;
        assert_eq!(document["total"]["requests"], json!(1));
        let records = site.said(&["usage", "records", "--key", "laptop", "--outcome", "completed"]).await;
        assert!(records.contains("laptop") && records.contains("main") && records.contains(MODEL), "{records}");
        assert_eq!(site.document(&["usage", "records"]).await["items"][0]["outcome"], json!("completed"));
        let record = site.document(&["usage", "records", "--user", "mira@example.com", "--status", "200"]).await;
        let id = record["items"][0]["request_id"].as_str().unwrap();
        let request = site.said(&["usage", "request", id]).await;
        assert!(request.contains("cost_breakdown.output.cost_usd") && request.contains("main"), "{request}");
        for (by, name) in [("key", "laptop"), ("user", "Mira"), ("account", "main"), ("model", MODEL)] {
            for order in ["cost", "tokens", "requests"] {
                let top = site.said(&["usage", "top", "--by", by, "--order", order]).await;
                assert!(top.contains(name) && top.contains('█') && top.contains("total"), "{by}: {top}");
                let trend = site.said(&["usage", "trend", "--by", by, "--order", order]).await;
                assert!(trend.contains(name) && trend.contains('█') && trend.contains("all others"), "{by}: {trend}");
            }
        }
        let whole = site.document(&["usage", "trend", "--period", "hour"]).await;
        assert_eq!(whole["buckets"].as_array().unwrap().len(), 24);
        // Once more on the directory that it leaves.
        if site.relay.is_some() {
            site.stop().await;
        }
    }
}

#[tokio::test]
async fn a_question_that_cannot_be_answered_names_its_parameter() {
    let site = Site::stopped().await;
    let message = site.run(&["usage", "--by", "colour"]).await.refusal();
    assert!(message.contains("`by`") && message.contains("model"), "{message}");
}
