//! `claude-relay settings`: what holds, and where each was said.

use crate::cli::{
    CommandError, Desk, Verdict,
    console::{Form, print, print_document},
    figures,
    table::{Cell, Table, Tone, texts},
};
use serde_json::Value;

/// Shows the settings.
pub(crate) async fn run(desk: &Desk) -> Result<Verdict, CommandError> {
    let answer = desk.api.get("/admin/settings").await?;
    if desk.console.form == Form::Json {
        print_document(&answer.text)?;
        return Ok(Verdict::Fine);
    }
    let mut table = Table::new([texts("SETTING"), texts("VALUE"), texts("FROM")]);
    for setting in answer.document["items"].as_array().into_iter().flatten() {
        table.push([figures::text(&setting["name"]).into(), value(setting), source(setting)]);
    }
    print(&table.render(&desk.console))?;
    Ok(Verdict::Fine)
}

fn value(setting: &Value) -> Cell {
    match (setting["secret"] == true, setting["source"].is_null()) {
        (true, true) => "(a secret, not given)".into(),
        (true, false) => Cell::toned("(a secret, given)", Tone::Doubtful),
        (false, _) => figures::text_or_dash(&setting["value"]).into(),
    }
}

fn source(setting: &Value) -> Cell {
    setting["source"].as_str().unwrap_or("default").into()
}
