//! `claude-relay status`: the relay at a glance.

use crate::cli::{
    CommandError, Desk, Verdict, account,
    api::{Answer, Query},
    console::{Form, print, print_document},
    figures,
    table::{Cell, Table, Tone, paint, texts},
    way::Way,
};
use serde_json::{Value, json, value::RawValue};
use std::fmt::Write;

/// Accounts that are shown; whoever has more lists them.
const ACCOUNTS_MAX: usize = 100;

/// The documents that make a glance.
struct Glance {
    system: Answer,
    accounts: Answer,
    usage: Answer,
}

/// Shows the relay.
pub(crate) async fn run(desk: &Desk) -> Result<Verdict, CommandError> {
    let system = desk.api.get("/admin/system").await?;
    let today = figures::text(&system.document["today"]).to_owned();
    let accounts = desk.api.get(Query::of("/admin/accounts").with("limit", Some(ACCOUNTS_MAX)).into_path()).await?;
    let usage = Query::of("/admin/usage").with("by", Some("day")).with("from", Some(&today)).with("to", Some(&today));
    let glance = Glance { system, accounts, usage: desk.api.get(usage.into_path()).await? };
    match desk.console.form {
        Form::Json => print_document(glance.document(desk)?.as_bytes())?,
        Form::People => print(&glance.text(desk))?,
    }
    Ok(Verdict::Fine)
}

/// Whether a relay answered, or this process.
const fn running(desk: &Desk) -> &'static str {
    match desk.api.0 {
        Way::Socket(_) => "running",
        Way::Here(_) => "stopped",
    }
}

impl Glance {
    /// The documents beside each other, each as it came.
    fn document(&self, desk: &Desk) -> Result<String, CommandError> {
        let raw = |answer: &Answer| Ok::<_, CommandError>(serde_json::from_slice::<Box<RawValue>>(&answer.text)?);
        let (system, accounts, usage) = (raw(&self.system)?, raw(&self.accounts)?, raw(&self.usage)?);
        let relay = json!(running(desk));
        Ok(format!(r#"{{"relay":{relay},"system":{system},"accounts":{accounts},"usage":{usage}}}"#))
    }

    fn text(&self, desk: &Desk) -> String {
        let mut text = String::new();
        for (name, line) in self.lines(desk) {
            let name = paint(&format!("{name:<9}"), Tone::Title, desk.console.colour);
            // Writing to a string does not fail.
            let _ = writeln!(text, "{name} {line}");
        }
        let accounts = &self.accounts.document;
        if accounts["items"].as_array().is_some_and(|items| !items.is_empty()) {
            text.push('\n');
            text.push_str(&account_table(accounts).render(&desk.console));
        }
        if !accounts["next_cursor"].is_null() {
            text.push_str("there are more: claude-relay account list\n");
        }
        text
    }

    fn lines(&self, desk: &Desk) -> Vec<(&'static str, String)> {
        let (system, usage) = (&self.system.document, &self.usage.document["total"]);
        let (store, counts) = (&system["store"], &system["counts"]);
        let version = figures::text(&system["version"]);
        let files = store["files"].as_array().into_iter().flatten();
        let bytes = files.filter_map(|file| file["bytes"].as_u64()).sum();
        let state = match desk.api.0 {
            Way::Here(_) => paint("stopped", Tone::Doubtful, desk.console.colour),
            Way::Socket(_) => {
                let word = paint("running", Tone::Good, desk.console.colour);
                format!("{word} for {}", figures::span(system["uptime_seconds"].as_u64().unwrap_or_default()))
            }
        };
        let [requests, failures, tokens] =
            ["requests", "failures", "total_tokens"].map(|name| figures::count(&usage[name]));
        vec![
            ("relay", format!("{state}, version {version}")),
            ("store", format!("{}, {} in the data directory", figures::text(&store["engine"]), figures::size(bytes))),
            ("journal", format!("{} records not yet in the store", figures::count(&system["journal_waiting"]))),
            ("holds", counted(counts)),
            (
                "today",
                format!(
                    "{requests} requests, {failures} failed, {tokens} tokens, {} ({}, {})",
                    figures::cost(&usage["cost_usd"]),
                    figures::text(&system["today"]),
                    figures::text(&system["time_zone"])
                ),
            ),
        ]
    }
}

fn counted(counts: &Value) -> String {
    let [keys, accounts, admins] = ["api_keys", "accounts", "administrators"].map(|name| figures::count(&counts[name]));
    format!("API keys: {keys}, accounts: {accounts}, administrators: {admins}")
}

fn account_table(accounts: &Value) -> Table {
    let mut table = Table::new([texts("ACCOUNT"), texts("PLATFORM"), texts("STATE"), texts("UNTIL"), texts("WHY")]);
    for item in accounts["items"].as_array().into_iter().flatten() {
        table.push([
            Cell::from(figures::text(&item["name"])),
            figures::text(&item["platform"]).into(),
            account::state(item),
            figures::minute(&item["state"]["until"]).into(),
            account::reasons(item).into(),
        ]);
    }
    table
}
