//! `claude-relay account-group`, and keys that are bound to one.

use crate::{accounts::create, site::Site};
use serde_json::{Value, json};

const URL: &str = "https://api.anthropic.com";

fn id(document: &Value) -> &str {
    document["id"].as_str().unwrap()
}

#[tokio::test]
async fn a_group_s_life_is_the_same_on_a_relay_that_runs_and_on_one_that_is_stopped() {
    for site in Site::both().await {
        let (one, two) = (create(&site, "one", URL).await, create(&site, "two", URL).await);
        let made = site.document(&["account-group", "create", "research", "--account", "one"]).await;
        assert_eq!((&made["name"], &made["members"]), (&json!("research"), &json!([id(&one)])));
        let list = site.said(&["account-group", "list"]).await;
        assert!(list.contains("research") && list.contains(id(&made)), "{list}");
        let added = site.document(&["account-group", "add", "research", "two", id(&one)]).await;
        assert_eq!(added["members"].as_array().unwrap().len(), 2);
        let removed = site.document(&["account-group", "remove", "research", "one"]).await;
        assert_eq!(removed["members"], json!([id(&two)]));
        let args = ["account-group", "edit", "research", "--name", "lab", "--account", "one", "--description", "d"];
        let edited = site.document(&args).await;
        assert_eq!((&edited["name"], &edited["members"]), (&json!("lab"), &json!([id(&one)])));
        assert_eq!(site.document(&["account-group", "show", "lab"]).await, edited);
        let said = site.said(&["account-group", "delete", "lab", "--yes"]).await;
        assert_eq!(said, format!("deleted the group of accounts `lab` ({})\n", id(&made)));
    }
}

#[tokio::test]
async fn a_key_is_bound_and_rated_by_flags_and_set_free_again() {
    let site = Site::stopped().await;
    let (account, group) = (create(&site, "main", URL).await, site.document(&["account-group", "create", "lab"]).await);
    let made = site
        .document(&[
            "api-key",
            "create",
            "laptop",
            "--bind",
            "claude=account:main",
            "--rate",
            "ccr=0.50",
            "--icon",
            "🦀",
        ])
        .await;
    assert_eq!(made["bindings"], json!({"claude": {"type": "account", "id": id(&account), "name": "main"}}));
    assert_eq!((&made["rate_multipliers"], &made["icon"]), (&json!({"ccr": "0.5"}), &json!("🦀")));
    let edited = site.document(&["api-key", "edit", "laptop", "--bind", "claude=group:lab"]).await;
    assert_eq!(edited["bindings"]["claude"]["id"], group["id"]);
    let message = site.run(&["account-group", "delete", "lab", "--yes"]).await.refusal();
    assert!(message.contains("1 key is bound to this group"), "{message}");
    let args = ["api-key", "edit", "laptop", "--bind", "none", "--rate", "none", "--icon", "none", "--owner", "none"];
    let freed = site.document(&args).await;
    assert_eq!(
        (&freed["bindings"], &freed["rate_multipliers"], &freed["icon"]),
        (&json!({}), &json!({}), &Value::Null)
    );
    for wrong in ["lab", "claude=lab", "claude=group:nothing"] {
        site.run(&["api-key", "edit", "laptop", "--bind", wrong]).await.refusal();
    }
}
