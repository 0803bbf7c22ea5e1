//! `claude-relay user`.

use crate::site::Site;
use serde_json::json;

const EMAIL: &str = "mira@example.com";

#[tokio::test]
async fn a_user_s_life_is_the_same_on_a_relay_that_runs_and_on_one_that_is_stopped() {
    for site in Site::both().await {
        let made = site.document(&["user", "create", EMAIL, "--name", "Mira", "--keys-max", "2"]).await;
        assert!(made["password"].as_str().is_some_and(|password| password.len() >= 8), "a password was made");
        let list = site.said(&["user", "list", "-q", "mira"]).await;
        assert!(list.contains(EMAIL) && list.contains("active"), "{list}");
        let edited = site.document(&["user", "edit", EMAIL, "--active", "false", "--if-version", "1"]).await;
        assert_eq!((&edited["active"], &edited["keys_max"]), (&json!(false), &json!(2)));
        let stale = site.run(&["user", "edit", EMAIL, "--name", "M", "--if-version", "1"]).await.refusal();
        assert!(stale.contains("version"), "{stale}");
        let given = ["user", "reset-password", EMAIL, "--secret-file", "-", "--json"];
        let reset = site.run_with(&given, &[], "a long enough password\n").await.expect(0).json();
        assert_eq!(reset["password"], json!(null), "what was given is not shown");
        let ended = site.said(&["user", "end-sessions", EMAIL]).await;
        assert!(ended.contains("Mira") || ended.contains(EMAIL), "{ended}");
        let id = made["id"].as_str().unwrap();
        let key = site.document(&["api-key", "create", "laptop", "--set", &format!("owner={id}")]).await;
        assert_eq!(site.document(&["user", "show", id]).await["email"], json!(EMAIL));
        let unsure = site.run(&["user", "delete", EMAIL]).await.refusal();
        assert!(unsure.contains("--yes"), "{unsure}");
        assert!(site.said(&["user", "delete", EMAIL, "--yes"]).await.starts_with("deleted the user"));
        let gone = site.run(&["user", "show", EMAIL]).await.refusal();
        assert!(gone.contains("user list"), "{gone}");
        let key = site.document(&["api-key", "show", key["id"].as_str().unwrap()]).await;
        assert_eq!(key["state"], json!("deleted"), "their keys are deleted with them");
    }
}
