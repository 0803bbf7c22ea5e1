//! OAuth clients, and accounts that sign in, over HTTP, with an authorisation server on loopback.

use crate::plane::{Caller, Plane, request};
use axum::body::to_bytes;
use domain::{Account, AccountId, AccountSettings, HttpEndpoint, OAuthAccess, OAuthClient, OAuthGrant, Platform, Role};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use store::records::TypedRecords;
use testkit::ScriptedOAuth;
use tower::ServiceExt;
use url::Url;

const CLIENT: &str = "/admin/oauth-clients/claude";
const SIGN_IN: &str = "/admin/accounts/a1/oauth";

fn document(server: &ScriptedOAuth) -> Value {
    let base = server.base_url();
    json!({"authorize_url": format!("{base}/authorize"), "token_url": format!("{base}/token"),
        "device_url": format!("{base}/device"), "revoke_url": format!("{base}/revoke"),
        "redirect_uri": "https://relay.example/oauth/callback", "client_id": "client-1", "scopes": "a  b",
        "authorize_parameters": {"prompt": "consent"}})
}

/// Adds `a1`, an account of Claude that nobody has signed in.
pub(crate) async fn add_account(plane: &Plane) {
    let base_url = "https://api.example".to_owned();
    add(plane, AccountSettings::Claude(OAuthAccess { base_url, grant: OAuthGrant::default() })).await;
}

async fn add(plane: &Plane, settings: AccountSettings) {
    let now = plane.clock.now();
    let account = Account::new(AccountId::parse("a1").expect("an id"), "main", settings, now);
    plane.store.records.add(&account).await.expect("added");
}

/// A plane with an account that nobody has signed in, and a client for it.
async fn stage() -> (Plane, ScriptedOAuth) {
    let (plane, server) = (Plane::new().await, ScriptedOAuth::start().await.expect("a port"));
    plane.caller(Role::Owner).await.put(CLIENT, document(&server)).await.expect(200);
    add_account(&plane).await;
    (plane, server)
}

async fn grant(plane: &Plane) -> OAuthGrant {
    let found = plane.store.records.read::<Account>("a1").await.expect("a read").expect("the account");
    found.record.settings.oauth().expect("OAuth").grant.clone()
}

/// Begins a sign-in by code; gives its URL's state, and has somebody agree to it for `code`.
async fn agreed(operator: &Caller<'_>, server: &ScriptedOAuth, code: &str) -> String {
    let started = operator.post(&format!("{SIGN_IN}/start"), json!({})).await.expect(200);
    let url = Url::parse(started["url"].as_str().expect("a URL")).expect("a URL");
    let parameter = |name: &str| url.query_pairs().find(|(n, _)| n == name).expect("there").1.into_owned();
    assert_eq!((parameter("prompt"), parameter("scope")), ("consent".to_owned(), "a b".to_owned()));
    server.agree(code, &parameter("code_challenge"));
    parameter("state")
}

#[tokio::test]
async fn a_client_s_secret_comes_in_and_never_goes_out() {
    let (plane, server) = stage().await;
    let owner = plane.caller(Role::Owner).await;
    let with = |secret: Value| {
        let mut document = document(&server);
        document["client_secret"] = secret;
        document
    };
    let set = owner.put(CLIENT, with(json!("s3cret-of-ours"))).await;
    assert_eq!(set.headers["etag"], "\"2\"");
    assert_eq!(set.expect(200)["has_client_secret"], true);
    // Left out it stays, null takes it away.
    assert_eq!(owner.put(CLIENT, document(&server)).await.expect(200)["has_client_secret"], true);
    let shown = owner.get(CLIENT).await.expect(200);
    let listed = owner.get("/admin/oauth-clients").await.expect(200);
    assert_eq!(listed["items"], json!([shown]));
    let audit = owner.get("/admin/audit").await.expect(200);
    let stored = plane.store.records.read::<OAuthClient>("claude").await.expect("a read").expect("it").record;
    let all = format!("{shown} {audit} {:?}", stored.client_secret);
    assert!(!all.contains("s3cret-of-ours") && all.contains("set_oauth_client"), "{all}");
    assert_eq!(owner.put(CLIENT, with(Value::Null)).await.expect(200)["has_client_secret"], false);
    let stale = owner.send_if("\"1\"", Method::PUT, CLIENT, Some(&document(&server))).await;
    assert_eq!(stale.refusal().0, "precondition_failed");
    owner.delete(CLIENT).await.expect(204);
    assert_eq!(owner.get(CLIENT).await.refusal().0, "not_found");
    let refused = plane.caller(Role::Operator).await.get("/admin/oauth-clients").await;
    assert_eq!(refused.refusal().0, "forbidden");
}

#[tokio::test]
async fn what_a_client_cannot_be_is_named_field_by_field() {
    let (plane, server) = stage().await;
    let owner = plane.caller(Role::Owner).await;
    let mut document = document(&server);
    document["token_url"] = json!("http://a.example/token");
    document["authorize_url"] = json!("nowhere");
    document["client_id"] = json!(" ");
    document["authorize_parameters"] = json!({"state": "x"});
    let refused = owner.put(CLIENT, document).await;
    let (kind, mut fields) = refused.refusal();
    fields.sort_unstable();
    assert_eq!(
        (kind, fields),
        ("unprocessable", vec!["authorize_parameters", "authorize_url", "client_id", "token_url"])
    );
    for path in ["/admin/oauth-clients/claude-console", "/admin/oauth-clients/x"] {
        assert_eq!(owner.get(path).await.refusal().0, "not_found", "{path}");
    }
}

#[tokio::test]
async fn an_account_signs_in_by_code_once() {
    let (plane, server) = stage().await;
    let operator = plane.caller(Role::Operator).await;
    assert_eq!(operator.get(SIGN_IN).await.expect(200)["signed_in"], false);
    let state = agreed(&operator, &server, "code-1").await;
    let callback = json!({"code": format!("https://relay.example/oauth/callback?code=code-1&state={state}")});
    let finish = format!("{SIGN_IN}/finish");
    let signed_in = operator.post(&finish, callback.clone()).await.expect(200);
    assert_eq!((&signed_in["signed_in"], &signed_in["has_refresh_token"]), (&json!(true), &json!(true)));
    let call = server.calls().pop().expect("a call");
    assert_eq!(
        (call["grant_type"].as_str(), call["redirect_uri"].as_str()),
        ("authorization_code", "https://relay.example/oauth/callback")
    );
    assert_eq!(grant(&plane).await.sign_in_needed, None);
    // The same again, and by somebody else: it is over.
    assert_eq!(operator.post(&finish, callback).await.refusal().0, "conflict");
    let owner = plane.caller(Role::Owner).await;
    let audit = owner.get("/admin/audit").await.expect(200).to_string();
    assert!(audit.contains("finish_account_sign_in") && !audit.contains("at-1") && !audit.contains("rt-1"), "{audit}");
    assert!(!signed_in.to_string().contains("at-1"));
}

#[tokio::test]
async fn a_code_of_another_sign_in_or_after_ten_minutes_is_refused() {
    let (plane, server) = stage().await;
    let operator = plane.caller(Role::Operator).await;
    let finish = format!("{SIGN_IN}/finish");
    assert_eq!(operator.post(&finish, json!({"code": "x"})).await.refusal().0, "conflict", "none was begun");
    let first = agreed(&operator, &server, "code-1").await;
    let second = agreed(&operator, &server, "code-2").await;
    assert_eq!(
        operator.post(&finish, json!({"code": format!("code-1#{first}")})).await.refusal(),
        ("unprocessable", vec!["code"])
    );
    assert_eq!(operator.post(&finish, json!({})).await.refusal(), ("unprocessable", vec!["code"]));
    let denied = json!({"code": "https://relay.example/oauth/callback?error=access_denied"});
    assert_eq!(operator.post(&finish, denied).await.refusal(), ("unprocessable", vec!["code"]));
    assert_eq!(server.calls().len(), 0, "nothing was sent");
    plane.clock.advance(Duration::from_secs(600));
    assert_eq!(operator.post(&finish, json!({"code": format!("code-2#{second}")})).await.refusal().0, "conflict");
    let third = agreed(&operator, &server, "code-3").await;
    assert_eq!(
        operator.post(&finish, json!({"code": format!("wrong#{third}")})).await.refusal(),
        ("unprocessable", vec!["code"])
    );
    assert_eq!(grant(&plane).await, OAuthGrant::default());
    agreed(&operator, &server, "code-4").await;
    operator.post(&finish, json!({"code": "code-4"})).await.expect(200);
}

#[tokio::test]
async fn an_account_signs_in_by_device_when_somebody_has_confirmed() {
    let (plane, server) = stage().await;
    let operator = plane.caller(Role::Operator).await;
    server.answer_device(&["authorization_pending", "slow_down"]);
    let started = operator.post(&format!("{SIGN_IN}/start"), json!({"method": "device"})).await.expect(200);
    assert_eq!((&started["user_code"], &started["interval_s"]), (&json!("WDJB-MJHT"), &json!(1)));
    let finish = format!("{SIGN_IN}/finish");
    for _ in 0..2 {
        let asked = operator.post(&finish, json!({})).await;
        assert_eq!((asked.status.as_u16(), asked.refusal().0), (429, "too_many_requests"));
        assert!(asked.headers.contains_key("retry-after"));
    }
    assert_eq!(operator.post(&finish, json!({})).await.expect(200)["signed_in"], true);
    assert_eq!(operator.post(&finish, json!({})).await.refusal().0, "conflict");
    server.answer_device(&["access_denied"]);
    operator.post(&format!("{SIGN_IN}/start"), json!({"method": "device"})).await.expect(200);
    assert_eq!(operator.post(&finish, json!({})).await.refusal().0, "conflict");
}

#[tokio::test]
async fn pasted_tokens_are_taken_and_a_refresh_token_alone_is_tried_at_once() {
    let (plane, server) = stage().await;
    let operator = plane.caller(Role::Operator).await;
    let tokens = format!("{SIGN_IN}/tokens");
    for wrong in [json!({}), json!({"access_token": "a b"}), json!({"access_token": "", "refresh_token": "x"})] {
        assert_eq!(operator.post(&tokens, wrong).await.refusal(), ("unprocessable", vec!["access_token"]));
    }
    let long_lived = operator.post(&tokens, json!({"access_token": " set-up-token\n"})).await.expect(200);
    assert_eq!((&long_lived["signed_in"], &long_lived["has_refresh_token"]), (&json!(true), &json!(false)));
    assert_eq!(operator.post(&format!("{SIGN_IN}/refresh"), json!({})).await.refusal().0, "conflict");
    let alone = operator.post(&tokens, json!({"refresh_token": "rt-0"})).await.expect(200);
    assert_eq!((&alone["signed_in"], server.granted()), (&json!(true), 1));
    assert!(alone["access_expires_at"].is_string());
    let spent = operator.post(&tokens, json!({"refresh_token": "rt-0"})).await;
    assert_eq!(spent.refusal().0, "conflict");
    assert_eq!(operator.get(SIGN_IN).await.expect(200)["signed_in"], false);
}

#[tokio::test]
async fn an_account_is_refreshed_on_request_and_signed_out() {
    let (plane, server) = stage().await;
    let operator = plane.caller(Role::Operator).await;
    operator.post(&format!("{SIGN_IN}/tokens"), json!({"refresh_token": "rt-0"})).await.expect(200);
    operator.post(&format!("{SIGN_IN}/refresh"), json!({})).await.expect(200);
    assert_eq!(server.granted(), 2);
    let out = operator.post(&format!("{SIGN_IN}/sign-out"), json!({})).await.expect(200);
    assert_eq!((&out["revoked"], server.refresh_token()), (&json!(true), None));
    let standing = operator.get(SIGN_IN).await.expect(200);
    assert_eq!(standing["sign_in_needed"], "it was signed out");
    let left = grant(&plane).await;
    assert!(left.access_token.is_none() && left.refresh_token.is_none());
}

#[tokio::test]
async fn what_does_not_sign_in_by_oauth_says_so() {
    let plane = Plane::new().await;
    let api_key = domain::Sealed::from_envelope("v1:x".to_owned());
    let base_url = "https://api.example".to_owned();
    let endpoint = HttpEndpoint { base_url, messages_path: None, api_key, auth: domain::AuthScheme::Bearer };
    add(&plane, AccountSettings::ClaudeConsole(endpoint)).await;
    let operator = plane.caller(Role::Operator).await;
    assert_eq!(operator.get(SIGN_IN).await.refusal().0, "conflict");
    assert_eq!(operator.post(&format!("{SIGN_IN}/start"), json!({})).await.refusal().0, "conflict");
    assert_eq!(operator.get("/admin/accounts/a2/oauth").await.refusal().0, "not_found");
    let without_client = Plane::new().await;
    let access = OAuthAccess { base_url: "https://api.example".to_owned(), grant: OAuthGrant::default() };
    add(&without_client, AccountSettings::OpenAi(access)).await;
    let refused = without_client.caller(Role::Operator).await.post(&format!("{SIGN_IN}/start"), json!({})).await;
    assert!(refused.body.to_string().contains("no OAuth client for openai"), "{}", refused.body);
    assert_eq!(Platform::OpenAi.as_str(), "openai");
}

#[tokio::test]
async fn the_callback_shows_the_code_and_changes_nothing() {
    let (plane, server) = stage().await;
    let operator = plane.caller(Role::Operator).await;
    let state = agreed(&operator, &server, "code-1").await;
    let shown = async |query: String| {
        let callback = request(Method::GET, &format!("/oauth/callback?{query}"), None, None);
        let response = plane.router.clone().oneshot(callback).await.expect("an answer");
        assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        (status, String::from_utf8(bytes.to_vec()).expect("text"))
    };
    let (status, text) = shown(format!("code=code-1&state={state}")).await;
    assert!(status == 200 && text.contains(&format!("code-1#{state}")), "{text}");
    assert_eq!(shown("error=access_denied".to_owned()).await.0, 400);
    assert_eq!(shown("code=%3Cscript%3E%0A".to_owned()).await.0, 400);
    assert_eq!((server.calls().len(), grant(&plane).await), (0, OAuthGrant::default()));
    operator.post(&format!("{SIGN_IN}/finish"), json!({"code": format!("code-1#{state}")})).await.expect(200);
}
