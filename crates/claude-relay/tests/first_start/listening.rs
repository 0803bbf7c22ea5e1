//! Where the relay listens, and what is left behind where it cannot.

use crate::program::Place;
use std::net::{Ipv4Addr, TcpListener};
use testkit::HttpClient;

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn it_listens_on_loopback_unless_told_otherwise() {
    let place = Place::new();
    let relay = place.relay("serve").envs(&[("PORT", "0")]).listening().await;
    assert!(relay.base_url.starts_with("http://127.0.0.1:"), "{}", relay.base_url);
}

#[tokio::test]
async fn the_earlier_service_s_host_and_port_are_understood() {
    let port = free_port();
    let place = Place::new();
    let relay = place.relay("serve").envs(&[("HOST", "127.0.0.2"), ("PORT", &port.to_string())]).listening().await;
    assert_eq!(relay.base_url, format!("http://127.0.0.2:{port}"));
    assert_eq!(HttpClient::new(&relay.base_url).get("/health", &[]).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_flag_goes_before_the_environment() {
    let place = Place::new();
    let relay =
        place.relay("serve").args(&["--listen", "127.0.0.1:0"]).envs(&[("HOST", "127.0.0.2")]).listening().await;
    assert!(relay.base_url.starts_with("http://127.0.0.1:"), "{}", relay.base_url);
}

#[tokio::test]
async fn a_port_in_use_is_no_start_and_nothing_is_set_up() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let place = Place::new();
    let message = place.relay("serve").args(&["--listen", &address]).refusal().await;
    assert!(message.contains(&address) && message.contains("--listen"), "{message}");
    assert!(place.files().is_empty(), "{:?}", place.files().keys());
    place.set_up().await;
}

#[tokio::test]
async fn who_stops_it_as_soon_as_it_is_ready_gets_an_orderly_end() {
    let place = Place::new();
    let mut relay = place.started().await;
    assert_eq!(relay.terminate().await.unwrap().code(), Some(0));
}
