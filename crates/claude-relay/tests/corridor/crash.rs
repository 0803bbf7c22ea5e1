//! The relay is killed under load. What a client saw whole is in the books once; what was under way is booked as crashed.

use crate::{
    load::{Load, assert_each_is_booked_once, assert_totals_are_sums, begin, script},
    support::{Form, Site, command, soak_factor},
};
use serde_json::Value;
use std::collections::HashSet;
use testkit::{Answer, Reply, upstream::Gate};

/// Kills in a test; a soak kills ten times as often.
const KILLS: usize = 5;

/// Answers that clients saw whole before a kill.
const ANSWERS_PER_ROUND: usize = 150;

/// Requests that are certainly under way at a kill.
const HELD: usize = 4;

/// A model of its own for them, to be found by in the books.
const HELD_MODEL: &str = "claude-opus-4-5";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_saw_whole_is_in_the_books_once_after_a_kill() {
    let mut site = Site::start_as(command().env("LOG_LEVEL", "warn"), [script()]).await;
    let mut seen_whole = HashSet::new();
    for round in 1..=KILLS * soak_factor(10) {
        let gate = Gate::new();
        let held = Reply::message(Answer::hello()).stop_after(700, testkit::upstream::Then::Gate(gate.clone()));
        let script = site.upstream().script().clone().for_model(HELD_MODEL, held);
        drop(script);
        site = kill_under_load(site, &gate, &mut seen_whole).await.restart().await;
        let records = site.records().await;
        assert_each_is_booked_once(&records, &seen_whole);
        let crashed = |record: &&Value| record["outcome"] == "crashed" && record["model_requested"] == HELD_MODEL;
        assert_eq!(records.iter().filter(crashed).count(), HELD * round, "what was under way is booked as crashed");
        assert_totals_are_sums(&site, &records).await;
        assert_eq!(site.metric("journal_open").await, 0);
    }
}

/// Lets clients ask until enough answers were seen whole, and kills the relay while they go on.
async fn kill_under_load(mut site: Site, gate: &Gate, seen_whole: &mut HashSet<String>) -> Site {
    let mut held = Vec::new();
    for _ in 0..HELD {
        held.push(begin(&site, HELD_MODEL, Form::Stream).await.unwrap());
    }
    gate.reached_by(HELD).await;
    let mut load = Load::start(&site);
    load.see(ANSWERS_PER_ROUND, seen_whole).await;
    site.relay.kill9().await.unwrap();
    // What had arrived before the kill was seen as well.
    load.end(seen_whole).await;
    gate.open();
    site
}
