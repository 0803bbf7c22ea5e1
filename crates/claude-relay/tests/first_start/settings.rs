//! Settings that cannot be meant: no start, and all of them named at once.

use crate::program::Place;
use std::fs;
use testkit::redis::{RedisServer, ServerOptions};

async fn refusal_of(file: &str) -> (Place, String) {
    let place = Place::new();
    let path = place.path().join("relay.toml");
    fs::write(&path, file).unwrap();
    let message = place.relay("serve").args(&["--config", path.to_str().unwrap()]).refusal().await;
    assert!(!place.data_dir().exists());
    (place, message)
}

#[tokio::test]
async fn an_unknown_key_of_the_file_is_refused_and_what_was_meant_is_named() {
    let (_place, message) = refusal_of("timezon = \"Asia/Shanghai\"\n").await;
    assert!(message.contains("timezon") && message.contains("`timezone`"), "{message}");
}

#[tokio::test]
async fn every_wrong_value_is_named_and_no_secret_is_repeated() {
    let (_place, message) = refusal_of("port = 70000\nadmin_password = \"kurz\"\n[log]\nlevel = \"loud\"\n").await;
    for named in ["`port`", "`admin_password`", "`log.level`"] {
        assert!(message.contains(named), "{message}");
    }
    assert!(!message.contains("kurz"), "{message}");
}

#[tokio::test]
async fn a_file_that_is_named_and_not_there_is_refused() {
    let message = Place::new().relay("serve").args(&["--config", "nowhere.toml"]).refusal().await;
    assert!(message.contains("nowhere.toml"), "{message}");
}

#[tokio::test]
async fn an_environment_with_a_wrong_password_of_redis_is_refused_and_the_embedded_store_can_be_meant() {
    let place = Place::new();
    let server = RedisServer::start_with(ServerOptions { password: Some("right".to_owned()), ..Default::default() });
    let port = server.port().to_string();
    let redis =
        [("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", &*port), ("REDIS_PASSWORD", "s3cret-of-redis"), ("PORT", "0")];
    let message = place.relay("serve").envs(&redis).refusal().await;
    assert!(message.contains(&format!("cannot use Redis at 127.0.0.1:{port}")), "{message}");
    assert!(message.contains("WRONGPASS") && !message.contains("s3cret-of-redis"), "{message}");
    place.relay("serve").envs(&redis).envs(&[("STORE", "sqlite")]).listening().await;
}

#[tokio::test]
async fn an_unknown_command_is_refused_with_the_ones_there_are() {
    let ended = Place::new().relay("server").run().await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("serve"), "{ended:?}");
}
