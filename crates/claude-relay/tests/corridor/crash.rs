//! The relay is killed under load. What a client saw whole is in the books once; what was under way is booked as crashed.

use crate::support::{Form, MODEL, Site, body, command, soak_factor};
use serde_json::Value;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use testkit::{
    Answer, RawClient, Reply, Script,
    client::{BodyEnd, SseTranscript},
    upstream::Gate,
};
use tokio::{sync::mpsc, task::JoinSet};

/// Kills in a test; a soak kills ten times as often.
const KILLS: usize = 5;

/// Clients that ask without end.
const CLIENTS: usize = 12;

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

fn script() -> Script {
    let paced = Reply::message(Answer::numbered(10)).paced(Duration::from_millis(1));
    Script::default().for_model(MODEL, Reply::message(Answer::hello())).for_model("claude-haiku-4-5", paced)
}

/// Lets clients ask until enough answers were seen whole, and kills the relay while they go on.
async fn kill_under_load(mut site: Site, gate: &Gate, seen_whole: &mut HashSet<String>) -> Site {
    let mut held = Vec::new();
    for _ in 0..HELD {
        held.push(begin(&site, HELD_MODEL, Form::Stream).await.unwrap());
    }
    gate.reached_by(HELD).await;
    let (whole, mut answers) = mpsc::channel(CLIENTS);
    let mut clients = JoinSet::new();
    let asker = Arc::new((site.relay.address(), head(&site)));
    for client in 0..CLIENTS {
        let (asker, whole) = (Arc::clone(&asker), whole.clone());
        let form = if client % 3 == 0 { Form::Json } else { Form::Stream };
        let model = if client % 2 == 0 { MODEL } else { "claude-haiku-4-5" };
        clients.spawn(async move {
            while let Some(id) = ask(asker.0, &asker.1, model, form).await {
                if whole.send(id).await.is_err() {
                    return;
                }
            }
        });
    }
    drop(whole);
    for _ in 0..ANSWERS_PER_ROUND {
        seen_whole.insert(answers.recv().await.unwrap());
    }
    site.relay.kill9().await.unwrap();
    // What had arrived before the kill was seen as well.
    while let Some(id) = answers.recv().await {
        seen_whole.insert(id);
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    gate.open();
    site
}

/// The head of a request, up to its length.
fn head(site: &Site) -> String {
    let mut head = format!("POST /v1/messages HTTP/1.1\r\nhost: {}\r\n", site.relay.address());
    for (name, value) in site.raw_headers() {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head
}

async fn begin(site: &Site, model: &str, form: Form) -> std::io::Result<RawClient> {
    let mut client = RawClient::connect(site.relay.address()).await?;
    let body = body(model, form).to_string();
    client.send(format!("{}content-length: {}\r\n\r\n{body}", head(site), body.len())).await?;
    Ok(client)
}

/// The id of a request whose answer came whole; none when the relay is gone.
async fn ask(address: std::net::SocketAddr, head: &str, model: &str, form: Form) -> Option<String> {
    let mut client = RawClient::connect(address).await.ok()?;
    let question = body(model, form).to_string();
    client.send(format!("{head}content-length: {}\r\n\r\n{question}", question.len())).await.ok()?;
    let head = client.read_head().await.ok()?;
    let body = client.read_body(&head).await.ok()?;
    assert_eq!(head.status, 200);
    let is_whole = match form {
        // A client has a document once it has as many bytes as were announced.
        Form::Json => body.end == BodyEnd::Declared,
        // And a stream once it has the terminal event, however the connection ends.
        Form::Stream => SseTranscript::read(&body.bytes).message().is_ok(),
    };
    is_whole.then(|| head.header("x-request-id").unwrap().to_owned())
}

fn assert_each_is_booked_once(records: &[Value], seen_whole: &HashSet<String>) {
    let mut booked: HashMap<&str, &Value> = HashMap::new();
    for record in records {
        let earlier = booked.insert(record["request_id"].as_str().unwrap(), record);
        assert_eq!(earlier, None, "booked twice: {record}");
    }
    for id in seen_whole {
        let record = booked.get(id.as_str()).unwrap_or_else(|| panic!("{id} was seen whole and is not in the books"));
        assert_eq!(record["outcome"], "completed", "{record}");
        assert_eq!(record["usage_source"], "reported", "{record}");
    }
}

async fn assert_totals_are_sums(site: &Site, records: &[Value]) {
    let total = &site.admin.usage().await.unwrap()["total"];
    for name in ["input_tokens", "output_tokens", "total_tokens"] {
        let sum: u64 = records.iter().map(|record| record["usage"][name].as_u64().unwrap()).sum();
        assert_eq!(total[name].as_u64(), Some(sum), "{name}");
    }
    assert_eq!(total["attempts"].as_u64(), Some(records.len() as u64));
    let cost: u128 = records.iter().map(|record| nano_usd(&record["cost_usd"])).sum();
    assert_eq!(nano_usd(&total["cost_usd"]), cost);
}

/// A decimal text with nine digits behind the point.
fn nano_usd(text: &Value) -> u128 {
    text.as_str().unwrap().replace('.', "").parse().unwrap()
}
