//! The second factor of administrators: enrol, confirm, switch off. Its secret is shown once, when it is made.

pub(crate) mod second_factor;

use crate::{
    editing,
    extract::{Document, IfMatch, PathId},
    gate::Caller,
    refusal::{Refusal, RefusalType},
    session,
    state::{Plane, Shared},
    wire::{ClearText, Instant},
};
use axum::{Json, extract::State};
use domain::{Admin, AdminId};
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use store::{Family, RecordError, nouns::AdminTotp, records::TypedRecords};
use utoipa::ToSchema;
use vault::{Guesser, TotpSecret, totp};

/// What authenticators show beside the user name.
const ISSUER: &str = "claude-relay";

/// One's password, given again.
#[derive(Deserialize, ToSchema)]
#[schema(as = TotpEnrolment, example = json!({"current_password": "correct horse battery staple"}))]
pub(crate) struct Enrolment {
    #[schema(value_type = String, format = Password, max_length = 1024)]
    current_password: ClearText,
}

/// A code of the authenticator.
#[derive(Deserialize, ToSchema)]
#[schema(as = TotpConfirmation, example = json!({"code": "492039"}))]
pub(crate) struct Confirmation {
    /// Six digits.
    #[schema(max_length = 64)]
    code: String,
}

/// What it takes to do without a second factor.
#[derive(Deserialize, ToSchema)]
#[schema(as = TotpRemoval, example = json!({"current_password": "correct horse battery staple", "code": "492039"}))]
pub(crate) struct Removal {
    #[schema(value_type = String, format = Password, max_length = 1024)]
    current_password: ClearText,
    /// Six digits, or a recovery code.
    #[schema(max_length = 64)]
    code: String,
}

/// Whether there is a second factor.
#[derive(Serialize, ToSchema)]
#[schema(as = TotpState)]
pub(crate) struct TotpStateView {
    /// Whether sign-ins ask for a code.
    enabled: bool,
    /// Since when.
    enabled_since: Option<Instant>,
    /// Whether a secret was made that no code has confirmed yet.
    pending: bool,
    /// Recovery codes that were not used.
    recovery_codes_left: usize,
}

/// A secret that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = TotpSecret)]
pub(crate) struct TotpSecretView {
    /// In base 32, to be typed into an authenticator: shown here and never again.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: String,
    /// The same for a QR code.
    #[schema(example = "otpauth://totp/claude-relay:mira?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=claude-relay")]
    otpauth_url: String,
}

/// Codes for who has lost the authenticator.
#[derive(Serialize, ToSchema)]
#[schema(as = RecoveryCodes)]
pub(crate) struct RecoveryCodesView {
    /// Ten, each good for one sign-in: shown here and never again.
    #[schema(example = json!(["abcd-efgh-jkmn-pqrs"]))]
    recovery_codes: Vec<String>,
}

/// Says whether one has a second factor.
#[utoipa::path(get, path = "/admin/me/totp", tag = "Second factor", operation_id = "read_totp",
    responses((status = 200, body = TotpStateView, description = "Whether there is one.")))]
pub(crate) async fn read(State(plane): State<Shared>, caller: Caller) -> Result<Json<TotpStateView>, Refusal> {
    state(&plane, &caller.admin.id).await.map(Json)
}

/// Makes a secret for an authenticator. Sign-ins ask for codes once one has confirmed it.
#[utoipa::path(post, path = "/admin/me/totp", tag = "Second factor", operation_id = "enrol_totp",
    request_body = Enrolment, responses((status = 200, body = TotpSecretView, description = "The secret.")))]
pub(crate) async fn enrol(
    State(plane): State<Shared>,
    caller: Caller,
    Document(body): Document<Enrolment>,
) -> Result<Json<TotpSecretView>, Refusal> {
    check_password(&plane, &caller.admin, body.current_password).await?;
    let secret = TotpSecret::generate();
    put_pending(&plane, &caller.admin.id, &secret).await?;
    tracing::info!(admin.id = %caller.admin.id, "an administrator began to enrol a second factor");
    let secret = secret.expose().expose_secret();
    let name = utf8_percent_encode(&caller.admin.username, NON_ALPHANUMERIC);
    let parameters = format!("issuer={ISSUER}&algorithm=SHA1&digits={}&period={}", totp::DIGITS, totp::STEP_SECONDS);
    Ok(Json(TotpSecretView {
        otpauth_url: format!("otpauth://totp/{ISSUER}:{name}?secret={secret}&{parameters}"),
        secret: secret.to_owned(),
    }))
}

/// Confirms the secret by a code: from now on sign-ins ask for one.
#[utoipa::path(post, path = "/admin/me/totp/confirm", tag = "Second factor", operation_id = "confirm_totp",
    request_body = Confirmation, responses((status = 200, body = RecoveryCodesView, description = "Confirmed.")))]
pub(crate) async fn confirm(
    State(plane): State<Shared>,
    caller: Caller,
    Document(body): Document<Confirmation>,
) -> Result<Json<RecoveryCodesView>, Refusal> {
    let (now, codes) = (plane.now(), totp::recovery_codes());
    let confirmed = editing::edit::<AdminTotp>(plane.store(), caller.admin.id.as_str(), &IfMatch::Any, |pending| {
        if pending.confirmed_at.is_some() {
            return Err(Refusal::new(RefusalType::Conflict, "The second factor is confirmed already."));
        }
        let used = second_factor::spent(&plane.given.keyring, pending, &body.code, now)?;
        let used = used.ok_or_else(|| Refusal::field("code", "is wrong; type the one that is shown now"))?;
        let recovery = codes.iter().map(|code| code.hash).collect();
        Ok(AdminTotp { confirmed_at: Some(now), recovery, ..used })
    });
    let unmade = "There is no secret to confirm: make one with `POST /admin/me/totp`.";
    confirmed.await?.ok_or_else(|| Refusal::new(RefusalType::Conflict, unmade))?;
    tracing::info!(admin.id = %caller.admin.id, "an administrator has a second factor now");
    let recovery_codes = codes.iter().map(|code| code.clear.expose_secret().to_owned()).collect();
    Ok(Json(RecoveryCodesView { recovery_codes }))
}

/// Switches one's own second factor off.
#[utoipa::path(post, path = "/admin/me/totp/disable", tag = "Second factor", operation_id = "disable_totp",
    request_body = Removal, responses((status = 204, description = "Switched off.")))]
pub(crate) async fn disable(
    State(plane): State<Shared>,
    caller: Caller,
    Document(body): Document<Removal>,
) -> Result<StatusCode, Refusal> {
    let found = second_factor::find(&plane, &caller.admin.id).await?;
    if found.is_none_or(|found| found.record.confirmed_at.is_none()) {
        return Err(Refusal::new(RefusalType::Conflict, "There is no second factor to switch off."));
    }
    check_password(&plane, &caller.admin, body.current_password).await?;
    let redeemed = second_factor::redeem(&plane, &caller.admin, &body.code).await;
    redeemed.map_err(|refusal| match refusal.r#type {
        RefusalType::Unauthenticated => Refusal::field("code", "is wrong, or was used before; type the next one"),
        _ => refusal,
    })?;
    remove(&plane, &caller.admin.id).await?;
    tracing::info!(admin.id = %caller.admin.id, "an administrator has no second factor any more");
    Ok(StatusCode::NO_CONTENT)
}

/// Says whether an administrator has a second factor.
#[utoipa::path(get, path = "/admin/admins/{id}/totp", tag = "Second factor", operation_id = "read_admin_totp",
    params(("id" = String, Path, description = "The administrator's id.")),
    responses((status = 200, body = TotpStateView, description = "Whether there is one.")))]
pub(crate) async fn read_of(
    State(plane): State<Shared>,
    PathId(id): PathId<AdminId>,
) -> Result<Json<TotpStateView>, Refusal> {
    check_exists(&plane, &id).await?;
    state(&plane, &id).await.map(Json)
}

/// Takes somebody's second factor away, who has lost authenticator and recovery codes.
#[utoipa::path(delete, path = "/admin/admins/{id}/totp", tag = "Second factor", operation_id = "reset_admin_totp",
    params(("id" = String, Path, description = "The administrator's id.")),
    responses((status = 204, description = "They sign in with the password alone, until they enrol anew.")))]
pub(crate) async fn reset(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<AdminId>,
) -> Result<StatusCode, Refusal> {
    check_exists(&plane, &id).await?;
    remove(&plane, &id).await?;
    tracing::info!(of.id = %id, admin.id = %caller.admin.id, "an administrator's second factor was taken away by an owner");
    Ok(StatusCode::NO_CONTENT)
}

/// Removes the second factor of `admin`, if there is one.
pub(crate) async fn remove(plane: &Plane, admin: &AdminId) -> Result<(), Refusal> {
    match plane.store().records.remove(Family::AdminTotp, admin.as_str(), None).await {
        Ok(()) | Err(RecordError::Missing) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn check_password(plane: &Plane, admin: &Admin, clear: ClearText) -> Result<(), Refusal> {
    let stored = Some(admin.password_hash.clone());
    if session::guess(plane, Guesser::SignedIn, &admin.username, stored, clear.0).await? {
        return Ok(());
    }
    Err(Refusal::field("current_password", "is not your password; type it again"))
}

async fn check_exists(plane: &Plane, id: &AdminId) -> Result<(), Refusal> {
    let found = editing::find::<Admin>(plane.store(), id.as_str()).await?;
    found.map(drop).ok_or_else(|| Refusal::missing("administrator", "/admin/admins"))
}

/// Stores a secret that no code has confirmed; one that was confirmed stays.
async fn put_pending(plane: &Plane, admin: &AdminId, secret: &TotpSecret) -> Result<(), Refusal> {
    let sealed = plane.given.keyring.seal(second_factor::place(admin), secret.expose());
    let now = plane.now();
    let pending = AdminTotp {
        admin: admin.clone(),
        secret: sealed,
        confirmed_at: None,
        last_step: None,
        recovery: Vec::new(),
        created_at: now,
    };
    match plane.store().records.add(&pending).await {
        Ok(_) => return Ok(()),
        Err(RecordError::Duplicate { .. }) => (),
        Err(error) => return Err(error.into()),
    }
    let replaced = editing::edit::<AdminTotp>(plane.store(), admin.as_str(), &IfMatch::Any, |old| {
        if old.confirmed_at.is_some() {
            let message = "You have a second factor: switch it off first, with `POST /admin/me/totp/disable`.";
            return Err(Refusal::new(RefusalType::Conflict, message));
        }
        Ok(pending.clone())
    });
    let gone = "The second factor was taken away at this moment: enrol again.";
    replaced.await?.map(drop).ok_or_else(|| Refusal::new(RefusalType::Conflict, gone))
}

async fn state(plane: &Plane, admin: &AdminId) -> Result<TotpStateView, Refusal> {
    let found = second_factor::find(plane, admin).await?.map(|found| found.record);
    let enabled_since = found.as_ref().and_then(|found| found.confirmed_at);
    Ok(TotpStateView {
        enabled: enabled_since.is_some(),
        enabled_since: enabled_since.map(Instant),
        pending: found.is_some() && enabled_since.is_none(),
        recovery_codes_left: found.map_or(0, |found| found.recovery.len()),
    })
}
