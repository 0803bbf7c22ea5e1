//! What a server, a network or a store that fails makes of an account: revoked is not unreachable.

use crate::stage::Stage;
use credentials::{CredentialError, FailureKind};
use std::time::Duration;
use testkit::OAuthFault;

fn kind(result: Result<credentials::AccessToken, CredentialError>) -> FailureKind {
    result.expect_err("no token").kind()
}

#[tokio::test]
async fn a_revoked_grant_needs_a_sign_in_and_is_not_asked_for_again() {
    let stage = Stage::new().await;
    stage.server.revoke_all();
    stage.end_token();
    let credentials = stage.credentials();
    let account = stage.account().await;
    assert_eq!(kind(credentials.access_token(&account).await), FailureKind::SignInNeeded);
    let grant = stage.grant().await;
    assert!(grant.sign_in_needed.expect("it says so").contains("revoked"));
    assert_eq!(grant.refresh_begun_at, None);
    assert_eq!(kind(credentials.access_token(&account).await), FailureKind::SignInNeeded);
    assert_eq!(kind(stage.credentials().access_token(&stage.account().await).await), FailureKind::SignInNeeded);
    assert_eq!(stage.server.calls().len(), 1);
}

#[tokio::test]
async fn a_network_that_fails_leaves_a_valid_token_in_use_and_is_tried_again_later() {
    let mut stage = Stage::new().await;
    stage.server.go_down().await;
    stage.clock.advance(Duration::from_secs(3600 - 60));
    let credentials = stage.credentials();
    let account = stage.account().await;
    assert_eq!(credentials.refresh_due().await.expect("a look"), 1);
    assert_eq!(credentials.access_token(&account).await.expect("a token").expose(), "at-0");
    let grant = stage.grant().await;
    assert_eq!((grant.sign_in_needed, grant.refresh_begun_at), (None, None), "nothing was sent");
    // At its end there is none, and that is said at once.
    stage.clock.advance(Duration::from_secs(60));
    let error = credentials.access_token(&account).await.expect_err("it has ended");
    assert!(matches!(error, CredentialError::Unreachable { .. }), "{error:?}");
    stage.server.come_back().await.expect("the port");
    assert_eq!(kind(credentials.access_token(&account).await), FailureKind::Network, "it waits for its next try");
    stage.clock.advance(Duration::from_secs(11));
    assert_eq!(credentials.access_token(&account).await.expect("a token").expose(), "at-1");
}

#[tokio::test]
async fn a_server_in_trouble_is_given_the_time_that_it_asks_for() {
    let stage = Stage::new().await;
    stage.server.fail(OAuthFault::Answer(503, "<html>".to_owned()));
    stage.end_token();
    let credentials = stage.credentials();
    let account = stage.account().await;
    assert_eq!(kind(credentials.access_token(&account).await), FailureKind::Network);
    assert_eq!(kind(credentials.access_token(&account).await), FailureKind::Network);
    assert_eq!(stage.server.calls().len(), 1, "not asked again at once");
    stage.clock.advance(Duration::from_secs(5));
    assert!(credentials.access_token(&account).await.is_ok());
}

#[tokio::test]
async fn a_client_that_the_server_refuses_is_the_operator_s_trouble_and_no_sign_in_s() {
    let stage = Stage::new().await;
    stage.server.fail(OAuthFault::Answer(401, r#"{"error":"invalid_client"}"#.to_owned()));
    stage.end_token();
    let credentials = stage.credentials();
    assert_eq!(kind(credentials.access_token(&stage.account().await).await), FailureKind::Settings);
    let grant = stage.grant().await;
    assert_eq!((grant.sign_in_needed, grant.refresh_begun_at), (None, None));
}

#[tokio::test]
async fn a_lost_answer_is_followed_by_one_try_and_then_by_a_sign_in() {
    let stage = Stage::new().await;
    stage.server.fail(OAuthFault::LostAnswer);
    stage.end_token();
    let credentials = stage.credentials();
    let account = stage.account().await;
    assert_eq!(kind(credentials.access_token(&account).await), FailureKind::Network);
    assert!(stage.grant().await.refresh_begun_at.is_some(), "nobody knows what became of it");
    stage.clock.advance(Duration::from_secs(5));
    let error = credentials.access_token(&account).await.expect_err("the old token is spent");
    assert!(error.to_string().contains("cut off"), "{error}");
    assert_eq!(stage.server.calls().len(), 2);
    assert!(stage.grant().await.sign_in_needed.is_some());
}

#[tokio::test]
async fn a_refused_token_is_refreshed_once_and_then_needs_a_sign_in() {
    let stage = Stage::new().await;
    let credentials = stage.credentials();
    let account = stage.account().await;
    let first = credentials.access_token(&account).await.expect("a token");
    let (one, other) = tokio::join!(credentials.refused(&account.id, &first), credentials.refused(&account.id, &first));
    let second = one.expect("another token");
    assert_eq!((second.expose(), other.expect("the same").expose()), ("at-1", "at-1"));
    assert_eq!(credentials.refused(&account.id, &first).await.expect("known already"), second);
    assert_eq!(stage.server.granted(), 1);
    assert_eq!(kind(credentials.refused(&account.id, &second).await), FailureKind::SignInNeeded);
    assert!(stage.grant().await.sign_in_needed.expect("it says so").contains("refuses the access token"));
    assert_eq!(stage.server.granted(), 1);
}

#[tokio::test]
async fn a_token_that_worked_for_a_while_may_be_refused_and_refreshed_again() {
    let stage = Stage::new().await;
    let credentials = stage.credentials();
    let account = stage.account().await;
    let mut token = credentials.access_token(&account).await.expect("a token");
    for _ in 0..3 {
        stage.clock.advance(Duration::from_secs(600));
        token = credentials.refused(&account.id, &token).await.expect("another token");
    }
    assert_eq!((token.expose(), stage.grant().await.sign_in_needed), ("at-3", None));
}

#[tokio::test]
async fn a_set_up_token_has_nothing_to_refresh_with() {
    let stage = Stage::new().await;
    let without =
        |account: &mut domain::Account| account.settings.oauth_mut().expect("OAuth").grant.refresh_token = None;
    stage.change(without).await;
    let credentials = stage.credentials();
    let account = stage.account().await;
    let token = credentials.access_token(&account).await.expect("a token");
    assert!(matches!(credentials.refresh_now(&account).await, Err(CredentialError::NoRefreshToken)));
    assert_eq!(kind(credentials.refused(&account.id, &token).await), FailureKind::SignInNeeded);
    let ended = Stage::new().await;
    ended.change(without).await;
    ended.end_token();
    let error = ended.credentials().access_token(&ended.account().await).await.expect_err("it has ended");
    assert!(error.to_string().contains("no refresh token"), "{error}");
    assert_eq!(ended.server.calls().len(), 0);
}

#[tokio::test]
async fn an_account_that_needs_a_sign_in_is_mended_by_a_refresh_that_works() {
    let stage = Stage::new().await;
    stage
        .change(|account| account.settings.oauth_mut().expect("OAuth").grant.sign_in_needed = Some("x".to_owned()))
        .await;
    let credentials = stage.credentials();
    let account = stage.account().await;
    assert_eq!(kind(credentials.access_token(&account).await), FailureKind::SignInNeeded);
    assert_eq!(credentials.refresh_now(&account).await.expect("a token").expose(), "at-1");
    assert_eq!(credentials.access_token(&account).await.expect("a token").expose(), "at-1");
    assert_eq!(stage.grant().await.sign_in_needed, None);
}

#[tokio::test]
async fn a_sign_in_elsewhere_is_seen_by_the_record_that_it_wrote() {
    let stage = Stage::new().await;
    let credentials = stage.credentials();
    assert_eq!(credentials.access_token(&stage.account().await).await.expect("a token").expose(), "at-0");
    let other = stage.credentials_on(stage.restarted(), "node-2");
    stage.clock.advance(Duration::from_secs(1));
    other.refresh_now(&stage.account().await).await.expect("refreshed there");
    assert_eq!(credentials.access_token(&stage.account().await).await.expect("a token").expose(), "at-1");
}
