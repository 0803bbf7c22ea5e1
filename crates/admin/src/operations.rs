//! The one table of operations: what there is, and which role each needs. An operation that is not here does not exist,
//! and there is no way to put one here without saying who may use it.

use crate::{
    account_groups, accounts, admins, api_keys, api_tokens, audit, eligibility,
    gate::{self, Needs},
    idempotency, me, oauth_callback, oauth_clients, openapi, person, prices, rate_multipliers,
    refusal::{Refusal, RefusalType},
    session, sessions, settings,
    state::{AdminState, Plane, Shared},
    sticky_sessions, system, tags, totp, usage, users,
};
use RefusalType::{Conflict, NotFound, TooManyRequests, Unauthenticated};
use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state, map_response},
    response::Response,
    routing::{MethodRouter, any, get},
};
use domain::{
    Role::{self, Operator, Owner, Viewer},
    Scope::{
        self, AccountsRead, AccountsWrite, ApiKeysRead, ApiKeysWrite, AuditRead, PricesRead, PricesWrite, SystemRead,
        UsageRead, UsersRead, UsersWrite,
    },
};
use http::{HeaderName, HeaderValue, header};
use std::sync::Arc;
use utoipa_axum::{router::UtoipaMethodRouter, routes};

/// Who may use an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody: it is how one signs in.
    Anyone,
    /// Whoever is signed in with at least this role, and API tokens with the scope that [`Operation::within`] names.
    Role(Role),
    /// Users, each for what is their own. No administrator is one.
    Person,
}

/// Whether an operation's answer is kept to be given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeats {
    /// It is, sealed, for whoever sends the same request with the same key.
    Kept,
    /// It is not: what it shows is kept nowhere else.
    Never,
}

/// An operation with what it asks of its caller.
pub(crate) struct Operation {
    pub(crate) access: Access,
    /// The scope that lets API tokens in; none: they stay out.
    pub(crate) scope: Option<Scope>,
    /// Refusals beside those that follow from its form.
    pub(crate) refuses: &'static [RefusalType],
    /// What an idempotency key does to it, where it is a POST.
    repeats: Repeats,
    pub(crate) routes: UtoipaMethodRouter<Shared>,
}

const fn open_to(access: Access, refuses: &'static [RefusalType], routes: UtoipaMethodRouter<Shared>) -> Operation {
    Operation { access, scope: None, refuses, repeats: Repeats::Kept, routes }
}

const fn needs(role: Role, routes: UtoipaMethodRouter<Shared>) -> Operation {
    open_to(Access::Role(role), &[], routes)
}

const fn own(refuses: &'static [RefusalType], routes: UtoipaMethodRouter<Shared>) -> Operation {
    open_to(Access::Person, refuses, routes)
}

impl Operation {
    /// The same, let API tokens in that have this scope.
    fn within(self, scope: Scope) -> Self {
        Self { scope: Some(scope), ..self }
    }

    /// The same, with an answer that is never kept.
    fn unkept(self) -> Self {
        Self { repeats: Repeats::Never, ..self }
    }

    /// Whether it takes an idempotency key: it is a POST of somebody who is known, and its answer may be kept.
    pub(crate) fn takes_idempotency_key(&self) -> bool {
        let is_post = self.routes.1.paths.values().any(|item| item.post.is_some());
        is_post && self.access != Access::Anyone && self.repeats == Repeats::Kept
    }

    /// Its id, where it is one that may change something.
    fn changing(&self) -> Option<String> {
        let items = self.routes.1.paths.values();
        let operations = items.flat_map(|item| [&item.put, &item.post, &item.patch, &item.delete]);
        operations.flatten().find_map(|operation| operation.operation_id.clone())
    }
}

/// What stands around an operation, from the inside out: the watch over what it changes, its idempotency key, the gate, the record.
fn guarded(plane: &Shared, operation: &Operation, methods: MethodRouter<Shared>) -> MethodRouter<Shared> {
    let changing = operation.changing();
    let methods = if changing.is_some() { methods.route_layer(from_fn(audit::watch)) } else { methods };
    let methods = if operation.takes_idempotency_key() {
        methods.route_layer(from_fn_with_state(Arc::clone(plane), idempotency::once))
    } else {
        methods
    };
    let methods = match operation.access {
        Access::Anyone => methods,
        Access::Role(role) => {
            let needs = Needs { role, scope: operation.scope };
            methods.route_layer(from_fn_with_state((Arc::clone(plane), needs), gate::check))
        }
        Access::Person => methods.route_layer(from_fn_with_state(Arc::clone(plane), person::gate::check)),
    };
    let Some(id) = changing else { return methods };
    let recorded = audit::Recorded { plane: Arc::clone(plane), operation: id.into(), access: operation.access };
    methods.route_layer(from_fn_with_state(recorded, audit::keep))
}

/// The table.
pub(crate) fn table() -> Vec<Operation> {
    [resources(), sign_ins(), people(), own_operations()].into_iter().flatten().collect()
}

/// What the relay works with, and signing in.
#[rustfmt::skip]
fn resources() -> Vec<Operation> {
    vec![
        open_to(Access::Anyone, &[Unauthenticated, TooManyRequests], routes!(session::sign_in)),
        needs(Viewer, routes!(session::sign_out)),
        needs(Viewer, routes!(me::read)),
        open_to(Access::Role(Viewer), &[Conflict, TooManyRequests], routes!(me::change_password)),

        needs(Viewer, routes!(api_keys::list)).within(ApiKeysRead),
        needs(Operator, routes!(api_keys::create)).within(ApiKeysWrite),
        needs(Viewer, routes!(api_keys::read)).within(ApiKeysRead),
        needs(Operator, routes!(api_keys::change)).within(ApiKeysWrite),
        needs(Operator, routes!(api_keys::delete)).within(ApiKeysWrite),
        needs(Operator, routes!(api_keys::lifecycle::restore)).within(ApiKeysWrite),
        needs(Operator, routes!(api_keys::lifecycle::purge)).within(ApiKeysWrite),
        needs(Operator, routes!(api_keys::lifecycle::regenerate)).within(ApiKeysWrite),
        needs(Operator, routes!(api_keys::lifecycle::renew)).within(ApiKeysWrite),
        needs(Operator, routes!(api_keys::batch::create)).within(ApiKeysWrite),
        needs(Operator, routes!(api_keys::batch::change)).within(ApiKeysWrite),
        needs(Operator, routes!(api_keys::batch::delete)).within(ApiKeysWrite),
        needs(Operator, routes!(api_keys::batch::restore)).within(ApiKeysWrite),

        needs(Viewer, routes!(tags::list)).within(ApiKeysRead),
        open_to(Access::Role(Operator), &[Conflict], routes!(tags::rename)).within(ApiKeysWrite),
        open_to(Access::Role(Operator), &[Conflict], routes!(tags::delete)).within(ApiKeysWrite),

        needs(Viewer, routes!(accounts::list)).within(AccountsRead),
        needs(Operator, routes!(accounts::create)).within(AccountsWrite),
        needs(Viewer, routes!(accounts::read)).within(AccountsRead),
        needs(Operator, routes!(accounts::change)).within(AccountsWrite),
        needs(Operator, routes!(accounts::delete)).within(AccountsWrite),
        needs(Operator, routes!(accounts::reset)).within(AccountsWrite),
        needs(Operator, routes!(accounts::probe::test)).within(AccountsWrite),
        open_to(Access::Role(Owner), &[Conflict, TooManyRequests], routes!(accounts::reveal::reveal)).unkept(),

        needs(Operator, routes!(sticky_sessions::end)).within(AccountsWrite),
        open_to(Access::Role(Viewer), &[NotFound], routes!(eligibility::explain)).within(AccountsRead),

        needs(Viewer, routes!(account_groups::list)).within(AccountsRead),
        open_to(Access::Role(Operator), &[Conflict], routes!(account_groups::create)).within(AccountsWrite),
        needs(Viewer, routes!(account_groups::read)).within(AccountsRead),
        needs(Operator, routes!(account_groups::change)).within(AccountsWrite),
        needs(Operator, routes!(account_groups::delete)).within(AccountsWrite),
        needs(Operator, routes!(account_groups::members::add)).within(AccountsWrite),
        needs(Operator, routes!(account_groups::members::remove)).within(AccountsWrite),

        needs(Viewer, routes!(usage::sums)).within(UsageRead),
        needs(Viewer, routes!(usage::top::top)).within(UsageRead),
        needs(Viewer, routes!(usage::trend::trend)).within(UsageRead),
        needs(Viewer, routes!(usage::records::list)).within(UsageRead),
        needs(Viewer, routes!(usage::records::read)).within(UsageRead),

        needs(Viewer, routes!(prices::list)).within(PricesRead),
        needs(Viewer, routes!(prices::read)).within(PricesRead),
        needs(Operator, routes!(prices::set)).within(PricesWrite),
        needs(Operator, routes!(prices::delete)).within(PricesWrite),
        needs(Viewer, routes!(rate_multipliers::read)).within(PricesRead),
        needs(Operator, routes!(rate_multipliers::set)).within(PricesWrite),

        needs(Viewer, routes!(system::read)).within(SystemRead),
        needs(Operator, routes!(settings::list)).within(SystemRead),

        needs(Owner, routes!(audit::list)).within(AuditRead),
        needs(Owner, routes!(audit::read)).within(AuditRead),
    ]
}

/// How accounts sign in at their providers.
#[rustfmt::skip]
fn sign_ins() -> Vec<Operation> {
    vec![
        open_to(Access::Role(Viewer), &[Conflict], routes!(accounts::oauth::read)).within(AccountsRead),
        open_to(Access::Role(Operator), &[Conflict], routes!(accounts::oauth::start)).within(AccountsWrite),
        open_to(Access::Role(Operator), &[Conflict, TooManyRequests], routes!(accounts::oauth::finish)).within(AccountsWrite),
        open_to(Access::Role(Operator), &[Conflict], routes!(accounts::oauth::paste)).within(AccountsWrite),
        open_to(Access::Role(Operator), &[Conflict], routes!(accounts::oauth::refresh)).within(AccountsWrite),
        open_to(Access::Role(Operator), &[Conflict], routes!(accounts::oauth::sign_out)).within(AccountsWrite),

        needs(Owner, routes!(oauth_clients::list)),
        needs(Owner, routes!(oauth_clients::read)),
        open_to(Access::Role(Owner), &[Conflict], routes!(oauth_clients::set)),
        needs(Owner, routes!(oauth_clients::delete)),
    ]
}

/// Who may do what: sessions, second factors, administrators, tokens, users.
#[rustfmt::skip]
fn people() -> Vec<Operation> {
    vec![
        needs(Viewer, routes!(sessions::list)),
        needs(Viewer, routes!(sessions::end_all)),
        needs(Viewer, routes!(sessions::end)),

        needs(Viewer, routes!(totp::read)),
        open_to(Access::Role(Viewer), &[Conflict, TooManyRequests], routes!(totp::enrol)),
        open_to(Access::Role(Viewer), &[Conflict], routes!(totp::confirm)),
        open_to(Access::Role(Viewer), &[Conflict, TooManyRequests], routes!(totp::disable)),
        needs(Owner, routes!(totp::read_of)),
        needs(Owner, routes!(totp::reset)),

        needs(Owner, routes!(admins::list)),
        open_to(Access::Role(Owner), &[Conflict, TooManyRequests], routes!(admins::create)),
        needs(Owner, routes!(admins::read)),
        needs(Owner, routes!(admins::change)),
        open_to(Access::Role(Owner), &[Conflict, TooManyRequests], routes!(admins::set_password)),
        needs(Owner, routes!(admins::delete)),

        needs(Viewer, routes!(api_tokens::list)),
        open_to(Access::Role(Viewer), &[Conflict], routes!(api_tokens::create)),
        needs(Viewer, routes!(api_tokens::read)),
        needs(Viewer, routes!(api_tokens::delete)),

        needs(Viewer, routes!(users::list)).within(UsersRead),
        open_to(Access::Role(Operator), &[Conflict, TooManyRequests], routes!(users::create)).within(UsersWrite),
        needs(Viewer, routes!(users::read)).within(UsersRead),
        needs(Operator, routes!(users::change)).within(UsersWrite),
        needs(Operator, routes!(users::delete)).within(UsersWrite),
        open_to(Access::Role(Operator), &[Conflict, TooManyRequests], routes!(users::set_password)).within(UsersWrite),
        needs(Operator, routes!(users::end_sessions)).within(UsersWrite),
    ]
}

/// What users do for themselves.
#[rustfmt::skip]
fn own_operations() -> Vec<Operation> {
    vec![
        open_to(Access::Anyone, &[Unauthenticated, TooManyRequests], routes!(person::session::sign_in)),
        own(&[], routes!(person::session::sign_out)),
        own(&[], routes!(person::session::list)),
        own(&[], routes!(person::session::end_all)),
        own(&[], routes!(person::session::end)),
        own(&[], routes!(person::me::read)),
        own(&[Conflict, TooManyRequests], routes!(person::me::change_password)),
        own(&[], routes!(person::keys::list)),
        own(&[Conflict], routes!(person::keys::create)),
        own(&[], routes!(person::keys::read)),
        own(&[], routes!(person::keys::change)),
        own(&[], routes!(person::keys::delete)),
        own(&[], routes!(person::usage::sums)),
    ]
}

/// The control plane. All its paths but [`CALLBACK_PATH`](crate::CALLBACK_PATH) begin with `/admin` or `/user`; it has no fallback, so that it can be merged with other routers.
pub fn router(state: AdminState) -> Router {
    let plane: Shared = Arc::new(Plane::new(state));
    let document = openapi::text();
    let router = table().into_iter().fold(Router::new(), |router, operation| {
        let methods = guarded(&plane, &operation, operation.routes.2.clone());
        let paths = operation.routes.1;
        paths.paths.keys().fold(router, |router, path| router.route(path, methods.clone()))
    });
    router
        .route("/admin/openapi.json", get(async move || ([(header::CONTENT_TYPE, "application/json")], document)))
        .route(oauth_callback::CALLBACK_PATH, get(oauth_callback::show))
        .method_not_allowed_fallback(method_not_allowed)
        .route("/admin", any(not_found))
        .route("/admin/", any(not_found))
        .route("/admin/{*rest}", any(not_found))
        .route("/user", any(not_found))
        .route("/user/", any(not_found))
        .route("/user/{*rest}", any(not_found))
        .layer(map_response(secure))
        .with_state(plane)
}

async fn not_found() -> Refusal {
    Refusal::new(NotFound, "There is no such path. `GET /admin/openapi.json` describes those that exist.")
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
