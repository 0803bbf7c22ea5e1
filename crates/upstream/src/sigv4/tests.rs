//! Signatures of AWS's suite, of its clients and of its own crate. Nothing is sent.

use super::*;
use bytes::Bytes;
use serde::Deserialize;

/// AWS's test suite of Signature Version 4 (in the packages of `aws-sigv4`), and what boto3 and the SDKs for JavaScript sent to a
/// mock with the keys of AWS's documentation.
const GOLDEN: &str = include_str!("../../tests/golden/sigv4.jsonl");

#[derive(Deserialize)]
struct Recorded {
    name: String,
    scope: String,
    secret: String,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
    signed_headers: String,
    signature: String,
}

fn keys(token: Option<&str>) -> AwsKeys {
    AwsKeys {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
        session_token: token.map(SecretString::from),
    }
}

/// The authorization of what others signed, as we would write it.
fn authorized(signed: &Recorded) -> String {
    let mut scope = signed.scope.split('/');
    let mut next = || scope.next().expect("a scope of four parts");
    let scope = Scope { day: next(), region: next(), service: next() };
    let headers = signed.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>();
    let at = headers.iter().find(|(name, _)| *name == AMZ_DATE).expect("a date").1;
    let payload = hash_parts(&Bytes::copy_from_slice(signed.body.as_bytes()).into());
    let canonical = Canonical { method: &signed.method, target: &signed.target, headers: &headers, payload: &payload };
    let keys = AwsKeys { secret_access_key: signed.secret.clone().into(), ..keys(None) };
    authorize(&canonical, at, &scope, &keys)
}

#[test]
fn what_aws_and_its_clients_sign_is_signed_the_same() {
    let mut count = 0;
    for line in GOLDEN.lines() {
        let signed: Recorded = serde_json::from_str(line).expect("JSON");
        let (names, signature) = (&signed.signed_headers, &signed.signature);
        let expected = format!("SignedHeaders={names}, Signature={signature}");
        assert!(authorized(&signed).ends_with(&expected), "{}: {}", signed.name, authorized(&signed));
        count += 1;
    }
    assert_eq!(count, 43);
}

fn request(uri: &str) -> Request<Parts> {
    let body: Parts = [r#"{"max_tokens":1,"#, r#""messages":[]}"#].map(Bytes::from).into_iter().collect();
    let request = Request::post(uri)
        .header("content-type", "application/json")
        .header("x-amzn-bedrock-accept", "application/json")
        .header("user-agent", "x")
        .header("x-amzn-trace-id", "x")
        .header("authorization", "Bearer cr_client")
        .header("x-amz-security-token", "a client's");
    request.body(body).expect("a request")
}

/// 2026-11-23T01:08:30.999Z
const NOW: Timestamp = Timestamp::from_ms(1_795_396_110_999);

fn header<'r>(request: &'r Request<Parts>, name: &str) -> &'r str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[test]
fn a_request_carries_all_that_its_signature_says() {
    let uri = "https://bedrock-runtime.us-west-2.amazonaws.com:443/model/anthropic.claude-v1%3A0/invoke";
    let mut request = request(uri);
    sign(&mut request, &keys(Some("token+/=")), "us-west-2", NOW).expect("signed");
    assert_eq!(header(&request, "host"), "bedrock-runtime.us-west-2.amazonaws.com");
    assert_eq!(header(&request, "x-amz-date"), "20261123T010830Z");
    assert_eq!(header(&request, "x-amz-security-token"), "token+/=");
    // The hash of the parts together, computed with coreutils' sha256sum.
    assert_eq!(header(&request, AMZ_CONTENT), "48e65f3fcf0884d647e4900e7e859198af867d47c93b02a176c8b691e85eb780");
    let authorization = header(&request, "authorization");
    let expected = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261123/us-west-2/bedrock/aws4_request, \
         SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amzn-bedrock-accept, \
         Signature=";
    assert!(authorization.starts_with(expected), "{authorization}");
    assert!(!format!("{request:?}").contains("token+/=") && !format!("{request:?}").contains("Signature"));
}

#[test]
fn the_host_is_signed_as_it_is_sent() {
    for (uri, host) in [
        ("https://h.example/model/m/invoke", "h.example"),
        ("https://h.example:8443/model/m/invoke", "h.example:8443"),
        ("http://h.example:80/model/m/invoke", "h.example"),
        ("http://127.0.0.1:443/model/m/invoke", "127.0.0.1:443"),
        ("https://[::1]:443/model/m/invoke", "[::1]"),
    ] {
        let mut request = request(uri);
        sign(&mut request, &keys(None), "us-east-1", NOW).expect("signed");
        assert_eq!(header(&request, "host"), host, "{uri}");
        assert!(!request.headers().contains_key("x-amz-security-token"), "a client's token is not ours");
    }
}

#[test]
fn signatures_are_as_aws_s_own_crate_makes_them() {
    // Each signature was made by `aws-sigv4` 1.3.8 with the same headers and settings.
    for (path, signature) in [
        ("/model/anthropic.claude-v1%3A0/invoke", "cd34135c57d9f77af43068a1c75ae88cd2dadd668e227032cf1bc0315d536bb4"),
        (
            "/model/us.anthropic.claude-v1:0/invoke-with-response-stream",
            "fb88713959280754a9f7776f3e479f4443e52747116fb3762b4adbd03a61482c",
        ),
        (
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.anthropic.claude/invoke",
            "01ac9860a8b4c083127a54ccb29b150be001415e8af32d8c10bf09dca43301d9",
        ),
        (
            "/pre//fix/./model/m/../n/converse?beta=true&a=%20b%2Bc",
            "a09e36e903b1096307d3fe10424e7404a173c665276b491da18f1e82b7e203df",
        ),
        ("/", "235fab83aa12cc3022999341bf35496b842ab3d2ed8bc1453d6fba45ac031424"),
    ] {
        let mut request = request(&format!("https://h.example{path}"));
        sign(&mut request, &keys(Some("token")), "us-east-1", NOW).expect("signed");
        assert!(
            header(&request, "authorization").ends_with(signature),
            "{path}: {}",
            header(&request, "authorization")
        );
    }
}

#[test]
fn what_cannot_be_signed_is_refused() {
    let signed = |keys: &AwsKeys, now| sign(&mut request("https://h.example/"), keys, "us-east-1", now);
    let id = AwsKeys { access_key_id: "AK\nIA".to_owned(), ..keys(None) };
    assert_eq!(signed(&id, NOW), Err(SignError::Unsendable));
    assert_eq!(signed(&keys(Some("to\nken")), NOW), Err(SignError::Unsendable));
    assert_eq!(signed(&keys(None), Timestamp::from_ms(i64::MAX)), Err(SignError::Time));
    assert_eq!(sign(&mut request("/model/m/invoke"), &keys(None), "us-east-1", NOW), Err(SignError::Host));
}

#[test]
fn keys_show_no_secret() {
    let shown = format!("{:?}", keys(Some("token")));
    assert!(!shown.contains("wJalr") && !shown.contains("token\""), "{shown}");
}
