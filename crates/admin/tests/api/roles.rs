//! Every operation of the document refuses the anonymous and every role below its own.

use crate::plane::{Plane, request};
use domain::Role;
use http::Method;
use serde_json::Value;

/// What opens a session is the one operation that nobody needs to be signed in for.
const OPEN: [(&str, &str); 1] = [("post", "/admin/session")];

/// Method, path, and the role that the document says.
fn operations() -> Vec<(Method, String, Option<Role>)> {
    let document: Value = serde_json::from_str(&admin::openapi_text()).expect("JSON");
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            let role = operation["x-role"].as_str().and_then(Role::parse);
            assert_eq!(role.is_none(), OPEN.contains(&(method.as_str(), path.as_str())), "{method} {path}");
            let path = path.replace("{id}", "x").replace("{model}", "x");
            operations.push((method.to_uppercase().parse().expect("a method"), path, role));
        }
    }
    operations
}

#[tokio::test]
async fn the_anonymous_are_refused_everywhere_but_where_one_signs_in() {
    let plane = Plane::new().await;
    for (method, path, role) in operations() {
        if role.is_some() {
            for token in [None, Some("x"), Some("eyJhbGciOiJub25lIn0.e30.")] {
                let reply = plane.send(request(method.clone(), &path, token, None)).await;
                assert_eq!((reply.status.as_u16(), reply.refusal().0), (401, "unauthenticated"), "{method} {path}");
                assert_eq!(reply.headers["www-authenticate"], "Bearer");
            }
        }
    }
}

#[tokio::test]
async fn each_role_may_do_what_is_its_own_and_nothing_above() {
    let plane = Plane::new().await;
    for &role in Role::ALL {
        for (method, path, needed) in operations() {
            let Some(needed) = needed else { continue };
            let caller = plane.caller(role).await;
            let status = caller.send(method.clone(), &path, None).await.status.as_u16();
            assert_eq!(status == 403, !role.includes(needed), "{method} {path} as {role}: {status}");
            assert_ne!(status, 401, "{method} {path} as {role}");
        }
    }
}

#[tokio::test]
async fn whoever_may_only_look_is_offered_no_operation_that_changes_more_than_what_is_their_own() {
    let own = [
        "/admin/session",
        "/admin/sessions",
        "/admin/sessions/x",
        "/admin/me/password",
        "/admin/api-tokens",
        "/admin/api-tokens/x",
        "/admin/me/totp",
        "/admin/me/totp/confirm",
        "/admin/me/totp/disable",
    ];
    for (method, path, needed) in operations() {
        if needed == Some(Role::Viewer) && method != Method::GET {
            assert!(own.contains(&path.as_str()), "{method} {path}");
        }
    }
}
