//! Whatever is sent, the answer is one of the documented refusals or a success, never a failure of the relay and never a panic.

use crate::plane::{PASSWORD, Plane};
use axum::body::Body;
use http::{Method, Request, StatusCode};
use proptest::{
    collection::{hash_map, vec},
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

/// Requests per test: a few seconds.
const CASES: u32 = 600;

/// Paths with a place for a segment and a query.
const PATHS: [&str; 46] = [
    "/admin/session",
    "/admin/me/password",
    "/admin/api-keys",
    "/admin/api-keys/{}",
    "/admin/api-keys/{}/restore",
    "/admin/api-keys/{}/purge",
    "/admin/api-keys/{}/regenerate",
    "/admin/api-keys/{}/renew",
    "/admin/api-keys/batch",
    "/admin/api-keys/batch/delete",
    "/admin/api-keys/batch/restore",
    "/admin/tags",
    "/admin/tags/{}",
    "/admin/tags/{}/rename",
    "/admin/accounts",
    "/admin/accounts/{}",
    "/admin/accounts/{}/test",
    "/admin/accounts/{}/reset",
    "/admin/account-groups",
    "/admin/account-groups/{}",
    "/admin/account-groups/{}/members/{}",
    "/admin/usage",
    "/admin/usage/records",
    "/admin/model-pricing",
    "/admin/model-pricing/{}",
    "/admin/rate-multipliers",
    "/admin/system",
    "/admin/sessions",
    "/admin/sessions/{}",
    "/admin/admins",
    "/admin/users",
    "/admin/users/{}",
    "/admin/users/{}/password",
    "/user/session",
    "/admin/admins/{}/totp",
    "/admin/me/totp",
    "/admin/me/totp/confirm",
    "/admin/me/totp/disable",
    "/admin/api-tokens",
    "/admin/api-tokens/{}",
    "/admin/admins/{}",
    "/admin/admins/{}/password",
    "/admin/accounts/{}/credentials/reveal",
    "/admin/audit",
    "/admin/audit/{}",
    "/admin/{}",
];

/// Methods that exist somewhere, and one that does not.
static METHODS: [Method; 6] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// Names that mean something somewhere, so that values reach the parsers.
const NAMES: [&str; 69] = [
    "name",
    "description",
    "permissions",
    "allowed_clients",
    "restricted_models",
    "tags",
    "tag",
    "expires_at",
    "expires_after_first_use",
    "active",
    "extend_by",
    "owner",
    "ids",
    "patch",
    "changes",
    "keys",
    "id",
    "platform",
    "base_url",
    "api_key",
    "priority",
    "schedulable",
    "concurrency_max",
    "models",
    "messages_path",
    "auth",
    "access",
    "api_keys",
    "project_id",
    "region",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "bearer_token",
    "deployment",
    "api_version",
    "proxy",
    "username",
    "password",
    "current_password",
    "new_password",
    "model",
    "provider",
    "prices",
    "q",
    "cursor",
    "limit",
    "from",
    "to",
    "by",
    "state",
    "role",
    "admin",
    "email",
    "keys_max",
    "code",
    "scopes",
    "members",
    "bindings",
    "binding",
    "type",
    "rate_multipliers",
    "icon",
    "field",
    "actor",
    "operation",
    "resource",
    "resource_id",
    "outcome",
];

/// Texts that mean something somewhere.
const TEXTS: [&str; 27] = [
    "",
    "0",
    "-1",
    "99999999999999999999",
    "2026-11-23",
    "2026-11-23T09:30:00Z",
    "9999-12-31T23:59:59Z",
    "-009999-01-01T00:00:00Z",
    "9999-12-31",
    "0000-01",
    "all",
    "claude",
    "claude-console",
    "bedrock",
    "oauth",
    "environment",
    "us-east-1",
    "droid",
    "socks5h://u:p@h.example:1080",
    "https://h.example",
    "id-owner",
    "WyJhcGkiLCJ4Il0",
    "total,day",
    "active",
    "null",
    "\u{0}",
    "\u{202e}",
];

#[derive(Debug, Clone)]
struct Shot {
    method: Method,
    path: &'static str,
    segment: String,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![proptest::sample::select(&TEXTS[..]).prop_map(str::to_owned), "\\PC{0,40}", ".{0,20}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0_i64..120).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            hash_map(proptest::sample::select(&NAMES[..]), inner, 0..6)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

fn document() -> impl Strategy<Value = Value> {
    let valid = prop_oneof![
        Just(json!({})),
        Just(json!({"name": "k"})),
        Just(json!({"platform": "ccr", "name": "a", "base_url": "http://127.0.0.1:1", "api_key": "k"})),
        Just(json!({"platform": "bedrock", "name": "a", "region": "us-east-1", "access": "environment"})),
        Just(json!({"platform": "droid", "name": "a", "api_keys": ["k"]})),
        Just(json!({"username": "viewer", "password": "x"})),
        Just(json!({"provider": "other", "prices": [{"tiers": [{"input": 1, "output": 2}]}]})),
    ];
    (valid, hash_map(proptest::sample::select(&NAMES[..]), value(), 0..3)).prop_map(|(mut document, fields)| {
        for (name, value) in fields {
            document[name] = value;
        }
        document
    })
}

fn shot() -> impl Strategy<Value = Shot> {
    let body = prop_oneof![
        6 => document().prop_map(|document| document.to_string().into_bytes()),
        1 => value().prop_map(|value| value.to_string().into_bytes()),
        1 => vec(any::<u8>(), 0..60),
    ];
    let header = (
        proptest::sample::select(
            &["if-match", "content-type", "user-agent", "x-forwarded-for", "accept", "cookie", "idempotency-key"][..],
        ),
        prop_oneof![
            proptest::sample::select(&["\"1\"", "*", "application/json", "text/plain", "1.2.3.4, x"][..])
                .prop_map(|text| text.as_bytes().to_vec()),
            vec(any::<u8>(), 0..30),
        ],
    );
    (
        proptest::sample::select(&METHODS[..]),
        proptest::sample::select(&PATHS[..]),
        text(),
        vec((proptest::sample::select(&NAMES[..]), text()), 0..3),
        vec(header, 0..3),
        body,
    )
        .prop_map(|(method, path, segment, query, headers, body)| Shot {
            method,
            path,
            segment,
            query,
            headers,
            body,
        })
}

/// A text as bytes that a URL takes, the odd `%` left alone.
fn escaped(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.%~".contains(byte);
    text.bytes().fold(String::new(), |url, byte| {
        if plain(&byte) { format!("{url}{}", char::from(byte)) } else { format!("{url}%{byte:02X}") }
    })
}

impl Shot {
    /// None where the parts make no request at all.
    fn request(&self, token: &str) -> Option<Request<Body>> {
        let query: Vec<_> = self.query.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let uri = format!("{}?{}", self.path.replace("{}", &escaped(&self.segment)), query.join("&"));
        let mut request = Request::builder().method(&self.method).uri(uri);
        request = request.header("authorization", format!("Bearer {token}"));
        for (name, value) in &self.headers {
            request = request.header(*name, value.as_slice());
        }
        request.body(Body::from(self.body.clone())).ok()
    }
}

#[test]
fn no_request_makes_the_relay_fail() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let plane = runtime.block_on(Plane::new());
    let token = runtime.block_on(plane.sign_in("owner", PASSWORD)).body["token"].as_str().expect("a token").to_owned();
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let run = runner.run(&shot(), |shot| {
        let Some(request) = shot.request(&token) else { return Ok(()) };
        let reply = runtime.block_on(plane.send(request));
        prop_assert!(reply.status.as_u16() < 500, "{}: {}", reply.status, reply.body);
        if !reply.status.is_success() {
            prop_assert!(reply.body["error"]["type"].is_string() && reply.body["error"]["details"].is_array());
            prop_assert!(!reply.body["error"]["message"].as_str().unwrap_or_default().is_empty());
        }
        if reply.status == StatusCode::CREATED {
            prop_assert!(reply.headers.contains_key("location"));
        }
        Ok(())
    });
    run.expect("every request has a documented answer");
}
