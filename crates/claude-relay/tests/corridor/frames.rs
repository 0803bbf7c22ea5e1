//! Streams of Bedrock from upstream: frames cut anywhere, exceptions among them, and what clients of each dialect hear.
//!
//! The frames are written and read here by AWS's description of the event stream encoding, not with the relay's code.

use crate::{
    platforms::{ANTHROPIC, SECRET, ask, chat, chat_text, messages, site, tokens_in},
    support::{MODEL, Site, last_error, merge},
};
use data_encoding::BASE64;
use serde_json::{Value, json};
use testkit::{
    Reply, Script, ScriptedUpstream,
    client::Answered,
    upstream::{Expect, Split},
};

const MEDIA_TYPE: &str = "application/vnd.amazon.eventstream";
const BEDROCK_PATH: &str = "/model/us.anthropic.claude-sonnet-4-5/invoke-with-response-stream";
const TARGET: &str = BEDROCK_PATH;
const GREETING: &str = "Hello, \"wörld\"\n👋";

/// Total length, length of the headers, and the checksum of both.
const PRELUDE_BYTES: usize = 12;

fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    for (name, text) in headers {
        written.push(u8::try_from(name.len()).unwrap());
        written.extend(name.as_bytes());
        written.push(7);
        written.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        written.extend(text.as_bytes());
    }
    let total = PRELUDE_BYTES + written.len() + payload.len() + 4;
    let mut frame = u32::try_from(total).unwrap().to_be_bytes().to_vec();
    frame.extend(u32::try_from(written.len()).unwrap().to_be_bytes());
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend(written);
    frame.extend(payload);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame
}

/// An event as Bedrock sends it, with the padding that hides its length.
fn chunk(document: &str) -> Vec<u8> {
    let headers = [(":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event")];
    frame(&headers, json!({"bytes": BASE64.encode(document.as_bytes()), "p": "abcdefgh"}).to_string().as_bytes())
}

fn exception(name: &str) -> Vec<u8> {
    let headers = [(":exception-type", name), (":content-type", "application/json"), (":message-type", "exception")];
    frame(&headers, br#"{"message":"too many tokens"}"#)
}

/// The documents of the golden stream.
fn documents() -> Vec<&'static str> {
    ANTHROPIC.stream.lines().filter_map(|line| line.strip_prefix("data: ")).collect()
}

fn chunks(documents: &[&str]) -> Vec<u8> {
    documents.iter().flat_map(|document| chunk(document)).collect()
}

/// What has come before the stream fails behind its first content.
fn begun() -> Vec<u8> {
    let documents = documents();
    let content = documents.iter().position(|document| document.contains("text_delta")).unwrap();
    chunks(&documents[..=content])
}

fn account() -> Value {
    json!({"platform": "bedrock", "region": "us-east-1", "access": "bearer_token", "bearer_token": SECRET,
        "models": {MODEL: "us.anthropic.claude-sonnet-4-5", "us.anthropic.claude-sonnet-4-5": "us.anthropic.claude-sonnet-4-5"}})
}

fn framed(bytes: Vec<u8>) -> Reply {
    Reply::bytes(200, MEDIA_TYPE, bytes)
}

/// A call for a stream in each dialect that a Bedrock account serves.
fn calls() -> [(&'static str, Value); 3] {
    let enveloped = json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64,
        "messages": [{"role": "user", "content": "Say hello. 你好"}]});
    [("/v1/messages", messages(MODEL, true)), ("/v1/chat/completions", chat(MODEL, true)), (BEDROCK_PATH, enveloped)]
}

/// The frames of an answer: what the type header says, and the payload.
fn frames_of(answered: &Answered) -> Vec<(String, Value)> {
    assert_eq!(answered.header("content-type"), MEDIA_TYPE, "{answered:?}");
    let (mut rest, mut frames) = (&answered.body[..], Vec::new());
    while !rest.is_empty() {
        let number = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap());
        let (total, headers) = (number(0) as usize, number(4) as usize);
        assert_eq!(number(8), crc32fast::hash(&rest[..8]));
        assert_eq!(number(total - 4), crc32fast::hash(&rest[..total - 4]));
        let (headers, payload) = rest[PRELUDE_BYTES..total - 4].split_at(headers);
        frames.push((String::from_utf8_lossy(headers).into_owned(), serde_json::from_slice(payload).unwrap()));
        rest = &rest[total..];
    }
    frames
}

fn document_in(payload: &Value) -> Value {
    serde_json::from_slice(&BASE64.decode(payload["bytes"].as_str().unwrap().as_bytes()).unwrap()).unwrap()
}

fn text_in(path: &str, answered: &Answered) -> String {
    match path {
        "/v1/messages" | "/v1/chat/completions" => {
            assert!(answered.header("content-type").starts_with("text/event-stream"), "{answered:?}");
            if path == "/v1/messages" { answered.events().message().unwrap().text } else { chat_text(answered) }
        }
        _ => {
            let documents: Vec<_> = frames_of(answered).iter().map(|(_, payload)| document_in(payload)).collect();
            assert_eq!(documents.last().unwrap()["type"], "message_stop");
            documents.iter().filter_map(|document| document["delta"]["text"].as_str()).collect()
        }
    }
}

#[tokio::test]
async fn a_stream_of_bedrock_is_read_wherever_its_frames_are_cut() {
    for split in [Split::Whole, Split::Every(1), Split::Sizes(vec![1, 11, 12, 300, 5])] {
        let site = site(&account(), framed(chunks(&documents())).split(split.clone())).await;
        for (path, body) in calls() {
            let answered = ask(&site, path, &body).await;
            assert_eq!(answered.status, 200, "{path} {split:?}: {answered:?}");
            assert_eq!(text_in(path, &answered), GREETING, "{path} {split:?}");
            let record = site.record_of(&answered).await;
            assert_eq!((&record["outcome"], tokens_in(&record)), (&json!("completed"), ANTHROPIC.tokens), "{record}");
        }
        assert!(site.upstream().books().exchanges.iter().all(|exchange| exchange.request.target == TARGET));
    }
}

#[tokio::test]
async fn an_exception_of_bedrock_before_the_first_content_is_mended_by_the_second_account() {
    for (path, body) in calls() {
        let mut site = site(&account(), framed(exception("throttlingException"))).await;
        add_second(&mut site).await;
        let answered = ask(&site, path, &body).await;
        assert_eq!(text_in(path, &answered), GREETING, "{path}");
        let records = site.records_of(&answered).await;
        let told: Vec<_> = records.iter().map(|record| (&record["outcome"], &record["failure"])).collect();
        let expected = [(&json!("refused"), &json!("rate_limit")), (&json!("completed"), &Value::Null)];
        assert_eq!(told, expected, "{path}: {records:?}");
    }
}

/// Adds a second account, whose upstream is sound.
async fn add_second(site: &mut Site) {
    let sound = Script::default().by(|_| Some(framed(chunks(&documents()))));
    let upstream = ScriptedUpstream::start_expecting(sound, Expect::nothing()).await.unwrap();
    let mut second = account();
    merge(&mut second, &json!({"name": "the second", "base_url": upstream.base_url(), "priority": 90}));
    site.add_account(&second).await;
    site.upstreams.push(upstream);
}

#[tokio::test]
async fn an_exception_of_bedrock_behind_the_first_content_is_told_in_the_client_s_dialect() {
    for (path, body) in calls() {
        let failing = [begun(), exception("throttlingException")].concat();
        let site = site(&account(), framed(failing)).await;
        let answered = ask(&site, path, &body).await;
        match path {
            "/v1/messages" => assert_eq!(last_error(&answered), "rate_limit_error"),
            "/v1/chat/completions" => {
                let events = answered.events().events;
                assert!(events.iter().any(|event| event.data != "[DONE]" && event.json()["error"].is_object()));
            }
            _ => {
                let frames = frames_of(&answered);
                let (headers, payload) = frames.last().unwrap();
                assert!(headers.contains("throttlingException"), "{headers:?}");
                assert!(payload["message"].as_str().is_some_and(|text| !text.is_empty()), "{payload}");
            }
        }
        let record = site.record_of(&answered).await;
        assert_eq!(
            (&record["outcome"], &record["usage_source"]),
            (&json!("truncated"), &json!("estimated")),
            "{record}"
        );
        assert_eq!(record["usage"]["input_tokens"], 20, "what the stream's begin told");
    }
}
