//! Those whom nobody knows: the anonymous at every door, and requests that no client would send. None gets in, none breaks anything.

use crate::stage::Stage;
use bytes::Bytes;
use http::{Method, Request};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::json;
use std::collections::BTreeMap;
use testkit::{HttpClient, RawClient, Script};

/// Operations that are for everybody: signing in, and the description of all the others.
const OPEN: [(&str, &str); 3] = [("post", "/admin/session"), ("post", "/user/session"), ("get", "/admin/openapi.json")];

/// Requests of the test that sends whole ones.
const WHOLE_REQUESTS: usize = 2_000;

/// Requests of the test that sends arbitrary bytes.
const BROKEN_REQUESTS: usize = 300;

/// The same requests in every run.
const SEED: [u8; 32] = *b"the same requests in every run..";

/// What a document of the relay's may hold, so that parsers are reached and not only the JSON reader.
const PIECES: [&str; 14] = [
    r#"{"model":"claude-sonnet-5-5","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#,
    r#"{"model":"claude-sonnet-5-5","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]}"#,
    r#"{"model":null,"messages":[]}"#,
    r#"{"model":"\ud800","max_tokens":-1,"stream":"yes","messages":{}}"#,
    r#"{"model":{"model":"a"},"stream":true}"#,
    r#"{"name":"k","permissions":["claude"]}"#,
    r#"{"platform":"ccr","name":"a","base_url":"http://127.0.0.1:1","api_key":"k"}"#,
    r#"{"username":"admin","password":"wrong password"}"#,
    r#"{"name":1e999}"#,
    "[",
    "null",
    "\"\"",
    "",
    "\u{0}",
];

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

const PATHS: [&str; 16] = [
    "/",
    "/v1/messages",
    "/api/v1/messages?beta=true",
    "/claude/v1/messages/count_tokens",
    "/v1/models?limit=1000",
    "/v1/models/%ff",
    "/health",
    "/metrics",
    "/admin/session",
    "/admin/api-keys?limit=-1",
    "/admin/api-keys/%00",
    "/admin/accounts",
    "/admin/usage?by=day,model,x",
    "/admin/usage/records?cursor=WyJhIl0",
    "/admin/model-pricing/%E4%BD%A0",
    "/admin/system",
];

const HEADER_NAMES: [&str; 14] = [
    "accept-encoding",
    "anthropic-beta",
    "anthropic-version",
    "authorization",
    "connection",
    "content-encoding",
    "content-type",
    "expect",
    "host",
    "if-match",
    "te",
    "user-agent",
    "x-api-key",
    "x-forwarded-for",
];

const HEADER_VALUES: [&str; 10] = [
    "",
    "gzip",
    "zstd",
    "br, gzip",
    "close, x-api-key",
    "100-continue",
    "application/json",
    "2023-06-01",
    "*",
    "Bearer ",
];

#[derive(Debug, Clone)]
struct Shot {
    method: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
    credential: Known,
}

/// As whom a request is sent.
#[derive(Debug, Clone, Copy)]
enum Known {
    Nobody,
    Client,
    Administrator,
}

fn shots() -> impl Strategy<Value = Shot> {
    let header_value = prop_oneof![
        proptest::sample::select(&HEADER_VALUES[..]).prop_map(|text| text.as_bytes().to_vec()),
        vec(prop_oneof![32_u8..127, 128_u8..], 0..40),
    ];
    let body = prop_oneof![
        4 => proptest::sample::select(&PIECES[..]).prop_map(|text| text.as_bytes().to_vec()),
        2 => (proptest::sample::select(&PIECES[..]), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(text, at, byte)| {
            let mut bytes = text.as_bytes().to_vec();
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        }),
        1 => vec(any::<u8>(), 0..200),
    ];
    (
        proptest::sample::select(&METHODS[..]),
        proptest::sample::select(&PATHS[..]),
        vec((proptest::sample::select(&HEADER_NAMES[..]), header_value), 0..4),
        body,
        proptest::sample::select(&[Known::Nobody, Known::Client, Known::Administrator][..]),
    )
        .prop_map(|(method, path, headers, body, credential)| Shot { method, path, headers, body, credential })
}

impl Shot {
    /// None where the parts make no request.
    fn request(&self, stage: &Stage, token: &str) -> Option<Request<Bytes>> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in &self.headers {
            request = request.header(*name, value.as_slice());
        }
        request = match self.credential {
            Known::Nobody => request,
            Known::Client => request.header("x-api-key", &stage.key.key),
            Known::Administrator => request.header("authorization", format!("Bearer {token}")),
        };
        request.body(Bytes::from(self.body.clone())).ok()
    }
}

fn runner() -> TestRunner {
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &SEED))
}

/// The relay serves as before, and nothing in it has panicked.
async fn assert_unharmed(stage: &Stage) {
    let health = HttpClient::new(stage.relay.base_url()).get("/health", &[]).await.unwrap();
    assert_eq!(health.status, 200);
    let panicked = stage.relay.output().into_iter().find(|line| line.contains("panicked"));
    assert_eq!(panicked, None);
}

#[tokio::test]
async fn every_operation_of_the_administration_refuses_the_anonymous() {
    let stage = Stage::start(Script::default()).await;
    let client = HttpClient::new(stage.relay.base_url());
    let document = client.get("/admin/openapi.json", &[]).await.unwrap().json();
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys().filter(|method| method.as_str() != "parameters") {
            if OPEN.contains(&(method, path)) {
                continue;
            }
            asked += 1;
            let method: Method = method.to_uppercase().parse().unwrap();
            for credential in ["", "Bearer x", "Basic YWRtaW46YWRtaW4=", &format!("Bearer {}", stage.key.key)] {
                let uri = path.replace(['{', '}'], "");
                let request = Request::builder().method(&method).uri(uri).header("content-type", "application/json");
                let request = if credential.is_empty() { request } else { request.header("authorization", credential) };
                let answered = client.send(request.body(Bytes::from_static(b"{}")).unwrap()).await.unwrap();
                let seen = (answered.status.as_u16(), answered.json()["error"]["type"].clone());
                assert_eq!(seen, (401, json!("unauthenticated")), "{method} {path} with {credential:?}");
            }
        }
    }
    assert!(asked >= 20, "{asked} operations");
}

#[tokio::test]
async fn no_request_makes_the_relay_fail() {
    let stage = Stage::start(Script::default()).await;
    let client = HttpClient::new(stage.relay.base_url());
    let credentials = json!({"username": testkit::relay::ADMIN_USERNAME, "password": testkit::relay::ADMIN_PASSWORD});
    let session = client.post_json("/admin/session", &[], &credentials).await.unwrap().json();
    let token = session["token"].as_str().unwrap();
    let (mut runner, shots) = (runner(), shots());
    let mut statuses = BTreeMap::new();
    for _ in 0..WHOLE_REQUESTS {
        let shot = shots.new_tree(&mut runner).unwrap().current();
        let Some(request) = shot.request(&stage, token) else { continue };
        // Where a header speaks of the connection, or of a length, there may be no answer.
        let Ok(answered) = client.send(request).await else { continue };
        assert!(answered.status.as_u16() < 500, "{shot:?}: {answered:?}");
        *statuses.entry(answered.status.as_u16()).or_insert(0_usize) += 1;
    }
    assert!(statuses.get(&200).is_some_and(|&count| count > WHOLE_REQUESTS / 50), "some get through: {statuses:?}");
    assert_unharmed(&stage).await;
}

#[tokio::test]
async fn bytes_that_are_no_request_break_nothing() {
    let stage = Stage::start(Script::default()).await;
    let heads = (proptest::sample::select(&PATHS[..]), vec(any::<u8>(), 0..120), proptest::sample::select(&PIECES[..]));
    let mut runner = runner();
    for _ in 0..BROKEN_REQUESTS {
        let (path, bytes, piece) = heads.new_tree(&mut runner).unwrap().current();
        let mut client = RawClient::connect(stage.relay.address()).await.unwrap();
        let mut sent = format!("POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n", stage.key.key).into_bytes();
        sent.extend_from_slice(&bytes);
        sent.extend_from_slice(format!("\r\ncontent-length: {}\r\n\r\n{piece}", piece.len()).as_bytes());
        // The relay may have closed meanwhile, and the client leaves without reading.
        let _ = client.send(sent).await;
    }
    assert_unharmed(&stage).await;
}
