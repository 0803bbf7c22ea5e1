//! Several nodes on one Redis: what one is told, the others know; their books are one.

use crate::{
    stage::{on, server},
    support::{Form, MODEL, Site, body, eventually},
};
use bytes::Bytes;
use http::Request;
use serde_json::json;
use testkit::{AdminClient, HttpClient, RelayProcess, Reply, Script, relay::RelayCommand};

const ENCRYPTION_KEY: (&str, &str) = ("ENCRYPTION_KEY", "0123456789abcdef0123456789ABCDEF");
const JWT_SECRET: (&str, &str) = ("JWT_SECRET", "a-jwt-secret-of-more-than-32-characters");

fn with_secrets(command: RelayCommand) -> RelayCommand {
    command.env(ENCRYPTION_KEY.0, ENCRYPTION_KEY.1).env(JWT_SECRET.0, JWT_SECRET.1)
}

async fn status_at(node: &RelayProcess, key: &str) -> u16 {
    let request = Request::post("/v1/messages").header("x-api-key", key).header("content-type", "application/json");
    let body = Bytes::from(body(MODEL, Form::Json).to_string());
    let request = request.header("anthropic-version", "2023-06-01").body(body).unwrap();
    HttpClient::new(node.base_url()).send(request).await.unwrap().status.as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_is_told_the_other_knows_and_their_books_are_one() {
    let redis = server();
    let site = Site::start_as(with_secrets(on(&redis)), [Script::default()]).await;
    // The second node finds a store that is filled: it makes no administrator of its own.
    let other = with_secrets(on(&redis)).without_env("ADMIN_PASSWORD").start().await.unwrap();
    assert!(!other.output().iter().any(|line| line.contains("password")), "{:?}", other.output());
    assert_eq!(status_at(&other, &site.key.key).await, 200);
    assert_eq!(site.ask(Form::Json).await.status, 200);
    eventually("the ledger has both", async || (site.records().await.len() == 2).then_some(())).await;
    // A session that one node began is good at the other.
    let (at, name, password) = (other.base_url(), testkit::relay::ADMIN_USERNAME, testkit::relay::ADMIN_PASSWORD);
    let admin = AdminClient::sign_in(&at, name, password).await.unwrap();
    let total = &admin.usage().await.unwrap()["total"];
    assert_eq!(total["requests"], 2);
    let path = format!("/admin/api-keys/{}", site.key.id);
    site.admin.patch(&path, &json!({"active": false})).await.unwrap();
    assert_ne!(site.ask(Form::Json).await.status, 200, "the node that was told knows at once");
    eventually("the other knows", async || (status_at(&other, &site.key.key).await != 200).then_some(())).await;
    admin.patch(&path, &json!({"active": true})).await.unwrap();
    eventually("the first knows", async || (site.ask(Form::Json).await.status == 200).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binding_and_a_group_that_one_node_is_told_of_hold_at_the_other() {
    let redis = server();
    let site = Site::start_as(with_secrets(on(&redis)), [Script::default(), Script::default()]).await;
    let other = with_secrets(on(&redis)).without_env("ADMIN_PASSWORD").start().await.unwrap();
    let second = || site.upstreams[1].books().exchanges.len();
    let group = json!({"name": "g", "members": [site.accounts[1]]});
    let group = site.admin.post("/admin/account-groups", &group).await.unwrap()["id"].clone();
    let bound = json!({"bindings": {"claude": {"type": "group", "id": group}}});
    site.admin.patch(&format!("/admin/api-keys/{}", site.key.id), &bound).await.unwrap();
    eventually("the other knows the binding", async || {
        let before = second();
        let status = status_at(&other, &site.key.key).await;
        (status == 200 && second() > before).then_some(())
    })
    .await;
    let path = format!("/admin/account-groups/{}", group.as_str().unwrap());
    site.admin.patch(&path, &json!({"members": []})).await.unwrap();
    eventually("the other knows who is in the group", async || {
        (status_at(&other, &site.key.key).await == 503).then_some(())
    })
    .await;
}

/// Asks at `node` within a session; gives how many calls each upstream has had by then.
async fn calls_after(site: &Site, node: &RelayProcess, session: &str) -> Vec<usize> {
    let request = Request::post("/v1/messages").header("x-api-key", &site.key.key).header("x-session-id", session);
    let request = request.header("content-type", "application/json").header("anthropic-version", "2023-06-01");
    let request = request.body(Bytes::from(body(MODEL, Form::Json).to_string())).unwrap();
    assert_eq!(HttpClient::new(node.base_url()).send(request).await.unwrap().status, 200);
    site.upstreams.iter().map(|upstream| upstream.books().exchanges.len()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_began_at_one_node_goes_on_at_the_other_also_after_it_moved() {
    let redis = server();
    let mut site = Site::start_as(with_secrets(on(&redis)), []).await;
    for _ in 0..3 {
        site.add_upstream(Script::default(), &json!({"priority": 50})).await;
    }
    let other = with_secrets(on(&redis)).without_env("ADMIN_PASSWORD").start().await.unwrap();
    // Each node by itself would begin with the first.
    site.ask(Form::Json).await;
    assert_eq!(calls_after(&site, &site.relay, "s-1").await, [1, 1, 0]);
    eventually("the other knows", async || {
        let before = site.upstreams[1].books().exchanges.len();
        (calls_after(&site, &other, "s-1").await[1] > before).then_some(())
    })
    .await;
    site.upstreams[1].script().push(Reply::status(500));
    calls_after(&site, &site.relay, "s-1").await;
    let before = calls_after(&site, &site.relay, "s-1").await;
    let moved_to = (0..3).find(|place| *place != 1 && before[*place] > 1).unwrap();
    eventually("the other knows where it went", async || {
        let before = site.upstreams[moved_to].books().exchanges.len();
        (calls_after(&site, &other, "s-1").await[moved_to] > before).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_another_encryption_key_does_not_start() {
    let redis = server();
    let _first = with_secrets(on(&redis)).start().await.unwrap();
    let wrong = on(&redis).env(ENCRYPTION_KEY.0, "another-key-of-32-characters-000").env(JWT_SECRET.0, JWT_SECRET.1);
    let refused = wrong.start().await.unwrap_err().to_string();
    assert!(refused.contains("ENCRYPTION_KEY does not fit"), "{refused}");
    let none = on(&redis).start().await.unwrap_err().to_string();
    assert!(none.contains("ENCRYPTION_KEY"), "a filled store's key is never made anew: {none}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_was_emptied_is_no_start() {
    let redis = server();
    let site = Site::start_as(on(&redis), [Script::default()]).await;
    assert_eq!(site.ask(Form::Json).await.status, 200);
    let Site { mut relay, .. } = site;
    relay.terminate().await.unwrap();
    redis.lock().command(&["FLUSHALL"]).unwrap();
    let refused = relay.restart().await.unwrap_err().to_string();
    assert!(refused.contains("was there before and is empty now"), "{refused}");
}

/// Owners at two nodes demote one another, each the next, ten times over. Without a lock that both nodes know, a round in which
/// all three find another owner leaves none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owners_at_two_nodes_who_demote_one_another_at_once_leave_one() {
    let redis = server();
    let site = Site::start_as(with_secrets(on(&redis)), [Script::default()]).await;
    let other = with_secrets(on(&redis)).without_env("ADMIN_PASSWORD").start().await.unwrap();
    let mut owners = vec![(id_of(&site.admin).await, site.admin.clone())];
    for name in ["mira", "noor"] {
        let added = json!({"username": name, "role": "owner", "password": "a longer horse"});
        site.admin.post("/admin/admins", &added).await.unwrap();
        let admin = AdminClient::sign_in(&other.base_url(), name, "a longer horse").await.unwrap();
        owners.push((id_of(&admin).await, admin));
    }
    let set = async |by: usize, of: usize, role: &str| {
        owners[by].1.patch(&format!("/admin/admins/{}", owners[of].0), &json!({"role": role})).await.is_ok()
    };
    for round in 0..10 {
        tokio::join!(set(0, 1, "viewer"), set(1, 2, "viewer"), set(2, 0, "viewer"));
        let mut left = None;
        for (place, (_, admin)) in owners.iter().enumerate() {
            left = left.or(admin.get("/admin/admins").await.is_ok().then_some(place));
        }
        let left = left.unwrap_or_else(|| panic!("nobody is an owner after round {round}"));
        for of in 0..owners.len() {
            assert!(set(left, of, "owner").await);
        }
    }
}

/// The bearer token of the administrator.
async fn token(node: &str) -> String {
    let body = json!({"username": testkit::relay::ADMIN_USERNAME, "password": testkit::relay::ADMIN_PASSWORD});
    let request = Request::post("/admin/session").body(Bytes::from(body.to_string())).unwrap();
    let answered = HttpClient::new(node).send(request).await.unwrap();
    let opened: serde_json::Value = serde_json::from_slice(&answered.body).unwrap();
    opened["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_with_an_idempotency_key_that_is_sent_to_two_nodes_at_once_is_done_once() {
    let redis = server();
    let site = Site::start_as(with_secrets(on(&redis)), [Script::default()]).await;
    let other = with_secrets(on(&redis)).without_env("ADMIN_PASSWORD").start().await.unwrap();
    let (nodes, token) = ([site.relay.base_url(), other.base_url()], token(&other.base_url()).await);
    for round in 0..5 {
        let name = format!("round {round}");
        let send = |number: usize| {
            let request = Request::post("/admin/api-keys").header("authorization", format!("Bearer {token}"));
            let request = request.header("idempotency-key", format!("key-{round}"));
            let request = request.body(Bytes::from(json!({"name": name}).to_string())).unwrap();
            let client = HttpClient::new(nodes[number % 2].clone());
            async move { client.send(request).await.unwrap() }
        };
        let answers = futures_util::future::join_all((0..8).map(send)).await;
        let statuses: Vec<_> = answers.iter().map(|answered| answered.status.as_u16()).collect();
        assert!(statuses.iter().all(|status| [201, 409].contains(status)), "{statuses:?}");
        let bodies = answers.iter().filter(|answered| answered.status.as_u16() == 201).map(|answered| &answered.body);
        let bodies: std::collections::BTreeSet<_> = bodies.collect();
        assert_eq!(bodies.len(), 1, "all who were answered have the same key");
        let made = site.admin.get(&format!("/admin/api-keys?q=round%20{round}")).await.unwrap();
        assert_eq!(made["items"].as_array().unwrap().len(), 1);
        let entries = site.admin.get("/admin/audit?operation=create_api_key&outcome=done&limit=1").await.unwrap();
        assert_eq!(entries["items"][0]["changes"][0]["after"]["name"], *name);
    }
}

async fn id_of(admin: &AdminClient) -> String {
    admin.get("/admin/me").await.unwrap()["id"].as_str().unwrap().to_owned()
}
