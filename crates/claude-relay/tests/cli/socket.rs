//! The control socket of a relay that runs.

use crate::site::Site;
use std::{fs, os::unix::fs::PermissionsExt, os::unix::net::UnixListener};
use testkit::{HttpClient, relay::RelayCommand};

#[tokio::test]
async fn the_socket_is_its_owner_s_alone_and_goes_when_the_relay_does() {
    let mut site = Site::running().await;
    let socket = site.data_dir().join("control.sock");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    site.stop().await;
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_socket_that_a_killed_relay_left_is_no_relay_and_is_replaced() {
    let mut site = Site::running().await;
    let mut relay = site.relay.take().unwrap();
    relay.kill9().await.unwrap();
    assert!(site.data_dir().join("control.sock").exists());
    assert!(site.said(&["status"]).await.contains("stopped"));
    site.relay = Some(relay.restart().await.unwrap());
    assert!(site.said(&["status"]).await.contains("running"));
}

#[tokio::test]
async fn what_the_socket_gives_the_port_does_not() {
    let site = Site::running().await;
    let client = HttpClient::new(site.relay.as_ref().unwrap().base_url());
    for path in ["/admin/me", "/admin/system", "/admin/settings", "/control.sock"] {
        let answered = client.get(path, &[("host", "localhost"), ("x-forwarded-for", "127.0.0.1")]).await.unwrap();
        assert!([401, 404].contains(&answered.status.as_u16()), "{path}: {answered:?}");
    }
}

#[tokio::test]
async fn a_directory_whose_path_is_longer_than_a_socket_s_may_be_works_all_the_same() {
    let site = Site::empty();
    let deep = site.path().join("d".repeat(150));
    let relay = RelayCommand::new(env!("CARGO_BIN_EXE_claude-relay"));
    fs::create_dir(&deep).unwrap();
    let _relay = relay.start_on(deep.join("data")).await.unwrap();
    let dir = deep.join("data");
    let said = site.said(&["status", "--data-dir", dir.to_str().unwrap()]).await;
    assert!(said.contains("running"), "{said}");
}

#[tokio::test]
async fn a_directory_that_another_program_has_is_refused_with_its_number() {
    let site = Site::stopped().await;
    let lock = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(site.data_dir().join("lock"))
        .unwrap();
    lock.lock().unwrap();
    fs::write(site.data_dir().join("lock"), "4321\n").unwrap();
    // A socket that nobody listens on.
    drop(UnixListener::bind(site.data_dir().join("control.sock")).unwrap());
    let message = site.run(&["status"]).await.refusal();
    assert!(message.contains("in use by process 4321") && message.contains("control.sock"), "{message}");
}

#[tokio::test]
async fn commands_beside_each_other_wait_for_each_other() {
    let site = Site::stopped().await;
    let names = ["a", "b", "c", "d"];
    let commands = names.map(async |name| site.run(&["api-key", "create", name]).await);
    for ended in futures_util::future::join_all(commands).await {
        ended.expect(0);
    }
    assert_eq!(site.document(&["api-key", "list"]).await["items"].as_array().unwrap().len(), names.len());
}
