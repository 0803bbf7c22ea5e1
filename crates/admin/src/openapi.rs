//! The OpenAPI document, made from the table of operations: roles and refusals are written into it from there.

mod bounds;

use crate::{
    idempotency,
    operations::{Access, Operation, table},
    refusal::{ErrorBody, RefusalType},
};
use RefusalType::{
    CodeRequired, Conflict, Forbidden, Internal, InvalidRequest, MethodNotAllowed, NotFound, PayloadTooLarge,
    PreconditionFailed, RequestTimeout, TooManyRequests, Unauthenticated, Unavailable, Unprocessable,
};
use std::collections::BTreeSet;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, Content, ContentBuilder, Header, InfoBuilder, License, ObjectBuilder, OpenApi, OpenApiBuilder, Ref,
        RefOr, Required, Response, ResponseBuilder, Schema,
        path::{self, ParameterIn, PathItem},
        schema::{AdditionalProperties, ArrayItems, OneOfBuilder, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
        tag::TagBuilder,
    },
};
use utoipa_axum::router::OpenApiRouter;

/// What the scheme of signing in is called in the document.
const SCHEME: &str = "session";

/// Extension of an operation that names the role it needs.
const ROLE: &str = "x-role";

/// What the scheme of users who sign in is called in the document.
const USER_SCHEME: &str = "user_session";

/// What stands in the place of a role where it takes a user.
const USER: &str = "user";

/// What the scheme of API tokens is called in the document; an operation that lets them in names the scope beside it.
const TOKEN_SCHEME: &str = "api_token";

/// What stands in `If-Match`: any version, or a list of versions as `ETag` carries them.
const VERSIONS: &str = r#"^(\*|"[0-9]+"( *, *"[0-9]+")*)$"#;

/// What an idempotency key is made of.
const VISIBLE: &str = "^[!-~]+$";

const REFUSALS: [RefusalType; 13] = [
    InvalidRequest,
    Unauthenticated,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    Conflict,
    PreconditionFailed,
    PayloadTooLarge,
    Unprocessable,
    TooManyRequests,
    Internal,
    Unavailable,
];

/// The document as it is served and committed: pretty JSON with a line's end.
///
/// # Panics
///
/// Never: the document is made of texts and numbers.
#[must_use]
pub fn text() -> String {
    let json = document().to_pretty_json().expect("texts and numbers always serialise");
    format!("{json}\n")
}

/// The schema of a `T` or null: that of an `Option` of a type's parameter is derived without its null.
pub(crate) fn or_null<T: ToSchema>() -> Schema {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    OneOfBuilder::new().item(null).item(Ref::from_schema_name(T::name())).build().into()
}

fn document() -> OpenApi {
    let router = OpenApiRouter::with_openapi(opening());
    let router = table().into_iter().fold(router, |router, operation| {
        let takes_key = operation.takes_idempotency_key();
        let Operation { access, scope, refuses, routes: (schemas, mut paths, methods), .. } = operation;
        for (path, item) in &mut paths.paths {
            for operation in operations(item) {
                if takes_key {
                    add_idempotency_key(operation);
                }
                annotate(path, operation, access, refuses);
                if let Some(scope) = scope {
                    let requirement = SecurityRequirement::new(TOKEN_SCHEME, [scope.as_str()]);
                    operation.security.get_or_insert_default().push(requirement);
                }
            }
        }
        router.routes((schemas, paths, methods))
    });
    let mut document = router.into_openapi();
    bound_requests(&mut document);
    document
}

/// Writes into every request what it may carry: bodies have no field beside their own, and every text, list and number its bounds.
fn bound_requests(document: &mut OpenApi) {
    let mut names = Vec::new();
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        for parameter in operation.parameters.iter_mut().flatten() {
            if let RefOr::T(path::Parameter { name, schema: Some(schema), .. }) = parameter {
                bounds::write(name, schema);
            }
        }
        if let Some(RefOr::T(body)) = &operation.request_body {
            names.extend(body.content.values().filter_map(schema).flat_map(references));
        }
    }
    let Some(components) = &mut document.components else { return };
    let mut bounded = BTreeSet::new();
    while let Some(name) = names.pop() {
        if !bounded.insert(name.clone()) {
            continue;
        }
        let Some(schema) = components.schemas.get_mut(&name) else { continue };
        bounds::write("", schema);
        names.extend(references(schema));
        if let RefOr::T(Schema::Object(object)) = schema
            && !object.properties.is_empty()
        {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}

fn schema(content: &RefOr<Content>) -> Option<&RefOr<Schema>> {
    match content {
        RefOr::T(content) => content.schema.as_ref(),
        RefOr::Ref(_) => None,
    }
}

/// The names of the schemas that `schema` refers to: directly, as items, as fields, or as one of several.
fn references(schema: &RefOr<Schema>) -> Vec<String> {
    match schema {
        RefOr::Ref(reference) => reference.ref_location.rsplit('/').next().map(str::to_owned).into_iter().collect(),
        RefOr::T(Schema::OneOf(one)) => one.items.iter().flat_map(references).collect(),
        RefOr::T(Schema::AllOf(all)) => all.items.iter().flat_map(references).collect(),
        RefOr::T(Schema::Object(object)) => object.properties.values().flat_map(references).collect(),
        RefOr::T(Schema::Array(array)) => match &array.items {
            ArrayItems::RefOrSchema(items) => references(items),
            ArrayItems::False => Vec::new(),
        },
        RefOr::T(_) => Vec::new(),
    }
}

fn opening() -> OpenApi {
    let info = InfoBuilder::new()
        .title("claude-relay: the control plane")
        .description(Some(
            "Keys, accounts, usage and prices of a relay. Every refusal has the same body, `{\"error\": {\"type\", \
             \"message\", \"details\"}}`; a client decides by `type`. Lists are paged by cursor. Money is a decimal text \
             in US dollars, instants are RFC 3339 in UTC, ids are opaque. `ETag` carries the version of what was read, \
             `If-Match` makes a change conditional on it.",
        ))
        .version(env!("CARGO_PKG_VERSION"))
        .license(Some(License::new("MIT")))
        .build();
    let tags = [
        "Session",
        "Second factor",
        "Administrators",
        "API tokens",
        "API keys",
        "Accounts",
        "Account groups",
        "OAuth clients",
        "Usage",
        "Prices",
        "System",
        "Audit",
        "Users",
        "User\'s session",
        "User\'s API keys",
        "User\'s usage",
    ];
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components()))
        .tags(Some(tags.map(|name| TagBuilder::new().name(name).build())))
        .build()
}

fn components() -> Components {
    let mut components = Components::new();
    let mut schemas = vec![(ErrorBody::name().into_owned(), ErrorBody::schema())];
    ErrorBody::schemas(&mut schemas);
    components.schemas.extend(schemas);
    for refusal in REFUSALS {
        components.responses.insert(component(refusal), RefOr::T(response(refusal)));
    }
    let scheme = |format: &str, meaning: &str| {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format(format);
        SecurityScheme::Http(bearer.description(Some(meaning)).build())
    };
    components.add_security_scheme(SCHEME, scheme("JWT", "The token that `POST /admin/session` gives."));
    components.add_security_scheme(USER_SCHEME, scheme("JWT", "The token that `POST /user/session` gives."));
    let meaning = "An API token (`crt_…`) with the scope that the operation names; its role counts as well.";
    components.add_security_scheme(TOKEN_SCHEME, scheme("crt_", meaning));
    components
}

/// The name of a refusal among the document's responses.
fn component(refusal: RefusalType) -> String {
    format!("{refusal:?}")
}

fn response(refusal: RefusalType) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ErrorBody::name()))).build();
    let response = ResponseBuilder::new().description(meaning(refusal)).content("application/json", content);
    match refusal {
        TooManyRequests | Unavailable => {
            let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).build();
            let mut header = Header::new(seconds);
            header.description = Some("Seconds to wait before another try.".to_owned());
            response.header("Retry-After", header).build()
        }
        _ => response.build(),
    }
}

const fn meaning(refusal: RefusalType) -> &'static str {
    match refusal {
        InvalidRequest => "The request is not one that can be read.",
        Unauthenticated | CodeRequired => {
            "Nobody is signed in, or the name, the password or the code is wrong or missing."
        }
        Forbidden => "The role of whoever is signed in is not enough.",
        NotFound => "There is no such thing.",
        MethodNotAllowed => "The path has no such method.",
        RequestTimeout => "The body did not arrive in time.",
        Conflict => "What exists stands against it.",
        PreconditionFailed => "It has another version than `If-Match` says.",
        PayloadTooLarge => "The body is longer than 1 MiB.",
        Unprocessable => "`details` names the fields that cannot be taken.",
        TooManyRequests => "Too many tries; wait.",
        Internal => "A fault of the relay.",
        Unavailable => "It may succeed later.",
    }
}

/// Every operation of a path, with its method's slot.
fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut path::Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// Writes the role and the refusals into an operation.
fn annotate(path: &str, operation: &mut path::Operation, access: Access, refuses: &[RefusalType]) {
    let mut refusals = vec![InvalidRequest, Internal, Unavailable];
    refusals.extend(refuses);
    let needed = match access {
        Access::Anyone => None,
        Access::Role(role) => {
            refusals.push(Forbidden);
            Some((SCHEME, role.as_str()))
        }
        Access::Person => Some((USER_SCHEME, USER)),
    };
    if let Some((scheme, role)) = needed {
        refusals.push(Unauthenticated);
        operation.security = Some(vec![SecurityRequirement::new::<&str, [&str; 0], &str>(scheme, [])]);
        operation.extensions.get_or_insert_default().insert(ROLE.to_owned(), role.into());
    }
    if path.contains('{') {
        refusals.push(NotFound);
    }
    if operation.request_body.is_some() {
        refusals.extend([RequestTimeout, PayloadTooLarge, Unprocessable]);
    }
    if is_conditional(operation) {
        refusals.extend([Conflict, PreconditionFailed]);
    }
    for refusal in refusals {
        let status = refusal.status().as_str().to_owned();
        let response = RefOr::Ref(Ref::from_response_name(component(refusal)));
        operation.responses.responses.entry(status).or_insert(response);
    }
}

/// Writes into a POST that it may be sent again, and what it is refused with then.
fn add_idempotency_key(operation: &mut path::Operation) {
    let key = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(idempotency::KEY_CHARS_MAX))
        .pattern(Some(VISIBLE))
        .examples([serde_json::json!("8e03978e-40d5-43dd-bc93-6894a57f9324")]);
    let meaning = "Makes it safe to send the request again: for 24 hours the same caller gets the same answer for it, with \
                   `Idempotency-Replayed: true`, and it is done once. Another request with the same key is refused (422), one \
                   that comes while the first is worked on, too (409, `Retry-After`).";
    let parameter = path::ParameterBuilder::new()
        .name(idempotency::HEADER)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(meaning))
        .schema(Some(key));
    operation.parameters.get_or_insert_default().push(RefOr::T(parameter.build()));
    for refusal in [Conflict, PayloadTooLarge, RequestTimeout, Unprocessable] {
        let response = RefOr::Ref(Ref::from_response_name(component(refusal)));
        operation.responses.responses.entry(refusal.status().as_str().to_owned()).or_insert(response);
    }
}

/// Whether the operation takes an `If-Match`; writes into the document that it need not be sent, and what stands in it.
fn is_conditional(operation: &mut path::Operation) -> bool {
    let is_condition = |parameter: &&mut path::Parameter| {
        parameter.parameter_in == ParameterIn::Header && parameter.name == "If-Match"
    };
    let parameters = operation.parameters.iter_mut().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    });
    let Some(parameter) = parameters.into_iter().find(is_condition) else { return false };
    let tags =
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(VERSIONS)).examples([serde_json::json!("\"3\"")]);
    parameter.required = Required::False;
    parameter.schema = Some(tags.into());
    true
}
