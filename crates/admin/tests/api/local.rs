//! The operator on this machine, who needs no session; and that nobody can say so of themselves.

use crate::plane::{Plane, request};
use http::Method;
use serde_json::json;

#[tokio::test]
async fn the_local_operator_is_an_owner_without_a_session() {
    let plane = Plane::new().await.opened_locally();
    let me = plane.send(request(Method::GET, "/admin/me", None, None)).await.expect(200);
    assert_eq!((&me["username"], &me["role"]), (&json!("local operator"), &json!("owner")));
}

#[tokio::test]
async fn what_the_local_operator_makes_is_noted_as_theirs() {
    let plane = Plane::new().await.opened_locally();
    let body = json!({"name": "laptop"});
    let key = plane.send(request(Method::POST, "/admin/api-keys", None, Some(&body))).await.expect(201);
    assert_eq!(key["created_by"], "local operator");
}

#[tokio::test]
async fn the_local_operator_has_no_password_to_change() {
    let plane = Plane::new().await.opened_locally();
    let body = json!({"current_password": "correct horse battery", "new_password": "a longer horse"});
    let reply = plane.send(request(Method::POST, "/admin/me/password", None, Some(&body))).await;
    assert_eq!(reply.refusal().0, "conflict");
}

#[tokio::test]
async fn a_caller_of_the_network_s_router_who_says_so_is_anonymous() {
    let plane = Plane::new().await;
    for (name, value) in [("authorization", "local operator"), ("x-local-operator", "1"), ("host", "localhost")] {
        let mut asked = request(Method::GET, "/admin/me", None, None);
        asked.headers_mut().insert(name, value.parse().expect("a header"));
        assert_eq!(plane.send(asked).await.status.as_u16(), 401, "{name}");
    }
    // Making the local router of it has not changed the network's.
    let network = plane.router.clone();
    let local = plane.opened_locally();
    assert_eq!(local.send(request(Method::GET, "/admin/me", None, None)).await.status.as_u16(), 200);
    let plane = Plane { router: network, ..local };
    assert_eq!(plane.send(request(Method::GET, "/admin/me", None, None)).await.status.as_u16(), 401);
}
