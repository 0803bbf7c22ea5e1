//! What the control plane says of itself: reached at all, the store, the journal, the clock, the accounts.

use super::{Finding, port};
use crate::{
    cli::{CommandError, api::Api, figures, way::Way},
    clock::SystemClock,
    config::Loaded,
    control::SOCKET_FILE,
};
use domain::Timestamp;
use serde_json::Value;
use std::time::Duration;
use store::Clock;

/// Records that may wait for the store: a second of a busy relay.
const WAITING_MAX: u64 = 10_000;

/// How far two clocks may be apart before counts of a day are noticeably wrong.
const CLOCK_WARN: Duration = Duration::from_secs(2);

/// How far before sign-in tokens and expiries are wrong.
const CLOCK_FAIL: Duration = Duration::from_secs(60);

/// No clock of a machine on which this program runs is right before this: 2026-01-01.
const EARLIEST: Timestamp = Timestamp::from_ms(1_767_225_600_000);

/// Looks at what answers.
pub(super) async fn check(api: &Api, loaded: &Loaded) -> Vec<Finding> {
    match ask(api, loaded).await {
        Ok(findings) => findings,
        Err(error) => vec![Finding::failed("relay", &error)],
    }
}

async fn ask(api: &Api, loaded: &Loaded) -> Result<Vec<Finding>, CommandError> {
    let system = api.get("/admin/system").await?.document;
    let mut findings = vec![relay(api, &system), socket(api, loaded)];
    findings.push(Finding::ok("key", "ENCRYPTION_KEY fits the stored credentials"));
    findings.extend(store(&system["store"]));
    findings.push(journal(&system));
    findings.push(clock(&system));
    findings.push(match api.0 {
        Way::Socket(_) => port::answers(&api.get("/admin/settings").await?.document).await,
        Way::Here(_) => port::is_free(loaded.settings.listen.endpoint).await,
    });
    findings.push(accounts(&api.get("/admin/accounts?limit=500").await?.document));
    Ok(findings)
}

fn relay(api: &Api, system: &Value) -> Finding {
    let version = figures::text(&system["version"]);
    match api.0 {
        Way::Here(_) => Finding::ok("relay", "stopped; its store opens"),
        Way::Socket(_) if version == env!("CARGO_PKG_VERSION") => {
            Finding::ok("relay", format!("running, version {version}"))
        }
        Way::Socket(_) => Finding::warn(
            "relay",
            format!("the relay that runs has the version {version}, this program {}", env!("CARGO_PKG_VERSION")),
            "restart the relay to run this version",
        ),
    }
}

fn socket(api: &Api, loaded: &Loaded) -> Finding {
    let path = loaded.settings.data_dir.join(SOCKET_FILE);
    match api.0 {
        Way::Socket(_) => Finding::ok("socket", format!("{} answers", path.display())),
        Way::Here(_) => Finding::ok("socket", "there is none while the relay is stopped"),
    }
}

fn store(store: &Value) -> Vec<Finding> {
    let engine = figures::text(&store["engine"]);
    let warnings = store["warnings"].as_array().into_iter().flatten().map(figures::text).collect::<Vec<_>>();
    if warnings.is_empty() {
        return vec![Finding::ok("store", format!("{engine}, schema {}", store["schema_version"]))];
    }
    warnings
        .into_iter()
        .map(|warning| Finding::warn("store", warning, "see docs/redis.md; then restart the relay"))
        .collect()
}

fn journal(system: &Value) -> Finding {
    let waiting = system["journal_waiting"].as_u64().unwrap_or_default();
    if waiting <= WAITING_MAX {
        return Finding::ok("journal", format!("{waiting} records wait for the store"));
    }
    Finding::warn(
        "journal",
        format!("{waiting} records wait for the store"),
        "if the number grows, look at the store and at the relay's log: nothing is lost while the journal has space",
    )
}

fn clock(system: &Value) -> Finding {
    let ours = SystemClock.now();
    if ours < EARLIEST {
        return Finding::fail("clock", format!("this machine thinks it is {ours}"), "set its clock, best by NTP");
    }
    let Some(theirs) = system["now"].as_str().and_then(Timestamp::parse_rfc3339) else {
        return Finding::warn("clock", "the relay does not say what time it is", "restart the relay");
    };
    let apart = ours.since(theirs).max(theirs.since(ours));
    let text = format!("the clocks of this machine and of the relay's books are {} ms apart", apart.as_millis());
    let remedy = "set the clocks of this machine and of Redis's, best by NTP";
    match apart {
        apart if apart > CLOCK_FAIL => Finding::fail("clock", text, remedy),
        apart if apart > CLOCK_WARN => Finding::warn("clock", text, remedy),
        _ => Finding::ok("clock", text),
    }
}

fn accounts(page: &Value) -> Finding {
    let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
    let ready = items.iter().filter(|account| account["state"]["status"] == "ready").count();
    let text = format!("{ready} of {} can be chosen now", items.len());
    match (ready, items.len()) {
        (_, 0) => Finding::warn(
            "accounts",
            "there is no account: every request is refused",
            "add one: claude-relay account create",
        ),
        (0, _) => Finding::warn("accounts", text, "see why: claude-relay account list"),
        _ => Finding::ok("accounts", text),
    }
}
