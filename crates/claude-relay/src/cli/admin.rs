//! `claude-relay admin …`: who may administer the relay. A password is typed, read from a file or standard input, or made by the
//! relay; it is never an argument.

use crate::cli::{
    CommandError, Desk, Verdict,
    api::Call,
    console::Consent,
    fields::{Draft, Fields},
    figures,
    find::ADMINS,
    listing::{self, ListFlags},
    one::{self, Condition},
    place::Place,
    secret::PasswordFlags,
    table::{Cell, texts},
};
use http::Method;
use serde_json::Value;

/// Administrators of the relay.
#[derive(Debug, clap::Args)]
pub(crate) struct AdminArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Debug, clap::Subcommand)]
enum AdminCommand {
    /// List administrators
    List(ListFlags),
    /// Add an administrator; a password that nobody gives is made, and shown once
    Create {
        /// The name to sign in with
        username: String,
        /// What they may do: owner, operator, viewer
        #[arg(long, value_name = "ROLE")]
        role: String,
        #[command(flatten)]
        password: PasswordFlags,
        #[command(flatten)]
        fields: Fields,
    },
    /// Change an administrator; what is not named stays
    Edit {
        /// Their id, or the name they sign in with
        admin: String,
        /// What they may do: owner, operator, viewer
        #[arg(long, value_name = "ROLE")]
        role: Option<String>,
        /// The name they shall sign in with
        #[arg(long, value_name = "NAME")]
        username: Option<String>,
        #[command(flatten)]
        fields: Fields,
        #[command(flatten)]
        condition: Condition,
    },
    /// Give an administrator another password, and end their sessions; one that nobody gives is made, and shown once
    ResetPassword {
        /// Their id, or the name they sign in with
        admin: String,
        #[command(flatten)]
        password: PasswordFlags,
    },
    /// Remove an administrator, and end their sessions
    Delete {
        /// Their id, or the name they sign in with
        admin: String,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        condition: Condition,
    },
}

/// Does what is asked.
pub(crate) async fn run(args: &AdminArgs, desk: &Desk) -> Result<Verdict, CommandError> {
    match &args.command {
        AdminCommand::List(list) => {
            let columns = [texts("NAME"), texts("ROLE"), texts("CREATED"), texts("ID").spare(1)];
            listing::show_page(desk, &ADMINS, list.path(&ADMINS, &[])?, columns, row).await?;
        }
        AdminCommand::Create { username, role, password, fields } => {
            let mut draft = fields.draft()?;
            draft.put("username", Some(username.as_str())).put("role", Some(role.as_str()));
            password.write(username, &mut draft)?;
            one::create(desk, &ADMINS, draft, "password").await?;
        }
        AdminCommand::Edit { admin, role, username, fields, condition } => {
            let mut draft = fields.draft()?;
            draft.put("role", role.as_deref()).put("username", username.as_deref());
            one::change(desk, &ADMINS, admin, draft, *condition).await?;
        }
        AdminCommand::ResetPassword { admin, password } => {
            let (path, _) = ADMINS.find(&desk.api, admin).await?;
            let mut draft = Draft::default();
            password.write(admin, &mut draft)?;
            let call = Call::new(Method::POST, format!("{path}/password")).body(draft.into_document());
            desk.show_made(&desk.api.send(call).await?, "password")?;
        }
        AdminCommand::Delete { admin, consent, condition } => {
            one::delete(desk, &ADMINS, admin, *consent, *condition).await?;
        }
    }
    Ok(Verdict::Fine)
}

fn row(admin: &Value) -> Vec<Cell> {
    vec![
        figures::text(&admin["username"]).into(),
        figures::text(&admin["role"]).into(),
        figures::minute(&admin["created_at"]).into(),
        figures::text(&admin["id"]).into(),
    ]
}
