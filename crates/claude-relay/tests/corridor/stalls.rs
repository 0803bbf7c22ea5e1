//! An upstream that goes silent: each silence has a bound, and its end is told and booked as a time-out.

use crate::support::{Form, Site, command, error_type, last_error, tokens_of};
use serde_json::json;
use testkit::{Answer, Reply, Script, relay::RelayCommand, upstream::Then};

/// Bounds that a test can wait for.
fn impatient() -> RelayCommand {
    command().env("UPSTREAM_ANSWER_TIMEOUT", "200ms").env("UPSTREAM_STALL_TIMEOUT", "200ms")
}

#[tokio::test]
async fn no_head_in_time_is_a_time_out() {
    let site = Site::start_as(impatient(), [Script::always(Reply::no_answer(Then::Stall))]).await;
    for form in [Form::Json, Form::Stream] {
        let answered = site.ask(form).await;
        assert_eq!((answered.status.as_u16(), error_type(&answered).as_str()), (504, "api_error"));
        let record = site.record_of(&answered).await;
        assert_eq!((&record["outcome"], &record["failure"]), (&json!("refused"), &json!("timeout")));
        site.cooling_from(0, "timeout").await;
    }
}

#[tokio::test]
async fn silence_before_the_first_content_is_a_time_out() {
    let site = Site::start_as(impatient(), [Script::default()]).await;
    for (form, bytes) in [(Form::Json, 0), (Form::Json, 40), (Form::Stream, 0), (Form::Stream, 40)] {
        site.upstream().script().push(Reply::message(Answer::hello()).stop_after(bytes, Then::Stall));
        let answered = site.ask(form).await;
        assert_eq!((answered.status.as_u16(), error_type(&answered).as_str()), (504, "api_error"), "{form:?} {bytes}");
        let record = site.record_of(&answered).await;
        assert_eq!((&record["outcome"], &record["failure"]), (&json!("refused"), &json!("timeout")));
        assert_eq!(record["status"], 200);
    }
}

#[tokio::test]
async fn silence_in_the_middle_of_a_stream_is_an_error_event() {
    let stalled = Reply::message(Answer::numbered(20)).stop_after(1200, Then::Stall);
    let site = Site::start_as(impatient(), [Script::always(stalled)]).await;
    let answered = site.ask(Form::Stream).await;
    assert_eq!(last_error(&answered), "api_error");
    let record = site.record_of(&answered).await;
    assert_eq!((&record["outcome"], &record["failure"]), (&json!("truncated"), &json!("timeout")));
    assert_eq!(record["usage_source"], "estimated");
    assert_eq!(tokens_of(&record).input, Answer::numbered(20).usage().input);
    site.cooling_from(0, "timeout").await;
}

/// The bound is on silence, not on the whole: an answer that goes on is waited for.
#[tokio::test]
async fn a_slow_answer_that_goes_on_is_not_cut() {
    let slow = |reply: Reply| reply.paced(std::time::Duration::from_millis(60));
    let site = Site::start_as(impatient(), [Script::default()]).await;
    site.upstream().script().push(slow(Reply::message(Answer::numbered(10))));
    assert_eq!(site.ask(Form::Stream).await.events().message().unwrap().text, "0123456789");
    site.upstream()
        .script()
        .push(slow(Reply::message(Answer::numbered(10))).split(testkit::upstream::Split::Every(60)));
    assert_eq!(site.ask(Form::Json).await.json()["type"], "message");
    let greeting = "event: ping\ndata: {\"type\":\"ping\"}\n\n".repeat(8);
    let sample = testkit::HttpClient::new(site.upstream().base_url());
    site.upstream().script().push(Reply::message(Answer::hello()));
    let headers = [("x-api-key", crate::support::CREDENTIAL), ("anthropic-version", "2023-06-01")];
    let whole = sample.post_json("/v1/messages", &headers, &crate::support::body("m", Form::Stream)).await.unwrap();
    let pieces = testkit::upstream::Split::Every(greeting.len() / 8);
    let body = [greeting.as_bytes(), &whole.body].concat();
    site.upstream().script().push(slow(Reply::bytes(200, "text/event-stream", body)).split(pieces));
    assert_eq!(site.ask(Form::Stream).await.events().message().unwrap().pings, 9);
}
