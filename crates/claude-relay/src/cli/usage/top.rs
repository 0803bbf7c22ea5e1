//! `claude-relay usage top`: who or what used most.

use super::{SUMS, range, sum_cells, sum_columns};
use crate::cli::{
    CommandError, Desk,
    api::Query,
    console::{Form, print, print_document},
    figures,
    table::{Cell, Table, Tone, texts},
};
use serde_json::Value;

/// Which list is shown.
#[derive(Debug, clap::Args)]
pub(super) struct TopFlags {
    /// What is compared: key, user, account, model, platform
    #[arg(long, value_name = "WHAT", default_value = "key")]
    by: String,
    /// What comes first: the highest cost, the most tokens, the most requests
    #[arg(long, value_name = "ORDER", default_value = "cost")]
    order: String,
    /// The first day, month or hour, in the relay's time zone [default: 30 days back]
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// The last, included [default: the present one]
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// Places, up to 100
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    limit: usize,
}

/// Shows the list.
pub(super) async fn show(desk: &Desk, flags: &TopFlags) -> Result<(), CommandError> {
    let query = Query::of("/admin/usage/top")
        .with("by", Some(&flags.by))
        .with("order", Some(&flags.order))
        .with("from", flags.from.as_ref())
        .with("to", flags.to.as_ref())
        .with("limit", Some(flags.limit));
    let answer = desk.api.get(query.into_path()).await?;
    if desk.console.form == Form::Json {
        return print_document(&answer.text);
    }
    let document = &answer.document;
    let mut columns = vec![texts(""), texts("NAME")];
    columns.extend(sum_columns());
    let mut table = Table::new(columns);
    let items = document["items"].as_array().cloned().unwrap_or_default();
    let amounts: Vec<i128> = items.iter().map(|item| amount(&flags.order, item)).collect();
    let largest = amounts.iter().copied().max().unwrap_or_default();
    for ((place, item), amount) in (1..).zip(&items).zip(amounts) {
        let mut row: Vec<Cell> = vec![format!("{place}").into(), called(item).into()];
        row.extend(sum_cells(item));
        row.push(figures::bar(amount, largest).into());
        table.push(row);
    }
    let mut total = vec![Cell::from(""), Cell::toned("total", Tone::Title)];
    total.extend(sum_cells(&document["total"]));
    total.push("".into());
    table.push(total);
    print(&(table.render(&desk.console) + &range(document)))
}

/// The name, or else the id; a dash for what had neither.
pub(super) fn called(item: &Value) -> String {
    match figures::text(&item["name"]) {
        "" => figures::text_or_dash(&item["id"]).to_owned(),
        name => name.to_owned(),
    }
}

/// What the list is ordered by.
pub(super) fn amount(order: &str, sums: &Value) -> i128 {
    let count = |field: &str| i128::from(sums[field].as_u64().unwrap_or_default());
    match order {
        "requests" => count("requests"),
        "tokens" => SUMS.iter().filter(|(field, _)| field.ends_with("_tokens")).map(|(field, _)| count(field)).sum(),
        _ => figures::nanos(&sums["cost_usd"]).unwrap_or_default(),
    }
}
