//! Request bodies: how they may come, and where they end.

use crate::support::{Form, MODEL, Site, body, command, error_type};
use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
use sha2::Digest;
use testkit::{RawClient, Script, client::RawHead, relay::RelayCommand};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// A limit that tests can reach.
const LIMIT: usize = 64 << 10;

fn limited() -> RelayCommand {
    command().env("REQUEST_BYTES_MAX", "64KB")
}

/// A well-formed request of `length` bytes.
fn padded(length: usize) -> String {
    let short = body(MODEL, Form::Json).to_string();
    let spaces = length.checked_sub(short.len()).unwrap();
    short + &" ".repeat(spaces)
}

async fn encoded<E: AsyncWrite + Unpin>(mut encoder: E, clear: &[u8], into: impl FnOnce(E) -> Vec<u8>) -> Vec<u8> {
    encoder.write_all(clear).await.unwrap();
    encoder.shutdown().await.unwrap();
    into(encoder)
}

/// `clear` in each coding that a client may use.
async fn codings(clear: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let zstd = encoded(ZstdEncoder::new(Vec::new()), clear, ZstdEncoder::into_inner).await;
    vec![
        ("gzip", encoded(GzipEncoder::new(Vec::new()), clear, GzipEncoder::into_inner).await),
        ("deflate", encoded(ZlibEncoder::new(Vec::new()), clear, ZlibEncoder::into_inner).await),
        ("br", encoded(BrotliEncoder::new(Vec::new()), clear, BrotliEncoder::into_inner).await),
        ("zstd", zstd.clone()),
        ("zstd, gzip", encoded(GzipEncoder::new(Vec::new()), &zstd, GzipEncoder::into_inner).await),
    ]
}

/// The head of a request with these lines before the body.
fn head(site: &Site, lines: &[&str]) -> String {
    let mut head = format!("POST /v1/messages HTTP/1.1\r\nhost: {}\r\n", site.relay.address());
    for (name, value) in site.raw_headers() {
        head.extend([name, ": ", value, "\r\n"]);
    }
    for line in lines {
        head.extend([line, "\r\n"]);
    }
    head + "\r\n"
}

async fn connect(site: &Site) -> RawClient {
    RawClient::connect(site.relay.address()).await.unwrap()
}

/// The refusal that a client reads which sent only `sent` and waits.
async fn refusal_after(site: &Site, sent: impl AsRef<[u8]>) -> (RawHead, String) {
    let mut client = connect(site).await;
    client.send(sent).await.unwrap();
    let (head, body) = client.read_answer().await.unwrap();
    let error: serde_json::Value = serde_json::from_slice(&body.bytes).unwrap();
    (head, error["error"]["type"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_body_at_the_limit_passes_and_one_byte_more_does_not() {
    let site = Site::start_as(limited(), [Script::default()]).await;
    assert_eq!(site.post_bytes("/v1/messages", &[], padded(LIMIT)).await.status, 200);
    let answered = site.post_bytes("/v1/messages", &[], padded(LIMIT + 1)).await;
    assert_eq!((answered.status.as_u16(), error_type(&answered).as_str()), (413, "request_too_large"));
    assert_eq!(site.upstream().books().exchanges.len(), 1);
}

#[tokio::test]
async fn a_length_beyond_the_limit_is_refused_before_any_of_the_body() {
    let site = Site::start_as(limited(), [Script::default()]).await;
    let (answer, kind) = refusal_after(&site, head(&site, &["content-length: 65537"])).await;
    assert_eq!((answer.status, kind.as_str()), (413, "request_too_large"));
    assert_eq!(site.metric("journal_open").await, 0);
}

#[tokio::test]
async fn the_default_limit_is_a_hundred_megabytes() {
    let site = Site::start(Script::default()).await;
    let (answer, _) = refusal_after(&site, head(&site, &["content-length: 104857601"])).await;
    assert_eq!(answer.status, 413);
    let mut client = connect(&site).await;
    client.send(head(&site, &["content-length: 104857600", "expect: 100-continue"])).await.unwrap();
    assert_eq!(client.read_head().await.unwrap().status, 100);
}

/// A client that does not wait for an answer while it sends must still be able to read it.
#[tokio::test]
async fn a_client_that_sends_on_still_reads_why_it_was_refused() {
    let site = Site::start_as(limited(), [Script::default()]).await;
    let megabyte = vec![b' '; 1 << 20];
    for _ in 0..20 {
        let mut client = connect(&site).await;
        client.send(head(&site, &["content-length: 1048576"])).await.unwrap();
        // The relay may stop to listen at any time: what matters is what can be read then.
        let _ = client.send_in_pieces(&megabyte, 16 << 10).await;
        assert_eq!(client.read_head().await.unwrap().status, 413);
    }
}

#[tokio::test]
async fn chunks_are_read_as_one_body_up_to_the_limit() {
    let site = Site::start_as(limited(), [Script::default()]).await;
    let chunked = |body: &str| {
        let chunks: String = body.as_bytes().chunks(1000).map(chunk_of).collect();
        head(&site, &["transfer-encoding: chunked"]) + &chunks
    };
    let mut client = connect(&site).await;
    client.send(chunked(&padded(LIMIT)) + "0\r\n\r\n").await.unwrap();
    let (answer, _) = client.read_answer().await.unwrap();
    assert_eq!(answer.status, 200);
    let books = site.upstream().books();
    let request = &books.exchanges[0].request;
    assert_eq!((request.body_len, request.header("content-length")), (LIMIT, Some(LIMIT.to_string().as_str())));
    let (answer, kind) = refusal_after(&site, chunked(&padded(LIMIT + 1))).await;
    assert_eq!((answer.status, kind.as_str()), (413, "request_too_large"));
}

fn chunk_of(bytes: &[u8]) -> String {
    format!("{:x}\r\n{}\r\n", bytes.len(), std::str::from_utf8(bytes).unwrap())
}

#[tokio::test]
async fn a_compressed_body_reaches_the_upstream_clear() {
    let site = Site::start(Script::default()).await;
    let clear = body(MODEL, Form::Json).to_string();
    for (coding, coded) in codings(clear.as_bytes()).await {
        let answered = site.post_bytes("/v1/messages", &[("content-encoding", coding)], coded).await;
        assert_eq!(answered.status, 200, "{coding}");
        let books = site.upstream().books();
        let request = &books.exchanges.last().unwrap().request;
        assert_eq!((request.header("content-encoding"), &request.body[..]), (None, clear.as_bytes()), "{coding}");
    }
    assert_eq!(site.upstream().books().complaints(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_large_body_reaches_the_upstream_unchanged() {
    let site = Site::start(Script::default()).await;
    let large = padded(16 << 20);
    assert_eq!(site.post_bytes("/v1/messages", &[], large.clone()).await.status, 200);
    let books = site.upstream().books();
    let request = &books.exchanges[0].request;
    let digest: [u8; 32] = sha2::Sha256::digest(&large).into();
    assert_eq!((request.body_len, request.body_sha256), (large.len(), digest));
    assert_eq!(request.header("content-length"), Some(large.len().to_string().as_str()));
}

#[tokio::test]
async fn the_size_after_decompression_counts() {
    let site = Site::start_as(limited(), [Script::default()]).await;
    let free = site.metric("buffer_bytes_free").await;
    let bomb = padded(64 * LIMIT);
    for (coding, coded) in codings(bomb.as_bytes()).await {
        assert!(coded.len() <= LIMIT, "{coding} is small enough to be let in: {}", coded.len());
        let answered = site.post_bytes("/v1/messages", &[("content-encoding", coding)], coded).await;
        assert_eq!((answered.status.as_u16(), error_type(&answered).as_str()), (413, "request_too_large"), "{coding}");
    }
    assert_eq!(site.metric("buffer_bytes_free").await, free);
}

#[tokio::test]
async fn a_coding_that_is_wrong_or_unknown_is_the_client_s_mistake() {
    let site = Site::start(Script::default()).await;
    let clear = body(MODEL, Form::Json).to_string();
    for (coding, coded) in codings(clear.as_bytes()).await {
        let cut = coded[..coded.len() - 1].to_vec();
        for wrong in [cut, clear.clone().into_bytes(), Vec::new()] {
            let answered = site.post_bytes("/v1/messages", &[("content-encoding", coding)], wrong).await;
            assert_eq!((answered.status.as_u16(), error_type(&answered).as_str()), (400, "invalid_request_error"));
        }
    }
    for unknown in ["compress", "gzip, gzip, gzip", "\u{e9}"] {
        let answered = site.post_bytes("/v1/messages", &[("content-encoding", unknown)], clear.clone()).await;
        assert_eq!(answered.status, 415, "{unknown}");
    }
    assert_eq!(site.upstream().books().exchanges.len(), 0);
}

#[tokio::test]
async fn a_client_that_asks_whether_to_go_on_is_told_so_only_when_it_may() {
    let site = Site::start_as(limited(), [Script::default()]).await;
    let question = body(MODEL, Form::Json).to_string();
    let mut client = connect(&site).await;
    let length = format!("content-length: {}", question.len());
    client.send(head(&site, &[&length, "expect: 100-continue"])).await.unwrap();
    assert_eq!(client.read_head().await.unwrap().status, 100);
    client.send(question).await.unwrap();
    assert_eq!(client.read_answer().await.unwrap().0.status, 200);
    let (answer, _) = refusal_after(&site, head(&site, &["content-length: 65537", "expect: 100-continue"])).await;
    assert_eq!(answer.status, 413);
    let stranger = head(&site, &[&length, "expect: 100-continue"]).replace(&site.key.key, "cr_nobody");
    assert_eq!(refusal_after(&site, stranger).await.0.status, 401);
}

#[tokio::test]
async fn a_body_that_cannot_be_routed_is_refused_before_any_upstream() {
    let site = Site::start(Script::default()).await;
    for wrong in [
        "",
        "{",
        "[]",
        "null",
        "\u{feff}{}",
        r#"{"max_tokens":1}"#,
        r#"{"model":""}"#,
        r#"{"model":7}"#,
        r#"{"model":"a","model":"b"}"#,
        r#"{"model":"a","stream":"yes"}"#,
        r#"{"model":"a"} trailing"#,
    ] {
        let answered = site.post_bytes("/v1/messages", &[], wrong).await;
        assert_eq!(
            (answered.status.as_u16(), error_type(&answered).as_str()),
            (400, "invalid_request_error"),
            "{wrong}"
        );
    }
    assert_eq!(site.upstream().books().exchanges.len(), 0);
    assert_eq!(site.metric("journal_open").await, 0);
}

#[tokio::test]
async fn a_client_that_leaves_within_its_body_costs_nothing() {
    let site = Site::start(Script::default()).await;
    let free = site.metric("buffer_bytes_free").await;
    for reset in [false, true] {
        let mut client = connect(&site).await;
        client.send(head(&site, &["content-length: 1000000"]) + "{\"model\":").await.unwrap();
        crate::support::eventually("the body is being read", async || {
            (site.metric("buffer_bytes_free").await < free).then_some(())
        })
        .await;
        if reset {
            client.reset().unwrap();
        } else {
            drop(client);
        }
        crate::support::eventually("the buffer is back", async || {
            (site.metric("buffer_bytes_free").await == free).then_some(())
        })
        .await;
    }
    assert_eq!((site.upstream().books().exchanges.len(), site.records().await.len()), (0, 0));
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_refused() {
    let site = Site::start_as(command().env("REQUEST_BODY_TIMEOUT", "100ms"), [Script::default()]).await;
    let (answer, kind) = refusal_after(&site, head(&site, &["content-length: 100"]) + "{").await;
    assert_eq!((answer.status, kind.as_str()), (408, "invalid_request_error"));
}

/// Bodies share one budget: who finds it spent waits, and is then told to come back.
#[tokio::test]
async fn a_body_that_finds_no_memory_is_told_to_come_back() {
    let command = command()
        .env("REQUEST_BYTES_MAX", "1MB")
        .env("REQUEST_BUFFERED_BYTES_MAX", "1MB")
        .env("REQUEST_WAIT_MAX", "50ms");
    let site = Site::start_as(command, [Script::default()]).await;
    let mut first = connect(&site).await;
    first.send(head(&site, &["content-length: 1048576"]) + "{").await.unwrap();
    crate::support::eventually("the budget is spent", async || {
        (site.metric("buffer_bytes_free").await == 0).then_some(())
    })
    .await;
    let answered = site.ask(Form::Json).await;
    assert_eq!((answered.status.as_u16(), answered.header("retry-after")), (503, "1"));
    drop(first);
    crate::support::eventually("it is served again", async || (site.ask(Form::Json).await.status == 200).then_some(()))
        .await;
}
