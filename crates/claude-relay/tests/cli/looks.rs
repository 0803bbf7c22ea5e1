//! `claude-relay status`, `doctor`, `settings`.

use crate::site::Site;
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt};

/// The state of a check of `report`.
fn state<'a>(report: &'a Value, check: &str) -> &'a str {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|found| found["check"] == check).and_then(|found| found["state"].as_str()).unwrap_or("missing")
}

#[tokio::test]
async fn status_says_whether_the_relay_runs() {
    let mut site = Site::running().await;
    let said = site.said(&["status"]).await;
    assert!(said.contains("running for ") && said.contains(env!("CARGO_PKG_VERSION")), "{said}");
    assert_eq!(site.document(&["status"]).await["relay"], json!("running"));
    site.stop().await;
    assert!(site.said(&["status"]).await.contains("stopped"));
    let document = site.document(&["status"]).await;
    assert_eq!((&document["relay"], &document["system"]["store"]["engine"]), (&json!("stopped"), &json!("sqlite")));
}

#[tokio::test]
async fn status_needs_an_installation_and_makes_none() {
    let site = Site::empty();
    let message = site.run(&["status"]).await.refusal();
    assert!(message.contains("no relay has been set up") && message.contains("--data-dir"), "{message}");
    fs::create_dir(site.data_dir()).unwrap();
    site.run(&["status"]).await.refusal();
    assert!(!site.data_dir().join("relay.db").exists() && !site.data_dir().join("secrets.env").exists());
}

#[tokio::test]
async fn a_doctor_finds_nothing_wrong_with_a_relay_that_runs_or_is_stopped() {
    for site in Site::both().await {
        let report = site.document(&["doctor"]).await;
        for check in ["settings", "files", "relay", "socket", "key", "store", "journal", "clock"] {
            assert_eq!(state(&report, check), "ok", "{check}: {report}");
        }
        // No account was added.
        assert_eq!((state(&report, "accounts"), &report["state"]), ("warn", &json!("warn")));
        assert!(site.said(&["doctor"]).await.contains("claude-relay account create"));
    }
}

#[tokio::test]
async fn a_doctor_names_files_that_others_can_read_and_the_command_against_it() {
    let site = Site::stopped().await;
    let file = site.data_dir().join("secrets.env");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let ended = site.run(&["doctor"]).await.expect(0);
    assert!(ended.stdout.contains("warn  files") && ended.stdout.contains("chmod 600"), "{}", ended.stdout);
}

#[tokio::test]
async fn a_doctor_fails_where_the_key_does_not_fit() {
    let site = Site::stopped().await;
    site.said(&["status"]).await;
    let wrong = [("ENCRYPTION_KEY", "vutsrqponmlkjihgfedcba9876543210")];
    let ended = site.run_with(&["doctor", "--json"], &wrong, "").await.expect(1);
    let report = ended.json();
    assert_eq!((state(&report, "relay"), &report["state"]), ("fail", &json!("fail")), "{report}");
    assert!(ended.stdout.contains("does not fit the data"), "{ended:?}");
    assert!(!ended.stdout.contains("vutsrq"), "{ended:?}");
}

#[tokio::test]
async fn a_doctor_fails_where_a_setting_is_wrong() {
    let site = Site::stopped().await;
    let ended = site.run_with(&["doctor"], &[("PORT", "high")], "").await.expect(1);
    assert!(ended.stdout.contains("FAIL  settings") && ended.stdout.contains("PORT"), "{}", ended.stdout);
}

#[tokio::test]
async fn settings_are_those_of_the_relay_that_runs_and_secrets_are_not_among_them() {
    let token = "a-token-of-sixteen-letters-or-more";
    let site = Site::running_with(&[("METRICS_TOKEN", token), ("LOG_LEVEL", "debug")]).await;
    // The command's own shell says something else.
    let ended = site.run_with(&["settings"], &[("LOG_LEVEL", "error")], "").await.expect(0);
    let line = |name: &str| ended.stdout.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("log.level").contains("debug") && line("log.level").contains("environment variable LOG_LEVEL"));
    assert!(line("metrics.token").contains("(a secret, given)") && line("redis.db").ends_with("default"));
    assert!(!ended.stdout.contains(token), "{ended:?}");
    assert!(!site.document(&["settings"]).await.to_string().contains(token));
}

#[tokio::test]
async fn colours_are_for_terminals() {
    let site = Site::stopped().await;
    for args in [&["status"][..], &["doctor"], &["settings"]] {
        assert!(!site.said(args).await.contains('\u{1b}'), "{args:?}");
    }
}
