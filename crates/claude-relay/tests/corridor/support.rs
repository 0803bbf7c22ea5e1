//! A relay with its upstreams, an administrator and a key, for each test its own; and what must hold for every answer.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::{
    AdminClient, HttpClient, RelayProcess, Script, ScriptedUpstream,
    client::{Answered, StreamFlaw},
    relay::{ADMIN_PASSWORD, ADMIN_USERNAME, IssuedKey, RelayCommand},
    upstream::{Credential, Exchange, Expect},
};

/// The credential of every account: it must never reach a client.
pub(crate) const CREDENTIAL: &str = "sk-ant-api03-what-only-the-upstream-may-see";

/// A model that the price table knows.
pub(crate) const MODEL: &str = "claude-sonnet-4-5";

/// Longest that anything may take which a test waits for, on a machine that does much else.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// How long is waited between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Records per page: the most that one answer holds.
const PAGE: usize = 500;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One JSON document.
    Json,
    /// A stream of events.
    Stream,
}

/// A running relay and what belongs to it.
pub(crate) struct Site {
    pub(crate) relay: RelayProcess,
    pub(crate) admin: AdminClient,
    /// One account each, the first preferred.
    pub(crate) upstreams: Vec<ScriptedUpstream>,
    /// The accounts' ids, in the same order.
    pub(crate) accounts: Vec<String>,
    pub(crate) key: IssuedKey,
    pub(crate) client: HttpClient,
}

/// The relay's command with its defaults.
pub(crate) fn command() -> RelayCommand {
    let command = RelayCommand::new(env!("CARGO_BIN_EXE_claude-relay"));
    match crate::engine::servers() {
        Some(servers) => command.on(servers),
        None => command,
    }
}

/// How many times more is done in a soak (`CLAUDE_RELAY_SOAK=1`) than in a test.
#[expect(clippy::disallowed_methods, reason = "a switch of the tests, not a setting of the relay")]
pub(crate) fn soak_factor(factor: usize) -> usize {
    if std::env::var("CLAUDE_RELAY_SOAK").is_ok_and(|value| value == "1") { factor } else { 1 }
}

/// Looks until `look` finds something, at most [`WAIT_MAX`]: the one place where tests wait for time to pass.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < WAIT_MAX, "{what}: not within {WAIT_MAX:?}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The body of a request for an answer.
pub(crate) fn body(model: &str, form: Form) -> Value {
    json!({"model": model, "max_tokens": 1024, "stream": form == Form::Stream,
        "messages": [{"role": "user", "content": "Say hello. Grüße, 你好, 👋🏽."}]})
}

/// An account's document.
fn account(name: &str, base_url: &str, more: &Value) -> Value {
    let mut account = json!({"platform": "claude-console", "name": name, "base_url": base_url, "api_key": CREDENTIAL});
    merge(&mut account, more);
    account
}

/// Puts the members of `more` into `into`.
pub(crate) fn merge(into: &mut Value, more: &Value) {
    let (Some(into), Some(more)) = (into.as_object_mut(), more.as_object()) else { return };
    into.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
}

impl Site {
    /// A relay with its defaults over one upstream.
    pub(crate) async fn start(script: Script) -> Self {
        Self::start_as(command(), [script]).await
    }

    /// A relay over several upstreams, each with an account; the first is preferred.
    pub(crate) async fn start_as<const N: usize>(command: RelayCommand, scripts: [Script; N]) -> Self {
        let mut upstreams = Vec::new();
        for script in scripts {
            let expect = Expect::credential(Credential::ApiKey(CREDENTIAL.to_owned()));
            upstreams.push(ScriptedUpstream::start_expecting(script, expect).await.unwrap());
        }
        let base_urls: Vec<_> = upstreams.iter().map(ScriptedUpstream::base_url).collect();
        let mut site = Self::start_over(command, &base_urls).await;
        site.upstreams = upstreams;
        site
    }

    /// A relay with an account for each base URL, whoever listens there; the first is preferred.
    pub(crate) async fn start_over(command: RelayCommand, base_urls: &[String]) -> Self {
        let relay = command.start().await.unwrap();
        let admin = sign_in(&relay).await;
        let key = admin.create_key("a test").await.unwrap();
        let client = HttpClient::new(relay.base_url());
        let mut site = Self { relay, admin, upstreams: Vec::new(), accounts: Vec::new(), key, client };
        for (place, base_url) in base_urls.iter().enumerate() {
            site.add_account(&account("a test", base_url, &json!({"priority": 10 * (place + 1)}))).await;
        }
        site
    }

    /// Adds an account and waits until requests see it.
    pub(crate) async fn add_account(&mut self, account: &Value) {
        let created = self.admin.post("/admin/accounts", account).await.unwrap();
        self.accounts.push(created["id"].as_str().unwrap().to_owned());
        let count = self.accounts.len() as u64;
        eventually("the accounts are in use", async || (self.metric("accounts").await == count).then_some(())).await;
    }

    /// Adds an upstream that takes any credential, and an account for it that differs from the others by `more`.
    pub(crate) async fn add_upstream(&mut self, script: Script, more: &Value) {
        let upstream = ScriptedUpstream::start(script).await.unwrap();
        self.add_account(&account("a further one", &upstream.base_url(), more)).await;
        self.upstreams.push(upstream);
    }

    /// Starts the relay again on its data, after it ended.
    pub(crate) async fn restart(self) -> Self {
        let relay = self.relay.restart().await.unwrap();
        let (admin, client) = (sign_in(&relay).await, HttpClient::new(relay.base_url()));
        Self { relay, admin, client, ..self }
    }

    /// The first upstream.
    pub(crate) fn upstream(&self) -> &ScriptedUpstream {
        &self.upstreams[0]
    }

    /// Asks for an answer of [`MODEL`].
    pub(crate) async fn ask(&self, form: Form) -> Answered {
        self.post("/v1/messages", &[], &body(MODEL, form)).await
    }

    /// Posts `body` with the test's key; what comes back must be whole and tell nothing of the upstream.
    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answered {
        self.post_bytes(path, headers, body.to_string()).await
    }

    /// The same with a body of any bytes.
    pub(crate) async fn post_bytes(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answered {
        let mut request = Request::post(path).header("x-api-key", &self.key.key);
        for (name, value) in [("content-type", "application/json"), ("anthropic-version", "2023-06-01")] {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Sends any request; what comes back must be whole and tell nothing of the upstream.
    pub(crate) async fn send(&self, request: Request<Bytes>) -> Answered {
        let answered = self.client.send(request).await.unwrap();
        self.assert_nothing_leaked(&answered);
        assert!(!answered.header("x-request-id").is_empty(), "an answer without a request id: {answered:?}");
        answered
    }

    /// The head of a request for an answer, as the raw client takes it.
    pub(crate) fn raw_headers(&self) -> [(&str, &str); 3] {
        let key = self.key.key.as_str();
        [("x-api-key", key), ("content-type", "application/json"), ("anthropic-version", "2023-06-01")]
    }

    /// No byte of an answer may name an upstream's address or credential.
    pub(crate) fn assert_nothing_leaked(&self, answered: &Answered) {
        let values = answered.headers.values().map(http::HeaderValue::as_bytes);
        for bytes in values.chain([&answered.body[..]]) {
            let text = String::from_utf8_lossy(bytes);
            assert!(!text.contains(CREDENTIAL), "the credential is in an answer: {text}");
            for upstream in &self.upstreams {
                let address = upstream.address().to_string();
                assert!(!text.contains(&address), "the upstream's address is in an answer: {text}");
            }
        }
    }

    /// A gauge or counter of `/metrics`; 0 when it is not there.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let page = self.client.get("/metrics", &[]).await.unwrap();
        let text = String::from_utf8(page.body.to_vec()).unwrap();
        let name = format!("claude_relay_{name} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&name));
        value.map_or(0, |value| value.trim().parse().unwrap())
    }

    /// Waits until nothing is under way.
    pub(crate) async fn at_rest(&self) {
        eventually("nothing is under way", async || {
            let open = self.metric("journal_open").await + self.metric("streams_open").await;
            (open == 0).then_some(())
        })
        .await;
    }

    /// Every record of the ledger, the latest first, once all that was settled is in it.
    pub(crate) async fn records(&self) -> Vec<Value> {
        eventually("the ledger has it all", async || (self.metric("journal_undelivered").await == 0).then_some(()))
            .await;
        let (mut records, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.admin.get(&format!("/admin/usage/records?limit={PAGE}{cursor}")).await.unwrap();
            records.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return records,
            }
        }
    }

    /// The records of the request that was answered like this, in the order of its attempts, once the last is in the ledger.
    pub(crate) async fn records_of(&self, answered: &Answered) -> Vec<Value> {
        let path = format!("/admin/usage/records?request_id={}", answered.header("x-request-id"));
        let mut records = eventually("the request is in the ledger", async || {
            let page = self.admin.get(&path).await.unwrap();
            let records = page["items"].as_array().unwrap();
            records.iter().any(|record| record["final"] == true).then(|| records.clone())
        })
        .await;
        records.sort_by_key(|record| record["attempt_no"].as_u64());
        records
    }

    /// The one record of the request that was answered like this.
    pub(crate) async fn record_of(&self, answered: &Answered) -> Value {
        let mut records = self.records_of(answered).await;
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }

    /// The state of an account, by its place.
    pub(crate) async fn state_of(&self, place: usize) -> Value {
        let account = self.admin.get(&format!("/admin/accounts/{}", self.accounts[place])).await.unwrap();
        account["state"].clone()
    }

    /// Waits until the account's state in the books is this cooldown, and gives it.
    pub(crate) async fn cooling_from(&self, place: usize, cause: &str) -> Value {
        eventually(&format!("account {place} cools down from {cause}"), async || {
            let state = self.state_of(place).await;
            (state["cooldowns"][0]["cause"] == cause).then_some(state)
        })
        .await
    }

    /// Ends every cooldown of an account, and waits until requests know it.
    pub(crate) async fn reset(&self, place: usize) {
        let path = format!("/admin/accounts/{}/reset", self.accounts[place]);
        self.admin.post(&path, &json!({})).await.unwrap();
        eventually("no account cools down", async || (self.metric("accounts_cooling").await == 0).then_some(())).await;
    }
}

async fn sign_in(relay: &RelayProcess) -> AdminClient {
    AdminClient::sign_in(&relay.base_url(), ADMIN_USERNAME, ADMIN_PASSWORD).await.unwrap()
}

/// The type of an error document in the provider's shape; fails when the body has another shape.
pub(crate) fn error_type(answered: &Answered) -> String {
    assert_eq!(answered.header("content-type"), "application/json", "{answered:?}");
    let error = answered.json();
    assert_eq!(error["type"], "error", "{answered:?}");
    assert!(error["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{answered:?}");
    error["error"]["type"].as_str().unwrap().to_owned()
}

/// The type of the error that a stream ends with: whole events, the error the last, nothing behind it.
pub(crate) fn last_error(answered: &Answered) -> String {
    assert_eq!(answered.status, 200, "{answered:?}");
    let events = answered.events();
    assert_eq!(events.leftover, "", "an event that was cut");
    assert!(!events.names().contains(&"message_stop"), "a fabricated end: {events:?}");
    assert_eq!(events.names().last(), Some(&"error"), "a silent end: {events:?}");
    match events.message() {
        Err(StreamFlaw::Error(kind)) => kind,
        other => panic!("not an error at the end of whole events: {other:?}"),
    }
}

/// A record's figures as the upstream's books have them.
pub(crate) fn tokens_of(record: &Value) -> domain::TokenUsage {
    let usage = &record["usage"];
    let count = |name: &str| usage[name].as_u64().unwrap();
    domain::TokenUsage {
        input: count("input_tokens"),
        output: count("output_tokens"),
        cache_write_5m: count("cache_write_5m_tokens"),
        cache_write_1h: count("cache_write_1h_tokens"),
        cache_read: count("cache_read_tokens"),
    }
}

/// The exchange that a record speaks of.
pub(crate) fn exchange_of<'a>(exchanges: &'a [Exchange], record: &Value) -> &'a Exchange {
    let id = record["upstream_request_id"].as_str().unwrap();
    exchanges.iter().find(|exchange| exchange.request_id == id).unwrap()
}
