//! The same commands where the records are on a Redis server.

use crate::{accounts, keys, site::Site};
use serde_json::json;
use testkit::redis::{RedisServer, ServerOptions};

#[tokio::test]
async fn commands_are_the_same_on_redis_whether_the_relay_runs_or_is_stopped() {
    let server = RedisServer::start();
    let mut site = Site::running_with(&[("REDIS_URL", &server.url())]).await;
    for state in ["running", "stopped"] {
        let status = site.document(&["status"]).await;
        assert_eq!((&status["relay"], &status["system"]["store"]["engine"]), (&json!(state), &json!("redis")));
        keys::whole_life(&site).await;
        accounts::whole_life(&site).await;
        assert_eq!(site.document(&["doctor"]).await["state"], json!("warn"), "no account");
        if site.relay.is_some() {
            site.stop().await;
        }
    }
}

#[tokio::test]
async fn a_doctor_names_a_server_that_loses_records_also_of_a_relay_that_runs() {
    let arguments = ["--appendonly", "no", "--save", ""].map(str::to_owned).into();
    let server = RedisServer::start_with(ServerOptions { password: Some("a-password".to_owned()), arguments });
    server.command(&["CONFIG", "SET", "appendonly", "no", "save", ""]).unwrap();
    let site = Site::running_with(&[("REDIS_URL", &server.url())]).await;
    let ended = site.run(&["doctor"]).await.expect(0);
    assert!(
        ended.stdout.contains("warn  store") && ended.stdout.contains("keeps nothing over a restart"),
        "{}",
        ended.stdout
    );
    assert!(!ended.stdout.contains("a-password"), "{}", ended.stdout);
}

#[tokio::test]
async fn a_command_without_the_relay_s_settings_makes_no_second_store() {
    let server = RedisServer::start();
    let mut site = Site::running_with(&[("REDIS_URL", &server.url())]).await;
    site.stop().await;
    let message = site.run(&["status", "--store", "sqlite"]).await.refusal();
    assert!(message.contains("REDIS_URL"), "{message}");
    assert!(!site.data_dir().join("relay.db").exists());
}
