//! A relay over one scripted upstream, with an account and a key, for each test its own; and what the books must say.

use domain::{NanoUsd, TokenUsage};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::{
    AdminClient, HttpClient, RelayProcess, Script, ScriptedUpstream,
    relay::{ADMIN_PASSWORD, ADMIN_USERNAME, IssuedKey, RelayCommand},
    upstream::{Credential, Expect},
};

/// The account's credential, which no client may see.
pub(crate) const CREDENTIAL: &str = "sk-ant-api03-what-only-the-upstream-may-see";

/// Longest that a change is waited for, on a machine that does much else.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// How long is waited between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Records that are looked at: more than any test here makes.
const RECORDS_MAX: usize = 500;

/// Every rule that would keep a failure of one call from reaching the next.
const COOLDOWNS: [&str; 7] = [
    "COOLDOWN_UNAVAILABLE",
    "COOLDOWN_UPSTREAM",
    "COOLDOWN_OVERLOADED",
    "COOLDOWN_CREDENTIAL",
    "COOLDOWN_TIMEOUT",
    "COOLDOWN_RATE_LIMIT",
    "COOLDOWN_QUOTA",
];

/// A running relay and what belongs to it.
pub(crate) struct Stage {
    pub(crate) relay: RelayProcess,
    pub(crate) upstream: ScriptedUpstream,
    pub(crate) admin: AdminClient,
    pub(crate) key: IssuedKey,
}

/// A relay whose accounts never cool down: each call meets the script afresh.
pub(crate) fn forgiving() -> RelayCommand {
    let relay = RelayCommand::new(env!("CARGO_BIN_EXE_claude-relay")).env("COOLDOWN_PROVIDER_MAX", "0s");
    let relay = match crate::engine::servers() {
        Some(servers) => relay.on(servers),
        None => relay,
    };
    COOLDOWNS.iter().fold(relay, |relay, name| relay.env(name, "0s"))
}

impl Stage {
    /// A [`forgiving`] relay.
    pub(crate) async fn start(script: Script) -> Self {
        Self::start_as(forgiving(), script).await
    }

    /// A relay started so.
    pub(crate) async fn start_as(command: RelayCommand, script: Script) -> Self {
        let expect = Expect::credential(Credential::ApiKey(CREDENTIAL.to_owned()));
        let upstream = ScriptedUpstream::start_expecting(script, expect).await.unwrap();
        let console = json!({"platform": "claude-console", "api_key": CREDENTIAL});
        let base_url = upstream.base_url();
        Self::over(command, upstream, console, &base_url).await
    }

    /// A relay whose one account is asked at `base_url`: by `upstream`, or by what stands before it.
    pub(crate) async fn over(
        command: RelayCommand,
        upstream: ScriptedUpstream,
        account: Value,
        base_url: &str,
    ) -> Self {
        let relay = command.start().await.unwrap();
        let admin = AdminClient::sign_in(&relay.base_url(), ADMIN_USERNAME, ADMIN_PASSWORD).await.unwrap();
        let key = admin.create_key("a client").await.unwrap();
        let stage = Self { relay, upstream, admin, key };
        stage.add_account("scripted", account, base_url).await;
        stage
    }

    /// Adds an account, which is asked at `base_url`, and waits until requests see it.
    pub(crate) async fn add_account(&self, name: &str, mut account: Value, base_url: &str) {
        account["name"] = json!(name);
        account["base_url"] = json!(base_url);
        let before = self.metric("accounts").await.unwrap_or_default();
        self.admin.post("/admin/accounts", &account).await.unwrap();
        let began = Instant::now();
        while self.metric("accounts").await.unwrap_or_default() == before {
            assert!(began.elapsed() < WAIT_MAX, "the account is not in use within {WAIT_MAX:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A gauge or counter of `/metrics`, by its name and labels without `claude_relay_`.
    pub(crate) async fn metric(&self, name: &str) -> Option<u64> {
        let page = HttpClient::new(self.relay.base_url()).get("/metrics", &[]).await.unwrap();
        let page = String::from_utf8(page.body.to_vec()).unwrap();
        let name = format!("claude_relay_{name} ");
        page.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok())
    }

    /// Issues a key with these further fields.
    pub(crate) async fn key_with(&self, mut fields: Value) -> IssuedKey {
        fields["name"] = json!("a restricted client");
        let created = self.admin.post("/admin/api-keys", &fields).await.unwrap();
        let text = |field: &str| created[field].as_str().unwrap().to_owned();
        IssuedKey { id: text("id"), key: text("key") }
    }

    /// The records of Messages calls that reached the upstream, the oldest first.
    pub(crate) async fn message_records(&self) -> Vec<Value> {
        let mut records = self.admin.records(RECORDS_MAX).await.unwrap();
        records.retain(|record| record["kind"] == "message" && record["attempt_no"] != 0);
        records.reverse();
        records
    }

    /// Checks that the ledger and the upstream's own books tell the same of every Messages call, that the totals are
    /// the sums of the records, and that the relay sent the upstream nothing it should not.
    pub(crate) async fn assert_books_match(&self) {
        let books = self.upstream.books();
        assert_eq!(books.complaints(), Vec::<&str>::new());
        let records = self.message_records().await;
        assert_eq!(records.len(), books.messages().count(), "records and calls");
        for record in &records {
            let id = record["upstream_request_id"].as_str().unwrap();
            let exchange = books.by_request_id(id).unwrap_or_else(|| panic!("{id} is not the upstream's: {record}"));
            assert_eq!(tokens(&record["usage"]), exchange.billed, "{record}");
        }
        self.assert_total(&records, books.billed()).await;
    }

    /// Checks that the totals are the sums of the records, and the tokens those that were `billed`.
    pub(crate) async fn assert_total(&self, records: &[Value], billed: TokenUsage) {
        let total = &self.admin.usage().await.unwrap()["total"];
        assert_eq!(tokens(total), billed);
        assert_eq!(cost(total), records.iter().map(cost).sum());
    }
}

/// Tokens as the admin API writes them.
pub(crate) fn tokens(view: &Value) -> TokenUsage {
    let count = |class: &str| view[format!("{class}_tokens")].as_u64().unwrap();
    TokenUsage {
        input: count("input"),
        output: count("output"),
        cache_write_5m: count("cache_write_5m"),
        cache_write_1h: count("cache_write_1h"),
        cache_read: count("cache_read"),
    }
}

/// The cost at list price of a record or of a sum.
pub(crate) fn cost(view: &Value) -> NanoUsd {
    NanoUsd::parse_usd(view["cost_usd"].as_str().unwrap()).unwrap()
}
