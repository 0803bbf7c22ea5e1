//! What an upstream can do wrong with its answer as a whole: for each, what the client is told, what the books say, and what
//! becomes of the account.

use crate::support::{Form, Site, command, error_type, exchange_of, last_error, tokens_of};
use serde_json::{Value, json};
use testkit::{
    Answer, ErrorKind, Reply, Script,
    client::Answered,
    upstream::{Block, FailAt, Framing, LineEnd, Split, Wait, refused_base_url},
};

/// A fault before the first content, and all that must come of it.
struct Fault {
    name: &'static str,
    reply: Reply,
    /// Status and type of the error that the client gets.
    told: (u16, &'static str),
    /// `failure` and `status` in the ledger.
    booked: (&'static str, Option<u16>),
    /// What the account cools down from, and by whose word; none: it is ready.
    cooldown: Option<(&'static str, &'static str)>,
}

const DEFAULT: &str = "default";

fn fault(
    name: &'static str,
    reply: Reply,
    told: (u16, &'static str),
    booked: (&'static str, Option<u16>),
    cooldown: Option<(&'static str, &'static str)>,
) -> Fault {
    Fault { name, reply, told, booked, cooldown }
}

/// Every status that the provider documents, and those of proxies before it.
fn statuses() -> Vec<Fault> {
    let status = Reply::status;
    let spent = r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#;
    vec![
        fault("400", status(400), (400, "invalid_request_error"), ("request", Some(400)), None),
        fault("401", status(401), (503, "api_error"), ("credential", Some(401)), Some(("credential", DEFAULT))),
        fault("402", status(402), (503, "api_error"), ("quota", Some(402)), Some(("quota", DEFAULT))),
        fault("403", status(403), (503, "api_error"), ("credential", Some(403)), Some(("credential", DEFAULT))),
        fault("404", status(404), (404, "not_found_error"), ("request", Some(404)), None),
        fault("413", status(413), (413, "request_too_large"), ("request", Some(413)), None),
        fault(
            "429 without a time",
            Reply::rate_limited_silently(),
            (429, "rate_limit_error"),
            ("rate_limit", Some(429)),
            Some(("rate_limit", DEFAULT)),
        ),
        fault(
            "429 with a time",
            Reply::rate_limited(7, "2026-11-23T09:31:00Z"),
            (429, "rate_limit_error"),
            ("rate_limit", Some(429)),
            Some(("rate_limit", "retry-after")),
        ),
        fault("500", status(500), (500, "api_error"), ("upstream", Some(500)), Some(("upstream", DEFAULT))),
        fault("502", status(502), (502, "api_error"), ("upstream", Some(502)), Some(("upstream", DEFAULT))),
        fault("503", status(503), (503, "api_error"), ("upstream", Some(503)), Some(("upstream", DEFAULT))),
        fault("504", status(504), (504, "timeout_error"), ("timeout", Some(504)), Some(("timeout", DEFAULT))),
        fault("529", status(529), (529, "overloaded_error"), ("overloaded", Some(529)), Some(("overloaded", DEFAULT))),
        fault(
            "spent credit, told as 400",
            Reply::bytes(400, "application/json", spent),
            (503, "api_error"),
            ("quota", Some(400)),
            Some(("quota", DEFAULT)),
        ),
        fault(
            "a proxy's page with 502",
            Reply::html(502),
            (502, "api_error"),
            ("upstream", Some(502)),
            Some(("upstream", DEFAULT)),
        ),
    ]
}

/// Answers that begin as if all were well, and redirects.
fn nonsense() -> Vec<Fault> {
    let broken = |name, reply, status| {
        fault(name, reply, (502, "api_error"), ("broken", Some(status)), Some(("upstream", DEFAULT)))
    };
    let cut_json = r#"{"id":"msg_1","type":"message","content":[{"type":"text","te"#;
    let hidden = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let redirect = Reply::bytes(302, "text/plain", "").with_header("location", "http://127.0.0.1:1/elsewhere");
    vec![
        broken("a page with 200", Reply::html(200), 200),
        broken("nothing, as JSON", Reply::bytes(200, "application/json", ""), 200),
        broken("nothing, as events", Reply::bytes(200, "text/event-stream", ""), 200),
        broken("JSON that stops short", Reply::bytes(200, "application/json", cut_json), 200),
        broken("JSON of another kind", Reply::bytes(200, "application/json", r#"{"hello":1}"#), 200),
        broken("no JSON", Reply::bytes(200, "application/json", "\u{1}\u{2}garbage"), 200),
        broken("no events", Reply::bytes(200, "text/event-stream", "garbage\n\nmore of it\n\n"), 200),
        broken("an unknown coding", Reply::default().with_header("content-encoding", "compress"), 200),
        broken("a coding that is not there", Reply::default().with_header("content-encoding", "gzip"), 200),
        broken("a redirect", redirect, 302),
        broken("no content", Reply::bytes(204, "application/json", ""), 204),
        fault(
            "another protocol",
            Reply::verbatim("SSH-2.0-OpenSSH_9.6\r\n"),
            (502, "api_error"),
            ("broken", None),
            Some(("upstream", DEFAULT)),
        ),
        fault(
            "an error hidden in a 200",
            Reply::bytes(200, "application/json", hidden),
            (529, "overloaded_error"),
            ("overloaded", Some(200)),
            Some(("overloaded", DEFAULT)),
        ),
    ]
}

/// Error events before any content: the client has seen nothing, and is told by status.
fn early_error_events() -> Vec<Fault> {
    let fail = |at, kind| Reply::message(Answer::hello().failing(at, kind));
    vec![
        fault(
            "an overload as the first event",
            fail(FailAt::Start, ErrorKind::Overloaded),
            (529, "overloaded_error"),
            ("overloaded", Some(200)),
            Some(("overloaded", DEFAULT)),
        ),
        fault(
            "an overload behind the greeting",
            fail(FailAt::BeforeContent, ErrorKind::Overloaded),
            (529, "overloaded_error"),
            ("overloaded", Some(200)),
            Some(("overloaded", DEFAULT)),
        ),
        fault(
            "a failure behind the greeting",
            fail(FailAt::BeforeContent, ErrorKind::Api),
            (502, "api_error"),
            ("upstream", Some(200)),
            Some(("upstream", DEFAULT)),
        ),
        fault(
            "a rate limit behind the greeting",
            fail(FailAt::BeforeContent, ErrorKind::RateLimit),
            (429, "rate_limit_error"),
            ("rate_limit", Some(200)),
            Some(("rate_limit", DEFAULT)),
        ),
        fault(
            "a refused credential behind the greeting",
            fail(FailAt::BeforeContent, ErrorKind::Authentication),
            (503, "api_error"),
            ("credential", Some(200)),
            Some(("credential", DEFAULT)),
        ),
        fault(
            "a refused request behind the greeting",
            fail(FailAt::BeforeContent, ErrorKind::InvalidRequest),
            (400, "invalid_request_error"),
            ("request", Some(200)),
            None,
        ),
    ]
}

#[tokio::test]
async fn an_error_status_is_told_booked_and_charged_to_the_account() {
    let site = Site::start(Script::default()).await;
    for fault in statuses() {
        for form in [Form::Json, Form::Stream] {
            play(&site, &fault, form).await;
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_told_booked_and_charged_to_the_account() {
    let site = Site::start(Script::default()).await;
    for fault in nonsense() {
        for form in [Form::Json, Form::Stream] {
            play(&site, &fault, form).await;
        }
    }
}

#[tokio::test]
async fn an_error_event_before_the_first_content_is_told_by_its_status() {
    let site = Site::start(Script::default()).await;
    for fault in early_error_events() {
        play(&site, &fault, Form::Stream).await;
    }
}

/// Plays one fault against a sound account, and leaves a sound account.
async fn play(site: &Site, fault: &Fault, form: Form) {
    let name = fault.name;
    site.upstream().script().push(fault.reply.clone());
    let answered = site.ask(form).await;
    assert_eq!((answered.status.as_u16(), error_type(&answered).as_str()), fault.told, "{name}: {answered:?}");
    assert!(answered.status != 429 || !answered.header("retry-after").is_empty(), "{name}: a 429 without a time");
    let record = site.record_of(&answered).await;
    assert_eq!((&record["outcome"], &record["final"]), (&json!("refused"), &json!(true)), "{name}");
    assert_eq!((&record["failure"], &record["status"]), (&json!(fault.booked.0), &json!(fault.booked.1)), "{name}");
    assert_eq!(record["attempt_no"], 1, "{name}");
    match fault.cooldown {
        None => {
            assert_eq!(site.metric("accounts_cooling").await, 0, "{name}");
            assert_eq!(site.state_of(0).await["status"], "ready", "{name}");
        }
        Some((cause, source)) => {
            let state = site.cooling_from(0, cause).await;
            assert_eq!(state["cooldowns"][0]["source"], source, "{name}");
            assert_eq!(state["status"], "cooling_down", "{name}");
            site.reset(0).await;
        }
    }
}

#[tokio::test]
async fn nobody_listening_is_no_connection() {
    let site = Site::start_over(command(), &[refused_base_url().await.unwrap()]).await;
    for form in [Form::Json, Form::Stream] {
        let answered = site.ask(form).await;
        assert_eq!((answered.status.as_u16(), error_type(&answered).as_str()), (502, "api_error"));
        let record = site.record_of(&answered).await;
        assert_eq!((&record["failure"], &record["status"]), (&json!("connect"), &Value::Null));
        site.cooling_from(0, "connect").await;
        site.reset(0).await;
    }
}

/// The upstream's words are passed on, unless they tell where it is or with what it is paid.
#[tokio::test]
async fn words_that_tell_the_upstream_s_address_or_credential_are_not_passed_on() {
    let site = Site::start(Script::default()).await;
    let address = site.upstream().address().to_string();
    for secret in [address.as_str(), crate::support::CREDENTIAL] {
        let error = json!({"type": "invalid_request_error", "message": format!("at {secret} nothing works")});
        let words = json!({"type": "error", "error": error}).to_string();
        site.upstream().script().push(Reply::bytes(400, "application/json", words.clone()));
        let answered = site.ask(Form::Json).await;
        assert_eq!((answered.status.as_u16(), error_type(&answered).as_str()), (400, "invalid_request_error"));

        let event = format!("event: error\ndata: {words}\n\n");
        let stream = [&sample_until_content()[..], event.as_bytes()].concat();
        site.upstream().script().push(Reply::bytes(200, "text/event-stream", stream));
        assert_eq!(last_error(&site.ask(Form::Stream).await), "invalid_request_error");

        site.upstream().script().push(Reply::default().with_header("x-origin", &format!("http://{secret}/")));
        assert_eq!(site.ask(Form::Json).await.status, 200);
    }
}

/// A stream's beginning, up to its first content.
fn sample_until_content() -> Vec<u8> {
    let start =
        json!({"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 3, "output_tokens": 1}}});
    let block = json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}});
    format!("event: message_start\ndata: {start}\n\nevent: content_block_start\ndata: {block}\n\n").into_bytes()
}

#[tokio::test]
async fn an_error_event_in_the_middle_is_passed_on_as_the_end() {
    let site = Site::start(Script::default()).await;
    for (at, kind, told, failure, cause) in [
        (FailAt::Deltas(2), ErrorKind::Overloaded, "overloaded_error", "overloaded", "overloaded"),
        (FailAt::BeforeUsage, ErrorKind::Api, "api_error", "upstream", "upstream"),
    ] {
        site.upstream().script().push(Reply::message(Answer::hello().failing(at, kind)));
        let answered = site.ask(Form::Stream).await;
        assert_eq!(last_error(&answered), told);
        let record = site.record_of(&answered).await;
        assert_eq!((&record["outcome"], &record["failure"]), (&json!("truncated"), &json!(failure)));
        assert_eq!((&record["usage_source"], &record["status"]), (&json!("estimated"), &json!(200)));
        let usage = tokens_of(&record);
        assert_eq!(usage.input, Answer::hello().usage().input, "the greeting told it");
        assert!(usage.output > 1, "what was written since is estimated: {usage:?}");
        site.cooling_from(0, cause).await;
        site.reset(0).await;
    }
}

/// Garbage behind the first content: no whole event of it, a chunk that is none, an event that is none.
#[tokio::test]
async fn garbage_in_the_middle_ends_in_an_error_event() {
    let site = Site::start(Script::default()).await;
    let begun = String::from_utf8(sample_until_content()).unwrap();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let broken_chunk = format!("{head}{:x}\r\n{begun}\r\nno chunk size\r\n", begun.len());
    for (name, reply) in [
        ("bytes without an end", Reply::bytes(200, "text/event-stream", format!("{begun}\u{1}\u{2}garbage"))),
        ("an event without its end", Reply::bytes(200, "text/event-stream", format!("{begun}event: message_stop\n"))),
        ("a chunk that is none", Reply::verbatim(broken_chunk)),
        (
            "a length that is too long",
            Reply::bytes(200, "text/event-stream", begun.clone()).framed(Framing::LengthOff(9)),
        ),
    ] {
        site.upstream().script().push(reply);
        let answered = site.ask(Form::Stream).await;
        assert_eq!(last_error(&answered), "api_error", "{name}");
        let record = site.record_of(&answered).await;
        assert_eq!((&record["outcome"], &record["failure"]), (&json!("truncated"), &json!("broken")), "{name}");
    }
}

/// Odd, and allowed: the answer must come through whole, with the usage that the upstream counted.
fn odd_deliveries() -> Vec<(&'static str, Reply)> {
    let answer = || Reply::message(Answer::tool_call("look_up", json!({"word": "Grüße 你好 👋🏽"})));
    vec![
        ("as ever", answer()),
        ("a byte at a time", answer().byte_by_byte()),
        ("multibyte characters cut in two", answer().split(Split::Every(3))),
        ("in one piece", answer().split(Split::Whole)),
        ("in pieces of many sizes", answer().split(Split::Sizes(vec![1, 7, 2, 61, 5, 17]))),
        ("with lines that end in CR LF", answer().lines_end(LineEnd::CrLf)),
        ("with CR LF, a byte at a time", answer().lines_end(LineEnd::CrLf).byte_by_byte()),
        ("with lines that end in CR", answer().lines_end(LineEnd::Cr)),
        ("in gzip, although identity was asked", answer().gzip()),
        ("in gzip, a byte at a time", answer().gzip().byte_by_byte()),
        ("with a length", answer().framed(Framing::Length)),
        ("in chunks", answer().framed(Framing::Chunked)),
        ("until the connection ends", answer().framed(Framing::UntilClose)),
        ("late", answer().head_after(Wait::For(std::time::Duration::from_millis(20)))),
    ]
}

#[tokio::test]
async fn an_answer_comes_through_whole_however_it_is_delivered() {
    let site = Site::start(Script::default()).await;
    for (name, reply) in odd_deliveries() {
        for form in [Form::Json, Form::Stream] {
            site.upstream().script().push(reply.clone());
            let answered = site.ask(form).await;
            assert_eq!(answered.status, 200, "{name}");
            assert_eq!(text_of(&answered, form), "I will look that up. 查一下。", "{name}");
            assert_eq!(answered.header("content-encoding"), "", "{name}");
            let record = site.record_of(&answered).await;
            assert_eq!((&record["outcome"], &record["failure"]), (&json!("completed"), &Value::Null), "{name}");
            assert_eq!(record["usage_source"], "reported", "{name}");
            let books = site.upstream().books();
            assert_eq!(tokens_of(&record), exchange_of(&books.exchanges, &record).billed, "{name}");
        }
    }
    assert_eq!(site.upstream().books().complaints(), [] as [&str; 0]);
    assert_eq!(site.metric("accounts_cooling").await, 0);
}

fn text_of(answered: &Answered, form: Form) -> String {
    if form == Form::Stream {
        return answered.events().message().unwrap().text;
    }
    let blocks = answered.json()["content"].as_array().unwrap().clone();
    blocks.iter().filter_map(|block| block["text"].as_str()).collect()
}

/// Everything that a stream can hold arrives byte for byte: the relay adds and removes nothing.
#[tokio::test]
async fn a_stream_arrives_byte_for_byte() {
    let answer = Answer::hello().with_block_first(Block::Thinking("Hm. 🤔".to_owned()));
    let site = Site::start(Script::always(Reply::message(answer))).await;
    let direct = testkit::HttpClient::new(site.upstream().base_url());
    let body = crate::support::body(crate::support::MODEL, Form::Stream);
    let headers = [("x-api-key", crate::support::CREDENTIAL), ("anthropic-version", "2023-06-01")];
    let one = direct.post_json("/v1/messages", &headers, &body).await.unwrap();
    let other = site.ask(Form::Stream).await;
    // Only the message's id differs from request to request.
    let plain = |answered: &Answered| String::from_utf8_lossy(&answered.body).replace("x00000000\"", "x00000001\"");
    assert_eq!(plain(&one), plain(&other));
}
