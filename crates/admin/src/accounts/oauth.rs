//! Signing an account in at its provider and out again: by authorisation code, by device, by pasted tokens. Tokens come in and are
//! sealed; none goes out.

mod documents;
mod pending;

use super::{find, missing};
use crate::{
    editing,
    extract::{Document, IfMatch, PathId},
    gate::Caller,
    refusal::{Fault, Refusal, RefusalType},
    replies::Tagged,
    state::{Plane, Shared},
    wire::Instant,
};
use axum::{Json, extract::State};
use credentials::{CredentialError, OpenedClient};
use documents::{FinishDocument, MethodWord, OAuthStanding, SignInStart, SignOutResult, StartDocument, TokensDocument};
use domain::{Account, AccountId, OAuthGrant, Timestamp};
use pending::Pending;
use std::time::Duration;
use store::records::Versioned;
use upstream::oauth::{Authorization, AuthorizeError, DevicePoll, OAuthError, PastedCode, TokenGrant, authorize_url};

/// How long a sign-in by code may take: people look for their password meanwhile.
const SIGN_IN_MAX: Duration = Duration::from_secs(600);

/// Shows how an account is signed in, without its tokens.
#[utoipa::path(get, path = "/admin/accounts/{id}/oauth", tag = "Accounts", operation_id = "read_account_sign_in",
    params(("id" = String, Path, description = "The account's id.")),
    responses((status = 200, body = OAuthStanding, description = "How it stands.",
        headers(("ETag" = String, description = "The account's version.")))))]
pub(crate) async fn read(
    State(plane): State<Shared>,
    PathId(id): PathId<AccountId>,
) -> Result<Tagged<OAuthStanding>, Refusal> {
    standing(find_oauth(&plane, &id).await?)
}

/// Begins a sign-in: gives the URL to open, or the code to type elsewhere. An earlier one that was not finished ends.
#[utoipa::path(post, path = "/admin/accounts/{id}/oauth/start", tag = "Accounts", operation_id = "start_account_sign_in",
    request_body = StartDocument, params(("id" = String, Path, description = "The account's id.")),
    responses((status = 200, body = SignInStart, description = "How to go on.")))]
pub(crate) async fn start(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<AccountId>,
    Document(document): Document<StartDocument>,
) -> Result<Json<SignInStart>, Refusal> {
    let account = find_oauth(&plane, &id).await?.record;
    let client = client(&plane, &account).await?;
    let started = match document.method() {
        MethodWord::Code => start_code(&plane, &account, &client).await?,
        MethodWord::Device => start_device(&plane, &account, &client).await?,
    };
    tracing::info!(account.id = %id, admin.id = %caller.admin.id, "a sign-in of an account was begun");
    Ok(Json(started))
}

/// Finishes a sign-in: by the code that the browser brought back, or by asking how the device stands. A code can be used once, within
/// ten minutes.
#[utoipa::path(post, path = "/admin/accounts/{id}/oauth/finish", tag = "Accounts",
    operation_id = "finish_account_sign_in", request_body = FinishDocument,
    params(("id" = String, Path, description = "The account's id.")),
    responses((status = 200, body = OAuthStanding, description = "Signed in.",
        headers(("ETag" = String, description = "The account's version.")))))]
pub(crate) async fn finish(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<AccountId>,
    Document(document): Document<FinishDocument>,
) -> Result<Tagged<OAuthStanding>, Refusal> {
    let account = find_oauth(&plane, &id).await?.record;
    let client = client(&plane, &account).await?;
    let begun = pending::read(&plane, &id).await?;
    let asked_at = plane.now();
    let grant = match &begun.pending {
        Pending::Code(authorization) => {
            let pasted = code(document.code.as_ref(), authorization)?;
            // Before the code is sent: of two who finish at once, one does.
            begun.spend(&plane).await?;
            let calls = plane.given.credentials.way(&account).map_err(refusal)?;
            let server = client.server(&*calls);
            server.exchange(&pasted.code, &authorization.verifier, &authorization.state).await.map_err(refused_code)?
        }
        Pending::Device(device_code) => {
            let calls = plane.given.credentials.way(&account).map_err(refusal)?;
            let polled = client.server(&*calls).poll_device(device_code).await.map_err(|error| unreachable(&error))?;
            let grant = polled_grant(polled)?;
            begun.spend(&plane).await?;
            grant
        }
    };
    let signed_in = sign_in(&plane, &id, &grant, asked_at).await?;
    tracing::info!(account.id = %id, admin.id = %caller.admin.id, "an account was signed in");
    standing(signed_in)
}

/// Takes over tokens that were made elsewhere: an access token with or without a refresh token, a long-lived set-up token, or a
/// refresh token alone, which is tried at once.
#[utoipa::path(post, path = "/admin/accounts/{id}/oauth/tokens", tag = "Accounts", operation_id = "paste_account_tokens",
    request_body = TokensDocument, params(("id" = String, Path, description = "The account's id.")),
    responses((status = 200, body = OAuthStanding, description = "Taken over.",
        headers(("ETag" = String, description = "The account's version.")))))]
pub(crate) async fn paste(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<AccountId>,
    Document(document): Document<TokensDocument>,
) -> Result<Tagged<OAuthStanding>, Refusal> {
    find_oauth(&plane, &id).await?;
    let tokens = document.parse(plane.now())?;
    let change = |account: &Account| Ok(plane.given.credentials.pasted(account, &tokens));
    let account = store(&plane, &id, change).await?;
    tracing::info!(account.id = %id, admin.id = %caller.admin.id, "tokens of an account were pasted");
    if tokens.access_token.is_none() {
        plane.given.credentials.refresh_now(&account.record).await.map_err(refusal)?;
    }
    standing(find_oauth(&plane, &id).await?)
}

/// Refreshes the account's access token now, also where it needs a sign-in: what was revoked may be granted again.
#[utoipa::path(post, path = "/admin/accounts/{id}/oauth/refresh", tag = "Accounts",
    operation_id = "refresh_account_token", params(("id" = String, Path, description = "The account's id.")),
    responses((status = 200, body = OAuthStanding, description = "Refreshed.",
        headers(("ETag" = String, description = "The account's version.")))))]
pub(crate) async fn refresh(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<AccountId>,
) -> Result<Tagged<OAuthStanding>, Refusal> {
    let account = find_oauth(&plane, &id).await?.record;
    plane.given.credentials.refresh_now(&account).await.map_err(refusal)?;
    tracing::info!(account.id = %id, admin.id = %caller.admin.id, "the token of an account was refreshed");
    standing(find_oauth(&plane, &id).await?)
}

/// Signs an account out: its tokens are revoked where the provider can, and forgotten in any case.
#[utoipa::path(post, path = "/admin/accounts/{id}/oauth/sign-out", tag = "Accounts", operation_id = "sign_account_out",
    params(("id" = String, Path, description = "The account's id.")),
    responses((status = 200, body = SignOutResult, description = "Signed out.")))]
pub(crate) async fn sign_out(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<AccountId>,
) -> Result<Json<SignOutResult>, Refusal> {
    let account = find_oauth(&plane, &id).await?.record;
    let revoked = revoke(&plane, &account).await;
    if let Err(reason) = &revoked {
        tracing::warn!(account.id = %id, reason, "the tokens of an account were forgotten and not revoked");
    }
    store(&plane, &id, |account| Ok(plane.given.credentials.signed_out(account))).await?;
    pending::forget(&plane, &id).await?;
    tracing::info!(account.id = %id, admin.id = %caller.admin.id, "an account was signed out");
    Ok(Json(SignOutResult { revoked: revoked.is_ok(), reason: revoked.err() }))
}

/// Ends what was begun for an account that is removed.
///
/// # Errors
///
/// When the store fails.
pub(super) async fn forget(plane: &Plane, id: &AccountId) -> Result<(), Refusal> {
    pending::forget(plane, id).await
}

async fn start_code(plane: &Plane, account: &Account, client: &OpenedClient) -> Result<SignInStart, Refusal> {
    let authorization = Authorization::new();
    let url = authorize_url(&client.client, &authorization).map_err(|error| match error {
        AuthorizeError::NoUrl | AuthorizeError::NoRedirect => conflict(format!("The sign-in cannot begin: {error}.")),
    })?;
    let expires_at = plane.now().plus(SIGN_IN_MAX);
    pending::write(plane, &account.id, &Pending::Code(authorization), expires_at).await?;
    Ok(SignInStart::code(url, Instant(expires_at)))
}

async fn start_device(plane: &Plane, account: &Account, client: &OpenedClient) -> Result<SignInStart, Refusal> {
    let calls = plane.given.credentials.way(account).map_err(refusal)?;
    let begun = client.server(&*calls).begin_device().await.map_err(|error| match error {
        OAuthError::Settings(reason) => conflict(format!("The sign-in cannot begin: {reason}.")),
        other => unreachable(&other),
    })?;
    let expires_at = plane.now().plus(begun.expires_in);
    pending::write(plane, &account.id, &Pending::Device(begun.device_code.clone()), expires_at).await?;
    Ok(SignInStart::device(begun, Instant(expires_at)))
}

/// The code that was pasted, if it belongs to this sign-in.
fn code(pasted: Option<&crate::wire::ClearText>, authorization: &Authorization) -> Result<PastedCode, Refusal> {
    use secrecy::ExposeSecret;
    let fault = |reason: String| Refusal::unprocessable(vec![Fault::new("code", reason)]);
    let pasted = pasted.ok_or_else(|| fault("is missing; paste the code, or the whole URL".to_owned()))?;
    let code =
        PastedCode::parse(pasted.0.expose_secret()).map_err(|error| fault(format!("cannot be used: {error}")))?;
    match &code.state {
        Some(state) if *state != authorization.state => {
            Err(fault("belongs to another sign-in; open the newest URL and paste what it leads to".to_owned()))
        }
        _ => Ok(code),
    }
}

fn polled_grant(polled: DevicePoll) -> Result<TokenGrant, Refusal> {
    let wait = Duration::from_secs(5);
    match polled {
        DevicePoll::Granted(grant) => Ok(*grant),
        DevicePoll::Pending => Err(Refusal::wait(wait, "The sign-in was not confirmed yet: ask again in a moment.")),
        DevicePoll::SlowDown => Err(Refusal::wait(wait * 2, "The provider is asked too often: wait longer.")),
        DevicePoll::Denied => Err(conflict("The sign-in was declined: begin another.")),
        DevicePoll::Expired => Err(conflict("The code has expired: begin another sign-in.")),
    }
}

async fn sign_in(
    plane: &Plane,
    id: &AccountId,
    grant: &TokenGrant,
    asked_at: Timestamp,
) -> Result<Versioned<Account>, Refusal> {
    store(plane, id, |account| Ok(plane.given.credentials.granted(account, grant, asked_at))).await
}

/// Changes the account's grant, and has it on disk before it is used.
async fn store(
    plane: &Plane,
    id: &AccountId,
    change: impl Fn(&Account) -> Result<Account, Refusal>,
) -> Result<Versioned<Account>, Refusal> {
    let changed = editing::edit::<Account>(plane.store(), id.as_str(), &IfMatch::Any, change);
    let account = changed.await?.ok_or_else(missing)?;
    plane.given.credentials.settle(&account.record).await.map_err(refusal)?;
    Ok(account)
}

/// Revokes what the account has; why it could not.
async fn revoke(plane: &Plane, account: &Account) -> Result<(), String> {
    let credentials = &plane.given.credentials;
    let told = |error: CredentialError| error.to_string();
    let client = credentials.client(account.platform()).await.map_err(told)?;
    let calls = credentials.way(account).map_err(told)?;
    let [access_token, refresh_token] = credentials.open_tokens(account).map_err(told)?;
    let server = client.server(&*calls);
    // The refresh token first: revoking it ends the access tokens that came of it (RFC 7009, 2.1).
    for (token, hint) in [(refresh_token, "refresh_token"), (access_token, "access_token")] {
        if let Some(token) = token {
            server.revoke(&token, hint).await.map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

async fn find_oauth(plane: &Plane, id: &AccountId) -> Result<Versioned<Account>, Refusal> {
    let account = find(plane, id).await?;
    if account.record.settings.oauth().is_none() {
        return Err(conflict("This account does not sign in by OAuth: it has a credential of its own."));
    }
    Ok(account)
}

async fn client(plane: &Plane, account: &Account) -> Result<OpenedClient, Refusal> {
    plane.given.credentials.client(account.platform()).await.map_err(refusal)
}

fn standing(account: Versioned<Account>) -> Result<Tagged<OAuthStanding>, Refusal> {
    let Versioned { record: account, version } = account;
    let grant: &OAuthGrant = &account.settings.oauth().ok_or_else(missing)?.grant;
    Ok(Tagged { version, body: OAuthStanding::new(&account.id, grant) })
}

fn conflict(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(RefusalType::Conflict, message)
}

/// A code that the provider does not take is the caller's; the rest is the way there.
fn refused_code(error: OAuthError) -> Refusal {
    match error {
        OAuthError::Refused { .. } => {
            Refusal::unprocessable(vec![Fault::new("code", format!("was not taken: {error}"))])
        }
        other => unreachable(&other),
    }
}

fn unreachable(error: &OAuthError) -> Refusal {
    match error {
        OAuthError::Refused { .. } | OAuthError::Settings(_) => conflict(format!("It cannot be done: {error}.")),
        OAuthError::Unavailable { .. } | OAuthError::NotSent | OAuthError::Lost | OAuthError::NotOAuth { .. } => {
            Refusal::new(RefusalType::Unavailable, format!("It cannot be done now: {error}."))
        }
    }
}

/// What an account without a usable credential makes of a request about it.
fn refusal(error: CredentialError) -> Refusal {
    match error {
        CredentialError::Missing => missing(),
        CredentialError::Unreachable { cause, .. } => unreachable(&cause),
        CredentialError::Client(cause) => conflict(format!("The OAuth client does not work: {cause}.")),
        CredentialError::Busy | CredentialError::Stopping => {
            Refusal::new(RefusalType::Unavailable, format!("It cannot be done now: {error}."))
        }
        CredentialError::NotOAuth
        | CredentialError::SignInNeeded { .. }
        | CredentialError::NoRefreshToken
        | CredentialError::NotConfigured { .. }
        | CredentialError::NoWay(_) => conflict(format!("It cannot be done: {error}.")),
        CredentialError::Unreadable(error) => Refusal::internal(error),
        CredentialError::Store(error) => error.into(),
    }
}
