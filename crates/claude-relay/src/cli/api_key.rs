//! `claude-relay api-key …`: the keys that the relay issued.

mod binding;

use crate::cli::{
    CommandError, Desk, Verdict,
    console::Consent,
    fields::{Draft, Fields},
    figures,
    find::API_KEYS,
    listing::{self, ListFlags},
    one::{self, Condition},
    place::Place,
    table::{Cell, Tone, numbers, texts},
};
use serde_json::{Value, json};

/// Keys of the relay's clients.
#[derive(Debug, clap::Args)]
pub(crate) struct ApiKeyArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    command: ApiKeyCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ApiKeyCommand {
    /// List keys with their use
    List {
        /// Which ones: active, expired, disabled, deleted, any [default: all but the deleted]
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// Only those with this label; given several times: with all of them
        #[arg(long = "tag", value_name = "TAG")]
        tags: Vec<String>,
        /// Only those that used this model in the days from --from to --to
        #[arg(long, value_name = "MODEL")]
        model: Option<String>,
        /// For --model and --order cost: the first day, such as 2026-11-01 [default: 29 days before the last]
        #[arg(long, value_name = "DAY")]
        from: Option<String>,
        /// For --model and --order cost: the last day [default: today]
        #[arg(long, value_name = "DAY")]
        to: Option<String>,
        #[command(flatten)]
        list: ListFlags,
    },
    /// Issue a key; it is shown once
    Create {
        /// What people call it
        name: String,
        #[command(flatten)]
        key: KeyFlags,
        #[command(flatten)]
        fields: Fields,
    },
    /// Show a key with everything that is known of it
    Show {
        /// Its id, or its name
        key: String,
    },
    /// Change a key; what is not named stays
    Edit {
        /// Its id, or its name
        key: String,
        /// What people shall call it
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        changes: KeyFlags,
        #[command(flatten)]
        fields: Fields,
        #[command(flatten)]
        condition: Condition,
    },
    /// Delete a key; it stops to work within a second
    Delete {
        /// Its id, or its name
        key: String,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        condition: Condition,
    },
}

#[derive(Debug, Default, clap::Args)]
struct KeyFlags {
    /// A note
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// What it may use: all, or a list such as claude,openai
    #[arg(long, value_name = "SERVICES", value_delimiter = ',')]
    permissions: Vec<String>,
    /// A label; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// A client program it is restricted to, such as `claude_code`; may be given several times
    #[arg(long = "client", value_name = "CLIENT")]
    clients: Vec<String>,
    /// A model it may not use; may be given several times
    #[arg(long = "restricted-model", value_name = "MODEL")]
    restricted_models: Vec<String>,
    /// Who alone serves it, SERVICE=account:NAME or SERVICE=group:NAME, such as claude=group:research; none: everybody. May be
    /// given several times, and names all of them
    #[arg(long = "bind", value_name = "BINDING")]
    bindings: Vec<String>,
    /// A factor of its rated cost, PLATFORM=FACTOR, such as ccr=0.5; none: those of the relay. May be given several times, and
    /// names all of them
    #[arg(long = "rate", value_name = "RATE")]
    rates: Vec<String>,
    /// An emoji, a name, or an image as a data: URI; none: no icon
    #[arg(long, value_name = "ICON")]
    icon: Option<String>,
    /// The id of the user whose it is; none: nobody's
    #[arg(long, value_name = "USER")]
    owner: Option<String>,
    /// When it stops to work, such as 2027-01-31T00:00:00Z; none: never
    #[arg(long, value_name = "INSTANT")]
    expires_at: Option<String>,
    /// How long it works once used, such as 30d or 12h; none: not counted from there
    #[arg(long, value_name = "SPAN")]
    expires_after_first_use: Option<String>,
    /// Whether it works: true, false
    #[arg(long, value_name = "SWITCH")]
    active: Option<bool>,
}

/// Does what is asked.
pub(crate) async fn run(args: &ApiKeyArgs, desk: &Desk) -> Result<Verdict, CommandError> {
    match &args.command {
        ApiKeyCommand::List { state, tags, model, from, to, list } => {
            let given = [("state", state), ("model", model), ("from", from), ("to", to)];
            let given = given.into_iter().map(|(name, value)| (name, value.as_deref()));
            let tags = tags.iter().map(|tag| ("tag", Some(tag.as_str())));
            let path = list.path(&API_KEYS, &given.chain(tags).collect::<Vec<_>>())?;
            let columns = [
                texts("NAME"),
                texts("KEY").spare(4),
                texts("STATE"),
                texts("TAGS").spare(3),
                texts("EXPIRES").spare(2),
                texts("LAST USED").spare(1),
                numbers("REQUESTS"),
                numbers("COST"),
                texts("ID").spare(5),
            ];
            listing::show_page(desk, &API_KEYS, path, columns, row).await?;
        }
        ApiKeyCommand::Create { name, key, fields } => {
            let mut draft = fields.draft()?;
            key.write(desk, &mut draft).await?;
            draft.put("name", Some(name.as_str()));
            one::create(desk, &API_KEYS, draft, "key").await?;
        }
        ApiKeyCommand::Show { key } => one::show(desk, &API_KEYS, key).await?,
        ApiKeyCommand::Edit { key, name, changes, fields, condition } => {
            let mut draft = fields.draft()?;
            changes.write(desk, &mut draft).await?;
            draft.put("name", name.as_deref());
            one::change(desk, &API_KEYS, key, draft, *condition).await?;
        }
        ApiKeyCommand::Delete { key, consent, condition } => {
            one::delete(desk, &API_KEYS, key, *consent, *condition).await?;
        }
    }
    Ok(Verdict::Fine)
}

fn row(key: &Value) -> Vec<Cell> {
    let (state, tone) = match (figures::text(&key["state"]), key["expired"].as_bool()) {
        ("active", Some(true)) => ("expired", Tone::Doubtful),
        ("active", _) => ("active", Tone::Good),
        (other, _) => (other, Tone::Bad),
    };
    let tags = key["tags"].as_array().into_iter().flatten().map(figures::text).collect::<Vec<_>>().join(",");
    vec![
        figures::text(&key["name"]).into(),
        figures::text(&key["hint"]).into(),
        Cell::toned(state, tone),
        tags.into(),
        figures::minute(&key["expires_at"]).into(),
        figures::minute(&key["last_used_at"]).into(),
        figures::count(&key["usage"]["requests"]).into(),
        figures::cost(&key["usage"]["cost_usd"]).into(),
        figures::text(&key["id"]).into(),
    ]
}

impl KeyFlags {
    async fn write(&self, desk: &Desk, draft: &mut Draft) -> Result<(), CommandError> {
        let permissions = match self.permissions.as_slice() {
            [] => None,
            [all] if all == "all" => Some(json!("all")),
            services => Some(json!(services)),
        };
        let lifetime = self.expires_after_first_use.as_deref().map(lifetime).transpose()?;
        draft
            .put("description", self.description.as_deref())
            .put("permissions", permissions)
            .put_list("tags", &self.tags)
            .put_list("allowed_clients", &self.clients)
            .put_list("restricted_models", &self.restricted_models)
            .put("bindings", binding::bindings(&desk.api, &self.bindings).await?)
            .put("rate_multipliers", binding::rates(&self.rates)?)
            .put_or_clear("icon", self.icon.as_deref())
            .put_or_clear("owner", self.owner.as_deref())
            .put_or_clear("expires_at", self.expires_at.as_deref())
            .put("expires_after_first_use", lifetime)
            .put("active", self.active);
        Ok(())
    }
}

/// `30d` or `12h` as the API has it.
fn lifetime(text: &str) -> Result<Value, CommandError> {
    if text == "none" {
        return Ok(Value::Null);
    }
    let unit = match text.chars().last() {
        Some('d') => Some("days"),
        Some('h') => Some("hours"),
        _ => None,
    };
    let number = text.get(..text.len().saturating_sub(1)).and_then(|number| number.parse::<u32>().ok());
    match (unit, number) {
        (Some(unit), Some(number)) => Ok(json!({ unit: number })),
        _ => Err(format!("`{text}` is no span: write whole days or hours, such as 30d or 12h, or none").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_days_or_hours() {
        assert_eq!(lifetime("30d").expect("a span"), json!({"days": 30}));
        assert_eq!(lifetime("12h").expect("a span"), json!({"hours": 12}));
        assert_eq!(lifetime("none").expect("a span"), Value::Null);
        for wrong in ["", "d", "30", "1w", "-1d", "é"] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }
}
