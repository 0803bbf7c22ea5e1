//! `claude-relay api-key`.

use crate::site::Site;
use serde_json::json;

/// Issues a key; gives its document.
async fn create(site: &Site, name: &str) -> serde_json::Value {
    site.document(&["api-key", "create", name]).await
}

/// The whole life of a key, which is the same wherever the command finds the control plane.
pub(crate) async fn whole_life(site: &Site) {
    let args = [
        "api-key",
        "create",
        "laptop",
        "--tag",
        "ci",
        "--permissions",
        "claude,openai",
        "--expires-after-first-use",
        "30d",
    ];
    let made = site.document(&args).await;
    assert!(made["key"].as_str().unwrap().starts_with("cr_"), "{made}");
    assert_eq!((&made["tags"], &made["permissions"]), (&json!(["ci"]), &json!(["claude", "openai"])));
    assert_eq!(
        (&made["expires_after_first_use"], &made["created_by"]),
        (&json!({"days": 30}), &json!("local operator"))
    );
    let id = made["id"].as_str().unwrap();
    let list = site.said(&["api-key", "list"]).await;
    assert!(list.contains("laptop") && list.contains(id), "{list}");
    let edited =
        site.document(&["api-key", "edit", "laptop", "--name", "desk", "--active", "false", "--set", "tags=[]"]).await;
    assert_eq!((&edited["name"], &edited["state"], &edited["tags"]), (&json!("desk"), &json!("disabled"), &json!([])));
    for wanted in ["desk", id] {
        assert_eq!(site.document(&["api-key", "show", wanted]).await, edited);
    }
    let said = site.said(&["api-key", "delete", "desk", "--yes"]).await;
    assert_eq!(said, format!("deleted the API key `desk` ({id})\n"));
    assert_eq!(site.document(&["api-key", "list"]).await["items"], json!([]));
    let deleted = site.document(&["api-key", "list", "--state", "deleted"]).await;
    assert!(deleted["items"].as_array().unwrap().iter().any(|key| key["id"] == id), "{deleted}");
}

#[tokio::test]
async fn a_key_s_life_is_the_same_on_a_relay_that_runs_and_on_one_that_is_stopped() {
    for site in Site::both().await {
        whole_life(&site).await;
    }
}

#[tokio::test]
async fn what_was_done_while_the_relay_ran_is_there_when_it_is_stopped() {
    let mut site = Site::running().await;
    create(&site, "laptop").await;
    let running = site.document(&["api-key", "list"]).await;
    site.stop().await;
    assert_eq!(site.document(&["api-key", "list"]).await, running);
}

#[tokio::test]
async fn a_key_is_shown_once_and_stands_in_no_later_answer() {
    let site = Site::stopped().await;
    let said = site.said(&["api-key", "create", "laptop"]).await;
    let key = said.lines().next().unwrap().to_owned();
    assert!(key.starts_with("cr_") && said.contains("shown this once"), "{said}");
    for args in [&["api-key", "list"][..], &["api-key", "show", "laptop"], &["status"], &["settings"]] {
        for json in [&[][..], &["--json"]] {
            let ended = site.run(&[args, json].concat()).await.expect(0);
            assert!(!ended.stdout.contains(&key), "{args:?}: {ended:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_destroyed_where_nobody_can_agree() {
    let site = Site::stopped().await;
    create(&site, "laptop").await;
    let message = site.run_with(&["api-key", "delete", "laptop"], &[], "y\n").await.refusal();
    assert!(message.contains("Delete the API key `laptop`") && message.contains("--yes"), "{message}");
    assert_eq!(site.document(&["api-key", "list"]).await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_change_that_is_meant_for_another_version_is_refused() {
    let site = Site::stopped().await;
    create(&site, "laptop").await;
    let message = site.run(&["api-key", "edit", "laptop", "--name", "b", "--if-version", "7"]).await.refusal();
    assert!(message.contains("changed in the meantime"), "{message}");
    site.run(&["api-key", "edit", "laptop", "--name", "b", "--if-version", "1"]).await.expect(0);
}

#[tokio::test]
async fn a_name_that_several_have_is_refused_with_their_ids() {
    let site = Site::stopped().await;
    let ids =
        [create(&site, "twin").await, create(&site, "twin").await].map(|key| key["id"].as_str().unwrap().to_owned());
    let message = site.run(&["api-key", "delete", "twin", "--yes"]).await.refusal();
    assert!(ids.iter().all(|id| message.contains(id)), "{message}");
    let message = site.run(&["api-key", "show", "nobody"]).await.refusal();
    assert!(message.contains("`nobody`") && message.contains("api-key list"), "{message}");
}

#[tokio::test]
async fn a_refusal_names_its_fields_and_is_a_document_for_whoever_wants_documents() {
    let site = Site::stopped().await;
    let args = ["api-key", "create", "", "--set", "colour=red"];
    let message = site.run(&args).await.refusal();
    assert!(message.contains("\n  - colour: "), "{message}");
    let ended = site.run(&[&args[..], &["--json"]].concat()).await.expect(1);
    assert_eq!(ended.json()["error"]["type"], "unprocessable");
}

#[tokio::test]
async fn a_long_list_comes_page_by_page() {
    let site = Site::stopped().await;
    for name in ["a", "b", "c"] {
        create(&site, name).await;
    }
    let args = ["api-key", "list", "--order", "name", "--direction", "asc", "--limit", "2"];
    let first = site.said(&args).await;
    let cursor = first.lines().last().unwrap().rsplit(' ').next().unwrap();
    let second = site.said(&[&args[..], &["--cursor", cursor]].concat()).await;
    let names = |text: &str| {
        text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!((&names(&first)[..2], names(&second)), (&["a".to_owned(), "b".to_owned()][..], vec!["c".to_owned()]));
}

#[tokio::test]
async fn a_table_is_no_wider_than_its_terminal() {
    let site = Site::stopped().await;
    create(&site, "鍵盤の開発チームの長い名前").await;
    for columns in ["40", "80", "120"] {
        let ended = site.run_with(&["api-key", "list"], &[("COLUMNS", columns)], "").await.expect(0);
        let widest = ended.stdout.lines().map(unicode_width::UnicodeWidthStr::width).max().unwrap();
        assert!(widest <= columns.parse().unwrap(), "{columns}: {}", ended.stdout);
        assert!(!ended.stdout.contains('\u{1b}'), "{ended:?}");
        assert!(ended.stdout.contains("鍵"), "{ended:?}");
    }
}
