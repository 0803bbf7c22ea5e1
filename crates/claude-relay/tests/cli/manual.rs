//! `claude-relay completions` and `man`.

use crate::site::Site;
use std::fs;

#[tokio::test]
async fn every_shell_has_completions_that_know_the_commands() {
    let site = Site::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = site.said(&["completions", shell]).await;
        assert!(script.contains("api-key") && script.contains("secret-file"), "{shell}");
    }
}

#[tokio::test]
async fn every_command_has_a_page() {
    let site = Site::empty();
    site.run(&["man", "--out", "pages/man1"]).await.expect(0);
    let pages = site.path().join("pages/man1");
    for page in
        ["claude-relay.1", "claude-relay-serve.1", "claude-relay-api-key-create.1", "claude-relay-usage-records.1"]
    {
        assert!(fs::read_to_string(pages.join(page)).unwrap().contains(".TH"), "{page}");
    }
}
