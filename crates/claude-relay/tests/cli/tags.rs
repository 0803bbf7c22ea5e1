//! `claude-relay tag`, and lists of keys by their labels and their use.

use crate::site::Site;
use serde_json::json;

async fn create(site: &Site, name: &str, tags: &[&str]) {
    let tags = tags.iter().flat_map(|tag| ["--tag", tag]);
    site.document(&["api-key", "create", name].into_iter().chain(tags).collect::<Vec<_>>()).await;
}

/// The names of the keys that a list shows.
async fn names(site: &Site, args: &[&str]) -> String {
    let list = site.document(&[&["api-key", "list", "--direction", "asc"], args].concat()).await;
    let items = list["items"].as_array().unwrap().iter();
    items.map(|key| key["name"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn labels_are_listed_renamed_and_removed_wherever_the_relay_is() {
    for site in Site::both().await {
        create(&site, "laptop", &["ci", "a/b"]).await;
        create(&site, "desk", &["ci"]).await;
        let list = site.document(&["tag", "list"]).await;
        assert_eq!(list["items"], json!([{"name": "a/b", "keys": 1}, {"name": "ci", "keys": 2}]));
        assert!(site.said(&["tag", "list", "-q", "CI"]).await.contains("ci"));
        assert_eq!(site.said(&["tag", "rename", "a/b", "ci"]).await, "renamed `a/b` to `ci` on 1 key\n");
        assert_eq!(site.document(&["tag", "rename", "ci", "build"]).await, json!({"changed": 2}));
        assert_eq!(names(&site, &["--tag", "build", "--order", "name"]).await, "desk laptop");
        assert_eq!(site.said(&["tag", "delete", "build", "--yes"]).await, "took the label `build` from 2 keys\n");
        assert_eq!(site.said(&["tag", "list"]).await, "none\n");
    }
}

#[tokio::test]
async fn keys_are_listed_by_labels_model_and_what_they_cost() {
    let site = Site::stopped().await;
    create(&site, "laptop", &["ci", "x"]).await;
    create(&site, "desk", &["ci"]).await;
    assert_eq!(names(&site, &["--tag", "ci", "--order", "name"]).await, "desk laptop");
    assert_eq!(names(&site, &["--tag", "ci", "--tag", "x"]).await, "laptop");
    assert_eq!(names(&site, &["--order", "last_used"]).await, "laptop desk");
    assert_eq!(names(&site, &["--order", "cost", "--from", "2026-01-01", "--to", "2026-01-31"]).await, "laptop desk");
    assert_eq!(names(&site, &["--model", "claude-opus-5"]).await, "");
}
