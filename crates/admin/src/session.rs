//! Signing in and out. A wrong name and a wrong password are told apart neither in words nor in time.

use crate::{
    address::Visitor,
    api_keys, audit,
    extract::Document,
    faults::Faults,
    gate::OwnSession,
    refusal::{Refusal, RefusalType},
    state::{Plane, Shared},
    texts,
    tokens::Claims,
    totp::second_factor,
    wire::{ClearText, Instant},
};
use axum::{Json, extract::State};
use domain::{Admin, Role, SessionId, Timestamp};
use http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::{
    Family, Session,
    records::{Condition, TypedRecords, Versioned},
    sessions::SessionSubject,
};
use utoipa::ToSchema;
use vault::{Guesser, Password, passwords};

/// Open sessions of one administrator; beyond it the oldest ends.
pub(crate) const SESSIONS_MAX: usize = 100;

/// Sessions that are looked at to find those beyond [`SESSIONS_MAX`].
const SESSIONS_LOOKED_AT: usize = SESSIONS_MAX + 20;

/// A user name and its password.
#[derive(Deserialize, ToSchema)]
#[schema(as = SignIn, example = json!({"username": "admin", "password": "correct horse battery staple"}))]
pub(crate) struct SignIn {
    /// The name, letter by letter.
    #[schema(max_length = 100)]
    username: String,
    /// The password.
    #[schema(value_type = String, format = Password, max_length = 1024)]
    password: ClearText,
    /// Six digits of the authenticator, or a recovery code; needed where there is a second factor.
    #[schema(max_length = 64)]
    code: Option<String>,
}

/// A session that was opened.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedIn)]
pub(crate) struct SignedIn {
    /// To be sent as `Authorization: Bearer TOKEN`.
    token: String,
    /// When it ends.
    expires_at: Instant,
}

/// Opens a session.
///
/// After five wrong guesses for a name, or thirty from an address, there is a wait that grows. Where there is a second factor, a
/// right password without a code is refused as `code_required`.
#[utoipa::path(post, path = "/admin/session", tag = "Session", operation_id = "sign_in", request_body = SignIn,
    responses((status = 200, body = SignedIn, description = "Signed in.")))]
pub(crate) async fn sign_in(
    State(plane): State<Shared>,
    visitor: Visitor,
    Document(body): Document<SignIn>,
) -> Result<Json<SignedIn>, Refusal> {
    let mut faults = Faults::default();
    if body.username.chars().count() > texts::NAME_CHARS_MAX {
        faults.add("username", "is too long for a user name; correct it");
    }
    faults.settle()?;
    let wrong = || Refusal::new(RefusalType::Unauthenticated, "The user name or the password is wrong: try again.");
    let found = read_admin(&plane, &body.username).await?;
    if let Some(found) = &found {
        // A name that nobody has is not kept: it may be a password in the wrong field.
        audit::name(|| audit::admin(&found.record, None));
    }
    let admin = check_password(&plane, &visitor, &body.username, found, body.password.0).await?.ok_or_else(wrong)?;
    second_factor::check(&plane, &admin, body.code.as_deref()).await?;
    open_session(&plane, &admin, &visitor).await.map(Json)
}

/// Ends the session of the token.
#[utoipa::path(delete, path = "/admin/session", tag = "Session", operation_id = "sign_out",
    responses((status = 204, description = "Signed out; the token opens nothing any more.")))]
pub(crate) async fn sign_out(
    State(plane): State<Shared>,
    OwnSession(session): OwnSession,
) -> Result<StatusCode, Refusal> {
    plane.store().sessions.revoke(&session.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn read_admin(plane: &Plane, username: &str) -> Result<Option<Versioned<Admin>>, Refusal> {
    let row = plane.store().records.find(Family::AdminUsername, username).await?;
    Ok(row.map(|row| Versioned::read(Family::Admin, &row)).transpose()?)
}

/// The administrator, if `clear` is their password. Charged to the throttle before it is computed.
async fn check_password(
    plane: &Plane,
    visitor: &Visitor,
    username: &str,
    found: Option<Versioned<Admin>>,
    clear: SecretString,
) -> Result<Option<Admin>, Refusal> {
    let stored = found.as_ref().map(|admin| admin.record.password_hash.clone());
    if !guess(plane, Guesser::At(visitor.address), username, stored, clear.clone()).await? {
        tracing::warn!(address = ?visitor.address, "a sign-in with a wrong name or password");
        return Ok(None);
    }
    let Some(admin) = found else { return Ok(None) };
    Ok(Some(strengthen(plane, admin.clone(), clear).await.unwrap_or(admin.record)))
}

/// Whether `clear` is the password of `stored`, throttled by name, and by address where nobody is signed in.
pub(crate) async fn guess(
    plane: &Plane,
    guesser: Guesser,
    username: &str,
    stored: Option<String>,
    clear: SecretString,
) -> Result<bool, Refusal> {
    let charged = plane.throttle.charge(username, guesser, plane.now()).map_err(|wait| {
        Refusal::wait(wait, "There were too many wrong passwords: wait as long as `retry-after` says.")
    })?;
    let checked = plane.passwords.matches(stored, clear).await;
    match &checked {
        Ok(true) => plane.throttle.was_right(&charged),
        Ok(false) => (),
        Err(_not_computed) => plane.throttle.was_not_made(&charged),
    }
    checked
}

/// Hashes again a password whose stored hash is weaker than a new one would be; gives the record then. Signing in does not
/// depend on it.
async fn strengthen(plane: &Plane, admin: Versioned<Admin>, clear: SecretString) -> Option<Admin> {
    if !passwords::needs_rehash(&admin.record.password_hash) {
        return None;
    }
    // A password of an older installation may be shorter than a new one has to be; it stays as it is.
    let password = Password::parse(clear).ok()?;
    let password_hash = plane.passwords.hash(password).await.ok()?;
    let stronger = Admin { password_hash, ..admin.record.clone() };
    let written = plane.store().records.change(&admin.record, &stronger, Condition::Version(admin.version)).await;
    if let Err(error) = written {
        tracing::info!(admin.id = %admin.record.id, %error, "a password hash stays as weak as it was");
        return None;
    }
    Some(stronger)
}

async fn open_session(plane: &Plane, admin: &Admin, visitor: &Visitor) -> Result<SignedIn, Refusal> {
    let (session, signed_in) = open(plane, SessionSubject::Admin(admin.id.clone()), Some(admin.role), visitor).await?;
    check_unchanged(plane, admin, &session).await?;
    // Somebody has come who may look at keys.
    api_keys::prepare_rankings(plane);
    tracing::info!(admin.id = %admin.id, session.id = %session, address = ?visitor.address, "an administrator signed in");
    Ok(signed_in)
}

/// Opens a session of `subject`; the oldest of too many ends. A role is an administrator's.
pub(crate) async fn open(
    plane: &Plane,
    subject: SessionSubject,
    role: Option<Role>,
    visitor: &Visitor,
) -> Result<(SessionId, SignedIn), Refusal> {
    let now = plane.now();
    // A token's times are whole seconds (RFC 7519, 2); session and token shall end together.
    let issued_at = Timestamp::from_ms(now.as_ms() - now.as_ms().rem_euclid(1000));
    let expires_at = issued_at.plus(plane.given.session_lifetime);
    let session = Session {
        id: SessionId::from_uuid(crate::state::fresh_uuid(now)),
        subject,
        created_at: now,
        expires_at,
        address: visitor.address.map_or(String::new(), |address| address.to_string()),
        user_agent: visitor.user_agent.to_string(),
    };
    let subject = session.subject.clone();
    let claims = Claims { session: session.id.clone(), subject, role, issued_at, expires_at };
    let token = plane.tokens.issue(&claims).map_err(Refusal::internal)?;
    plane.store().sessions.create(&session).await?;
    end_oldest(plane, &session.subject, now).await?;
    Ok((session.id, SignedIn { token, expires_at: Instant(expires_at) }))
}

/// Ends the new session again where the password was changed since it was checked: whoever changed it has ended the others.
async fn check_unchanged(plane: &Plane, admin: &Admin, session: &SessionId) -> Result<(), Refusal> {
    let found = plane.store().records.read::<Admin>(admin.id.as_str()).await?;
    if found.is_some_and(|found| found.record.password_hash == admin.password_hash) {
        return Ok(());
    }
    plane.store().sessions.revoke(session).await?;
    Err(Refusal::new(RefusalType::Unauthenticated, "The password was changed at this moment: sign in again."))
}

async fn end_oldest(plane: &Plane, subject: &SessionSubject, now: Timestamp) -> Result<(), Refusal> {
    let open = plane.store().sessions.list(subject, now, SESSIONS_LOOKED_AT).await?;
    for session in open.iter().skip(SESSIONS_MAX) {
        plane.store().sessions.revoke(&session.id).await?;
    }
    Ok(())
}
