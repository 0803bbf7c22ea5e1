//! `claude-relay usage trend`: how usage went over time, a line of blocks for each series.

use super::top::{amount, called};
use crate::cli::{
    CommandError, Desk,
    api::Query,
    console::{Form, print, print_document},
    figures,
    table::{Cell, Table, Tone, numbers, texts},
};
use serde_json::{Value, json};

/// Letters of a series: a wider one does not fit a terminal beside its name.
const LETTERS_MAX: usize = 60;

/// Which trend is shown.
#[derive(Debug, clap::Args)]
pub(super) struct TrendFlags {
    /// The steps: hour, day, month
    #[arg(long, value_name = "STEP", default_value = "day")]
    period: String,
    /// What has a line of its own: key, user, account, model, platform [default: all together]
    #[arg(long, value_name = "WHAT")]
    by: Option<String>,
    /// What is shown: cost, tokens, requests; and whose lines come first
    #[arg(long, value_name = "ORDER", default_value = "cost")]
    order: String,
    /// The first step, or the day or month that it lies in [default: 30 days, 12 months or 24 hours back]
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// The last, included [default: the present one]
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// Lines, up to 20, beside the one of all others [default: 5]
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

/// Shows the trend.
pub(super) async fn show(desk: &Desk, flags: &TrendFlags) -> Result<(), CommandError> {
    let query = Query::of("/admin/usage/trend")
        .with("period", Some(&flags.period))
        .with("by", flags.by.as_ref())
        .with("order", Some(&flags.order))
        .with("from", flags.from.as_ref())
        .with("to", flags.to.as_ref())
        .with("limit", flags.limit);
    let answer = desk.api.get(query.into_path()).await?;
    if desk.console.form == Form::Json {
        return print_document(&answer.text);
    }
    let document = &answer.document;
    let buckets = document["buckets"].as_array().cloned().unwrap_or_default();
    let title = match flags.order.as_str() {
        "requests" => "REQUESTS",
        "tokens" => "TOKENS",
        _ => "COST",
    };
    let mut table = Table::new([texts(""), texts("OVER TIME"), numbers(title)]);
    for series in document["series"].as_array().into_iter().flatten() {
        table.push(line(called(series).into(), &flags.order, &series["points"]));
    }
    if flags.by.is_some() {
        table.push(line("all others".into(), &flags.order, &document["other"]));
    }
    table.push(line(Cell::toned("total", Tone::Title), &flags.order, &document["total"]));
    let [first, last] = [buckets.first(), buckets.last()].map(|bucket| bucket.map_or("-", figures::text));
    let zone = figures::text(&document["time_zone"]);
    let range = format!("{first} to {last}, {zone}; each line beside its own largest\n");
    print(&(table.render(&desk.console) + &range))
}

fn line(name: Cell, order: &str, points: &Value) -> Vec<Cell> {
    let amounts: Vec<i128> = points.as_array().into_iter().flatten().map(|sums| amount(order, sums)).collect();
    let total: i128 = amounts.iter().sum();
    let per_letter = amounts.len().div_ceil(LETTERS_MAX).max(1);
    let letters: Vec<i128> = amounts.chunks(per_letter).map(|chunk| chunk.iter().sum()).collect();
    let total = match order {
        "requests" | "tokens" => figures::count(&json!(u64::try_from(total).unwrap_or(u64::MAX))),
        _ => figures::cost_of(total),
    };
    vec![name, figures::sparkline(&letters).into(), total.into()]
}
