//! `claude-relay tag …`: the labels of keys, on all keys at once.

use crate::cli::{
    CommandError, Desk, Verdict,
    api::{Call, Query, below},
    console::{Consent, Form, print},
    figures,
    find::TAGS,
    listing,
    place::Place,
    table::{Cell, harmless, numbers, texts},
};
use http::Method;
use serde_json::{Value, json};

/// Labels of the relay's keys.
#[derive(Debug, clap::Args)]
pub(crate) struct TagArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    command: TagCommand,
}

#[derive(Debug, clap::Subcommand)]
enum TagCommand {
    /// List labels with how many keys have each, without the deleted
    List {
        /// Only those in which this text occurs
        #[arg(long, short = 'q', value_name = "TEXT")]
        search: Option<String>,
        /// How many at most, up to 500
        #[arg(long, value_name = "NUMBER", default_value_t = 50)]
        limit: usize,
        /// Where the page before has ended
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
    },
    /// Rename a label on all keys, deleted ones too; where the new name is a label already, the two become one
    Rename {
        /// The label
        tag: String,
        /// What it shall be called
        name: String,
    },
    /// Take a label from all keys, deleted ones too
    Delete {
        /// The label
        tag: String,
        #[command(flatten)]
        consent: Consent,
    },
}

/// Does what is asked.
pub(crate) async fn run(args: &TagArgs, desk: &Desk) -> Result<Verdict, CommandError> {
    match &args.command {
        TagCommand::List { search, limit, cursor } => {
            let query = Query::of(TAGS.path).with("q", search.as_ref()).with("limit", Some(limit));
            let path = query.with("cursor", cursor.as_ref()).into_path();
            listing::show_page(desk, &TAGS, path, [texts("LABEL"), numbers("KEYS")], row).await?;
        }
        TagCommand::Rename { tag, name } => {
            let path = format!("{}/rename", below(TAGS.path, tag));
            let changed =
                on_all_keys(desk, || Call::new(Method::POST, path.as_str()).body(json!({"name": name}))).await?;
            tell(desk, &format!("renamed `{}` to `{}` on", harmless(tag), harmless(name)), changed)?;
        }
        TagCommand::Delete { tag, consent } => {
            consent.ask(&format!("Take the label `{}` from all keys?", harmless(tag)))?;
            let path = below(TAGS.path, tag);
            let changed = on_all_keys(desk, || Call::new(Method::DELETE, path.as_str())).await?;
            tell(desk, &format!("took the label `{}` from", harmless(tag)), changed)?;
        }
    }
    Ok(Verdict::Fine)
}

/// Makes the call until no key is left; says how many were changed.
async fn on_all_keys(desk: &Desk, call: impl Fn() -> Call) -> Result<u64, CommandError> {
    let mut changed = 0;
    loop {
        let document = desk.api.send(call()).await?.document;
        changed += document["changed"].as_u64().unwrap_or(0);
        if document["complete"] != false {
            return Ok(changed);
        }
    }
}

fn tell(desk: &Desk, done: &str, changed: u64) -> Result<(), CommandError> {
    if desk.console.form == Form::Json {
        return print(&format!("{}\n", json!({"changed": changed})));
    }
    let keys = if changed == 1 { "key" } else { "keys" };
    desk.say(&format!("{done} {changed} {keys}"))
}

fn row(tag: &Value) -> Vec<Cell> {
    vec![figures::text(&tag["name"]).into(), figures::count(&tag["keys"]).into()]
}
