//! `claude-relay oauth-client` and the sign-ins of `account`; and a relay that is killed while it refreshes a token.

use crate::site::Site;
use domain::{
    Account, AccountId, AccountSettings, ClientAuth, OAuthAccess, OAuthClient, OAuthGrant, Platform, Timestamp,
    TokenBody,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path, time::Duration};
use store::records::TypedRecords;
use store_sqlite::SqliteStore;
use testkit::{
    AdminClient, OAuthFault, RelayProcess, ScriptedOAuth,
    relay::{ADMIN_PASSWORD, ADMIN_USERNAME, RelayCommand},
    upstream::Gate,
};
use vault::{EncryptionKey, Keyring, Place};

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Longest that a relay on a busy machine needs to look at its accounts.
const LOOKS_MAX: u32 = 600;

#[tokio::test]
async fn a_client_is_set_field_by_field_and_its_secret_is_no_argument() {
    for site in Site::both().await {
        let refused = site.run(&["oauth-client", "show", "gemini"]).await.refusal();
        assert!(refused.contains("no such OAuth client"), "{refused}");
        let set = ["oauth-client", "set", "gemini", "--token-url", "https://a.example/token", "--client-id", "c"];
        assert_eq!(site.document(&set).await["has_client_secret"], false);
        let secret = ["oauth-client", "set", "gemini", "--scopes", "a b", "--secret-file", "-", "--json"];
        let with_secret = site.run_with(&secret, &[], "s3cret-of-ours\n").await.expect(0);
        assert!(!with_secret.stdout.contains("s3cret-of-ours"));
        let parameter = ["oauth-client", "set", "gemini", "--authorize-parameter", "prompt=consent"];
        let whole = site.document(&parameter).await;
        let told = ["client_id", "scopes", "token_url", "has_client_secret"].map(|name| whole[name].clone());
        assert_eq!(told, [json!("c"), json!("a b"), json!("https://a.example/token"), json!(true)]);
        assert_eq!(whole["authorize_parameters"], json!({"prompt": "consent"}));
        let argument = site.run(&["oauth-client", "set", "gemini", "--set", "client_secret=x"]).await.refusal();
        assert!(argument.contains("is a secret"), "{argument}");
        assert_eq!(site.document(&["oauth-client", "show"]).await["items"].as_array().unwrap().len(), 1);
        let said = site.said(&["oauth-client", "delete", "gemini", "--yes"]).await;
        assert_eq!(said, "deleted the OAuth client for gemini\n");
        site.run(&["account", "refresh", "nobody"]).await.refusal();
    }
}

/// Writes a client and an account whose token has ended into the store of a relay that is stopped.
async fn prepare(data_dir: &Path, server: &ScriptedOAuth) {
    let store = SqliteStore::open(&data_dir.join("relay.db"), Timestamp::from_ms(0)).unwrap();
    let records = store.store().records;
    let keyring = Keyring::new(&EncryptionKey::parse(KEY).unwrap(), &[]);
    let then = Timestamp::from_ms(1_000);
    let client = OAuthClient {
        platform: Platform::Claude,
        authorize_url: None,
        token_url: format!("{}/token", server.base_url()),
        device_url: None,
        revoke_url: None,
        redirect_uri: None,
        client_id: "c".to_owned(),
        client_secret: None,
        client_auth: ClientAuth::Body,
        scopes: String::new(),
        token_body: TokenBody::Form,
        authorize_parameters: BTreeMap::new(),
        created_at: then,
        updated_at: then,
    };
    records.add(&client).await.unwrap();
    let seal = |field, clear: &str| keyring.seal(Place { family: "claude_account", id: "a1", field }, &clear.into());
    let grant = OAuthGrant {
        access_token: Some(seal("access_token", "at-0")),
        access_expires_at: Some(then),
        refresh_token: Some(seal("refresh_token", "rt-0")),
        ..OAuthGrant::default()
    };
    let account = Account::new(
        AccountId::parse("a1").unwrap(),
        "main",
        AccountSettings::Claude(OAuthAccess { base_url: "https://api.example".to_owned(), grant }),
        then,
    );
    records.add(&account).await.unwrap();
    store.shutdown().await;
}

/// How the account is signed in, once it says that it works or does not.
async fn standing(relay: &RelayProcess) -> Value {
    let admin = AdminClient::sign_in(&relay.base_url(), ADMIN_USERNAME, ADMIN_PASSWORD).await.unwrap();
    for _ in 0..LOOKS_MAX {
        let standing = admin.get("/admin/accounts/a1/oauth").await.unwrap();
        if standing["refreshed_at"].is_string() || standing["sign_in_needed"].is_string() {
            return standing;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the account was not refreshed");
}

#[tokio::test]
async fn a_relay_killed_while_it_refreshes_a_token_leaves_an_account_that_works_or_says_that_it_needs_a_sign_in() {
    for is_rotated in [true, false] {
        let (place, server) = (tempfile::tempdir().unwrap(), ScriptedOAuth::start().await.unwrap());
        if !is_rotated {
            server.keep_refresh_tokens();
        }
        let data_dir = place.path().join("data");
        let command = RelayCommand::new(env!("CARGO_BIN_EXE_claude-relay")).env("ENCRYPTION_KEY", KEY);
        let mut relay = command.clone().start_on(&data_dir).await.unwrap();
        assert!(relay.terminate().await.unwrap().success());
        prepare(&data_dir, &server).await;
        let gate = Gate::new();
        server.fail(OAuthFault::HeldAnswer(gate.clone()));
        // It looks at its accounts as soon as it runs.
        let mut relay = command.start_on(&data_dir).await.unwrap();
        gate.reached_by(1).await;
        relay.kill9().await.unwrap();
        let relay = relay.restart().await.unwrap();
        let standing = standing(&relay).await;
        assert_eq!(standing["signed_in"], !is_rotated, "{standing}");
        assert_eq!(server.calls().len(), 2, "one try with the token from before");
        if is_rotated {
            assert!(standing["sign_in_needed"].as_str().unwrap().contains("cut off"), "{standing}");
            let log = std::fs::read_to_string(place.path().join("logs/token-refresh-error.log")).unwrap();
            let line: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
            assert_eq!((&line["failure"], &line["account.id"]), (&json!("sign-in-needed"), &json!("a1")));
            assert!(!log.contains("rt-0") && !log.contains("at-0"), "{log}");
        }
    }
}
