//! `claude-relay account-group …`: groups of accounts that keys can be bound to, and who is in them.

use crate::cli::{
    CommandError, Desk, Verdict,
    api::{Answer, Call, below},
    console::Consent,
    fields::{Draft, Fields},
    figures,
    find::{ACCOUNT_GROUPS, ACCOUNTS},
    listing::{self, ListFlags},
    one::{self, Condition},
    place::Place,
    table::{Cell, numbers, texts},
};
use http::Method;
use serde_json::Value;

/// Groups of accounts that keys can be bound to.
#[derive(Debug, clap::Args)]
pub(crate) struct AccountGroupArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    command: AccountGroupCommand,
}

#[derive(Debug, clap::Subcommand)]
enum AccountGroupCommand {
    /// List groups of accounts
    List {
        #[command(flatten)]
        list: ListFlags,
    },
    /// Make a group
    Create {
        /// What people call it; no other group has the same
        name: String,
        #[command(flatten)]
        group: GroupFlags,
        #[command(flatten)]
        fields: Fields,
    },
    /// Show a group with its accounts
    Show {
        /// Its id, or its name
        group: String,
    },
    /// Change a group; what is not named stays
    Edit {
        /// Its id, or its name
        group: String,
        /// What people shall call it
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        changes: GroupFlags,
        #[command(flatten)]
        fields: Fields,
        #[command(flatten)]
        condition: Condition,
    },
    /// Delete a group that no key is bound to; its accounts stay
    Delete {
        /// Its id, or its name
        group: String,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        condition: Condition,
    },
    /// Put accounts into a group
    Add {
        /// The group's id, or its name
        group: String,
        /// The accounts' ids, or their names
        #[arg(required = true, value_name = "ACCOUNT")]
        accounts: Vec<String>,
    },
    /// Take accounts out of a group
    Remove {
        /// The group's id, or its name
        group: String,
        /// The accounts' ids, or their names
        #[arg(required = true, value_name = "ACCOUNT")]
        accounts: Vec<String>,
    },
}

#[derive(Debug, Default, clap::Args)]
struct GroupFlags {
    /// A note
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// An account in it, by its id or its name; may be given several times, and names all of them
    #[arg(long = "account", value_name = "ACCOUNT")]
    accounts: Vec<String>,
}

/// Does what is asked.
pub(crate) async fn run(args: &AccountGroupArgs, desk: &Desk) -> Result<Verdict, CommandError> {
    match &args.command {
        AccountGroupCommand::List { list } => {
            let columns = [texts("NAME"), numbers("ACCOUNTS"), texts("NOTE").spare(1), texts("ID").spare(2)];
            listing::show_page(desk, &ACCOUNT_GROUPS, list.path(&ACCOUNT_GROUPS, &[])?, columns, row).await?;
        }
        AccountGroupCommand::Create { name, group, fields } => {
            let mut draft = fields.draft()?;
            group.write(desk, &mut draft).await?;
            draft.put("name", Some(name.as_str()));
            one::create(desk, &ACCOUNT_GROUPS, draft, "").await?;
        }
        AccountGroupCommand::Show { group } => one::show(desk, &ACCOUNT_GROUPS, group).await?,
        AccountGroupCommand::Edit { group, name, changes, fields, condition } => {
            let mut draft = fields.draft()?;
            changes.write(desk, &mut draft).await?;
            draft.put("name", name.as_deref());
            one::change(desk, &ACCOUNT_GROUPS, group, draft, *condition).await?;
        }
        AccountGroupCommand::Delete { group, consent, condition } => {
            one::delete(desk, &ACCOUNT_GROUPS, group, *consent, *condition).await?;
        }
        AccountGroupCommand::Add { group, accounts } => {
            desk.show(&move_each(desk, group, accounts, &Method::PUT).await?)?;
        }
        AccountGroupCommand::Remove { group, accounts } => {
            desk.show(&move_each(desk, group, accounts, &Method::DELETE).await?)?;
        }
    }
    Ok(Verdict::Fine)
}

fn row(group: &Value) -> Vec<Cell> {
    let accounts = group["members"].as_array().map_or(0, Vec::len);
    vec![
        figures::text(&group["name"]).into(),
        accounts.to_string().into(),
        figures::text(&group["description"]).into(),
        figures::text(&group["id"]).into(),
    ]
}

/// Puts accounts into a group or takes them out; gives the group as it is then. All names are found before anything is done.
async fn move_each(desk: &Desk, group: &str, accounts: &[String], how: &Method) -> Result<Answer, CommandError> {
    let (path, _) = ACCOUNT_GROUPS.find(&desk.api, group).await?;
    let members = format!("{path}/members");
    for id in ids(desk, accounts).await? {
        desk.api.send(Call::new(how.clone(), below(&members, &id))).await?;
    }
    desk.api.get(path).await
}

async fn ids(desk: &Desk, accounts: &[String]) -> Result<Vec<String>, CommandError> {
    let mut ids = Vec::new();
    for account in accounts {
        ids.push(ACCOUNTS.id_of(&desk.api, account).await?);
    }
    Ok(ids)
}

impl GroupFlags {
    async fn write(&self, desk: &Desk, draft: &mut Draft) -> Result<(), CommandError> {
        draft.put("description", self.description.as_deref()).put_list("members", &ids(desk, &self.accounts).await?);
        Ok(())
    }
}
