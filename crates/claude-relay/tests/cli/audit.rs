//! `claude-relay audit`.

use crate::site::Site;
use serde_json::json;

#[tokio::test]
async fn what_was_done_is_listed_and_shown_on_a_relay_that_runs_and_on_one_that_is_stopped() {
    for site in Site::both().await {
        let made = site.document(&["api-key", "create", "laptop"]).await;
        let id = made["id"].as_str().unwrap();
        let said = site.said(&["audit", "list", "--operation", "create_api_key"]).await;
        assert!(said.contains("local operator") && said.contains("create_api_key") && said.contains(id), "{said}");
        let list = site.document(&["audit", "list", "--resource", "api_key", "--resource-id", id]).await;
        let entry = &list["items"][0];
        assert_eq!((&entry["origin"], &entry["outcome"]), (&json!("local"), &json!("done")));
        let changed = &entry["changes"][0]["after"];
        assert_eq!((&changed["name"], &changed["hash"]), (&json!("laptop"), &json!("***")));
        assert_eq!(site.document(&["audit", "show", entry["id"].as_str().unwrap()]).await, *entry);
    }
}

#[tokio::test]
async fn the_first_administrator_is_in_the_log() {
    let site = Site::running().await;
    let list = site.document(&["audit", "list", "--operation", "apply_init_file"]).await;
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{list}");
    assert_eq!((&items[0]["actor"]["kind"], &items[0]["outcome"]), (&json!("relay"), &json!("done")));
    let changes = items[0]["changes"].as_array().unwrap();
    let admin = changes.iter().find(|changed| changed["resource"]["kind"] == "admin").unwrap();
    assert_eq!((&admin["after"]["role"], &admin["after"]["password_hash"]), (&json!("owner"), &json!("***")));
}
