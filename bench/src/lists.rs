//! How fast an administrator's lists are answered in a large installation: over HTTP, by a relay with nothing else to do.

pub mod fill;

use crate::{
    figures::{micros, real},
    target::StoreKind,
};
use domain::Timestamp;
use fill::{Amounts, fill, key_id, owner};
use hdrhistogram::Histogram;
use http::Method;
use parking_lot::Mutex;
use std::{
    error::Error,
    fmt::{self, Display, Formatter},
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use store_redis::{RedisOptions, RedisStore, Repeat, Topology};
use store_sqlite::SqliteStore;
use testkit::{
    AdminClient, RelayProcess,
    redis::RedisServer,
    relay::{ADMIN_PASSWORD, ADMIN_USERNAME, RelayCommand, StoreServers},
};
use tokio::task::JoinSet;

/// What is filled in unless less is asked for.
const LARGE: Amounts = Amounts { keys: 100_000, accounts: 1000, records: 1_000_000 };

/// Enough to see that all of it works.
const SMALL: Amounts = Amounts { keys: 2000, accounts: 50, records: 10_000 };

/// Requests of each question at each number of connections, unless another number is asked for.
pub const REQUESTS: usize = 200;

/// Requests at once.
const CONNECTIONS: [usize; 2] = [1, 4];

/// What half of the answers, and all but one in a hundred, shall be within, in milliseconds.
const P99_AIM_MS: f64 = 100.0;

/// Pages that are turned to come to a deep one.
const PAGES_DEEP: usize = 100;

/// What one question took at one number of connections. Times in milliseconds.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ListFigures {
    /// What was asked.
    pub question: &'static str,
    /// Requests at once.
    pub connections: usize,
    /// The first request of all: where it reads what later ones find read.
    pub first_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
}

/// What one engine gave.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ListReport {
    /// The engine.
    pub store: &'static str,
    /// Keys, accounts and records that were there.
    pub filled: [u64; 3],
    /// How long filling took, in seconds.
    pub filling_s: f64,
    /// The figures, question by question.
    pub figures: Vec<ListFigures>,
}

/// Fills a store of this kind and asks the relay on it.
///
/// # Errors
///
/// When the relay does not start, or refuses a question.
pub async fn measure_lists(
    relay: &Path,
    kind: StoreKind,
    is_quick: bool,
    requests: usize,
) -> Result<ListReport, Box<dyn Error>> {
    let amounts = if is_quick { SMALL } else { LARGE };
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data");
    let command = RelayCommand::new(relay).env("LOG_LEVEL", "warn");
    let redis = (kind == StoreKind::Redis).then(RedisServer::start);
    let port = redis.as_ref().map(RedisServer::port);
    let command = match redis {
        Some(server) => command.on(StoreServers::Redis(Arc::new(Mutex::new(server)))),
        None => command,
    };
    // The first start makes the directory, its secrets and the administrator.
    command.clone().start_on(&data).await?.terminate().await?;
    let begun = Instant::now();
    match port {
        None => fill_sqlite(&data.join("relay.db"), amounts).await?,
        Some(port) => fill_redis(port, amounts).await?,
    }
    let filling_s = begun.elapsed().as_secs_f64();
    let relay = command.start_on(&data).await?;
    let figures = ask(&relay, amounts, requests).await?;
    let filled = [amounts.keys, amounts.accounts, amounts.records];
    let store = if port.is_some() { "redis" } else { "sqlite" };
    Ok(ListReport { store, filled, filling_s, figures })
}

async fn fill_sqlite(path: &Path, amounts: Amounts) -> Result<(), Box<dyn Error>> {
    let store = SqliteStore::open(path, now())?;
    fill(&store.store(), amounts, now()).await?;
    store.shutdown().await;
    Ok(())
}

async fn fill_redis(port: u16, amounts: Amounts) -> Result<(), Box<dyn Error>> {
    let options = RedisOptions {
        addresses: vec![("127.0.0.1".to_owned(), port)],
        topology: Topology::Single,
        tls: None,
        username: None,
        password: None,
        database: 0,
        key_prefix: String::new(),
        timeout: Duration::from_secs(5),
        repeat: Repeat::Once,
    };
    let store = RedisStore::open(&options, now()).await?;
    fill(&store.store(), amounts, now()).await?;
    store.shutdown().await;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "what is filled in ends today, as the relay's clock has it")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Asks every question, first alone and then from several sides at once.
async fn ask(relay: &RelayProcess, amounts: Amounts, requests: usize) -> Result<Vec<ListFigures>, Box<dyn Error>> {
    let admin = AdminClient::sign_in(&relay.base_url(), ADMIN_USERNAME, ADMIN_PASSWORD).await?;
    for number in 0..amounts.accounts {
        admin.create_account(&format!("account {number:04} of bench"), "http://127.0.0.1:9", "sk-bench").await?;
    }
    let mut figures = Vec::new();
    for (question, path) in questions(&admin).await? {
        let begun = Instant::now();
        asked(&admin, &path).await?;
        let first_ms = begun.elapsed().as_secs_f64() * 1000.0;
        for connections in CONNECTIONS {
            let times = measure(&admin, &path, connections, requests / connections).await?;
            let quantile = |quantile| micros(times.value_at_quantile(quantile)) / 1000.0;
            let (p50_ms, p99_ms) = (quantile(0.5), quantile(0.99));
            figures.push(ListFigures { question, connections, first_ms, p50_ms, p99_ms });
        }
    }
    Ok(figures)
}

/// The time of each request, in nanoseconds.
async fn measure(
    admin: &AdminClient,
    path: &str,
    connections: usize,
    requests_each: usize,
) -> Result<Histogram<u64>, Box<dyn Error>> {
    let mut asking = JoinSet::new();
    for _ in 0..connections {
        let (admin, path) = (admin.clone(), path.to_owned());
        asking.spawn(async move {
            let mut times = Vec::new();
            for _ in 0..requests_each {
                let begun = Instant::now();
                asked(&admin, &path).await.map_err(|error| error.to_string())?;
                times.push(begun.elapsed());
            }
            Ok::<_, String>(times)
        });
    }
    let mut all = Histogram::new(3)?;
    while let Some(times) = asking.join_next().await {
        for time in times?? {
            all.record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))?;
        }
    }
    Ok(all)
}

async fn asked(admin: &AdminClient, path: &str) -> Result<(), Box<dyn Error>> {
    let answer = admin.send(Method::GET, path, None).await?;
    if !answer.status.is_success() {
        return Err(format!("{path} was answered {}: {}", answer.status, answer.json()).into());
    }
    Ok(())
}

/// The questions by their names, with path and query.
async fn questions(admin: &AdminClient) -> Result<Vec<(&'static str, String)>, Box<dyn Error>> {
    let keys = |query: &str| format!("/admin/api-keys?{query}");
    let mut cursor = String::new();
    for _ in 0..PAGES_DEEP {
        let page = admin.get(&keys(&format!("limit=500&{cursor}"))).await?;
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("cursor={next}");
    }
    let page = admin.get(&keys("order=cost&limit=500")).await?;
    let ranked = page["next_cursor"].as_str().unwrap_or_default();
    Ok(vec![
        ("keys, page 1", keys("")),
        ("keys, page 1 of 500", keys("limit=500")),
        ("keys, a deep page", keys(&cursor)),
        ("keys by name", keys("order=name&direction=asc")),
        ("keys by end", keys("order=expires_at&direction=asc")),
        ("keys by last use", keys("order=last_used")),
        ("keys by cost", keys("order=cost")),
        ("keys by cost, page 2", keys(&format!("order=cost&cursor={ranked}"))),
        ("search: a rare text", keys("q=service%20499%20of%20team%20199")),
        ("search: a frequent text", keys("q=hand-book")),
        ("search: frequent, by name", keys("q=service&order=name&direction=asc")),
        ("search: nobody has it", keys("q=nobody-has-this")),
        ("search: two letters, nobody", keys("q=zq")),
        ("tag: on 500 keys", keys("tag=team-007")),
        ("tag: on a third of the keys", keys("tag=production")),
        ("tag: on a few keys", keys("tag=rare")),
        ("state: active", keys("state=active")),
        ("state: disabled", keys("state=disabled")),
        ("state: deleted", keys("state=deleted")),
        ("state: expired", keys("state=expired")),
        ("owner", keys(&format!("owner={}", owner(70)))),
        ("model: of most keys", keys("model=claude-opus-5")),
        ("model: of few keys", keys("model=rarely-used")),
        ("model, by cost, with a tag", keys("model=glm-5&order=cost&tag=production")),
        ("tags", "/admin/tags".to_owned()),
        ("tags, all", "/admin/tags?limit=500".to_owned()),
        ("accounts, search", "/admin/accounts?q=0042".to_owned()),
        ("records", "/admin/usage/records".to_owned()),
        ("records of a key", format!("/admin/usage/records?key={}", key_id(77))),
        ("records of an account", "/admin/usage/records?account=account-0042".to_owned()),
        ("records of a model", "/admin/usage/records?model=claude-opus-5".to_owned()),
        ("sums by day and model", "/admin/usage?by=day,model".to_owned()),
        ("sums of a key by day", format!("/admin/usage?by=day&key={}", key_id(77))),
    ])
}

impl Display for ListReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [keys, accounts, records] = self.filled;
        writeln!(f, "\nlists on {}, {keys} keys, {accounts} accounts, {records} records  (times in ms)", self.store)?;
        writeln!(f, "{:<32}{:>6}{:>10}{:>10}{:>10}", "question", "conns", "first", "p50", "p99")?;
        for figures in &self.figures {
            let ListFigures { question, connections, first_ms, p50_ms, p99_ms } = figures;
            let slow = if *p99_ms > P99_AIM_MS { "  over" } else { "" };
            writeln!(f, "{question:<32}{connections:>6}{first_ms:>10.1}{p50_ms:>10.1}{p99_ms:>10.1}{slow}")?;
        }
        let over = self.figures.iter().filter(|figures| figures.p99_ms > P99_AIM_MS).count();
        let (over, all) = (real(over as u64), real(self.figures.len() as u64));
        writeln!(f, "p99 over {P99_AIM_MS} ms: {over} of {all}; filling took {:.0} s", self.filling_s)
    }
}
