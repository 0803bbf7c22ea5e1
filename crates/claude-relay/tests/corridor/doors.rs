//! Paths and methods: what is there, what is not, and that every answer says which request it belongs to.

use crate::support::{Form, MODEL, Site, body, error_type};
use bytes::Bytes;
use http::{Method, Request};
use serde_json::json;
use testkit::{Script, upstream::COUNTED_TOKENS};

fn request(method: &Method, path: &str) -> Request<Bytes> {
    Request::builder().method(method).uri(path).body(Bytes::new()).unwrap()
}

#[tokio::test]
async fn anybody_may_see_that_somebody_is_there() {
    let site = Site::start(Script::default()).await;
    for path in ["/", "/api/", "/claude/"] {
        let answered = site.send(request(&Method::HEAD, path)).await;
        assert_eq!((answered.status.as_u16(), answered.body.len()), (200, 0), "{path}");
    }
    assert_eq!(site.upstream().books().exchanges.len(), 0);
}

#[tokio::test]
async fn the_wrong_method_is_refused_with_the_right_one() {
    let site = Site::start(Script::default()).await;
    for (method, path, allow) in [
        (Method::GET, "/v1/messages", "POST"),
        (Method::PUT, "/api/v1/messages", "POST"),
        (Method::DELETE, "/claude/v1/messages/count_tokens", "POST"),
        (Method::POST, "/v1/models", "GET"),
    ] {
        let answered = site.send(request(&method, path)).await;
        assert_eq!((answered.status.as_u16(), answered.header("allow")), (405, allow), "{path}");
        assert_eq!(error_type(&answered), "invalid_request_error");
    }
}

#[tokio::test]
async fn an_unknown_path_is_not_found_in_the_client_s_shape() {
    let site = Site::start(Script::default()).await;
    for (method, path) in [
        (Method::POST, "/v1/message"),
        (Method::POST, "/v1/messages/"),
        (Method::GET, "/v2/models"),
        (Method::GET, "/%2e%2e/etc/passwd"),
        (Method::POST, "/api/api/v1/messages"),
    ] {
        let answered = site.send(request(&method, path)).await;
        assert_eq!((answered.status.as_u16(), error_type(&answered).as_str()), (404, "not_found_error"), "{path}");
        let id = answered.header("x-request-id");
        assert_eq!(answered.json()["request_id"], id, "{path}");
    }
}

#[tokio::test]
async fn every_call_stands_at_every_mount() {
    let site = Site::start(Script::default()).await;
    for mount in ["", "/api", "/claude"] {
        let question = body(MODEL, Form::Json);
        let answered = site.post(&format!("{mount}/v1/messages?beta=true"), &[], &question).await;
        assert_eq!(answered.json()["type"], "message", "{mount}");
        let counted = site.post(&format!("{mount}/v1/messages/count_tokens"), &[], &question).await;
        assert_eq!(counted.json()["input_tokens"], COUNTED_TOKENS, "{mount}");
        let mut list = request(&Method::GET, &format!("{mount}/v1/models"));
        list.headers_mut().insert("x-api-key", site.key.key.parse().unwrap());
        list.headers_mut().insert("anthropic-version", "2023-06-01".parse().unwrap());
        let models = site.send(list).await;
        assert_eq!(models.json()["data"].as_array().map(Vec::len), Some(3), "{mount}");
    }
    let books = site.upstream().books();
    assert_eq!(books.complaints(), [] as [&str; 0]);
    assert!(books.messages().all(|exchange| exchange.request.target == "/v1/messages?beta=true"));
}

#[tokio::test]
async fn counts_and_lists_leave_records_that_cost_nothing() {
    let site = Site::start(Script::default()).await;
    let counted = site.post("/v1/messages/count_tokens", &[], &body(MODEL, Form::Json)).await;
    let record = site.record_of(&counted).await;
    assert_eq!((&record["kind"], &record["outcome"]), (&json!("count_tokens"), &json!("completed")));
    assert_eq!((&record["usage"]["total_tokens"], &record["cost_usd"]), (&json!(0), &json!("0.000000000")));
}

#[tokio::test]
async fn every_answer_has_a_request_id_that_the_books_know() {
    let site = Site::start(Script::default()).await;
    let answered = site.ask(Form::Json).await;
    let record = site.record_of(&answered).await;
    assert_eq!(record["upstream_request_id"], answered.header("request-id"));
    assert_eq!(site.upstream().books().exchanges[0].request_id, answered.header("request-id"));
}
