//! Lists, the same way for every kind of thing: what is asked for, the page, and how to see the next.

use crate::cli::{
    CommandError, Desk,
    api::Query,
    console::{Form, print, print_document},
    find::Collection,
    table::{Cell, Column, Table},
};
use serde_json::Value;

/// What is asked of a list.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ListFlags {
    /// Only those in which this text occurs
    #[arg(long, short = 'q', value_name = "TEXT")]
    search: Option<String>,
    /// What they are ordered by, such as `name` or `created_at`; keys also by `last_used` and `cost`
    #[arg(long, value_name = "FIELD")]
    order: Option<String>,
    /// Which way: asc, desc [default: desc, the newest first]
    #[arg(long, value_name = "WAY")]
    direction: Option<String>,
    /// Any other parameter of the API's list, such as state=disabled; may be given several times
    #[arg(long = "filter", value_name = "NAME=VALUE")]
    filters: Vec<String>,
    /// How many at most, up to 500
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: usize,
    /// Where the page before has ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl ListFlags {
    /// The path of the page of `collection`, with what else is asked.
    pub(crate) fn path(
        &self,
        collection: &Collection,
        further: &[(&str, Option<&str>)],
    ) -> Result<String, CommandError> {
        let mut query = Query::of(collection.path)
            .with("q", self.search.as_ref())
            .with("order", self.order.as_ref())
            .with("direction", self.direction.as_ref());
        for (name, value) in further {
            query = query.with(name, *value);
        }
        for filter in &self.filters {
            let (name, value) = filter
                .split_once('=')
                .ok_or_else(|| format!("`--filter {filter}` has no value: write --filter NAME=VALUE"))?;
            query = query.with(name, Some(value));
        }
        Ok(query.with("limit", Some(self.limit)).with("cursor", self.cursor.as_ref()).into_path())
    }
}

/// Shows the page at `path`, a row for each item.
pub(crate) async fn show_page(
    desk: &Desk,
    kind: &Collection,
    path: String,
    columns: impl Into<Vec<Column>>,
    row: impl Fn(&Value) -> Vec<Cell>,
) -> Result<(), CommandError> {
    let answer = desk.api.get(path).await.map_err(|error| kind.explain(error))?;
    if desk.console.form == Form::Json {
        return print_document(&answer.text);
    }
    let mut table = Table::new(columns);
    let items = answer.document["items"].as_array().cloned().unwrap_or_default();
    for item in &items {
        table.push(row(item));
    }
    let mut text = if items.is_empty() { "none\n".to_owned() } else { table.render(&desk.console) };
    text.push_str(&older_books(&answer.document));
    text.push_str(&next_page(&answer.document));
    print(&text)
}

/// That a page stands in an order which is not fresh, if it says so.
fn older_books(page: &Value) -> String {
    match page["books_as_of"].as_str() {
        Some(instant) => format!("chosen by the books as of {instant}: the same in a moment has them as they are\n"),
        None => String::new(),
    }
}

/// How to see the page behind `page`, if there is one.
pub(crate) fn next_page(page: &Value) -> String {
    match page["next_cursor"].as_str() {
        Some(cursor) => format!("there are more: the same with --cursor {cursor}\n"),
        None => String::new(),
    }
}
