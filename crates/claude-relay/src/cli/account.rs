//! `claude-relay account …`: the accounts at providers. A credential is typed, or read from a file or standard input; it is never
//! an argument.

use crate::cli::{
    CommandError, Desk, Verdict,
    api::Call,
    console::Consent,
    fields::{Draft, Fields},
    figures,
    find::ACCOUNTS,
    listing::{self, ListFlags},
    oauth,
    one::{self, Condition},
    place::Place,
    secret::SecretFlags,
    table::{Cell, Tone, numbers, texts},
};
use http::Method;
use serde_json::{Map, Value, json};

/// The credential in the API's document.
const CREDENTIAL: &str = "api_key";

/// Accounts at providers.
#[derive(Debug, clap::Args)]
pub(crate) struct AccountArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Debug, clap::Subcommand)]
enum AccountCommand {
    /// List accounts with their states
    List {
        /// Only those of this platform
        #[arg(long, value_name = "PLATFORM")]
        platform: Option<String>,
        #[command(flatten)]
        list: ListFlags,
    },
    /// Add an account; its credential is asked for
    Create {
        /// What people call it
        name: String,
        /// What kind of account it is, such as claude-console or ccr
        #[arg(long, value_name = "PLATFORM")]
        platform: Option<String>,
        #[command(flatten)]
        account: AccountFlags,
        #[command(flatten)]
        credential: SecretFlags,
        #[command(flatten)]
        fields: Fields,
    },
    /// Show an account with everything that is known of it, but its credential
    Show {
        /// Its id, or its name
        account: String,
    },
    /// Change an account; what is not named stays
    Edit {
        /// Its id, or its name
        account: String,
        /// What people shall call it
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        changes: AccountFlags,
        /// Ask for a new credential
        #[arg(long)]
        credential: bool,
        #[command(flatten)]
        source: SecretFlags,
        #[command(flatten)]
        fields: Fields,
        #[command(flatten)]
        condition: Condition,
    },
    /// Delete an account
    Delete {
        /// Its id, or its name
        account: String,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        condition: Condition,
    },
    /// End what an account is cooling down from
    Reset {
        /// Its id, or its name
        account: String,
    },
    /// Ask an account's provider for one short answer; it costs a few tokens
    Test {
        /// Its id, or its name
        account: String,
        /// The model to ask
        #[arg(long, value_name = "MODEL")]
        model: Option<String>,
    },
    #[command(flatten)]
    SignIn(oauth::SignInCommand),
}

#[derive(Debug, Default, clap::Args)]
struct AccountFlags {
    /// Where the provider is, such as <https://api.anthropic.com>
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// A note
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Smaller ones are chosen first
    #[arg(long, value_name = "NUMBER")]
    priority: Option<u32>,
    /// Requests at the same time
    #[arg(long, value_name = "NUMBER")]
    concurrency_max: Option<u32>,
    /// A model that it serves, or CLIENT'S=PROVIDER'S name of it; may be given several times
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<String>,
    /// How the credential is sent: x-api-key, bearer
    #[arg(long, value_name = "SCHEME")]
    auth: Option<String>,
    /// When the subscription behind it ends; none: it does not
    #[arg(long, value_name = "INSTANT")]
    expires_at: Option<String>,
    /// Whether it may be chosen: true, false
    #[arg(long, value_name = "SWITCH")]
    schedulable: Option<bool>,
}

/// Does what is asked.
pub(crate) async fn run(args: &AccountArgs, desk: &Desk) -> Result<Verdict, CommandError> {
    match &args.command {
        AccountCommand::List { platform, list } => show_list(desk, platform.as_deref(), list).await?,
        AccountCommand::Create { name, platform, account, credential, fields } => {
            let mut draft = fields.draft()?;
            account.write(&mut draft);
            draft.put("name", Some(name.as_str())).put("platform", platform.as_deref());
            if !draft.has(CREDENTIAL) {
                draft.put_secret(CREDENTIAL, &credential.read(&question(name))?);
            }
            one::create(desk, &ACCOUNTS, draft, CREDENTIAL).await?;
        }
        AccountCommand::Show { account } => one::show(desk, &ACCOUNTS, account).await?,
        AccountCommand::Edit { account, name, changes, credential, source, fields, condition } => {
            let mut draft = fields.draft()?;
            changes.write(&mut draft);
            draft.put("name", name.as_deref());
            if *credential || source.is_given() {
                draft.put_secret(CREDENTIAL, &source.read(&question(account))?);
            }
            one::change(desk, &ACCOUNTS, account, draft, *condition).await?;
        }
        AccountCommand::Delete { account, consent, condition } => {
            one::delete(desk, &ACCOUNTS, account, *consent, *condition).await?;
        }
        AccountCommand::Reset { account } => {
            let (path, _) = ACCOUNTS.find(&desk.api, account).await?;
            desk.show(&desk.api.send(Call::new(Method::POST, format!("{path}/reset"))).await?)?;
        }
        AccountCommand::SignIn(command) => return oauth::sign_in(command, desk).await,
        AccountCommand::Test { account, model } => return test(desk, account, model.as_deref()).await,
    }
    Ok(Verdict::Fine)
}

async fn show_list(desk: &Desk, platform: Option<&str>, list: &ListFlags) -> Result<(), CommandError> {
    let path = list.path(&ACCOUNTS, &[("platform", platform)])?;
    let columns = [
        texts("NAME"),
        texts("PLATFORM").spare(1),
        texts("STATE"),
        texts("UNTIL").spare(2),
        numbers("PRIORITY").spare(3),
        texts("WHY"),
        texts("ID").spare(4),
    ];
    listing::show_page(desk, &ACCOUNTS, path, columns, row).await
}

fn row(account: &Value) -> Vec<Cell> {
    let priority = account["priority"].as_u64().map_or_else(|| "-".to_owned(), |priority| priority.to_string());
    vec![
        figures::text(&account["name"]).into(),
        figures::text(&account["platform"]).into(),
        state(account),
        figures::minute(&account["state"]["until"]).into(),
        priority.into(),
        reasons(account).into(),
        figures::text(&account["id"]).into(),
    ]
}

/// Whether it can be chosen now.
pub(crate) fn state(account: &Value) -> Cell {
    let status = figures::text(&account["state"]["status"]);
    let tone = match status {
        "ready" => Tone::Good,
        "limited" | "cooling_down" => Tone::Doubtful,
        _ => Tone::Bad,
    };
    Cell::toned(status, tone)
}

/// Everything that stands against it.
pub(crate) fn reasons(account: &Value) -> String {
    let reasons = account["state"]["reasons"].as_array().into_iter().flatten();
    reasons.map(figures::text).collect::<Vec<_>>().join("; ")
}

async fn test(desk: &Desk, account: &str, model: Option<&str>) -> Result<Verdict, CommandError> {
    let (path, _) = ACCOUNTS.find(&desk.api, account).await?;
    let mut order = Draft::default();
    order.put("model", model);
    let call = Call::new(Method::POST, format!("{path}/test")).body(order.into_document());
    let answer = desk.api.send(call).await?;
    desk.show(&answer)?;
    Ok(if answer.document["ok"] == json!(true) { Verdict::Fine } else { Verdict::Failed })
}

impl AccountFlags {
    fn write(&self, draft: &mut Draft) {
        draft
            .put("base_url", self.base_url.as_deref())
            .put("description", self.description.as_deref())
            .put("priority", self.priority)
            .put("concurrency_max", self.concurrency_max)
            .put("models", models(&self.models))
            .put("auth", self.auth.as_deref())
            .put_or_clear("expires_at", self.expires_at.as_deref())
            .put("schedulable", self.schedulable);
    }
}

/// The client's names to the provider's.
fn models(given: &[String]) -> Option<Value> {
    let pairs = given.iter().map(|text| text.split_once('=').unwrap_or((text, text)));
    let mapped: Map<String, Value> = pairs.map(|(ours, theirs)| (ours.to_owned(), Value::from(theirs))).collect();
    (!mapped.is_empty()).then_some(Value::Object(mapped))
}

fn question(account: &str) -> String {
    format!("Credential of `{account}` (not shown)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_served_under_its_own_name_or_another() {
        let given = ["claude-opus-5=glm-5".to_owned(), "claude-haiku-4-5".to_owned()];
        let expected = json!({"claude-opus-5": "glm-5", "claude-haiku-4-5": "claude-haiku-4-5"});
        assert_eq!(models(&given), Some(expected));
        assert_eq!(models(&[]), None);
    }
}
