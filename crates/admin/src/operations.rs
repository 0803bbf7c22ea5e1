//! The one table of operations: what there is, and which role each needs. An operation that is not here does not exist,
//! and there is no way to put one here without saying who may use it.

use crate::{
    accounts, api_keys, gate, me, openapi, prices,
    refusal::{Refusal, RefusalType},
    session,
    state::{AdminState, Plane, Shared},
    system, usage,
};
use RefusalType::{Conflict, TooManyRequests, Unauthenticated};
use axum::{
    Router,
    middleware::{from_fn_with_state, map_response},
    response::Response,
    routing::{any, get},
};
use domain::Role::{self, Operator, Viewer};
use http::{HeaderName, HeaderValue, header};
use std::sync::Arc;
use utoipa_axum::{router::UtoipaMethodRouter, routes};

/// Who may use an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody: it is how one signs in.
    Anyone,
    /// Whoever is signed in with at least this role.
    Role(Role),
}

/// An operation with what it asks of its caller.
pub(crate) struct Operation {
    pub(crate) access: Access,
    /// Refusals beside those that follow from its form.
    pub(crate) refuses: &'static [RefusalType],
    pub(crate) routes: UtoipaMethodRouter<Shared>,
}

const fn open_to(access: Access, refuses: &'static [RefusalType], routes: UtoipaMethodRouter<Shared>) -> Operation {
    Operation { access, refuses, routes }
}

const fn needs(role: Role, routes: UtoipaMethodRouter<Shared>) -> Operation {
    open_to(Access::Role(role), &[], routes)
}

/// The table.
#[rustfmt::skip]
pub(crate) fn table() -> Vec<Operation> {
    vec![
        open_to(Access::Anyone, &[Unauthenticated, TooManyRequests], routes!(session::sign_in)),
        needs(Viewer, routes!(session::sign_out)),
        needs(Viewer, routes!(me::read)),
        open_to(Access::Role(Viewer), &[Conflict, TooManyRequests], routes!(me::change_password)),

        needs(Viewer, routes!(api_keys::list)),
        needs(Operator, routes!(api_keys::create)),
        needs(Viewer, routes!(api_keys::read)),
        needs(Operator, routes!(api_keys::change)),
        needs(Operator, routes!(api_keys::delete)),
        needs(Operator, routes!(api_keys::lifecycle::restore)),
        needs(Operator, routes!(api_keys::lifecycle::purge)),
        needs(Operator, routes!(api_keys::lifecycle::regenerate)),
        needs(Operator, routes!(api_keys::lifecycle::renew)),
        needs(Operator, routes!(api_keys::batch::create)),
        needs(Operator, routes!(api_keys::batch::change)),
        needs(Operator, routes!(api_keys::batch::delete)),
        needs(Operator, routes!(api_keys::batch::restore)),

        needs(Viewer, routes!(accounts::list)),
        needs(Operator, routes!(accounts::create)),
        needs(Viewer, routes!(accounts::read)),
        needs(Operator, routes!(accounts::change)),
        needs(Operator, routes!(accounts::delete)),
        needs(Operator, routes!(accounts::reset)),
        needs(Operator, routes!(accounts::probe::test)),

        needs(Viewer, routes!(usage::sums)),
        needs(Viewer, routes!(usage::records::list)),

        needs(Viewer, routes!(prices::list)),
        needs(Viewer, routes!(prices::read)),
        needs(Operator, routes!(prices::set)),
        needs(Operator, routes!(prices::delete)),

        needs(Viewer, routes!(system::read)),
    ]
}

/// The control plane. All its paths begin with `/admin`; it has no fallback, so that it can be merged with other routers.
pub fn router(state: AdminState) -> Router {
    let plane: Shared = Arc::new(Plane::new(state));
    let document = openapi::text();
    let router = table().into_iter().fold(Router::new(), |router, operation| {
        let (_, paths, methods) = operation.routes;
        let methods = match operation.access {
            Access::Anyone => methods,
            Access::Role(role) => methods.route_layer(from_fn_with_state((Arc::clone(&plane), role), gate::check)),
        };
        paths.paths.keys().fold(router, |router, path| router.route(path, methods.clone()))
    });
    router
        .route("/admin/openapi.json", get(async move || ([(header::CONTENT_TYPE, "application/json")], document)))
        .method_not_allowed_fallback(method_not_allowed)
        .route("/admin", any(not_found))
        .route("/admin/", any(not_found))
        .route("/admin/{*rest}", any(not_found))
        .layer(map_response(secure))
        .with_state(plane)
}

async fn not_found() -> Refusal {
    Refusal::new(RefusalType::NotFound, "There is no such path. `GET /admin/openapi.json` describes those that exist.")
}

async fn method_not_allowed() -> Refusal {
    Refusal::new(RefusalType::MethodNotAllowed, "This path has no such method; the header `allow` names those it has.")
}

/// Headers of every answer: nothing is cached, nothing is shown as another type or inside another page.
async fn secure(mut response: Response) -> Response {
    let fixed: [(HeaderName, &'static str); 4] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
