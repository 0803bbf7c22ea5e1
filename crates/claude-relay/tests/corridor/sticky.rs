//! A client's session stays with the account that served it, as long as that one is sound; and leaves it when it is not.

use crate::support::{Form, MODEL, Site, body, command, eventually, merge};
use serde_json::{Value, json};
use testkit::{Reply, Script, client::Answered};

/// Three accounts of one priority, so that each request without a session goes to another.
async fn three_alike() -> Site {
    let mut site = Site::start_as(command(), []).await;
    for _ in 0..3 {
        site.add_upstream(Script::default(), &json!({"priority": 50})).await;
    }
    site
}

/// Asks within a session that a header names; gives the account's place.
async fn ask_in(site: &Site, session: &str) -> usize {
    place_of(site, &site.post("/v1/messages", &[("x-session-id", session)], &body(MODEL, Form::Json)).await).await
}

/// The place of the account that gave this answer.
async fn place_of(site: &Site, answered: &Answered) -> usize {
    assert_eq!(answered.status, 200, "{answered:?}");
    let last = site.records_of(answered).await.pop().unwrap();
    site.accounts.iter().position(|account| last["account_id"] == account.as_str()).unwrap()
}

async fn notes(site: &Site) -> Vec<String> {
    site.records().await.iter().map(|record| record["note"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Where the session is once `holds` says so of it.
async fn comes_to(site: &Site, session: &str, holds: impl Fn(usize) -> bool) -> usize {
    eventually("the session is where it should be", async || {
        let place = ask_in(site, session).await;
        holds(place).then_some(place)
    })
    .await
}

#[tokio::test]
async fn a_session_stays_with_its_account_while_others_take_turns() {
    let site = three_alike().await;
    let first = ask_in(&site, "s-1").await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(place_of(&site, &site.ask(Form::Json).await).await);
        assert_eq!(ask_in(&site, "s-1").await, first);
    }
    others.sort_unstable();
    others.dedup();
    assert!(others.len() > 1, "requests without a session take turns: {others:?}");
    assert!(notes(&site).await[0].contains("its session was there before"));
}

#[tokio::test]
async fn a_session_is_known_by_what_each_client_calls_it() {
    let site = three_alike().await;
    let user = json!({"metadata": {"user_id": format!("user_{}_account__session_s-9", "0f".repeat(32))}});
    let mut in_body = body(MODEL, Form::Json);
    merge(&mut in_body, &user);
    let plain = body(MODEL, Form::Json);
    let ways: [(&[(&str, &str)], &Value); 6] = [
        (&[("x-claude-code-session-id", "s-9")], &plain),
        (&[("session-id", "s-9")], &plain),
        (&[("session_id", "s-9")], &plain),
        (&[("x-session-affinity", "s-9")], &plain),
        (&[("x-session-id", "s-9")], &plain),
        (&[], &in_body),
    ];
    let mut places = Vec::new();
    for (headers, body) in ways {
        places.push(place_of(&site, &site.post("/v1/messages", headers, body).await).await);
        site.ask(Form::Json).await;
    }
    assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
}

#[tokio::test]
async fn requests_of_a_new_session_at_once_end_up_at_one_account() {
    let site = three_alike().await;
    for round in 0..5 {
        let session = format!("s-{round}");
        let [a, b, c, d] = [(); 4].map(|()| ask_in(&site, &session));
        let (a, b, c, d) = tokio::join!(a, b, c, d);
        assert_eq!([b, c, d], [a; 3], "the first that was chosen is everybody's");
    }
}

#[tokio::test]
async fn a_session_leaves_an_account_that_fails_and_does_not_come_back() {
    let site = three_alike().await;
    for (round, reply) in [Reply::status(500), Reply::status(529), Reply::rate_limited(30, "")].into_iter().enumerate()
    {
        let session = format!("s-{round}");
        let first = ask_in(&site, &session).await;
        site.upstreams[first].script().push(reply);
        let next = ask_in(&site, &session).await;
        assert_ne!(next, first);
        site.reset(first).await;
        for _ in 0..3 {
            assert_eq!(
                ask_in(&site, &session).await,
                next,
                "it stays where it went, also when the first is well again"
            );
        }
        let notes = notes(&site).await;
        assert!(notes.iter().any(|note| note.contains("its session left an account")), "{notes:?}");
    }
}

#[tokio::test]
async fn a_session_goes_elsewhere_for_a_request_that_its_account_has_no_slot_or_model_for_and_comes_back() {
    let mut site = Site::start_as(command(), []).await;
    site.add_upstream(Script::default(), &json!({"priority": 1, "models": [MODEL]})).await;
    site.add_upstream(Script::default(), &json!({"priority": 2})).await;
    assert_eq!(ask_in(&site, "s-1").await, 0);
    let other = site.post("/v1/messages", &[("x-session-id", "s-1")], &body("claude-haiku-4-5", Form::Json)).await;
    assert_eq!(place_of(&site, &other).await, 1);
    assert_eq!(ask_in(&site, "s-1").await, 0);
}

#[tokio::test]
async fn a_session_survives_a_restart_and_ends_when_it_is_flushed_or_its_account_deleted() {
    let site = three_alike().await;
    let first = ask_in(&site, "s-1").await;
    let site = site.restart().await;
    for _ in 0..3 {
        assert_eq!(ask_in(&site, "s-1").await, first, "it was in the store");
    }
    let ended = site.admin.delete(&format!("/admin/sticky-sessions?key={}", site.key.id)).await.unwrap();
    assert_eq!(ended["ended"], json!(1));
    let second = comes_to(&site, "s-1", |place| place != first).await;
    site.admin.delete(&format!("/admin/accounts/{}", site.accounts[second])).await.unwrap();
    let third = comes_to(&site, "s-1", |place| place != second).await;
    assert_eq!(ask_in(&site, "s-1").await, third);
}

#[tokio::test]
async fn sessions_are_no_matter_where_that_is_set() {
    let mut site = Site::start_as(command().env("STICKY_TTL", "0s"), []).await;
    for _ in 0..2 {
        site.add_upstream(Script::default(), &json!({"priority": 50})).await;
    }
    let (first, second) = (ask_in(&site, "s-1").await, ask_in(&site, "s-1").await);
    assert_ne!(first, second);
}

#[tokio::test]
async fn keys_of_one_group_share_a_session_and_other_keys_do_not() {
    let mut site = three_alike().await;
    let members = json!({"name": "g", "members": [site.accounts[0], site.accounts[1], site.accounts[2]]});
    let group = site.admin.post("/admin/account-groups", &members).await.unwrap();
    let first = ask_in(&site, "s-1").await;
    let bindings = json!({"bindings": {"claude": {"type": "group", "id": group["id"]}}});
    site.admin.patch(&format!("/admin/api-keys/{}", site.key.id), &bindings).await.unwrap();
    // In the group's scope the session is another one, which begins at the account that is next.
    let shared = comes_to(&site, "s-1", |place| place != first).await;
    let another = site.admin.create_key("another").await.unwrap();
    site.admin.patch(&format!("/admin/api-keys/{}", another.id), &bindings).await.unwrap();
    site.key = another;
    eventually("the other key is bound", async || {
        let answered = site.ask(Form::Json).await;
        let note = site.record_of(&answered).await["note"].clone();
        note.as_str().unwrap().contains("in the key's group").then_some(())
    })
    .await;
    for _ in 0..3 {
        assert_eq!(ask_in(&site, "s-1").await, shared);
    }
}

#[tokio::test]
async fn accounts_of_one_priority_are_chosen_as_often_as_they_weigh() {
    let mut site = Site::start_as(command(), []).await;
    for weight in [20, 10] {
        site.add_upstream(Script::default(), &json!({"priority": 50, "weight": weight})).await;
    }
    let mut chosen = [0; 2];
    for _ in 0..30 {
        let record = site.record_of(&site.ask(Form::Json).await).await;
        let place = site.accounts.iter().position(|id| record["account_id"] == id.as_str()).unwrap();
        chosen[place] += 1;
    }
    assert_eq!(chosen, [20, 10]);
}
