//! Secrets that do not fit: no start, a message that names the way out and tells no secret, and nothing changed.

use crate::program::{KEY, OTHER_KEY, Place, sign_in};
use testkit::relay::{ADMIN_PASSWORD, ADMIN_USERNAME, RelayCommand};

/// A relay that runs with this encryption key.
async fn with_key(place: &Place, key: &str) -> testkit::RelayProcess {
    let relay = RelayCommand::new(env!("CARGO_BIN_EXE_claude-relay")).env("ENCRYPTION_KEY", key);
    relay.start_on(place.data_dir()).await.unwrap()
}

#[tokio::test]
async fn another_encryption_key_than_the_data_s_stops_the_start_and_the_right_one_works_again() {
    let place = Place::new();
    let mut relay = with_key(&place, KEY).await;
    let admin = sign_in(&relay.base_url(), ADMIN_USERNAME, ADMIN_PASSWORD).await.unwrap();
    admin.create_account("kept", "http://127.0.0.1:1", "sk-kept").await.unwrap();
    relay.terminate().await.unwrap();
    let message = place.relay("serve").envs(&[("PORT", "0"), ("ENCRYPTION_KEY", OTHER_KEY)]).refusal().await;
    assert!(message.contains("ENCRYPTION_KEY does not fit") && message.contains("Put that key back"), "{message}");
    assert!(!message.contains(OTHER_KEY) && !message.contains(KEY), "{message}");
    let relay = with_key(&place, KEY).await;
    let admin = sign_in(&relay.base_url(), ADMIN_USERNAME, ADMIN_PASSWORD).await.unwrap();
    assert_eq!(admin.get("/admin/accounts").await.unwrap()["items"][0]["name"], "kept");
}

#[tokio::test]
async fn a_key_that_is_lost_is_not_made_anew_where_there_is_data() {
    let place = Place::new();
    let mut relay = place.started().await;
    relay.terminate().await.unwrap();
    std::fs::rename(place.file("secrets.env"), place.path().join("kept.env")).unwrap();
    let message = place.relay("serve").envs(&[("PORT", "0")]).refusal().await;
    assert!(message.contains("the encryption key is missing") && message.contains("secrets.env"), "{message}");
    assert!(!place.file("secrets.env").exists());
    std::fs::rename(place.path().join("kept.env"), place.file("secrets.env")).unwrap();
    place.started().await;
}

#[tokio::test]
async fn secrets_of_a_wrong_length_are_refused_by_name_before_anything_is_made() {
    let place = Place::new();
    for (name, value, length) in [
        ("JWT_SECRET", "thirty-one characters are short", "32"),
        ("ENCRYPTION_KEY", "thirty-one characters are short", "32"),
        ("ENCRYPTION_KEY", "thirty-three characters are a lot", "32"),
        ("ENCRYPTION_KEY", "zz23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "64"),
    ] {
        for command in ["setup", "serve"] {
            let message = place.relay(command).envs(&[("PORT", "0"), (name, value)]).refusal().await;
            assert!(message.contains(name) && message.contains(length), "{message}");
            assert!(!message.contains(value), "{message}");
        }
        assert!(!place.data_dir().exists(), "{name}");
    }
}

#[tokio::test]
async fn secrets_from_the_environment_are_used_and_not_written_down() {
    let place = Place::new();
    let secret = "a secret of more than 32 characters";
    let ended = place.relay("setup").envs(&[("ENCRYPTION_KEY", KEY), ("JWT_SECRET", secret)]).run().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for (name, bytes) in place.files() {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains(KEY) && !text.contains(secret), "{name}: {text}");
    }
}
