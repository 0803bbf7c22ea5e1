//! `claude-relay audit …`: who did what through the control plane, and what was there before. Nothing is changed here.

use crate::cli::{
    CommandError, Desk, Verdict,
    api::{Query, below},
    figures,
    find::Collection,
    listing,
    place::Place,
    table::{Cell, texts},
};
use serde_json::Value;

/// What was recorded.
const ENTRIES: Collection =
    Collection { path: "/admin/audit", noun: "audit entry", name: "operation", command: "audit list" };

/// The audit log.
#[derive(Debug, clap::Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, clap::Subcommand)]
enum AuditCommand {
    /// List what was done, the newest first
    List(Box<AuditFlags>),
    /// Show an entry with what it changed
    Show {
        /// The entry's id
        id: String,
    },
}

#[derive(Debug, clap::Args)]
struct AuditFlags {
    /// The first instant or day
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// The last
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// Only by this one, by id
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// Only this operation, such as `create_api_key`
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
    /// Only about this kind of thing, such as `api_key`, `account` or `session`
    #[arg(long, value_name = "KIND")]
    resource: Option<String>,
    /// Only about the one with this id
    #[arg(long, value_name = "ID", requires = "resource")]
    resource_id: Option<String>,
    /// Only with this end: begun, done, replayed, refused, failed
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// How many at most, up to 500
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: usize,
    /// Where the page before has ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

/// Does what is asked.
pub(crate) async fn run(args: &AuditArgs, desk: &Desk) -> Result<Verdict, CommandError> {
    match &args.command {
        AuditCommand::List(flags) => {
            let columns = [
                texts("AT"),
                texts("WHO"),
                texts("OPERATION"),
                texts("OUTCOME"),
                texts("WHAT").spare(2),
                texts("FROM").spare(3),
                texts("ID").spare(1),
            ];
            listing::show_page(desk, &ENTRIES, flags.path(), columns, row).await?;
        }
        AuditCommand::Show { id } => {
            let answer = desk.api.get(below(ENTRIES.path, id)).await?;
            desk.show(&answer)?;
        }
    }
    Ok(Verdict::Fine)
}

impl AuditFlags {
    fn path(&self) -> String {
        let query = Query::of(ENTRIES.path)
            .with("from", self.from.as_ref())
            .with("to", self.to.as_ref())
            .with("actor", self.actor.as_ref())
            .with("operation", self.operation.as_ref())
            .with("resource", self.resource.as_ref())
            .with("resource_id", self.resource_id.as_ref())
            .with("outcome", self.outcome.as_ref());
        query.with("limit", Some(self.limit)).with("cursor", self.cursor.as_ref()).into_path()
    }
}

fn row(entry: &Value) -> Vec<Cell> {
    let (actor, resource) = (&entry["actor"], what(entry));
    let who = actor["name"].as_str().unwrap_or_else(|| figures::text(&actor["kind"]));
    let outcome = match entry["refusal"].as_str() {
        Some(refusal) => format!("{}: {refusal}", figures::text(&entry["outcome"])),
        None => figures::text(&entry["outcome"]).to_owned(),
    };
    vec![
        figures::minute(&entry["at"]).into(),
        who.into(),
        figures::text(&entry["operation"]).into(),
        outcome.into(),
        resource.into(),
        figures::text_or_dash(&entry["origin"]).into(),
        figures::text(&entry["id"]).into(),
    ]
}

/// What an entry is about: what the request named, else what it changed first.
fn what(entry: &Value) -> String {
    let changes = entry["changes"].as_array().map_or(&[][..], Vec::as_slice);
    let named = Some(&entry["resource"]).filter(|named| named.is_object());
    let named = named.or_else(|| changes.first().map(|changed| &changed["resource"]));
    let Some(named) = named else { return "-".to_owned() };
    let (kind, id) = (figures::text(&named["kind"]), figures::text(&named["id"]));
    match changes.len() {
        0 | 1 => format!("{kind} {id}"),
        several => format!("{kind} {id} and more, {several} in all"),
    }
}
