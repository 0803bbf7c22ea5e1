//! Keys that are bound to an account or to a group: nobody else serves them, whatever fails, and a change counts within a second.

use crate::support::{Form, Site, command, error_type, eventually};
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::{Reply, Script, client::Answered};

/// How soon a change must count.
const EFFECTIVE_MAX: Duration = Duration::from_secs(1);

/// Three accounts, the first preferred.
async fn three_accounts() -> Site {
    Site::start_as(command(), [Script::default(), Script::default(), Script::default()]).await
}

/// Binds the test's key; gives when that was done.
async fn bind(site: &Site, kind: &str, id: &str) -> Instant {
    let bindings = json!({"bindings": {"claude": {"type": kind, "id": id}}});
    site.admin.patch(&format!("/admin/api-keys/{}", site.key.id), &bindings).await.unwrap();
    Instant::now()
}

async fn group(site: &Site, members: &[&str]) -> String {
    let made = site.admin.post("/admin/account-groups", &json!({"name": "g", "members": members})).await.unwrap();
    made["id"].as_str().unwrap().to_owned()
}

/// Waits until the account at this place serves: it may not take longer than a change may take.
async fn served_by(site: &Site, place: usize, changed: Instant) {
    eventually("the change counts", async || {
        let answered = site.ask(Form::Json).await;
        let sent_at = Instant::now();
        let account = site.records_of(&answered).await.pop().unwrap()["account_id"].clone();
        let counts = account == site.accounts[place].as_str();
        assert!(counts || sent_at.duration_since(changed) < EFFECTIVE_MAX, "not within {EFFECTIVE_MAX:?}: {account}");
        counts.then_some(())
    })
    .await;
}

/// Waits until the key is served by nobody.
async fn served_by_nobody(site: &Site, changed: Instant) -> Answered {
    eventually("the change counts", async || {
        let answered = site.ask(Form::Json).await;
        assert!(answered.status == 503 || changed.elapsed() < EFFECTIVE_MAX, "not within {EFFECTIVE_MAX:?}");
        (answered.status == 503).then_some(answered)
    })
    .await
}

fn message(answered: &Answered) -> String {
    answered.json()["error"]["message"].as_str().unwrap().to_owned()
}

fn calls(site: &Site) -> Vec<usize> {
    site.upstreams.iter().map(|upstream| upstream.books().exchanges.len()).collect()
}

fn accounts(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["account_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_key_that_is_bound_to_an_account_is_served_by_no_other_also_when_it_fails() {
    let site = three_accounts().await;
    let bound = bind(&site, "account", &site.accounts[1]).await;
    served_by(&site, 1, bound).await;
    let before = calls(&site);
    for (reply, status) in [(Reply::status(500), 500), (Reply::status(529), 529), (Reply::rate_limited(30, ""), 429)] {
        site.upstreams[1].script().push(reply);
        let answered = site.ask(Form::Json).await;
        assert_eq!(answered.status.as_u16(), status);
        assert_eq!(accounts(&site.records_of(&answered).await), [site.accounts[1].as_str()]);
    }
    let refused = site.ask(Form::Json).await;
    assert_eq!((refused.status.as_u16(), error_type(&refused).as_str()), (503, "api_error"));
    assert!(message(&refused).contains("bound to one account: 1 cooling down (rate_limit)"), "{refused:?}");
    assert!(!refused.header("retry-after").is_empty());
    let record = site.record_of(&refused).await;
    assert_eq!((&record["failure"], &record["account_id"]), (&json!("no_account"), &Value::Null));
    let after = calls(&site);
    assert_eq!((after[0], after[2]), (before[0], before[2]), "the others were left alone");
}

#[tokio::test]
async fn a_key_that_is_bound_to_a_group_goes_on_inside_of_it_only() {
    let site = three_accounts().await;
    let group = group(&site, &[&site.accounts[1], &site.accounts[2]]).await;
    let bound = bind(&site, "group", &group).await;
    served_by(&site, 1, bound).await;
    let outside = calls(&site)[0];
    site.upstreams[1].script().push(Reply::status(401));
    let answered = site.ask(Form::Json).await;
    assert_eq!(answered.status, 200);
    assert_eq!(accounts(&site.records_of(&answered).await), [&site.accounts[1], &site.accounts[2]]);
    site.upstreams[2].script().push(Reply::status(401));
    assert_eq!(site.ask(Form::Json).await.status, 503, "nobody of the group is left to try");
    let refused = site.ask(Form::Json).await;
    assert_eq!(refused.status, 503);
    assert!(message(&refused).contains("bound to a group of accounts: 2 cooling down (credential)"), "{refused:?}");
    assert_eq!(calls(&site)[0], outside, "who is not in the group was left alone");
}

#[tokio::test]
async fn a_bound_key_falls_back_to_the_accounts_of_all_where_that_is_set_and_comes_back() {
    let command = command().env("RELAY_BOUND_KEYS_FALL_BACK", "true");
    let site = Site::start_as(command, [Script::default(), Script::default()]).await;
    let bound = bind(&site, "account", &site.accounts[1]).await;
    served_by(&site, 1, bound).await;
    site.upstreams[1].script().push(Reply::rate_limited(30, ""));
    let answered = site.ask(Form::Json).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    let records = site.records_of(&answered).await;
    assert_eq!(accounts(&records), [&site.accounts[1], &site.accounts[0]]);
    let record = site.record_of(&site.ask(Form::Json).await).await;
    assert_eq!(record["account_id"], site.accounts[0].as_str());
    let note = record["note"].as_str().unwrap();
    assert!(note.contains("fallen back: the key is bound to one account: 1 cooling down (rate_limit)"), "{note}");
    site.reset(1).await;
    let answered = site.ask(Form::Json).await;
    assert_eq!(accounts(&site.records_of(&answered).await), [&site.accounts[1]]);
}

#[tokio::test]
async fn a_change_of_a_binding_and_of_a_group_counts_within_a_second() {
    let site = three_accounts().await;
    for place in [2, 1] {
        let bound = bind(&site, "account", &site.accounts[place]).await;
        served_by(&site, place, bound).await;
    }
    let group = group(&site, &[&site.accounts[2]]).await;
    let bound = bind(&site, "group", &group).await;
    served_by(&site, 2, bound).await;
    let path = format!("/admin/account-groups/{group}");
    site.admin.patch(&path, &json!({"members": [site.accounts[1]]})).await.unwrap();
    served_by(&site, 1, Instant::now()).await;
    site.admin.patch(&path, &json!({"members": []})).await.unwrap();
    let refused = served_by_nobody(&site, Instant::now()).await;
    assert!(message(&refused).contains("bound to a group of accounts"), "{refused:?}");
    let key = format!("/admin/api-keys/{}", site.key.id);
    site.admin.patch(&key, &json!({"bindings": null})).await.unwrap();
    served_by(&site, 0, Instant::now()).await;
}

#[tokio::test]
async fn the_list_of_models_of_a_bound_key_is_that_of_its_account() {
    let mut site = Site::start_as(command(), [Script::default()]).await;
    site.add_upstream(Script::default(), &json!({"priority": 99, "models": ["only-here"]})).await;
    let bound = bind(&site, "account", &site.accounts[1]).await;
    let ids = eventually("the change counts", async || {
        let request = Request::get("/v1/models").header("x-api-key", &site.key.key);
        let request = request.header("anthropic-version", "2023-06-01").body(Bytes::new()).unwrap();
        let list = site.send(request).await.json();
        let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect();
        assert!(ids == ["only-here"] || bound.elapsed() < EFFECTIVE_MAX, "{ids:?}");
        (ids == ["only-here"]).then_some(ids)
    });
    assert_eq!(ids.await, ["only-here"]);
}
