//! When a token is given, when it is refreshed, and that it is refreshed once.

use crate::stage::Stage;
use credentials::CredentialError;
use domain::TokenBody;
use std::time::Duration;
use store::records::{Condition, TypedRecords};
use testkit::{OAuthFault, upstream::Gate};
use tokio::task::JoinSet;

#[tokio::test]
async fn a_good_token_is_given_without_any_call() {
    let stage = Stage::new().await;
    let credentials = stage.credentials();
    let token = credentials.access_token(&stage.account().await).await.expect("a token");
    assert_eq!((token.expose(), stage.server.calls().len()), ("at-0", 0));
    assert!(!format!("{token:?}").contains("at-0"));
}

#[tokio::test]
async fn two_hundred_requests_on_an_ended_token_refresh_once() {
    let stage = Stage::new().await;
    let credentials = stage.credentials();
    let account = stage.account().await;
    stage.end_token();
    let gate = Gate::new();
    stage.server.fail(OAuthFault::HeldAnswer(gate.clone()));
    let mut requests = JoinSet::new();
    for _ in 0..200 {
        let (credentials, account) = (credentials.clone(), account.clone());
        requests.spawn(async move { credentials.access_token(&account).await.map(|token| token.expose().to_owned()) });
    }
    gate.reached_by(1).await;
    gate.open();
    for token in requests.join_all().await {
        assert_eq!(token.expect("a token"), "at-1");
    }
    assert_eq!((stage.server.granted(), stage.server.calls().len()), (1, 1));
    // Another node, or the next start, finds what was stored; and so does who still has the record from before.
    assert_eq!(stage.credentials().access_token(&stage.account().await).await.expect("a token").expose(), "at-1");
    assert_eq!(credentials.access_token(&account).await.expect("a token").expose(), "at-1");
    let grant = stage.grant().await;
    assert_eq!(grant.refreshed_at, Some(stage.clock.now()));
    assert_eq!(grant.access_expires_at, Some(stage.clock.now().plus(Duration::from_secs(3600))));
    assert_eq!((grant.refresh_begun_at, grant.sign_in_needed), (None, None));
    assert_eq!(stage.server.calls().len(), 1);
}

#[tokio::test]
async fn a_token_near_its_end_is_given_and_refreshed_beside_the_request() {
    let stage = Stage::new().await;
    let credentials = stage.credentials();
    let account = stage.account().await;
    stage.clock.advance(Duration::from_secs(3600 - 60));
    let gate = Gate::new();
    stage.server.fail(OAuthFault::HeldAnswer(gate.clone()));
    for _ in 0..3 {
        assert_eq!(credentials.access_token(&account).await.expect("a token").expose(), "at-0");
    }
    gate.reached_by(1).await;
    gate.open();
    credentials.stop().await;
    assert_eq!(credentials.access_token(&account).await.expect("a token").expose(), "at-1");
    assert_eq!(stage.server.granted(), 1);
}

#[tokio::test]
async fn a_request_that_leaves_does_not_take_the_refresh_along() {
    let stage = Stage::new().await;
    let credentials = stage.credentials();
    let account = stage.account().await;
    stage.end_token();
    let gate = Gate::new();
    stage.server.fail(OAuthFault::HeldAnswer(gate.clone()));
    let mut request = JoinSet::new();
    request.spawn({
        let (credentials, account) = (credentials.clone(), account.clone());
        async move { credentials.access_token(&account).await.is_ok() }
    });
    gate.reached_by(1).await;
    request.shutdown().await;
    gate.open();
    credentials.stop().await;
    assert_eq!(credentials.access_token(&account).await.expect("a token").expose(), "at-1");
    assert_eq!(stage.server.granted(), 1);
}

#[tokio::test]
async fn accounts_that_nobody_asks_for_are_kept_fresh() {
    let stage = Stage::new().await;
    let credentials = stage.credentials();
    assert_eq!(credentials.refresh_due().await.expect("a look"), 0);
    stage.clock.advance(Duration::from_secs(3600 - 60));
    assert_eq!(credentials.refresh_due().await.expect("a look"), 1);
    assert_eq!(credentials.refresh_due().await.expect("a look"), 0);
    assert_eq!((stage.server.granted(), stage.grant().await.sign_in_needed), (1, None));
    stage
        .change(|account| account.settings.oauth_mut().expect("OAuth").grant.sign_in_needed = Some("x".to_owned()))
        .await;
    stage.end_token();
    assert_eq!(credentials.refresh_due().await.expect("a look"), 0, "it needs a sign-in");
}

#[tokio::test]
async fn a_token_without_an_end_is_used_until_it_is_refused() {
    let stage = Stage::new().await;
    stage.server.expire_in(None);
    let credentials = stage.credentials();
    let account = stage.account().await;
    stage.end_token();
    let token = credentials.access_token(&account).await.expect("a token");
    assert_eq!(token.expires_at(), None);
    stage.clock.advance(Duration::from_secs(86_400 * 365));
    assert_eq!(credentials.access_token(&account).await.expect("a token"), token);
    let next = credentials.refused(&account.id, &token).await.expect("another token");
    assert_eq!((next.expose(), stage.server.granted()), ("at-2", 2));
}

#[tokio::test]
async fn a_server_that_keeps_refresh_tokens_is_asked_with_the_same_again() {
    let stage = Stage::new().await;
    stage.server.keep_refresh_tokens();
    let credentials = stage.credentials();
    let account = stage.account().await;
    for expected in ["at-1", "at-2"] {
        stage.end_token();
        assert_eq!(credentials.access_token(&account).await.expect("a token").expose(), expected);
    }
    let sent: Vec<_> = stage.server.calls().iter().map(|call| call["refresh_token"].clone()).collect();
    assert_eq!(sent, ["rt-0", "rt-0"]);
}

#[tokio::test]
async fn token_requests_are_written_as_the_operator_says() {
    let stage = Stage::new().await;
    let client = stage.client();
    for body in [TokenBody::Form, TokenBody::Json] {
        let changed = domain::OAuthClient { token_body: body, ..client.clone() };
        let found = stage.store.records.read::<domain::OAuthClient>("claude").await.expect("a read").expect("it");
        stage.store.records.change(&found.record, &changed, Condition::Exists).await.expect("changed");
        stage.end_token();
        stage.credentials().access_token(&stage.account().await).await.expect("a token");
        let call = stage.server.calls().pop().expect("a call");
        assert_eq!((call["grant_type"].as_str(), call["client_id"].as_str()), ("refresh_token", "client-1"), "{body}");
    }
}

#[tokio::test]
async fn what_is_no_oauth_account_or_has_no_client_is_told() {
    let stage = Stage::new().await;
    stage.end_token();
    stage.store.records.remove(store::Family::OAuthClient, "claude", None).await.expect("removed");
    let error = stage.credentials().access_token(&stage.account().await).await.expect_err("no client");
    assert!(matches!(error, CredentialError::NotConfigured { .. }), "{error:?}");
    assert_eq!(stage.grant().await.refresh_begun_at, None, "nothing was begun");
}
