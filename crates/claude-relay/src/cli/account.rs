//! `claude-relay account …`: the accounts at providers. A credential is typed, or read from a file or standard input; it is never
//! an argument.

mod secrets;

use crate::cli::{
    CommandError, Desk, Verdict,
    api::{Call, Query},
    console::Consent,
    fields::{Draft, Fields},
    figures,
    find::{ACCOUNT_GROUPS, ACCOUNTS, API_KEYS},
    listing::{self, ListFlags},
    oauth,
    one::{self, Condition},
    place::Place,
    table::{Cell, Tone, numbers, texts},
};
use http::Method;
use secrets::{AccountSecretFlags, Holder};
use serde_json::{Map, Value, json};

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
    /// Add an account; the credential that it needs is asked for
    Create {
        /// What people call it
        name: String,
        /// What kind of account it is: claude, claude-console, gemini, openai, openai-responses, bedrock, azure-openai, droid, ccr
        #[arg(long, value_name = "PLATFORM")]
        platform: Option<String>,
        #[command(flatten)]
        account: AccountFlags,
        #[command(flatten)]
        secrets: AccountSecretFlags,
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
        secrets: AccountSecretFlags,
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
    /// Say of each account why it may serve a key and a model now, or why not
    Explain {
        /// The key that asks, by its id, or its name
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// The model that is asked for
        #[arg(long, value_name = "MODEL")]
        model: Option<String>,
        /// Whose accounts: claude, gemini, openai, droid [default: claude]
        #[arg(long, value_name = "SERVICE")]
        service: Option<String>,
        /// How many at most, up to 500
        #[arg(long, value_name = "NUMBER", default_value_t = 50)]
        limit: usize,
        /// Where the page before has ended
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
    },
    /// End sticky sessions: their next requests are given accounts anew
    Unstick {
        #[command(flatten)]
        sessions: Sessions,
    },
    /// Ask an account's provider for one short answer; it costs a few tokens
    Test {
        /// Its id, or its name
        account: String,
        /// The model to ask
        #[arg(long, value_name = "MODEL")]
        model: Option<String>,
        /// In which of its dialects: anthropic, openai-chat, openai-responses, gemini
        #[arg(long, value_name = "DIALECT")]
        dialect: Option<String>,
    },
    #[command(flatten)]
    SignIn(oauth::SignInCommand),
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Sessions {
    /// Those with this account, by its id, or its name
    account: Option<String>,
    /// Those of this key, by its id, or its name
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Those of keys that are bound to this group, by its id, or its name
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// All of them
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Default, clap::Args)]
struct AccountFlags {
    /// Where the provider is, such as <https://api.anthropic.com>; none: where the platform usually is
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// A note
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Smaller ones are chosen first
    #[arg(long, value_name = "NUMBER")]
    priority: Option<u32>,
    /// Its share among accounts of its priority, 1 to 100; usually 10
    #[arg(long, value_name = "NUMBER")]
    weight: Option<u32>,
    /// Requests at the same time
    #[arg(long, value_name = "NUMBER")]
    concurrency_max: Option<u32>,
    /// A model that it serves, or CLIENT'S=PROVIDER'S name of it; may be given several times
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<String>,
    /// How the API key is sent: x-api-key, bearer, x-goog-api-key, api-key
    #[arg(long, value_name = "SCHEME")]
    auth: Option<String>,
    /// What opens it, where the platform leaves a choice: gemini `api_key` or `oauth`, bedrock `access_key`, `bearer_token` or
    /// `environment`, droid `api_keys` or `oauth`
    #[arg(long, value_name = "WAY")]
    access: Option<String>,
    /// Path of the Messages call, of claude-console and ccr; none: /v1/messages
    #[arg(long, value_name = "PATH")]
    messages_path: Option<String>,
    /// The region of AWS, of bedrock
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// The id of the access key of AWS, of bedrock
    #[arg(long, value_name = "ID")]
    access_key_id: Option<String>,
    /// The deployment that serves all models, of azure-openai; none: each model has its own
    #[arg(long, value_name = "NAME")]
    deployment: Option<String>,
    /// The version of the API, of azure-openai; none: the client's own
    #[arg(long, value_name = "VERSION")]
    api_version: Option<String>,
    /// The Google Cloud project, of gemini by `oauth`; none: the account's own
    #[arg(long, value_name = "PROJECT")]
    project_id: Option<String>,
    /// The proxy that its calls take, such as <socks5h://proxy.example:1080>; none: they go directly. One with a password is given
    /// with --secret-file proxy=FILE or --ask proxy
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Whether it is left alone while its provider warns that a window is nearly used up: true, false
    #[arg(long, value_name = "SWITCH")]
    stops_at_warning: Option<bool>,
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
        AccountCommand::Create { name, platform, account, secrets, fields } => {
            let mut draft = fields.draft()?;
            account.write(&mut draft)?;
            draft.put("name", Some(name.as_str())).put("platform", platform.as_deref());
            // Whose kind is unknown, the API refuses: nothing is asked for.
            let needs = secrets::needed(draft.text("platform").unwrap_or_default(), draft.text("access"));
            let holder = Holder { name, needs: needs.unwrap_or_default() };
            secrets.write(holder, &mut draft)?;
            secrets::ask_needed(holder, &mut draft)?;
            one::create(desk, &ACCOUNTS, draft, "").await?;
        }
        AccountCommand::Show { account } => one::show(desk, &ACCOUNTS, account).await?,
        AccountCommand::Edit { account, name, changes, credential, secrets, fields, condition } => {
            let mut draft = fields.draft()?;
            changes.write(&mut draft)?;
            draft.put("name", name.as_deref());
            let is_asked = if *credential { Asked::ForAll } else { Asked::ForAnotherWay };
            write_secrets(desk, account, secrets, is_asked, &mut draft).await?;
            one::change(desk, &ACCOUNTS, account, draft, *condition).await?;
        }
        AccountCommand::Delete { account, consent, condition } => {
            one::delete(desk, &ACCOUNTS, account, *consent, *condition).await?;
        }
        AccountCommand::Reset { account } => {
            let (path, _) = ACCOUNTS.find(&desk.api, account).await?;
            desk.show(&desk.api.send(Call::new(Method::POST, format!("{path}/reset"))).await?)?;
        }
        AccountCommand::Test { account, model, dialect } => {
            let mut order = Draft::default();
            order.put("model", model.as_deref()).put("dialect", dialect.as_deref());
            return test(desk, account, order).await;
        }
        AccountCommand::Explain { key, model, service, limit, cursor } => {
            let key = match key {
                Some(key) => Some(API_KEYS.id_of(&desk.api, key).await?),
                None => None,
            };
            let query = Query::of("/admin/eligibility").with("key", key).with("model", model.as_ref());
            let query =
                query.with("service", service.as_ref()).with("limit", Some(limit)).with("cursor", cursor.as_ref());
            let columns = [
                texts("NAME"),
                texts("PLATFORM").spare(1),
                numbers("PRIORITY").spare(2),
                texts("VERDICT"),
                texts("WHY"),
                texts("ID").spare(3),
            ];
            listing::show_page(desk, &ACCOUNTS, query.into_path(), columns, verdict_row).await?;
        }
        AccountCommand::Unstick { sessions } => {
            let path = sessions.path(desk).await?;
            desk.show(&desk.api.send(Call::new(Method::DELETE, path)).await?)?;
        }
        AccountCommand::SignIn(command) => return oauth::sign_in(command, desk).await,
    }
    Ok(Verdict::Fine)
}

/// Which secrets of an account that is changed are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// All that it needs.
    ForAll,
    /// Those that it needs when it is to be reached in another way than before.
    ForAnotherWay,
}

/// Writes the secrets for a change of `account`, which is looked at where its kind decides.
async fn write_secrets(
    desk: &Desk,
    account: &str,
    flags: &AccountSecretFlags,
    asked: Asked,
    draft: &mut Draft,
) -> Result<(), CommandError> {
    if asked == Asked::ForAnotherWay && !flags.is_unnamed() && !draft.has("access") {
        return flags.write(Holder { name: account, needs: &[] }, draft);
    }
    let (_, document) = ACCOUNTS.find(&desk.api, account).await?;
    let former = document["access"].as_str();
    let wanted = if draft.has("access") { draft.text("access") } else { former }.map(str::to_owned);
    let needs = secrets::needed(document["platform"].as_str().unwrap_or_default(), wanted.as_deref());
    let holder = Holder { name: account, needs: needs.unwrap_or_default() };
    flags.write(holder, draft)?;
    if asked == Asked::ForAll || wanted.as_deref() != former {
        secrets::ask_needed(holder, draft)?;
    }
    Ok(())
}

async fn show_list(desk: &Desk, platform: Option<&str>, list: &ListFlags) -> Result<(), CommandError> {
    let path = list.path(&ACCOUNTS, &[("platform", platform)])?;
    let columns = [
        texts("NAME"),
        texts("PLATFORM").spare(1),
        texts("STATE"),
        texts("UNTIL").spare(2),
        texts("USED").spare(3),
        numbers("PRIORITY").spare(4),
        texts("WHY"),
        texts("ID").spare(5),
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
        used(account),
        priority.into(),
        reasons(account).into(),
        figures::text(&account["id"]).into(),
    ]
}

/// How much of its windows is used, the short ones first: `5h 42%, 7d 10%`.
fn used(account: &Value) -> Cell {
    let windows = account["usage_windows"].as_array().into_iter().flatten();
    let is_warned = windows.clone().any(|window| window["status"] != "allowed");
    let told = windows.map(|window| {
        let name = figures::text(&window["name"]);
        let name = name.replace("five_hour", "5h").replace("seven_day", "7d");
        match window["used_percent"].as_f64() {
            Some(percent) => format!("{name} {percent:.0}%"),
            None => format!("{name} {}", figures::text(&window["status"])),
        }
    });
    let told = told.collect::<Vec<_>>().join(", ");
    match (told.is_empty(), is_warned) {
        (true, _) => "-".into(),
        (false, true) => Cell::toned(&told, Tone::Doubtful),
        (false, false) => told.into(),
    }
}

fn verdict_row(account: &Value) -> Vec<Cell> {
    let verdict = figures::text(&account["verdict"]);
    let tone = match verdict {
        "sound" => Tone::Good,
        "doubtful" => Tone::Doubtful,
        _ => Tone::Bad,
    };
    vec![
        figures::text(&account["name"]).into(),
        figures::text(&account["platform"]).into(),
        account["priority"].to_string().into(),
        Cell::toned(verdict, tone),
        figures::text(&account["reason"]).into(),
        figures::text(&account["account_id"]).into(),
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

async fn test(desk: &Desk, account: &str, order: Draft) -> Result<Verdict, CommandError> {
    let (path, _) = ACCOUNTS.find(&desk.api, account).await?;
    let call = Call::new(Method::POST, format!("{path}/test")).body(order.into_document());
    let answer = desk.api.send(call).await?;
    desk.show(&answer)?;
    Ok(if answer.document["ok"] == json!(true) { Verdict::Fine } else { Verdict::Failed })
}

impl Sessions {
    async fn path(&self, desk: &Desk) -> Result<String, CommandError> {
        let mut path = "/admin/sticky-sessions".to_owned();
        for (name, kind, given) in [
            ("account", &ACCOUNTS, &self.account),
            ("key", &API_KEYS, &self.key),
            ("group", &ACCOUNT_GROUPS, &self.group),
        ] {
            if let Some(given) = given {
                path = format!("{path}?{name}={}", kind.id_of(&desk.api, given).await?);
            }
        }
        Ok(path)
    }
}

impl AccountFlags {
    fn write(&self, draft: &mut Draft) -> Result<(), CommandError> {
        let proxy = self.proxy.as_deref().map(secrets::proxy_argument).transpose()?;
        draft
            .put_or_clear("base_url", self.base_url.as_deref())
            .put("description", self.description.as_deref())
            .put("priority", self.priority)
            .put("weight", self.weight)
            .put("concurrency_max", self.concurrency_max)
            .put("models", models(&self.models))
            .put("auth", self.auth.as_deref())
            .put("access", self.access.as_deref())
            .put_or_clear("messages_path", self.messages_path.as_deref())
            .put("region", self.region.as_deref())
            .put("access_key_id", self.access_key_id.as_deref())
            .put_or_clear("deployment", self.deployment.as_deref())
            .put_or_clear("api_version", self.api_version.as_deref())
            .put_or_clear("project_id", self.project_id.as_deref())
            .put_or_clear("proxy", proxy)
            .put("stops_at_warning", self.stops_at_warning)
            .put_or_clear("expires_at", self.expires_at.as_deref())
            .put("schedulable", self.schedulable);
        Ok(())
    }
}

/// The client's names to the provider's.
fn models(given: &[String]) -> Option<Value> {
    let pairs = given.iter().map(|text| text.split_once('=').unwrap_or((text, text)));
    let mapped: Map<String, Value> = pairs.map(|(ours, theirs)| (ours.to_owned(), Value::from(theirs))).collect();
    (!mapped.is_empty()).then_some(Value::Object(mapped))
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
