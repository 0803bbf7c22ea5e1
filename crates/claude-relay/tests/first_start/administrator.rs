//! `init.json` and the first administrator: an earlier service's file is taken over, and no file undoes a change of the password.

use crate::program::{Place, sign_in};
use serde_json::{Value, json};
use std::fs;
use testkit::relay::{ADMIN_PASSWORD, ADMIN_USERNAME};

const CLEAR_PASSWORD: &str = "in clear for years";
const NEW_PASSWORD: &str = "a password of this year";

/// A data directory with the file of an earlier service.
fn with_earlier_file() -> Place {
    let place = Place::new();
    fs::create_dir(place.data_dir()).unwrap();
    let file = json!({"initializedAt": "2025-06-01T08:00:00.000Z", "adminUsername": "chief",
        "adminPassword": CLEAR_PASSWORD, "version": "1.0.0", "updatedAt": "2025-06-01T08:00:00.000Z"});
    fs::write(place.file("init.json"), file.to_string()).unwrap();
    place
}

#[tokio::test]
async fn an_earlier_service_s_clear_password_is_hashed_and_lets_in() {
    let place = with_earlier_file();
    let relay = place.started().await;
    let text = fs::read_to_string(place.file("init.json")).unwrap();
    assert!(!text.contains(CLEAR_PASSWORD), "{text}");
    let file: Value = serde_json::from_str(&text).unwrap();
    assert!(file["passwordHash"].as_str().is_some_and(|hash| hash.starts_with("$argon2id$")), "{file}");
    assert_eq!(file["adminUsername"], "chief");
    assert!(sign_in(&relay.base_url(), "chief", CLEAR_PASSWORD).await.is_ok());
    assert!(relay.output().iter().all(|line| !line.contains(CLEAR_PASSWORD)));
}

#[tokio::test]
async fn a_changed_password_stays_changed_over_restarts() {
    let place = Place::new();
    let relay = place.started().await;
    let admin = sign_in(&relay.base_url(), ADMIN_USERNAME, ADMIN_PASSWORD).await.unwrap();
    let change = json!({"current_password": ADMIN_PASSWORD, "new_password": NEW_PASSWORD});
    let changed = admin.send(http::Method::POST, "/admin/me/password", Some(&change)).await.unwrap();
    assert!(changed.status.is_success(), "{changed:?}");
    let relay = relay.restart().await.unwrap();
    assert_eq!(sign_in(&relay.base_url(), ADMIN_USERNAME, ADMIN_PASSWORD).await.unwrap_err(), 401);
    assert!(sign_in(&relay.base_url(), ADMIN_USERNAME, NEW_PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_file_put_back_from_before_the_change_does_not_undo_it() {
    let place = Place::new();
    let mut relay = place.started().await;
    let old_file = fs::read(place.file("init.json")).unwrap();
    let admin = sign_in(&relay.base_url(), ADMIN_USERNAME, ADMIN_PASSWORD).await.unwrap();
    let change = json!({"current_password": ADMIN_PASSWORD, "new_password": NEW_PASSWORD});
    admin.post("/admin/me/password", &change).await.unwrap();
    relay.terminate().await.unwrap();
    fs::write(place.file("init.json"), old_file).unwrap();
    let relay = place.started().await;
    assert_eq!(sign_in(&relay.base_url(), ADMIN_USERNAME, ADMIN_PASSWORD).await.unwrap_err(), 401);
    assert!(sign_in(&relay.base_url(), ADMIN_USERNAME, NEW_PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_file_that_is_no_json_stops_the_start_without_repeating_what_stands_in_it() {
    let place = with_earlier_file();
    fs::write(place.file("init.json"), format!("{{\"adminPassword\": \"{CLEAR_PASSWORD}\"")).unwrap();
    let message = place.relay("serve").envs(&[("PORT", "0")]).refusal().await;
    assert!(message.contains("init.json") && message.contains("setup"), "{message}");
    assert!(!message.contains(CLEAR_PASSWORD), "{message}");
}
