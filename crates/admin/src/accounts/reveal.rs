//! Shows an owner one stored credential at a time, after they have said who they are once more. Nothing is kept of it but the entry
//! in the audit log.

use super::{credential, find};
use crate::{
    audit,
    extract::{Document, PathId},
    gate::Caller,
    local,
    refusal::{Fault, Refusal, RefusalType},
    session,
    state::Shared,
    totp::second_factor,
    wire::ClearText,
};
use axum::{Json, extract::State};
use domain::AccountId;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vault::Guesser;

/// Which credential, and who asks.
#[derive(Deserialize, ToSchema)]
#[schema(as = Reveal, example = json!({"field": "api_key", "password": "correct horse battery staple"}))]
pub(crate) struct Reveal {
    /// The account's field, one of its `secrets`.
    #[schema(min_length = 1, max_length = 64)]
    field: String,
    /// Your own password.
    #[schema(value_type = String, format = Password, max_length = 1024)]
    password: ClearText,
    /// Six digits of your authenticator, or a recovery code; needed where you have a second factor.
    #[schema(max_length = 64)]
    code: Option<String>,
}

/// A credential in clear.
#[derive(Serialize, ToSchema)]
#[schema(as = Revealed)]
pub(crate) struct RevealedView {
    /// The field that was asked for.
    #[schema(example = "api_key")]
    field: String,
    /// What it holds; of `api_keys` a JSON array. (A name by which logs of HTTP traffic know a secret.)
    credential: String,
}

/// Shows one stored credential of an account in clear.
///
/// Your own password is needed once more, and a code where you have a second factor; wrong ones are slowed down as at sign-in. The
/// audit log says who saw which field. No API token is let in, and an idempotency key does nothing here.
#[utoipa::path(post, path = "/admin/accounts/{id}/credentials/reveal", tag = "Accounts",
    operation_id = "reveal_account_credential", request_body = Reveal,
    params(("id" = String, Path, description = "The account's id.")),
    responses((status = 200, body = RevealedView, description = "The credential. It is shown here and not kept.")))]
pub(crate) async fn reveal(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<AccountId>,
    Document(body): Document<Reveal>,
) -> Result<Json<RevealedView>, Refusal> {
    if local::is_local(&caller.admin) {
        let message = "The local operator has no password to show who they are: sign in as an owner.";
        return Err(Refusal::new(RefusalType::Conflict, message));
    }
    let account = find(&plane, &id).await?.record;
    let secrets = credential::secrets(&account);
    let Some(sealed) = secrets.get(body.field.as_str()) else {
        let held = secrets.keys().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
        let held = if held.is_empty() { "none".to_owned() } else { held };
        let fault = Fault::new("field", format!("is no secret of this account; it has {held}"));
        return Err(Refusal::unprocessable(vec![fault]));
    };
    let (name, stored) = (&caller.admin.username, Some(caller.admin.password_hash.clone()));
    if !session::guess(&plane, Guesser::SignedIn, name, stored, body.password.0).await? {
        return Err(Refusal::field("password", "is not your password; type it again"));
    }
    let checked = second_factor::check(&plane, &caller.admin, body.code.as_deref()).await;
    checked.map_err(|refusal| match refusal.r#type {
        RefusalType::CodeRequired => Refusal::field("code", "is needed as well: you have a second factor"),
        RefusalType::Unauthenticated => Refusal::field("code", "is wrong, or was used before; type the next one"),
        _ => refusal,
    })?;
    let clear = credential::open(&plane.given.keyring, account.platform(), &id, &body.field, sealed);
    let clear = clear.map_err(Refusal::internal)?;
    audit::revealed(&account, &body.field);
    tracing::warn!(account.id = %id, admin.id = %caller.admin.id, field = body.field, "a credential was shown");
    Ok(Json(RevealedView { field: body.field, credential: clear.expose_secret().to_owned() }))
}
