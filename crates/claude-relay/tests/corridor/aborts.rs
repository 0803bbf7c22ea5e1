//! Thousands of requests of which a third are given up at random. Nothing may be lost of what the relay holds, or of what it owes.

use crate::support::{Form, MODEL, Site, body, command, eventually, soak_factor, tokens_of};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc, time::Duration};
use testkit::{
    Answer, RawClient, Reply, Script,
    upstream::{Delivery, Gate, Wait},
};
use tokio::task::JoinSet;

/// Requests in a test; a soak sends ten times as many.
const REQUESTS: usize = 10_000;

/// Clients at once.
const CLIENTS: usize = 24;

/// Slots of the account: enough for all clients, and for what those leave behind that have left.
const SLOTS: usize = 200;

/// A model whose answers are held back.
const HELD_MODEL: &str = "claude-opus-4-5";

/// One run is repeated by its seed.
const SEED: u64 = 0x5eed_0001;

/// `SplitMix64` (Steele, Lea, Flood 2014): small, and the same everywhere.
struct Dice(u64);

/// What one client does with its request.
#[derive(Debug, Clone, Copy)]
enum Course {
    /// Reads the answer to its end.
    Stay,
    /// Leaves after so many bytes of the request.
    LeaveWithinRequest(usize),
    /// Leaves when the request is sent.
    LeaveBeforeAnswer,
    /// Leaves after so many bytes of the answer.
    LeaveWithinAnswer(usize),
}

/// How a client leaves.
#[derive(Debug, Clone, Copy)]
enum Exit {
    /// With FIN.
    Close,
    /// With RST.
    Reset,
}

#[derive(Debug, Clone, Copy)]
struct Plan {
    form: Form,
    course: Course,
    exit: Exit,
    script: &'static str,
}

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn plan(&mut self) -> Plan {
        let course = match self.below(9) {
            0 => Course::LeaveWithinRequest(self.below(400)),
            1 => Course::LeaveBeforeAnswer,
            2 => Course::LeaveWithinAnswer(self.below(4_000)),
            _ => Course::Stay,
        };
        Plan {
            form: if self.below(3) == 0 { Form::Json } else { Form::Stream },
            course,
            exit: if self.below(2) == 0 { Exit::Close } else { Exit::Reset },
            script: ["short", "long", "paced", "late"][self.below(4)],
        }
    }
}

fn script() -> Script {
    let pace = Duration::from_millis(2);
    Script::default()
        .named("short", Reply::message(Answer::hello()))
        .named("long", Reply::message(Answer::numbered(60)))
        .named("paced", Reply::message(Answer::numbered(12)).paced(pace))
        .named("late", Reply::message(Answer::hello()).head_after(Wait::For(5 * pace)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_given_up_at_random_leave_nothing_behind_and_nothing_out() {
    let command = command().env("DRAIN_TIME_MAX", "60s").env("DRAIN_TOKENS_MAX", "1000000").env("LOG_LEVEL", "warn");
    let mut site = Site::start_as(command, []).await;
    site.add_upstream(script(), &json!({"concurrency_max": SLOTS})).await;
    let site = Arc::new(site);
    let free = site.metric("buffer_bytes_free").await;
    let requests = REQUESTS * soak_factor(10);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (site, share) = (Arc::clone(&site), requests / CLIENTS);
        let mut dice = Dice(SEED ^ (client as u64) << 32);
        clients.spawn(async move {
            for _ in 0..share {
                run(&site, dice.plan()).await;
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    site.at_rest().await;
    eventually("every buffer is back", async || (site.metric("buffer_bytes_free").await == free).then_some(())).await;
    assert_books_agree(&site).await;
    assert_every_view_is_a_sum(&site).await;
    assert_eq!(site.metric("accounts_cooling").await, 0, "no client's leaving is the account's fault");
    assert_every_slot_is_back(&site).await;
}

async fn run(site: &Site, plan: Plan) {
    let mut client = RawClient::connect(site.relay.address()).await.unwrap();
    let request = request(site, plan);
    if let Course::LeaveWithinRequest(bytes) = plan.course {
        client.send(&request[..bytes.min(request.len() - 1)]).await.unwrap();
        return leave(client, plan.exit);
    }
    client.send(&request).await.unwrap();
    match plan.course {
        Course::LeaveWithinRequest(_) | Course::LeaveBeforeAnswer => leave(client, plan.exit),
        Course::LeaveWithinAnswer(bytes) => {
            let head = client.read_head().await.unwrap();
            client.read_body_up_to(&head, bytes).await.unwrap();
            leave(client, plan.exit);
        }
        Course::Stay => {
            let (head, body) = client.read_answer().await.unwrap();
            assert_eq!((head.status, body.end), (200, testkit::client::BodyEnd::Declared), "{plan:?}");
        }
    }
}

fn request(site: &Site, plan: Plan) -> Vec<u8> {
    let body = body(MODEL, plan.form).to_string();
    let mut head = format!("POST /v1/messages HTTP/1.1\r\nhost: {}\r\n", site.relay.address());
    for (name, value) in site.raw_headers().into_iter().chain([("x-test-script", plan.script)]) {
        head.extend([name, ": ", value, "\r\n"]);
    }
    [format!("{head}content-length: {}\r\n\r\n", body.len()), body].concat().into_bytes()
}

fn leave(client: RawClient, exit: Exit) {
    match exit {
        Exit::Close => drop(client),
        // It may have ended already: then there is nothing left to reset.
        Exit::Reset => drop(client.reset()),
    }
}

/// As many records as the upstream saw attempts, and of each the tokens that the upstream counted.
async fn assert_books_agree(site: &Site) {
    let records = site.records().await;
    // The relay may have booked an answer before its upstream sees that it wrote it whole.
    let books = site.upstream().settled(records.len()).await;
    assert_eq!(books.complaints(), [] as [&str; 0]);
    let attempts: HashMap<&str, &Value> =
        records.iter().map(|record| (record["upstream_request_id"].as_str().unwrap(), record)).collect();
    assert_eq!(attempts.len(), records.len(), "no attempt is booked twice");
    assert_eq!(records.len(), books.exchanges.len(), "no attempt is left out");
    for exchange in &books.exchanges {
        let record = attempts[exchange.request_id.as_str()];
        assert_eq!(exchange.delivery, Delivery::Whole, "every answer was read on to its end: {record}");
        assert_eq!(tokens_of(record), exchange.billed, "{record}");
        assert_eq!(record["usage_source"], "reported", "{record}");
        assert!(record["outcome"] == "completed" || record["outcome"] == "abandoned", "{record}");
    }
    assert!(records.iter().any(|record| record["outcome"] == "abandoned"), "some were given up in the middle");
    let total = &site.admin.usage().await.unwrap()["total"];
    assert_eq!(total["total_tokens"].as_u64(), Some(books.billed().total()));
}

/// Every view of the usage adds up to the same total.
async fn assert_every_view_is_a_sum(site: &Site) {
    for by in ["hour", "day", "month", "key", "account", "platform", "model", "day,key,model"] {
        let view = site.admin.get(&format!("/admin/usage?by={by}")).await.unwrap();
        for name in ["requests", "attempts", "failures", "total_tokens"] {
            let sum: u64 = view["items"].as_array().unwrap().iter().map(|item| item[name].as_u64().unwrap()).sum();
            assert_eq!(view["total"][name].as_u64(), Some(sum), "{name} by {by}");
        }
    }
}

/// As many requests as there are slots are under way at once, and one more finds none.
async fn assert_every_slot_is_back(site: &Arc<Site>) {
    let gate = Gate::new();
    let held = Reply::default().head_after(Wait::Gate(gate.clone()));
    drop(site.upstream().script().clone().for_model(HELD_MODEL, held));
    let question = body(HELD_MODEL, Form::Json);
    let mut clients = JoinSet::new();
    for _ in 0..SLOTS {
        let (site, question) = (Arc::clone(site), question.clone());
        clients.spawn(async move { site.post("/v1/messages", &[], &question).await.status });
    }
    gate.reached_by(SLOTS).await;
    assert_eq!(site.post("/v1/messages", &[], &question).await.status, 503, "every slot is held");
    gate.open();
    while let Some(status) = clients.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
}
