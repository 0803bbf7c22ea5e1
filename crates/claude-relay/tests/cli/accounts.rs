//! `claude-relay account`.

use crate::site::Site;
use serde_json::{Value, json};
use testkit::{Answer, Reply, Script, ScriptedUpstream};

/// A credential, which may be seen nowhere.
const CREDENTIAL: &str = "sk-ant-api03-nobody-may-see-this";

/// Adds an account at `base_url`, its credential on standard input.
pub(crate) async fn create(site: &Site, name: &str, base_url: &str) -> Value {
    let args = [
        "account",
        "create",
        name,
        "--platform",
        "claude-console",
        "--base-url",
        base_url,
        "--secret-file",
        "-",
        "--json",
    ];
    site.run_with(&args, &[], &format!("{CREDENTIAL}\n")).await.expect(0).json()
}

/// The whole life of an account.
pub(crate) async fn whole_life(site: &Site) {
    let upstream = ScriptedUpstream::start(Script::always(Reply::message(Answer::hello()))).await.unwrap();
    let made = create(site, "main", &upstream.base_url()).await;
    assert_eq!((&made["api_key_set"], &made["state"]["status"]), (&json!(true), &json!("ready")));
    let edited = site.document(&["account", "edit", "main", "--priority", "7", "--model", "a=b", "--model", "c"]).await;
    assert_eq!((&edited["priority"], &edited["models"]), (&json!(7), &json!({"a": "b", "c": "c"})));
    assert_eq!(site.document(&["account", "reset", "main"]).await["id"], made["id"]);
    let explained = site.said(&["account", "explain", "--model", "a"]).await;
    assert!(explained.contains("main") && explained.contains("sound"), "{explained}");
    let explained = site.document(&["account", "explain", "--model", "z"]).await;
    assert_eq!(explained["items"][0]["reason"], json!("does not serve the model"));
    for which in [&["main"][..], &["--all"]] {
        let ended = site.document(&[&["account", "unstick"][..], which].concat()).await;
        assert_eq!(ended["ended"], json!(0));
    }
    let tested = site.document(&["account", "test", "main", "--model", "a"]).await;
    assert_eq!(tested["ok"], json!(true), "{tested}");
    let sent = &upstream.received(1).await;
    assert!(format!("{sent:?}").contains("nobody-may-see-this"), "the credential reached the provider");
    let list = site.said(&["account", "list"]).await;
    assert!(list.contains("main") && list.contains("claude-console") && list.contains("ready"), "{list}");
    let said = site.said(&["account", "delete", "main", "-y"]).await;
    assert!(said.starts_with("deleted the account `main`"), "{said}");
}

#[tokio::test]
async fn an_account_s_life_is_the_same_on_a_relay_that_runs_and_on_one_that_is_stopped() {
    for site in Site::both().await {
        whole_life(&site).await;
    }
}

#[tokio::test]
async fn a_credential_is_taken_from_a_file_or_standard_input_and_shown_nowhere() {
    let site = Site::stopped().await;
    create(&site, "main", "https://api.anthropic.com").await;
    let file = site.path().join("credential");
    std::fs::write(&file, format!("{CREDENTIAL}\n")).unwrap();
    site.run(&["account", "edit", "main", "--secret-file", file.to_str().unwrap()]).await.expect(0);
    for args in [&["account", "list"][..], &["account", "show", "main"], &["status"], &["doctor"], &["settings"]] {
        for json in [&[][..], &["--json"]] {
            let ended = site.run(&[args, json].concat()).await.expect(0);
            assert!(!ended.stdout.contains("nobody-may-see") && !ended.stderr.contains("nobody-may-see"), "{ended:?}");
        }
    }
}

#[tokio::test]
async fn a_credential_as_an_argument_is_refused_and_not_repeated() {
    let site = Site::stopped().await;
    let set = format!("api_key={CREDENTIAL}");
    let message = site.run(&["account", "create", "main", "--platform", "ccr", "--set", &set]).await.refusal();
    assert!(message.contains("process lists") && !message.contains("nobody-may-see"), "{message}");
}

#[tokio::test]
async fn a_credential_that_nobody_can_type_is_asked_for_by_flag() {
    let site = Site::stopped().await;
    let message = site.run(&["account", "create", "main", "--platform", "ccr"]).await.refusal();
    assert!(message.contains("--secret-file"), "{message}");
}

#[tokio::test]
async fn a_test_that_fails_is_told_by_the_exit_code() {
    let site = Site::stopped().await;
    let upstream = ScriptedUpstream::start(Script::always(Reply::status(401))).await.unwrap();
    create(&site, "main", &upstream.base_url()).await;
    let ended = site.run(&["account", "test", "main", "--json"]).await.expect(1);
    assert_eq!((&ended.json()["ok"], &ended.json()["status"]), (&json!(false), &json!(401)));
}
