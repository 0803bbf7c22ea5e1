//! The gate in front of the users' operations: who is signed in, and whether they may still be. It reads nothing of the body.

use crate::{
    audit, editing,
    gate::{OwnSession, bearer, passed},
    refusal::{Refusal, RefusalType},
    state::{Plane, Shared},
};
use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::Response,
};
use domain::{User, UserState};
use http::{HeaderMap, request::Parts};
use std::sync::Arc;
use store::{Session, sessions::SessionSubject};

/// The user who is signed in, as their record says at this moment.
#[derive(Debug, Clone)]
pub(crate) struct Person(pub(crate) User);

/// Lets a request of a user pass.
pub(crate) async fn check(State(plane): State<Shared>, mut request: Request, next: Next) -> Result<Response, Refusal> {
    let (user, session) = authenticate(&plane, request.headers()).await?;
    if let Some(recorder) = request.extensions().get::<Arc<audit::Recorder>>() {
        recorder.name(audit::user(&user));
    }
    request.extensions_mut().insert(Person(user));
    request.extensions_mut().insert(OwnSession(session));
    Ok(next.run(request).await)
}

async fn authenticate(plane: &Plane, headers: &HeaderMap) -> Result<(User, Session), Refusal> {
    let now = plane.now();
    let claims = bearer(headers).and_then(|token| plane.tokens.verify(token, now)).ok_or_else(anonymous)?;
    let session = plane.store().sessions.get(&claims.session, now).await?.ok_or_else(anonymous)?;
    let SessionSubject::User(id) = &session.subject else { return Err(anonymous()) };
    if session.subject != claims.subject {
        return Err(anonymous());
    }
    let user = editing::find::<User>(plane.store(), id.as_str()).await?.ok_or_else(anonymous)?.record;
    if user.state == UserState::Disabled { Err(anonymous()) } else { Ok((user, session)) }
}

fn anonymous() -> Refusal {
    let message = "Sign in: `POST /user/session`, then send the token as `Authorization: Bearer TOKEN`.";
    Refusal::new(RefusalType::Unauthenticated, message)
}

impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        passed(parts)
    }
}
