//! What a first start makes, and that it is made once.

use crate::program::{Place, shown_password, sign_in};
use std::os::unix::fs::PermissionsExt as _;

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn setup_makes_a_directory_and_files_that_nobody_else_can_read() {
    let place = Place::new();
    let ended = place.relay("setup").run().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(mode(&place.data_dir()), 0o700);
    for name in ["secrets.env", "init.json"] {
        assert_eq!(mode(&place.file(name)), 0o600, "{name}");
        assert!(ended.stdout.contains(name), "{ended:?}");
    }
}

#[tokio::test]
async fn what_a_running_relay_makes_is_private_too() {
    let place = Place::new();
    let _relay = place.started().await;
    for name in place.files().keys() {
        assert_eq!(mode(&place.file(name)) & 0o077, 0, "{name}");
    }
}

#[tokio::test]
async fn the_password_is_shown_once_lets_in_and_stands_nowhere() {
    let place = Place::new();
    let ended = place.relay("setup").run().await;
    let password = shown_password(ended.stdout.lines());
    let relay = place.relay("serve").args(&["--listen", "127.0.0.1:0"]).listening().await;
    assert_eq!(relay.said, Vec::<String>::new());
    assert!(sign_in(&relay.base_url, "admin", &password).await.is_ok());
    for (name, bytes) in place.files() {
        assert!(!bytes.windows(password.len()).any(|window| window == password.as_bytes()), "{name}");
    }
}

#[tokio::test]
async fn the_first_serve_sets_up_by_itself_and_the_second_shows_no_password() {
    let place = Place::new();
    let serve = || place.relay("serve").args(&["--listen", "127.0.0.1:0"]);
    let relay = serve().listening().await;
    let password = shown_password(relay.said.iter().map(String::as_str));
    assert!(sign_in(&relay.base_url, "admin", &password).await.is_ok());
    relay.kill().await;
    let relay = place.started().await;
    assert!(relay.output().iter().all(|line| !line.contains("password") && !line.contains(&password)));
    assert!(sign_in(&relay.base_url(), "admin", &password).await.is_ok());
}

#[tokio::test]
async fn a_second_setup_is_refused_and_changes_nothing() {
    let place = Place::new();
    place.set_up().await;
    let before = place.files();
    let message = place.relay("setup").refusal().await;
    assert!(message.contains("init.json") && message.contains("data"), "{message}");
    assert_eq!(place.files(), before);
}

#[tokio::test]
async fn a_setup_beside_a_running_relay_is_refused_and_names_it() {
    let place = Place::new();
    let relay = place.started().await;
    for command in ["setup", "serve"] {
        let message = place.relay(command).envs(&[("PORT", "0")]).refusal().await;
        assert!(message.contains(&format!("in use by process {}", relay.pid().unwrap())), "{message}");
        assert!(message.contains("--data-dir"), "the way out: {message}");
    }
}
