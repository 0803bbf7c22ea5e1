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
    assert_eq!((&made["secrets"], &made["state"]["status"]), (&json!(["api_key"]), &json!("ready")));
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

/// A command that reads a secret from standard input; what it made or changed.
async fn with_secret(site: &Site, args: &[&str], secret: &str) -> Value {
    let args = [args, &["--json"]].concat();
    site.run_with(&args, &[], secret).await.expect(0).json()
}

#[tokio::test]
async fn an_account_of_another_platform_has_flags_of_its_own_and_shows_what_it_has() {
    let site = Site::stopped().await;
    let create = ["account", "create", "aws", "--platform", "bedrock", "--region", "us-east-1"];
    let secret = ["--access-key-id", "AKIAIOSFODNN7EXAMPLE", "--secret-file", "secret_access_key=-"];
    let made = with_secret(&site, &[&create[..], &secret].concat(), "hidden-secret\n").await;
    assert_eq!((&made["region"], &made["secrets"]), (&json!("us-east-1"), &json!(["secret_access_key"])));
    let edit = ["account", "edit", "aws", "--access", "bearer_token", "--secret-file", "-"];
    let edited = with_secret(&site, &edit, "hidden-token").await;
    assert_eq!((&edited["access"], &edited["secrets"]), (&json!("bearer_token"), &json!(["bearer_token"])));
    let proxied =
        ["account", "edit", "aws", "--proxy", "socks5h://p.example:1080", "--base-url", "https://vpce.example"];
    assert_eq!(site.document(&proxied).await["proxy"]["url"], "socks5h://p.example:1080");
    let proxied = ["account", "edit", "aws", "--secret-file", "proxy=-", "--base-url", "none"];
    let proxied = with_secret(&site, &proxied, "http://relay:hidden-pass@p.example:3128\n").await;
    assert_eq!(proxied["proxy"], json!({"url": "http://relay@p.example:3128", "password_set": true}));
    assert_eq!((&proxied["base_url"], &proxied["region"]), (&Value::Null, &json!("us-east-1")));
    let shown = site.said(&["account", "show", "aws"]).await;
    for part in ["bedrock", "us-east-1", "proxy.url", "relay@p.example:3128", "bearer_token, proxy"] {
        assert!(shown.contains(part) && !shown.contains("hidden"), "{part}: {shown}");
    }
    let direct = site.document(&["account", "edit", "aws", "--proxy", "none", "--access", "environment"]).await;
    assert_eq!((&direct["proxy"], &direct["secrets"]), (&Value::Null, &json!([])));
}

#[tokio::test]
async fn what_needs_no_credential_is_asked_for_none_and_waits_for_a_sign_in() {
    let site = Site::stopped().await;
    let made = site.document(&["account", "create", "max", "--platform", "claude"]).await;
    assert_eq!((&made["state"]["status"], &made["oauth"]["signed_in"]), (&json!("sign_in_needed"), &json!(false)));
    let list = site.said(&["account", "list"]).await;
    assert!(list.contains("sign_in_needed") && list.contains("nobody has signed in"), "{list}");
    let keys = ["account", "create", "keys", "--platform", "droid", "--secret-file", "-"];
    assert_eq!(with_secret(&site, &keys, "fk-1\nfk-2\n").await["api_keys_count"], 2);
    let args = ["account", "create", "code", "--platform", "gemini", "--access", "oauth", "--project-id", "team-1"];
    assert_eq!(site.document(&args).await["project_id"], "team-1");
}

#[tokio::test]
async fn a_secret_without_its_field_and_a_proxy_s_password_are_refused_with_what_to_write() {
    let site = Site::stopped().await;
    let refusals = [
        (&["--platform", "claude", "--secret-file", "key.txt"][..], "--secret-file FIELD=key.txt"),
        (&["--platform", "claude", "--proxy", "http://u:hidden@p.example:1"], "--secret-file proxy=FILE"),
        (&["--platform", "claude", "--set", "proxy=http://u:hidden@p.example:1"], "process lists"),
        (&["--platform", "claude", "--ask", "password"], "no secret of an account"),
        (&["--platform", "claude", "--ask", "proxy"], "--secret-file proxy=FILE"),
        (&["--platform", "bedrock", "--region", "us-east-1"], "--secret-file secret_access_key=FILE"),
        (&["--platform", "nothing"], "platform"),
        (&["--platform", "claude", "--region", "us-east-1"], "region: is no field of a claude account"),
    ];
    for (flags, expected) in refusals {
        let message = site.run(&[&["account", "create", "a"], flags].concat()).await.refusal();
        assert!(message.contains(expected) && !message.contains("hidden"), "{flags:?}: {message}");
    }
    with_secret(&site, &["account", "create", "key", "--platform", "gemini", "--secret-file", "-"], "k").await;
    let message = site.run(&["account", "edit", "key", "--access", "environment"]).await.refusal();
    assert!(message.contains("access"), "{message}");
}
