//! A store that is not the one that was there before: no start, and the way out that the message names works.

use crate::program::Place;
use std::{fs, path::Path};

const STORE: &str = "relay.db";

/// A place whose relay has run and ended.
async fn used() -> Place {
    let place = Place::new();
    assert!(place.started().await.terminate().await.unwrap().success());
    place
}

fn remove_store(place: &Place) {
    for name in [STORE, "relay.db-wal", "relay.db-shm"] {
        let path = place.file(name);
        assert!(fs::remove_file(&path).is_ok() || !path.exists());
    }
}

async fn refusal(place: &Place) -> String {
    place.relay("serve").envs(&[("PORT", "0")]).refusal().await
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
}

#[tokio::test]
async fn a_store_that_is_gone_stops_every_start_until_it_is_back() {
    let place = used().await;
    copy(&place.file(STORE), &place.path().join("kept.db"));
    remove_store(&place);
    for _ in 0..2 {
        let message = refusal(&place).await;
        assert!(message.contains("was there before and is empty now"), "{message}");
        assert!(message.contains("restore a backup") && message.contains("store_id"), "the way out: {message}");
    }
    remove_store(&place);
    copy(&place.path().join("kept.db"), &place.file(STORE));
    place.started().await;
}

#[tokio::test]
async fn beginning_anew_on_purpose_works_as_the_message_says() {
    let place = used().await;
    remove_store(&place);
    refusal(&place).await;
    fs::remove_file(place.file("store_id")).unwrap();
    place.started().await;
}

#[tokio::test]
async fn another_installation_s_store_stops_the_start() {
    let (place, other) = (used().await, used().await);
    remove_store(&place);
    copy(&other.file(STORE), &place.file(STORE));
    let message = refusal(&place).await;
    assert!(message.contains("is another than the one that belongs to"), "{message}");
    assert!(message.contains("store_id"), "the way out: {message}");
}

#[tokio::test]
async fn a_file_that_is_no_store_stops_the_start() {
    let place = used().await;
    remove_store(&place);
    fs::write(place.file(STORE), "not a database, but a text of some length, written by mistake").unwrap();
    let message = refusal(&place).await;
    assert!(message.contains(place.file(STORE).to_str().unwrap()) && message.contains("restore a backup"), "{message}");
}
