//! A relay over one scripted upstream, with an account and a key, for each test its own; and what the books must say.

use domain::{NanoUsd, TokenUsage};
use serde_json::{Value, json};
use testkit::{
    AdminClient, RelayProcess, Script, ScriptedUpstream,
    relay::{ADMIN_PASSWORD, ADMIN_USERNAME, IssuedKey, RelayCommand},
    upstream::{Credential, Expect},
};

/// The account's credential, which no client may see.
pub(crate) const CREDENTIAL: &str = "sk-ant-api03-what-only-the-upstream-may-see";

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
        let relay = command.start().await.unwrap();
        let admin = AdminClient::sign_in(&relay.base_url(), ADMIN_USERNAME, ADMIN_PASSWORD).await.unwrap();
        admin.create_account("scripted", &upstream.base_url(), CREDENTIAL).await.unwrap();
        let key = admin.create_key("a client").await.unwrap();
        Self { relay, upstream, admin, key }
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
        let total = &self.admin.usage().await.unwrap()["total"];
        assert_eq!(tokens(total), books.billed());
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
