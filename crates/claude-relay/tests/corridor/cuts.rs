//! An answer that is cut at any byte. Whatever was cut, the client learns it, and the books say the same as the client saw.

use crate::support::{Form, Site, error_type, exchange_of, last_error, tokens_of};
use serde_json::{Value, json};
use std::collections::HashMap;
use testkit::{
    Answer, Reply, Script,
    client::{Answered, SseTranscript},
    upstream::Then,
};

/// A short answer: one delta, so that a stream of it has few bytes.
fn short() -> Answer {
    Answer::text("é👋").in_deltas(1)
}

/// What the client saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// An error by its status.
    Refused,
    /// The beginning of a stream, and an error event.
    Truncated,
    /// The whole answer.
    Completed,
}

/// Which figures of a cut answer the relay must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// All that the upstream told before the cut, also where the client got none of it.
    UpToTheCut,
    /// Those of which the client got a part.
    WhenItArrived,
}

/// A cut, and what the client saw of the answer.
struct Cut {
    at: usize,
    seen: Seen,
    answered: Answered,
}

#[tokio::test]
async fn a_stream_closed_at_any_byte_ends_in_an_error_or_whole() {
    let site = Site::start(Script::default()).await;
    let sample = sample(&site, Form::Stream).await;
    let cuts = cut_everywhere(&site, Form::Stream, sample.len(), &Then::Close).await;
    let content_from = end_of(&sample, "content_block_start");
    let whole_from = sample.len();
    for cut in &cuts {
        let expected = match cut.at {
            at if at >= whole_from => Seen::Completed,
            at if at >= content_from => Seen::Truncated,
            _ => Seen::Refused,
        };
        assert_eq!(cut.seen, expected, "cut at byte {} of {}", cut.at, sample.len());
    }
    assert_books_agree(&site, &cuts, Known::UpToTheCut).await;
}

#[tokio::test]
async fn a_stream_reset_at_any_byte_ends_in_an_error_or_whole() {
    let site = Site::start(Script::default()).await;
    let length = sample(&site, Form::Stream).await.len();
    let cuts = cut_everywhere(&site, Form::Stream, length, &Then::Reset).await;
    // What was sent before a reset may be lost on the way: any of the three, but the books must say the same.
    assert!(cuts.iter().all(|cut| cut.seen != Seen::Completed || cut.at == length));
    assert_books_agree(&site, &cuts, Known::WhenItArrived).await;
}

#[tokio::test]
async fn a_document_cut_at_any_byte_is_refused_or_whole() {
    let site = Site::start(Script::default()).await;
    let length = sample(&site, Form::Json).await.len();
    for then in [Then::Close, Then::Reset] {
        let cuts = cut_everywhere(&site, Form::Json, length, &then).await;
        assert!(cuts.iter().all(|cut| (cut.seen == Seen::Completed) <= (cut.at == length)));
        if matches!(then, Then::Close) {
            assert_eq!(cuts.last().map(|cut| cut.seen), Some(Seen::Completed), "every byte of it came");
        }
        assert_books_agree(&site, &cuts, Known::WhenItArrived).await;
    }
}

async fn sample(site: &Site, form: Form) -> bytes::Bytes {
    site.upstream().script().push(Reply::message(short()));
    let answered = site.ask(form).await;
    assert_eq!(answered.status, 200);
    answered.body
}

/// Cuts the answer once at each of its bytes, its beginning and its end included.
async fn cut_everywhere(site: &Site, form: Form, length: usize, then: &Then) -> Vec<Cut> {
    let mut cuts = Vec::with_capacity(length + 1);
    for at in 0..=length {
        site.upstream().script().push(Reply::message(short()).stop_after(at, then.clone()));
        let answered = site.ask(form).await;
        cuts.push(Cut { at, seen: look(&answered, form), answered });
    }
    cuts
}

/// What an answer is; fails when it is none of those that may be.
fn look(answered: &Answered, form: Form) -> Seen {
    if answered.status != 200 {
        assert_eq!((answered.status.as_u16(), error_type(answered).as_str()), (502, "api_error"));
        return Seen::Refused;
    }
    let is_whole = match form {
        Form::Json => answered.json()["type"] == "message",
        Form::Stream => answered.events().message().is_ok(),
    };
    if is_whole {
        return Seen::Completed;
    }
    assert_eq!((form, last_error(answered).as_str()), (Form::Stream, "api_error"));
    Seen::Truncated
}

/// The number of bytes up to the end of the first event of this name.
fn end_of(stream: &[u8], name: &str) -> usize {
    let ends = stream.windows(2).enumerate().filter(|(_, pair)| *pair == b"\n\n").map(|(at, _)| at + 2);
    let has = |end: &usize| SseTranscript::read(&stream[..*end]).names().last() == Some(&name);
    ends.into_iter().find(has).unwrap()
}

/// One record per cut, with the outcome that the client saw, and no token less than the upstream told.
async fn assert_books_agree(site: &Site, cuts: &[Cut], known: Known) {
    site.at_rest().await;
    let records = site.records().await;
    let by_request: HashMap<&str, &Value> =
        records.iter().map(|record| (record["request_id"].as_str().unwrap(), record)).collect();
    assert_eq!(by_request.len(), records.len(), "one attempt each");
    let books = site.upstream().books();
    for cut in cuts {
        let record = by_request[cut.answered.header("x-request-id")];
        let (outcome, failure, source) = match cut.seen {
            Seen::Refused => ("refused", json!("broken"), None),
            Seen::Truncated => ("truncated", json!("broken"), Some("estimated")),
            Seen::Completed => ("completed", Value::Null, Some("reported")),
        };
        assert_eq!((&record["outcome"], &record["failure"]), (&json!(outcome), &failure), "cut at {}", cut.at);
        assert!(source.is_none_or(|source| record["usage_source"] == source), "cut at {}: {record}", cut.at);
        let (used, billed) = (tokens_of(record), exchange_of(&books.exchanges, record).billed);
        if known == Known::UpToTheCut || cut.seen != Seen::Refused {
            assert_eq!(used.input, billed.input, "cut at {}: {record}", cut.at);
            assert!(used.output >= billed.output, "cut at {}: {record}", cut.at);
        }
    }
}
