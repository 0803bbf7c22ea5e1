//! Every operation of the document refuses the anonymous and every role below its own.

use crate::plane::{Plane, request};
use domain::Role;
use http::Method;
use serde_json::Value;

/// What opens a session is all that nobody needs to be signed in for.
const OPEN: [(&str, &str); 2] = [("post", "/admin/session"), ("post", "/user/session")];

/// Who may use an operation, as the document says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Anyone,
    Role(Role),
    User,
}

/// Every operation: method, path, and who may use it.
fn operations() -> Vec<(Method, String, Access)> {
    let document: Value = serde_json::from_str(&admin::openapi_text()).expect("JSON");
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            let access = match operation["x-role"].as_str() {
                None => Access::Anyone,
                Some("user") => Access::User,
                Some(role) => Access::Role(Role::parse(role).expect("a role")),
            };
            let is_open = OPEN.contains(&(method.as_str(), path.as_str()));
            assert_eq!(access == Access::Anyone, is_open, "{method} {path}");
            let path =
                path.replace("{id}", "x").replace("{model}", "x").replace("{account_id}", "x").replace("{tag}", "x");
            let path = path.replace("{platform}", "claude");
            operations.push((method.to_uppercase().parse().expect("a method"), path, access));
        }
    }
    operations
}

#[tokio::test]
async fn the_anonymous_are_refused_everywhere_but_where_one_signs_in() {
    let plane = Plane::new().await;
    for (method, path, access) in operations() {
        if access != Access::Anyone {
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
        for (method, path, access) in operations() {
            let Access::Role(needed) = access else { continue };
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
        if needed == Access::Role(Role::Viewer) && method != Method::GET {
            assert!(own.contains(&path.as_str()), "{method} {path}");
        }
    }
}
