//! `claude-relay usage`: sums with a bar for each, top lists and trends, and the records that they are the sums of.

mod top;
mod trend;

use crate::cli::{
    CommandError, Desk, Verdict,
    api::{Query, below},
    console::{Form, print, print_document},
    figures,
    find::{ACCOUNTS, API_KEYS, Collection, USERS},
    listing,
    place::Place,
    table::{Cell, Column, Table, Tone, numbers, texts},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Usage and costs.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct UsageArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    sums: SumFlags,
    #[command(subcommand)]
    command: Option<UsageCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum UsageCommand {
    /// Show records, the latest first: one for each call to a provider
    Records(RecordFlags),
    /// Show a request with every attempt: why its account was chosen or it was refused, and what it cost class by class
    Request {
        /// Its id, as `x-request-id` gave it and `records` shows it with --json
        id: String,
    },
    /// Show who or what used most
    Top(top::TopFlags),
    /// Show how usage went over time
    Trend(trend::TrendFlags),
}

#[derive(Debug, clap::Args)]
struct SumFlags {
    /// What is told apart: total, or with commas one of hour, day, month, one of key, user, account, platform, and model
    #[arg(long, value_name = "LIST", default_value = "day")]
    by: String,
    /// The first day, month or hour, in the relay's time zone [default: 30 days, 12 months or 24 hours back]
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// The last, included [default: the present one]
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// Only of this key, by id or name
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Only of keys of this user, by id or address
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Only of this account, by id or name
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Only of this platform
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// Only of this model
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Rows at most, up to 5000
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

#[derive(Debug, clap::Args)]
struct RecordFlags {
    /// The first instant or day
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// The last
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// Only of this key, by id or name
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Only of keys of this user, by id or address
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Only of this account, by id or name
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Only of this platform
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// Only of this model
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Only with this status of the provider's answer
    #[arg(long, value_name = "STATUS")]
    status: Option<u16>,
    /// Only with this end: completed, truncated, refused, abandoned, crashed
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Only of this request
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// How many at most
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: usize,
    /// Where the page before has ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

/// Does what is asked.
pub(crate) async fn run(args: &UsageArgs, desk: &Desk) -> Result<Verdict, CommandError> {
    match &args.command {
        None => show_sums(desk, &args.sums).await?,
        Some(UsageCommand::Records(flags)) => show_records(desk, flags).await?,
        Some(UsageCommand::Request { id }) => desk.show(&desk.api.get(below("/admin/usage/records", id)).await?)?,
        Some(UsageCommand::Top(flags)) => top::show(desk, flags).await?,
        Some(UsageCommand::Trend(flags)) => trend::show(desk, flags).await?,
    }
    Ok(Verdict::Fine)
}

/// The id of what `wanted` names.
async fn id_of(desk: &Desk, collection: Collection, wanted: Option<&str>) -> Result<Option<String>, CommandError> {
    let Some(wanted) = wanted else { return Ok(None) };
    let (_, document) = collection.find(&desk.api, wanted).await?;
    Ok(Some(figures::text(&document["id"]).to_owned()))
}

async fn show_sums(desk: &Desk, flags: &SumFlags) -> Result<(), CommandError> {
    let query = Query::of("/admin/usage")
        .with("by", Some(&flags.by))
        .with("from", flags.from.as_ref())
        .with("to", flags.to.as_ref())
        .with("key", id_of(desk, API_KEYS, flags.key.as_deref()).await?)
        .with("user", id_of(desk, USERS, flags.user.as_deref()).await?)
        .with("account", id_of(desk, ACCOUNTS, flags.account.as_deref()).await?)
        .with("platform", flags.platform.as_ref())
        .with("model", flags.model.as_ref())
        .with("limit", flags.limit);
    let answer = desk.api.get(query.into_path()).await?;
    if desk.console.form == Form::Json {
        return print_document(&answer.text);
    }
    let names = Names::of(desk, &answer.document["items"]).await?;
    let document = &answer.document;
    let mut text = sums(document, &names).render(&desk.console);
    text.push_str(&range(document));
    if document["truncated"] == true {
        text.push_str("there are more rows: the same with a larger --limit; the total counts them\n");
    }
    print(&text)
}

/// The range of an answer, as a line of its own.
fn range(document: &Value) -> String {
    let [from, to, zone] = ["from", "to", "time_zone"].map(|name| figures::text(&document[name]));
    format!("{from} to {to}, {zone}\n")
}

/// What tells rows apart: the field, its title, and how it is called.
const DIMENSIONS: [(&str, &str); 6] = [
    ("bucket", "WHEN"),
    ("key_id", "KEY"),
    ("user_id", "USER"),
    ("account_id", "ACCOUNT"),
    ("platform", "PLATFORM"),
    ("model", "MODEL"),
];

const SUMS: [(&str, &str); 7] = [
    ("requests", "REQUESTS"),
    ("failures", "FAILED"),
    ("input_tokens", "INPUT"),
    ("output_tokens", "OUTPUT"),
    ("cache_read_tokens", "CACHE READ"),
    ("cache_write_5m_tokens", "WRITE 5M"),
    ("cache_write_1h_tokens", "WRITE 1H"),
];

fn sums(document: &Value, names: &Names) -> Table {
    let items = document["items"].as_array().cloned().unwrap_or_default();
    let told =
        DIMENSIONS.iter().filter(|(field, _)| items.iter().any(|item| !item[*field].is_null())).collect::<Vec<_>>();
    let mut columns: Vec<Column> = told.iter().map(|(_, title)| texts(title)).collect();
    if told.is_empty() {
        columns.push(texts(""));
    }
    columns.extend(sum_columns());
    let mut table = Table::new(columns);
    let largest = items.iter().filter_map(|item| figures::nanos(&item["cost_usd"])).max().unwrap_or_default();
    for item in items.iter().filter(|_| !told.is_empty()) {
        let mut row: Vec<Cell> = told.iter().map(|(field, _)| names.call(field, &item[*field]).into()).collect();
        let cost = figures::nanos(&item["cost_usd"]).unwrap_or_default();
        row.extend(sum_cells(item));
        row.push(figures::bar(cost, largest).into());
        table.push(row);
    }
    let mut total = vec![Cell::toned("total", Tone::Title)];
    total.extend(told.iter().skip(1).map(|_| Cell::from("")));
    total.extend(sum_cells(&document["total"]));
    total.push("".into());
    table.push(total);
    table
}

/// The columns of sums, with one for a bar at the end. Where there is little room, tokens go first, from the right.
fn sum_columns() -> Vec<Column> {
    let counts = SUMS
        .iter()
        .zip(0..)
        .map(|((_, title), rank)| if rank < 2 { numbers(title) } else { numbers(title).spare(rank) });
    counts.chain([numbers("COST"), texts("").spare(1)]).collect()
}

fn sum_cells(sums: &Value) -> Vec<Cell> {
    let counts = SUMS.iter().map(|(field, _)| Cell::from(figures::count(&sums[*field])));
    counts.chain([Cell::from(figures::cost(&sums["cost_usd"]))]).collect()
}

async fn show_records(desk: &Desk, flags: &RecordFlags) -> Result<(), CommandError> {
    let query = Query::of("/admin/usage/records")
        .with("from", flags.from.as_ref())
        .with("to", flags.to.as_ref())
        .with("key", id_of(desk, API_KEYS, flags.key.as_deref()).await?)
        .with("user", id_of(desk, USERS, flags.user.as_deref()).await?)
        .with("account", id_of(desk, ACCOUNTS, flags.account.as_deref()).await?)
        .with("platform", flags.platform.as_ref())
        .with("model", flags.model.as_ref())
        .with("status", flags.status)
        .with("outcome", flags.outcome.as_ref())
        .with("request_id", flags.request_id.as_ref())
        .with("limit", Some(flags.limit))
        .with("cursor", flags.cursor.as_ref());
    let answer = desk.api.get(query.into_path()).await?;
    if desk.console.form == Form::Json {
        return print_document(&answer.text);
    }
    let names = Names::of(desk, &answer.document["items"]).await?;
    let mut table = Table::new([
        texts("WHEN (UTC)"),
        texts("KEY"),
        texts("ACCOUNT").spare(2),
        texts("MODEL").spare(1),
        texts("OUTCOME"),
        texts("WHY"),
        numbers("INPUT").spare(4),
        numbers("OUTPUT").spare(3),
        numbers("COST"),
        numbers("MS").spare(5),
    ]);
    let items = answer.document["items"].as_array().cloned().unwrap_or_default();
    for record in &items {
        table.push(record_row(record, &names));
    }
    let mut text = if items.is_empty() { "none\n".to_owned() } else { table.render(&desk.console) };
    text.push_str(&listing::next_page(&answer.document));
    print(&text)
}

fn record_row(record: &Value, names: &Names) -> Vec<Cell> {
    let outcome = figures::text(&record["outcome"]);
    let tone = match outcome {
        "completed" => Tone::Good,
        "abandoned" => Tone::Doubtful,
        _ => Tone::Bad,
    };
    let why = [
        figures::text(&record["failure"]).to_owned(),
        record["status"].as_u64().map_or(String::new(), |status| status.to_string()),
    ];
    let why = why.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    vec![
        figures::second(&record["admitted_at"]).into(),
        names.call("key_id", &record["key_id"]).into(),
        names.call("account_id", &record["account_id"]).into(),
        figures::text(&record["model"]).into(),
        Cell::toned(outcome, tone),
        why.into(),
        figures::count(&record["usage"]["input_tokens"]).into(),
        figures::count(&record["usage"]["output_tokens"]).into(),
        figures::cost(&record["cost_usd"]).into(),
        record["duration_ms"].as_u64().unwrap_or_default().to_string().into(),
    ]
}

/// What people call the keys, users and accounts in an answer.
struct Names {
    keys: BTreeMap<String, String>,
    users: BTreeMap<String, String>,
    accounts: BTreeMap<String, String>,
}

impl Names {
    async fn of(desk: &Desk, items: &Value) -> Result<Self, CommandError> {
        let ids = |field: &str| -> BTreeSet<String> {
            let items = items.as_array().into_iter().flatten();
            items.filter_map(|item| item[field].as_str()).map(str::to_owned).collect()
        };
        Ok(Self {
            keys: API_KEYS.names(&desk.api, ids("key_id")).await?,
            users: USERS.names(&desk.api, ids("user_id")).await?,
            accounts: ACCOUNTS.names(&desk.api, ids("account_id")).await?,
        })
    }

    /// The name behind an id, or what stands there.
    fn call(&self, field: &str, value: &Value) -> String {
        let text = figures::text_or_dash(value);
        let named = match field {
            "key_id" => self.keys.get(text),
            "user_id" => self.users.get(text),
            "account_id" => self.accounts.get(text),
            _ => None,
        };
        named.map_or(text, String::as_str).to_owned()
    }
}
