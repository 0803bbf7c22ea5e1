//! Settings that cannot be meant: no start, and all of them named at once.

use crate::program::Place;
use std::fs;

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
async fn an_environment_that_points_to_redis_is_refused_until_the_embedded_store_is_meant() {
    let place = Place::new();
    let redis = ("REDIS_HOST", "redis.internal");
    let message =
        place.relay("serve").envs(&[redis, ("REDIS_PASSWORD", "s3cret-of-redis"), ("PORT", "0")]).refusal().await;
    assert!(message.contains("REDIS_HOST is set") && message.contains("STORE=sqlite"), "{message}");
    assert!(!message.contains("s3cret-of-redis"), "{message}");
    assert!(!place.data_dir().exists());
    place.relay("serve").envs(&[redis, ("STORE", "sqlite"), ("PORT", "0")]).listening().await;
}

#[tokio::test]
async fn an_unknown_command_is_refused_with_the_ones_there_are() {
    let ended = Place::new().relay("server").run().await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("serve"), "{ended:?}");
}
