//! The test of an account of each platform: what is asked of whom, and how it is told.

use crate::plane::Plane;
use domain::Role;
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpListener,
    thread::{self, JoinHandle},
};

/// What came to a provider that answers once.
#[derive(Debug)]
struct Asked {
    /// First line and headers, in small letters but for the first line.
    head: String,
    body: Value,
}

impl Asked {
    fn first_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    fn has(&self, header: &str) -> bool {
        self.head.lines().any(|line| line == header)
    }
}

/// A provider that gives `answer` to the one request that it gets, whatever it asks; its address, and what came.
fn provider(status: &'static str, answer: &'static str) -> (String, JoinHandle<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut read = Vec::new();
        let asked = loop {
            let mut part = [0; 4096];
            let count = stream.read(&mut part).expect("reads");
            read.extend_from_slice(&part[..count]);
            if let Some(asked) = whole(&read) {
                break asked;
            }
            assert_ne!(count, 0, "the request ended early");
        };
        let length = answer.len();
        let reply = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-amzn-requestid: theirs\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n{answer}"
        );
        stream.write_all(reply.as_bytes()).expect("writes");
        asked
    });
    (format!("http://{address}"), served)
}

/// The request in `read`, once all of it is there.
fn whole(read: &[u8]) -> Option<Asked> {
    let text = std::str::from_utf8(read).expect("text");
    let (head, body) = text.split_once("\r\n\r\n")?;
    let (first, headers) = head.split_once("\r\n")?;
    let head = format!("{first}\n{}", headers.to_ascii_lowercase().replace("\r\n", "\n"));
    Some(Asked { head, body: serde_json::from_str(body).ok()? })
}

/// Adds an account at `base_url` and tests it.
async fn test(plane: &Plane, mut document: Value, base_url: &str, order: Value) -> Value {
    let operator = plane.caller(Role::Operator).await;
    document["name"] = json!("n");
    document["base_url"] = json!(base_url);
    let account = operator.post("/admin/accounts", document).await.expect(201);
    let path = format!("/admin/accounts/{}/test", account["id"].as_str().expect("an id"));
    operator.post(&path, order).await.expect(200)
}

/// An account, what is ordered, and what is asked then.
struct Case {
    account: Value,
    order: Value,
    first_line: &'static str,
    /// The header that opens the account.
    opening: &'static str,
    body: Value,
    /// The dialect in the books.
    dialect: &'static str,
}

/// An answer in `dialect` of three tokens in and one out.
fn answer(dialect: &str) -> &'static str {
    match dialect {
        "gemini" => {
            r#"{"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4}}"#
        }
        "openai-responses" => {
            r#"{"object": "response", "status": "completed", "output": [],
                "usage": {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}}"#
        }
        "openai-chat" => {
            r#"{"object": "chat.completion", "choices": [{"index": 0, "message": {}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}}"#
        }
        _ => {
            r#"{"type": "message", "content": [], "stop_reason": "max_tokens",
                "usage": {"input_tokens": 3, "output_tokens": 1}}"#
        }
    }
}

/// A question in the Messages dialect.
fn message(model: &str) -> Value {
    json!({"model": model, "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]})
}

/// A question in the dialect of Chat Completions.
fn chat(model: &str) -> Value {
    json!({"model": model, "max_completion_tokens": 256, "messages": [{"role": "user", "content": "Hi"}]})
}

/// A question in the Responses dialect.
fn responses(model: &str) -> Value {
    json!({"model": model, "max_output_tokens": 16, "store": false, "input": "Hi"})
}

fn cases() -> Vec<Case> {
    let openai = |models: Value| json!({"platform": "openai-responses", "api_key": "k", "models": models});
    vec![
        Case {
            account: json!({"platform": "gemini", "api_key": "k"}),
            order: json!({}),
            first_line: "POST /v1beta/models/gemini-flash-latest:generateContent HTTP/1.1",
            opening: "x-goog-api-key: k",
            body: json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "generationConfig": {"maxOutputTokens": 1}}),
            dialect: "gemini",
        },
        Case {
            account: openai(json!({"gpt-5": "deep-1"})),
            order: json!({}),
            first_line: "POST /v1/responses HTTP/1.1",
            opening: "authorization: bearer k",
            body: responses("deep-1"),
            dialect: "openai-responses",
        },
        Case {
            account: openai(Value::Null),
            order: json!({"dialect": "openai-chat", "model": "m"}),
            first_line: "POST /v1/chat/completions HTTP/1.1",
            opening: "authorization: bearer k",
            body: chat("m"),
            dialect: "openai-chat",
        },
        Case {
            account: json!({"platform": "bedrock", "access": "bearer_token", "region": "us-east-1", "bearer_token": "k"}),
            order: json!({"model": "us.anthropic.claude-haiku-4-5-20251001-v1:0"}),
            first_line: "POST /model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke HTTP/1.1",
            opening: "authorization: bearer k",
            body: json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1,
                "messages": [{"role": "user", "content": "Hi"}]}),
            dialect: "anthropic",
        },
    ]
    .into_iter()
    .chain(cases_of_azure())
    .chain(cases_of_droid())
    .collect()
}

fn cases_of_azure() -> [Case; 2] {
    let account =
        |version: Value| json!({"platform": "azure-openai", "api_key": "k", "deployment": "d", "api_version": version});
    let opening = "api-key: k";
    [
        Case {
            account: account(json!("2024-10-21")),
            order: json!({"model": "gpt-5"}),
            first_line: "POST /openai/deployments/d/chat/completions?api-version=2024-10-21 HTTP/1.1",
            opening,
            body: chat("d"),
            dialect: "openai-chat",
        },
        Case {
            account: account(Value::Null),
            order: json!({"dialect": "openai-responses"}),
            first_line: "POST /openai/v1/responses HTTP/1.1",
            opening,
            body: responses("d"),
            dialect: "openai-responses",
        },
    ]
}

fn cases_of_droid() -> [Case; 3] {
    let case = |order, first_line, body, dialect| Case {
        account: json!({"platform": "droid", "api_keys": ["k-1", "k-2"]}),
        order,
        first_line,
        opening: "authorization: bearer k-1",
        body,
        dialect,
    };
    [
        case(json!({}), "POST /a/v1/messages HTTP/1.1", message("claude-haiku-4-5"), "anthropic"),
        case(json!({"model": "gpt-5"}), "POST /o/v1/responses HTTP/1.1", responses("gpt-5"), "openai-responses"),
        case(json!({"model": "glm-5"}), "POST /o/v1/chat/completions HTTP/1.1", chat("glm-5"), "openai-chat"),
    ]
}

#[tokio::test]
async fn each_platform_is_asked_in_its_own_dialect_where_its_models_are() {
    for Case { account, order, first_line, opening, body, dialect } in cases() {
        let plane = Plane::new().await;
        let (base_url, served) = provider("200 OK", answer(dialect));
        let report = test(&plane, account, &base_url, order).await;
        assert_eq!((&report["ok"], &report["status"]), (&json!(true), &json!(200)), "{report}");
        let asked = served.join().expect("was asked");
        assert_eq!(asked.first_line(), first_line);
        assert!(asked.has(opening), "{}", asked.head);
        assert_eq!(asked.body, body, "{first_line}");
        assert_eq!(asked.has("anthropic-version: 2023-06-01"), first_line.contains("/v1/messages"), "{}", asked.head);
        let records = plane.caller(Role::Viewer).await.get("/admin/usage/records").await.expect(200);
        let record = &records["items"][0];
        assert_eq!((&record["kind"], &record["dialect"]), (&json!("account_test"), &json!(dialect)));
        assert_eq!(record["upstream_request_id"], "theirs");
        let usage = &record["usage"];
        assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(3), &json!(1)), "{record}");
        assert_ne!(record["cost_usd"], "0.000000000", "what the provider bills is in the books: {record}");
        assert_eq!(record["rated_cost_usd"], record["cost_usd"]);
    }
}

#[tokio::test]
async fn what_is_no_answer_is_told_whatever_its_status_says() {
    for (answer, told) in [
        (r#"{"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}"#, "It said: busy"),
        (r#"{"hello": "world"}"#, "no answer of a model"),
        ("<html>", "no answer of a model"),
    ] {
        let plane = Plane::new().await;
        let (base_url, served) = provider("200 OK", answer);
        let report = test(&plane, json!({"platform": "ccr", "api_key": "k"}), &base_url, json!({})).await;
        served.join().expect("was asked");
        assert_eq!(report["ok"], json!(false), "{report}");
        assert!(report["message"].as_str().expect("a text").contains(told), "{report}");
    }
}

#[tokio::test]
async fn chatgpt_is_asked_for_a_stream_which_is_read() {
    const WHOLE: &str = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"object\":\"response\",\
        \"status\":\"completed\",\"output\":[],\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n";
    const CUT: &str =
        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"object\":\"response\"}}\n\n";
    for (events, is_ok, outcome) in [(WHOLE, true, "completed"), (CUT, false, "truncated"), ("{}", false, "refused")] {
        let plane = Plane::new().await;
        let operator = plane.caller(Role::Operator).await;
        let (base_url, served) = provider("200 OK", events);
        let document = json!({"platform": "openai", "name": "n", "base_url": base_url});
        let account = operator.post("/admin/accounts", document).await.expect(201);
        let path = format!("/admin/accounts/{}", account["id"].as_str().expect("an id"));
        operator.post(&format!("{path}/oauth/tokens"), json!({"access_token": "the-token"})).await.expect(200);
        let report = operator.post(&format!("{path}/test"), json!({})).await.expect(200);
        assert_eq!(report["ok"], json!(is_ok), "{report}");
        let asked = served.join().expect("was asked");
        assert_eq!(asked.first_line(), "POST /responses HTTP/1.1");
        assert_eq!((&asked.body["stream"], &asked.body["store"]), (&json!(true), &json!(false)));
        assert!(asked.body["input"].is_array() && asked.body.get("max_output_tokens").is_none(), "{}", asked.body);
        let records = plane.caller(Role::Viewer).await.get("/admin/usage/records").await.expect(200);
        assert_eq!(records["items"][0]["outcome"], outcome);
        assert_eq!(records["items"][0]["usage"]["total_tokens"], json!(if is_ok { 4 } else { 0 }));
    }
}

#[tokio::test]
async fn an_access_key_of_aws_signs_and_is_not_sent() {
    let plane = Plane::new().await;
    let (base_url, served) = provider("200 OK", answer("anthropic"));
    let document = json!({"platform": "bedrock", "region": "eu-central-1", "access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "secret_access_key": "hidden-secret", "session_token": "the-token"});
    let report = test(&plane, document, &base_url, json!({"model": "m"})).await;
    assert_eq!(report["ok"], json!(true), "{report}");
    let head = served.join().expect("was asked").head;
    let signature = "authorization: aws4-hmac-sha256 credential=akiaiosfodnn7example/20261123/eu-central-1/bedrock/";
    assert!(head.contains(signature) && head.contains("x-amz-security-token: the-token"), "{head}");
    assert!(!head.contains("hidden"), "{head}");
}

#[tokio::test]
async fn what_a_provider_says_is_found_where_it_puts_it() {
    let key =
        json!({"platform": "bedrock", "access": "bearer_token", "region": "us-east-1", "bearer_token": "k-secret"});
    for (answer, told) in [
        (r#"{"message": "no access to the model"}"#, " It said: no access to the model"),
        (r#"{"Message": "denied"}"#, " It said: denied"),
        (r#"{"error": {"code": 403, "message": "not enabled", "status": "X"}}"#, " It said: not enabled"),
        (r#"{"message": "k-secret is unknown"}"#, ""),
        (r#"{"detail": "?"}"#, ""),
    ] {
        let plane = Plane::new().await;
        let (base_url, served) = provider("403 Forbidden", answer);
        let report = test(&plane, key.clone(), &base_url, json!({})).await;
        served.join().expect("was asked");
        assert_eq!(report["message"], format!("The upstream refused with 403 Forbidden.{told}"));
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_tested_says_why_and_nobody_is_asked() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let signed = json!({"platform": "bedrock", "name": "n", "access": "environment", "region": "us-east-1"});
    let oauth = |platform: &str| json!({"platform": platform, "name": "n", "access": "oauth"});
    for (document, why) in [
        (signed, "AWS"),
        (oauth("claude"), "sign-in"),
        (oauth("openai"), "sign-in"),
        (oauth("gemini"), "sign-in"),
        (oauth("droid"), "sign-in"),
    ] {
        let account = operator.post("/admin/accounts", document).await.expect(201);
        let path = format!("/admin/accounts/{}/test", account["id"].as_str().expect("an id"));
        let refused = operator.post(&path, json!({})).await;
        assert_eq!(refused.refusal().0, "conflict");
        assert!(refused.body.to_string().contains(why), "{}", refused.body);
    }
    assert_eq!(operator.get("/admin/usage/records").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn an_account_is_asked_only_in_dialects_that_its_api_has() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let document = json!({"platform": "gemini", "name": "n", "api_key": "k"});
    let account = operator.post("/admin/accounts", document).await.expect(201);
    let path = format!("/admin/accounts/{}/test", account["id"].as_str().expect("an id"));
    let refused = operator.post(&path, json!({"dialect": "anthropic"})).await;
    assert_eq!(refused.refusal(), ("unprocessable", vec!["dialect"]));
    assert!(refused.body.to_string().contains("write gemini"), "{}", refused.body);
}

#[tokio::test]
async fn a_test_goes_through_the_account_s_proxy_and_never_beside_it() {
    let plane = Plane::new().await;
    let (base_url, _untouched) = provider("200 OK", "{}");
    let nobody = testkit::upstream::refused_base_url().await.expect("a port");
    let proxy = nobody.replace("http://", "socks5h://relay:hidden-pass@");
    let document = json!({"platform": "gemini", "api_key": "k", "proxy": proxy});
    let report = test(&plane, document, &base_url, json!({})).await;
    assert_eq!((&report["ok"], &report["status"]), (&json!(false), &Value::Null));
    let message = report["message"].as_str().expect("a text");
    assert!(message.contains("proxy") && !message.contains("hidden"), "{message}");
}

/// A struct can be read of an array, field by field: no document of this API is one.
#[tokio::test]
async fn a_list_in_the_place_of_a_document_is_refused() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let document = json!({"platform": "claude-console", "name": "n", "api_key": "k"});
    let account = operator.post("/admin/accounts", document).await.expect(201);
    let path = format!("/admin/accounts/{}/test", account["id"].as_str().expect("an id"));
    assert_eq!(operator.post(&path, json!([null, null])).await.refusal().0, "unprocessable");
    assert_eq!(operator.post("/admin/accounts", json!(["claude-console"])).await.refusal().0, "unprocessable");
}
