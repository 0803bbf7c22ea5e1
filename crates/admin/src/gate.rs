//! The gate in front of every operation: who is signed in, and whether their role is enough. It reads nothing of the body.

use crate::{
    editing, local,
    refusal::{Refusal, RefusalType},
    state::{Plane, Shared},
};
use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::Response,
};
use domain::{Admin, Role};
use http::{HeaderMap, header::AUTHORIZATION, request::Parts};
use store::{Session, sessions::SessionSubject};

/// Who is signed in, as their record says at this moment.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) admin: Admin,
    pub(crate) session: Session,
}

/// Lets a request pass whose caller's role includes `needed`.
pub(crate) async fn check(
    State((plane, needed)): State<(Shared, Role)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let caller = match request.extensions().get::<local::LocalOperator>() {
        Some(local::LocalOperator) => Caller { admin: local::admin(plane.now()), session: local::session(plane.now()) },
        None => authenticate(&plane, request.headers()).await?,
    };
    if !caller.admin.role.includes(needed) {
        let message = format!(
            "This needs the role `{needed}`, and `{}` has the role `{}`: ask an owner.",
            caller.admin.username, caller.admin.role
        );
        return Err(Refusal::new(RefusalType::Forbidden, message));
    }
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

async fn authenticate(plane: &Plane, headers: &HeaderMap) -> Result<Caller, Refusal> {
    let anonymous = || {
        let message = "Sign in: `POST /admin/session`, then send the token as `Authorization: Bearer TOKEN`.";
        Refusal::new(RefusalType::Unauthenticated, message)
    };
    let token = bearer(headers).ok_or_else(anonymous)?;
    let now = plane.now();
    let claims = plane.tokens.verify(token, now).ok_or_else(anonymous)?;
    let session = plane.store().sessions.get(&claims.session, now).await?.ok_or_else(anonymous)?;
    if session.subject != SessionSubject::Admin(claims.admin.clone()) {
        return Err(anonymous());
    }
    let admin = editing::find::<Admin>(plane.store(), claims.admin.as_str()).await?.ok_or_else(anonymous)?.record;
    Ok(Caller { admin, session })
}

/// The token of the one `Authorization` header; a second one makes it unclear who is meant.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, further) = (values.next()?, values.next());
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    (further.is_none() && scheme.eq_ignore_ascii_case("bearer")).then_some(token.trim())
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        // The table of operations puts the gate before every operation that has a caller.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Refusal::new(RefusalType::Internal, "No gate stands here."))
    }
}
