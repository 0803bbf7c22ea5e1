//! Second factors: enrolled with the password, confirmed by a code, asked for at every sign-in, each code good once.

use crate::plane::{Caller, PASSWORD, Plane, Reply, request};
use domain::Role;
use http::Method;
use serde_json::json;
use std::time::Duration;
use vault::{TotpSecret, totp::Step};

const TOTP: &str = "/admin/me/totp";

/// The code that the authenticator shows so many steps from now.
fn code(plane: &Plane, secret: &TotpSecret, steps: i64) -> String {
    secret.code(Step(plane.clock.now().as_ms() / 30_000 + steps))
}

async fn sign_in(plane: &Plane, username: &str, code: &str) -> Reply {
    let body = json!({"username": username, "password": PASSWORD, "code": code});
    plane.send(request(Method::POST, "/admin/session", None, Some(&body))).await
}

async fn enrol(caller: &Caller<'_>) -> TotpSecret {
    let made = caller.post(TOTP, json!({"current_password": PASSWORD})).await.expect(200);
    let secret = made["secret"].as_str().expect("a secret");
    let url = made["otpauth_url"].as_str().expect("a URL");
    assert!(url.starts_with("otpauth://totp/claude-relay:") && url.contains(secret), "{url}");
    TotpSecret::parse(secret.into()).expect("base 32")
}

/// Enrols and confirms with the code of the present step; gives the recovery codes too.
async fn enable(plane: &Plane, caller: &Caller<'_>) -> (TotpSecret, Vec<String>) {
    let secret = enrol(caller).await;
    let body = json!({"code": code(plane, &secret, 0)});
    let codes = caller.post(&format!("{TOTP}/confirm"), body).await.expect(200);
    let codes = codes["recovery_codes"].as_array().expect("codes").iter();
    (secret, codes.map(|code| code.as_str().expect("a text").to_owned()).collect())
}

#[tokio::test]
async fn a_sign_in_asks_for_a_code_once_one_has_confirmed_the_secret() {
    let plane = Plane::new().await;
    let viewer = plane.caller(Role::Viewer).await;
    let secret = enrol(&viewer).await;
    plane.sign_in("viewer", PASSWORD).await.expect(200);
    assert_eq!(viewer.get(TOTP).await.expect(200)["pending"], true);
    let wrong = viewer.post(&format!("{TOTP}/confirm"), json!({"code": "000000x"})).await;
    assert_eq!(wrong.refusal(), ("unprocessable", vec!["code"]));
    let right = json!({"code": code(&plane, &secret, 0)});
    viewer.post(&format!("{TOTP}/confirm"), right.clone()).await.expect(200);
    assert_eq!(viewer.post(&format!("{TOTP}/confirm"), right).await.refusal().0, "conflict");
    let asked = plane.sign_in("viewer", PASSWORD).await;
    assert_eq!((asked.status.as_u16(), asked.refusal().0), (401, "code_required"));
    sign_in(&plane, "viewer", &code(&plane, &secret, 1)).await.expect(200);
    let state = viewer.get(TOTP).await.expect(200);
    assert_eq!((&state["enabled"], &state["recovery_codes_left"]), (&json!(true), &json!(10)));
}

#[tokio::test]
async fn who_lacks_the_password_is_not_told_that_there_is_a_second_factor() {
    let plane = Plane::new().await;
    enable(&plane, &plane.caller(Role::Viewer).await).await;
    assert_eq!(plane.sign_in("viewer", "wrong password").await.refusal().0, "unauthenticated");
}

#[tokio::test]
async fn each_code_opens_one_session() {
    let plane = Plane::new().await;
    let (secret, _) = enable(&plane, &plane.caller(Role::Viewer).await).await;
    // The one that confirmed was used.
    let used = sign_in(&plane, "viewer", &code(&plane, &secret, 0)).await;
    assert_eq!(used.refusal(), ("unauthenticated", vec!["code"]));
    plane.clock.advance(Duration::from_secs(60));
    let next = code(&plane, &secret, 0);
    let (one, other) = tokio::join!(sign_in(&plane, "viewer", &next), sign_in(&plane, "viewer", &next));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    let earlier = sign_in(&plane, "viewer", &code(&plane, &secret, -1)).await;
    assert_eq!(earlier.refusal().0, "unauthenticated");
}

#[tokio::test]
async fn each_recovery_code_opens_one_session() {
    let plane = Plane::new().await;
    let viewer = plane.caller(Role::Viewer).await;
    let (_, recovery) = enable(&plane, &viewer).await;
    assert_eq!(recovery.len(), 10);
    sign_in(&plane, "viewer", &recovery[3].to_uppercase()).await.expect(200);
    sign_in(&plane, "viewer", &recovery[3]).await.expect(401);
    sign_in(&plane, "viewer", &recovery[4]).await.expect(200);
    assert_eq!(viewer.get(TOTP).await.expect(200)["recovery_codes_left"], 8);
}

#[tokio::test]
async fn wrong_codes_are_slowed_down_whatever_right_passwords_stand_between_them() {
    let plane = Plane::new().await;
    let (secret, _) = enable(&plane, &plane.caller(Role::Viewer).await).await;
    for _ in 0..5 {
        sign_in(&plane, "viewer", "nonsense").await.expect(401);
        assert_eq!(plane.sign_in("viewer", PASSWORD).await.refusal().0, "code_required");
    }
    let right = code(&plane, &secret, 1);
    assert_eq!(sign_in(&plane, "viewer", &right).await.refusal().0, "too_many_requests");
    plane.clock.advance(Duration::from_secs(10));
    sign_in(&plane, "viewer", &right).await.expect(200);
}

#[tokio::test]
async fn a_second_factor_is_enrolled_and_switched_off_with_the_password() {
    let plane = Plane::new().await;
    let viewer = plane.caller(Role::Viewer).await;
    let wrong = viewer.post(TOTP, json!({"current_password": "wrong password"})).await;
    assert_eq!(wrong.refusal(), ("unprocessable", vec!["current_password"]));
    let off = format!("{TOTP}/disable");
    let unneeded = viewer.post(&off, json!({"current_password": PASSWORD, "code": "1"})).await;
    assert_eq!(unneeded.refusal().0, "conflict");
    assert_eq!(viewer.post(&format!("{TOTP}/confirm"), json!({"code": "1"})).await.refusal().0, "conflict");
    let (secret, _) = enable(&plane, &viewer).await;
    assert_eq!(viewer.post(TOTP, json!({"current_password": PASSWORD})).await.refusal().0, "conflict");
    let next = code(&plane, &secret, 1);
    let wrong = viewer.post(&off, json!({"current_password": "wrong password", "code": next})).await;
    assert_eq!(wrong.refusal(), ("unprocessable", vec!["current_password"]));
    let wrong = viewer.post(&off, json!({"current_password": PASSWORD, "code": "nonsense"})).await;
    assert_eq!(wrong.refusal(), ("unprocessable", vec!["code"]));
    viewer.post(&off, json!({"current_password": PASSWORD, "code": next})).await.expect(204);
    plane.sign_in("viewer", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn an_owner_takes_another_s_second_factor_away() {
    let plane = Plane::new().await;
    enable(&plane, &plane.caller(Role::Viewer).await).await;
    let owner = plane.caller(Role::Owner).await;
    let path = "/admin/admins/id-viewer/totp";
    assert_eq!(owner.get(path).await.expect(200)["enabled"], true);
    owner.delete(path).await.expect(204);
    assert_eq!(owner.get(path).await.expect(200)["enabled"], false);
    plane.sign_in("viewer", PASSWORD).await.expect(200);
    owner.delete("/admin/admins/nobody/totp").await.expect(404);
}

#[tokio::test]
async fn the_secret_is_sealed_and_recovery_codes_are_hashed_in_the_store() {
    let plane = Plane::new().await;
    let (_, recovery) = enable(&plane, &plane.caller(Role::Viewer).await).await;
    let row = plane.store.records.get(store::Family::AdminTotp, "id-viewer").await.expect("reads").expect("exists");
    let stored = format!("{:?}", row.fields);
    assert!(stored.contains("v1:"), "{stored}");
    assert!(recovery.iter().all(|code| !stored.contains(code.as_str()) && !stored.contains(&code.replace('-', ""))));
}
