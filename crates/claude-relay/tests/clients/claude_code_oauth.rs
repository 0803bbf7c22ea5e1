//! Claude Code through the relay, answered by an account that was signed in to.

use crate::{
    claude_code::asking,
    programs,
    stage::{CREDENTIAL, Stage, forgiving},
};
use domain::TokenUsage;
use serde_json::json;
use tempfile::TempDir;
use testkit::{
    Answer, ErrorKind, Reply, Script, ScriptedUpstream,
    upstream::{Credential, Expect},
};

/// What the answer costs.
const USAGE: TokenUsage =
    TokenUsage { input: 40, output: 19, cache_write_1h: 300, cache_read: 7_000, ..TokenUsage::ZERO };

/// The beta that the provider requires with its tokens.
const OAUTH_BETA: &str = "oauth-2025-04-20";

#[tokio::test]
async fn its_token_opens_the_call_beside_the_client_s_own_betas() {
    let expect = Expect::credential(Credential::Bearer(CREDENTIAL.to_owned()));
    let script = Script::default()
        .then(Reply::error(ErrorKind::Overloaded))
        .otherwise(Reply::message(Answer::hello().with_usage(USAGE)));
    let upstream = ScriptedUpstream::start_expecting(script, expect).await.unwrap();
    let base_url = upstream.base_url();
    let stage = Stage::over(forgiving(), upstream, json!({"platform": "claude"}), &base_url).await;
    let accounts = stage.admin.get("/admin/accounts").await.unwrap();
    let pasted = format!("/admin/accounts/{}/oauth/tokens", accounts["items"][0]["id"].as_str().unwrap());
    stage.admin.post(&pasted, &json!({"access_token": CREDENTIAL})).await.unwrap();
    let home = TempDir::new().unwrap();
    let mut command = asking(&home, "say hi");
    command.env("ANTHROPIC_BASE_URL", stage.relay.base_url()).env("ANTHROPIC_AUTH_TOKEN", &stage.key.key);
    let ended = programs::run(command, "").await;
    assert!(ended.succeeded && ended.stdout.contains("Hello! Grüße, 你好, 👋🏽."), "{ended:?}");
    for exchange in stage.upstream.books().exchanges {
        let betas: Vec<_> = exchange.request.header_values("anthropic-beta").flat_map(|line| line.split(',')).collect();
        assert_eq!(betas.iter().filter(|beta| **beta == OAUTH_BETA).count(), 1, "{betas:?}");
        assert!(betas.contains(&"claude-code-20250219"), "{betas:?}");
    }
    stage.assert_books_match().await;
    let platforms: Vec<_> = stage.message_records().await.iter().map(|it| it["platform"].clone()).collect();
    assert_eq!(platforms, ["claude", "claude"], "refused once, and answered");
}
