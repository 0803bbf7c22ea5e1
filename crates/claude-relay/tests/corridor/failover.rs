//! Two accounts: the second serves where the first cannot, as long as the client has seen no content; and the last resort.

use crate::support::{Form, Site, body, command, error_type, last_error};
use serde_json::{Value, json};
use testkit::{
    Answer, ErrorKind, Reply, Script,
    upstream::{FailAt, Framing, Gate, Then, Wait},
};

async fn two_accounts() -> Site {
    Site::start_as(command().env("UPSTREAM_STALL_TIMEOUT", "300ms"), [Script::default(), Script::default()]).await
}

/// What the first account does wrong, and its failure in the books.
fn failures_of_the_account() -> Vec<(Reply, &'static str)> {
    let fail = |at, kind| Reply::message(Answer::hello().failing(at, kind));
    vec![
        (Reply::status(401), "credential"),
        (Reply::status(403), "credential"),
        (Reply::status(402), "quota"),
        (Reply::rate_limited(30, "2026-11-23T09:31:00Z"), "rate_limit"),
        (Reply::status(500), "upstream"),
        (Reply::status(502), "upstream"),
        (Reply::status(503), "upstream"),
        (Reply::status(529), "overloaded"),
        (Reply::html(200), "broken"),
        (Reply::no_answer(Then::Close), "broken"),
        (Reply::no_answer(Then::Reset), "broken"),
        (Reply::default().stop_after(10, Then::Close), "broken"),
        (Reply::default().stop_after(10, Then::Stall), "timeout"),
        (Reply::default().framed(Framing::LengthOff(1)), "broken"),
        (fail(FailAt::Start, ErrorKind::Overloaded), "overloaded"),
        (fail(FailAt::BeforeContent, ErrorKind::Api), "upstream"),
    ]
}

#[tokio::test]
async fn the_second_account_serves_when_the_first_fails_before_any_content() {
    let site = two_accounts().await;
    for (reply, failure) in failures_of_the_account() {
        // An off length is only an early end where a document is read whole.
        let form = if matches!(failure, "broken" | "credential") { Form::Json } else { Form::Stream };
        site.upstream().script().push(reply.clone());
        let answered = site.ask(form).await;
        assert_eq!(answered.status, 200, "{reply:?}");
        assert!(form == Form::Json || answered.events().message().is_ok(), "{reply:?}");
        let records = site.records_of(&answered).await;
        let told: Vec<_> = records.iter().map(summary).collect();
        let expected = [
            (json!(1), json!(false), json!("refused"), json!(failure), json!(site.accounts[0])),
            (json!(2), json!(true), json!("completed"), Value::Null, json!(site.accounts[1])),
        ];
        assert_eq!(told, expected, "{reply:?}");
        site.reset(0).await;
    }
}

fn summary(record: &Value) -> (Value, Value, Value, Value, Value) {
    let field = |name: &str| record[name].clone();
    (field("attempt_no"), field("final"), field("outcome"), field("failure"), field("account_id"))
}

#[tokio::test]
async fn a_refused_request_is_not_tried_elsewhere() {
    let site = two_accounts().await;
    for status in [400, 404, 413] {
        site.upstream().script().push(Reply::status(status));
        let answered = site.ask(Form::Json).await;
        assert_eq!(answered.status.as_u16(), status);
        assert_eq!(site.record_of(&answered).await["attempt_no"], 1);
    }
    assert_eq!(site.upstreams[1].books().exchanges.len(), 0);
}

#[tokio::test]
async fn a_failure_behind_the_first_content_is_not_tried_elsewhere() {
    let site = two_accounts().await;
    site.upstream().script().push(Reply::message(Answer::hello().failing(FailAt::Deltas(1), ErrorKind::Overloaded)));
    let answered = site.ask(Form::Stream).await;
    assert_eq!(last_error(&answered), "overloaded_error");
    assert_eq!(site.record_of(&answered).await["outcome"], "truncated");
    assert_eq!(site.upstreams[1].books().exchanges.len(), 0);
}

#[tokio::test]
async fn when_every_account_fails_the_last_failure_is_told_and_each_attempt_booked() {
    let site = two_accounts().await;
    site.upstreams[0].script().push(Reply::status(500));
    site.upstreams[1].script().push(Reply::status(529));
    let answered = site.ask(Form::Json).await;
    assert_eq!((answered.status.as_u16(), error_type(&answered).as_str()), (529, "overloaded_error"));
    let records = site.records_of(&answered).await;
    let told: Vec<_> = records.iter().map(|record| (&record["failure"], &record["final"])).collect();
    assert_eq!(told, [(&json!("upstream"), &json!(false)), (&json!("overloaded"), &json!(true))]);
}

#[tokio::test]
async fn no_more_accounts_are_tried_than_the_setting_allows() {
    let site = Site::start_as(
        command().env("RELAY_ATTEMPTS_MAX", "2"),
        [Script::always(Reply::status(500)), Script::always(Reply::status(500)), Script::default()],
    )
    .await;
    assert_eq!(site.ask(Form::Json).await.status, 500);
    assert_eq!(site.upstreams[2].books().exchanges.len(), 0);
}

/// A guess (5xx, overload) does not take a team's only account away; what the provider said or refused does.
#[tokio::test]
async fn a_doubtful_account_serves_when_nothing_sound_is_left() {
    let site = Site::start(Script::default()).await;
    for status in [500, 503, 529] {
        site.upstream().script().push(Reply::status(status));
        assert_eq!(site.ask(Form::Json).await.status.as_u16(), status);
        assert_eq!(site.metric("accounts_cooling").await, 1);
        assert_eq!(site.ask(Form::Json).await.status, 200, "after {status}");
        assert_eq!(site.metric("accounts_cooling").await, 0, "it served: the doubt after {status} is over");
    }
}

#[tokio::test]
async fn an_account_whose_limit_is_reached_is_left_alone_until_it_ends() {
    let site = Site::start(Script::default()).await;
    for (reply, reason) in [(Reply::rate_limited(30, ""), "rate_limit"), (Reply::status(401), "credential")] {
        site.upstream().script().push(reply);
        assert_ne!(site.ask(Form::Json).await.status, 200);
        let calls = site.upstream().books().exchanges.len();
        let answered = site.ask(Form::Json).await;
        assert_eq!((answered.status.as_u16(), error_type(&answered).as_str()), (503, "api_error"));
        assert!(answered.json()["error"]["message"].as_str().unwrap().contains(reason), "{answered:?}");
        assert!(!answered.header("retry-after").is_empty());
        assert_eq!(site.upstream().books().exchanges.len(), calls, "the upstream was left alone");
        let record = site.record_of(&answered).await;
        assert_eq!((&record["attempt_no"], &record["failure"]), (&json!(0), &json!("no_account")));
        site.cooling_from(0, reason).await;
        site.reset(0).await;
    }
}

/// An exclusion must not hide behind a longer guess: the provider's word counts from the moment it is given.
#[tokio::test]
async fn a_rate_limit_excludes_an_account_that_was_only_doubtful() {
    let site = Site::start(Script::default()).await;
    site.upstream().script().push(Reply::status(529));
    assert_eq!(site.ask(Form::Json).await.status, 529);
    site.upstream().script().push(Reply::rate_limited(30, ""));
    assert_eq!(site.ask(Form::Json).await.status, 429);
    assert_eq!(site.ask(Form::Json).await.status, 503, "the account is at its limit");
    site.cooling_from(0, "rate_limit").await;
}

#[tokio::test]
async fn an_account_whose_slots_are_all_held_leaves_the_request_to_the_next() {
    let gate = Gate::new();
    let mut site = Site::start_as(command(), []).await;
    let held = Script::always(Reply::default().head_after(Wait::Gate(gate.clone())));
    site.add_upstream(held, &json!({"priority": 1, "concurrency_max": 1})).await;
    site.add_upstream(Script::default(), &json!({"priority": 2})).await;
    let second = async {
        gate.reached_by(1).await;
        let second = site.ask(Form::Json).await;
        gate.open();
        second
    };
    let (first, second) = tokio::join!(site.ask(Form::Json), second);
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200));
    assert_eq!(site.record_of(&first).await["account_id"], site.accounts[0].as_str());
    assert_eq!(site.record_of(&second).await["account_id"], site.accounts[1].as_str());
    let third = site.ask(Form::Json).await;
    assert_eq!(site.record_of(&third).await["account_id"], site.accounts[0].as_str(), "the slot is back");
}

#[tokio::test]
async fn without_an_account_the_answer_says_so() {
    let site = Site::start_over(command(), &[]).await;
    let answered = site.ask(Form::Json).await;
    assert_eq!((answered.status.as_u16(), error_type(&answered).as_str()), (503, "api_error"));
    assert_eq!(site.record_of(&answered).await["failure"], "no_account");
}

#[tokio::test]
async fn accounts_of_one_priority_take_turns() {
    let site = Site::start_as(command(), [Script::default(), Script::default()]).await;
    let path = format!("/admin/accounts/{}", site.accounts[1]);
    site.admin.patch(&path, &json!({"priority": 10})).await.unwrap();
    crate::support::eventually("both take turns", async || {
        let first = site.upstreams[1].books().exchanges.len();
        site.ask(Form::Json).await;
        site.ask(Form::Json).await;
        (site.upstreams[1].books().exchanges.len() == first + 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_limit_of_one_family_leaves_the_account_s_other_models_alone() {
    let site = two_accounts().await;
    let claim = ("anthropic-ratelimit-unified-representative-claim", "seven_day_opus");
    site.upstream().script().push(Reply::rate_limited(60, "").with_header(claim.0, claim.1));
    for (model, place) in [("claude-opus-4-5", 1), ("claude-opus-4-1", 1), ("claude-sonnet-4-5", 0)] {
        let answered = site.post("/v1/messages", &[], &body(model, Form::Json)).await;
        let last = site.records_of(&answered).await.pop().unwrap();
        assert_eq!(last["account_id"], site.accounts[place].as_str(), "{model}");
    }
    assert_eq!(site.state_of(0).await["status"], "limited");
}
