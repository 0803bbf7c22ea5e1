//! Clients that ask without end, and what must hold of the books afterwards, whatever was killed meanwhile.

use crate::support::{Form, MODEL, Site, body};
use serde_json::Value;
use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};
use testkit::{
    Answer, RawClient, Reply, Script,
    client::{BodyEnd, SseTranscript},
};
use tokio::{sync::mpsc, task::JoinSet};

/// Clients that ask at once.
const CLIENTS: usize = 12;

/// Clients at work.
pub(crate) struct Load {
    pub(crate) clients: JoinSet<()>,
    pub(crate) answers: mpsc::Receiver<String>,
}

impl Load {
    /// Lets clients ask until the relay is gone.
    pub(crate) fn start(site: &Site) -> Self {
        let (whole, answers) = mpsc::channel(CLIENTS);
        let mut clients = JoinSet::new();
        let asker = Arc::new((site.relay.address(), head(site)));
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
        Self { clients, answers }
    }

    /// Waits until so many more answers were seen whole; adds their ids.
    pub(crate) async fn see(&mut self, count: usize, seen_whole: &mut HashSet<String>) {
        for _ in 0..count {
            seen_whole.insert(self.answers.recv().await.unwrap());
        }
    }

    /// After the relay is gone: adds what had arrived before, and waits for the clients.
    pub(crate) async fn end(mut self, seen_whole: &mut HashSet<String>) {
        while let Some(id) = self.answers.recv().await {
            seen_whole.insert(id);
        }
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
    }
}

/// Quick documents, and streams that take a moment.
pub(crate) fn script() -> Script {
    let paced = Reply::message(Answer::numbered(10)).paced(Duration::from_millis(1));
    Script::default().for_model(MODEL, Reply::message(Answer::hello())).for_model("claude-haiku-4-5", paced)
}

/// Why the books are not those of what was seen, if they are not.
pub(crate) fn flaw(records: &[Value], seen_whole: &HashSet<String>) -> Option<String> {
    let mut booked: HashMap<&str, &Value> = HashMap::new();
    for record in records {
        if booked.insert(record["request_id"].as_str().unwrap(), record).is_some() {
            return Some(format!("booked twice: {record}"));
        }
    }
    seen_whole.iter().find_map(|id| match booked.get(id.as_str()) {
        None => Some(format!("{id} was seen whole and is not in the books")),
        Some(record) if record["outcome"] != "completed" || record["usage_source"] != "reported" => {
            Some(record.to_string())
        }
        Some(_) => None,
    })
}

/// The head of a request, up to its length.
pub(crate) fn head(site: &Site) -> String {
    let mut head = format!("POST /v1/messages HTTP/1.1\r\nhost: {}\r\n", site.relay.address());
    for (name, value) in site.raw_headers() {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head
}

pub(crate) async fn begin(site: &Site, model: &str, form: Form) -> std::io::Result<RawClient> {
    let mut client = RawClient::connect(site.relay.address()).await?;
    let body = body(model, form).to_string();
    client.send(format!("{}content-length: {}\r\n\r\n{body}", head(site), body.len())).await?;
    Ok(client)
}

/// The id of a request whose answer came whole; none when the relay is gone.
pub(crate) async fn ask(address: SocketAddr, head: &str, model: &str, form: Form) -> Option<String> {
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

pub(crate) fn assert_each_is_booked_once(records: &[Value], seen_whole: &HashSet<String>) {
    assert_eq!(flaw(records, seen_whole), None);
}

pub(crate) async fn assert_totals_are_sums(site: &Site, records: &[Value]) {
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
