//! The gate in front of every operation: who is signed in, and whether their role is enough. It reads nothing of the body.

use crate::{
    api_tokens, audit, editing, local,
    refusal::{Refusal, RefusalType},
    state::{Plane, Shared},
};
use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::Response,
};
use domain::{Admin, AdminId, ApiToken, Role, Scope};
use http::{HeaderMap, header::AUTHORIZATION, request::Parts};
use std::sync::Arc;
use store::{Session, sessions::SessionSubject};

/// Who is signed in, as their record says at this moment; who came by an API token has no more than its role.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) admin: Admin,
}

/// The session that a request came by.
#[derive(Debug, Clone)]
pub(crate) struct OwnSession(pub(crate) Session);

/// What an operation asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The role that it needs at least.
    pub(crate) role: Role,
    /// The scope that lets an API token in; none: no token gets in.
    pub(crate) scope: Option<Scope>,
}

/// By what a caller came in.
enum Credential {
    Session(Session),
    Token(ApiToken),
}

impl Credential {
    const fn token(&self) -> Option<&ApiToken> {
        match self {
            Self::Session(_) => None,
            Self::Token(token) => Some(token),
        }
    }
}

/// Lets a request pass whose caller has what the operation needs.
pub(crate) async fn check(
    State((plane, needs)): State<(Shared, Needs)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let (caller, credential) = match request.extensions().get::<local::LocalOperator>() {
        Some(local::LocalOperator) => {
            (Caller { admin: local::admin(plane.now()) }, Credential::Session(local::session(plane.now())))
        }
        None => authenticate(&plane, request.headers()).await?,
    };
    if let Some(recorder) = request.extensions().get::<Arc<audit::Recorder>>() {
        recorder.name(audit::admin(&caller.admin, credential.token()));
    }
    if !caller.admin.role.includes(needs.role) {
        let (needed, Admin { username, role, .. }) = (needs.role, &caller.admin);
        let message = format!("This needs the role `{needed}`, and `{username}` has the role `{role}`: ask an owner.");
        return Err(Refusal::new(RefusalType::Forbidden, message));
    }
    match credential {
        Credential::Session(session) => drop(request.extensions_mut().insert(OwnSession(session))),
        Credential::Token(token) => check_scope(&token, needs.scope)?,
    }
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

fn check_scope(token: &ApiToken, needed: Option<Scope>) -> Result<(), Refusal> {
    let message = match needed {
        Some(scope) if token.scopes.contains(&scope) => return Ok(()),
        Some(scope) => format!("This needs the scope `{scope}`, which this token lacks: make one that has it."),
        None => "No API token is let in here: sign in with a name and a password.".to_owned(),
    };
    Err(Refusal::new(RefusalType::Forbidden, message))
}

async fn authenticate(plane: &Plane, headers: &HeaderMap) -> Result<(Caller, Credential), Refusal> {
    let token = bearer(headers).ok_or_else(anonymous)?;
    let now = plane.now();
    if token.starts_with(api_tokens::PREFIX) {
        let token = api_tokens::used(plane, token, now).await?.ok_or_else(anonymous)?;
        let maker = read_admin(plane, &token.maker).await?;
        // Of the two roles the lower one: the greater, in the order of roles.
        let admin = Admin { role: maker.role.max(token.role), ..maker };
        return Ok((Caller { admin }, Credential::Token(token)));
    }
    let claims = plane.tokens.verify(token, now).ok_or_else(anonymous)?;
    let session = plane.store().sessions.get(&claims.session, now).await?.ok_or_else(anonymous)?;
    let SessionSubject::Admin(id) = &session.subject else { return Err(anonymous()) };
    if session.subject != claims.subject {
        return Err(anonymous());
    }
    let admin = read_admin(plane, id).await?;
    Ok((Caller { admin }, Credential::Session(session)))
}

async fn read_admin(plane: &Plane, id: &AdminId) -> Result<Admin, Refusal> {
    Ok(editing::find::<Admin>(plane.store(), id.as_str()).await?.ok_or_else(anonymous)?.record)
}

fn anonymous() -> Refusal {
    let message = "Sign in: `POST /admin/session`, then send the token as `Authorization: Bearer TOKEN`.";
    Refusal::new(RefusalType::Unauthenticated, message)
}

/// The token of the one `Authorization` header; a second one makes it unclear who is meant.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, further) = (values.next()?, values.next());
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    (further.is_none() && scheme.eq_ignore_ascii_case("bearer")).then_some(token.trim())
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        passed(parts)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OwnSession {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        passed(parts)
    }
}

/// What the gate left: the table of operations puts one before every operation that asks for this.
pub(crate) fn passed<T: Clone + Send + Sync + 'static>(parts: &Parts) -> Result<T, Refusal> {
    let found = parts.extensions.get::<T>().cloned();
    found.ok_or_else(|| Refusal::new(RefusalType::Internal, "No gate stands here."))
}
