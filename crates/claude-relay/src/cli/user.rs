//! `claude-relay user …`: people with keys of their own. A password is typed, read from a file or standard input, or made by the
//! relay; it is never an argument.

use crate::cli::{
    CommandError, Desk, Verdict,
    api::Call,
    console::Consent,
    fields::{Draft, Fields},
    figures,
    find::USERS,
    listing::{self, ListFlags},
    one::{self, Condition},
    place::Place,
    secret::PasswordFlags,
    table::{Cell, Tone, numbers, texts},
};
use http::Method;
use serde_json::Value;

/// People with keys of their own.
#[derive(Debug, clap::Args)]
pub(crate) struct UserArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, clap::Subcommand)]
enum UserCommand {
    /// List users
    List(ListFlags),
    /// Add a user; a password that nobody gives is made, and shown once
    Create {
        /// The address to sign in with
        email: String,
        /// What people call them
        #[arg(long, value_name = "NAME")]
        name: String,
        #[command(flatten)]
        user: UserFlags,
        #[command(flatten)]
        password: PasswordFlags,
        #[command(flatten)]
        fields: Fields,
    },
    /// Show a user
    Show {
        /// Their id, or their address
        user: String,
    },
    /// Change a user; what is not named stays
    Edit {
        /// Their id, or their address
        user: String,
        /// The address they shall sign in with
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        /// What people shall call them
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        changes: UserFlags,
        #[command(flatten)]
        fields: Fields,
        #[command(flatten)]
        condition: Condition,
    },
    /// Give a user another password, and end their sessions; one that nobody gives is made, and shown once
    ResetPassword {
        /// Their id, or their address
        user: String,
        #[command(flatten)]
        password: PasswordFlags,
    },
    /// End a user's sessions: they have to sign in again
    EndSessions {
        /// Their id, or their address
        user: String,
    },
    /// Remove a user, end their sessions and delete their keys; the books keep their id
    Delete {
        /// Their id, or their address
        user: String,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        condition: Condition,
    },
}

#[derive(Debug, clap::Args)]
struct UserFlags {
    /// Keys that they may have at once
    #[arg(long, value_name = "NUMBER")]
    keys_max: Option<u32>,
    /// Whether they may sign in: true, false
    #[arg(long, value_name = "SWITCH")]
    active: Option<bool>,
}

/// Does what is asked.
pub(crate) async fn run(args: &UserArgs, desk: &Desk) -> Result<Verdict, CommandError> {
    match &args.command {
        UserCommand::List(list) => {
            let columns = [
                texts("EMAIL"),
                texts("NAME").spare(1),
                texts("STATE"),
                numbers("KEYS AT MOST").spare(2),
                texts("CREATED").spare(3),
                texts("ID").spare(4),
            ];
            listing::show_page(desk, &USERS, list.path(&USERS, &[])?, columns, row).await?;
        }
        UserCommand::Create { email, name, user, password, fields } => {
            let mut draft = fields.draft()?;
            user.write(&mut draft);
            draft.put("email", Some(email.as_str())).put("name", Some(name.as_str()));
            password.write(email, &mut draft)?;
            one::create(desk, &USERS, draft, "password").await?;
        }
        UserCommand::Show { user } => one::show(desk, &USERS, user).await?,
        UserCommand::Edit { user, email, name, changes, fields, condition } => {
            let mut draft = fields.draft()?;
            changes.write(&mut draft);
            draft.put("email", email.as_deref()).put("name", name.as_deref());
            one::change(desk, &USERS, user, draft, *condition).await?;
        }
        UserCommand::ResetPassword { user, password } => {
            let (path, _) = USERS.find(&desk.api, user).await?;
            let mut draft = Draft::default();
            password.write(user, &mut draft)?;
            let call = Call::new(Method::POST, format!("{path}/password")).body(draft.into_document());
            desk.show_made(&desk.api.send(call).await?, "password")?;
        }
        UserCommand::EndSessions { user } => {
            let (path, document) = USERS.find(&desk.api, user).await?;
            desk.api.send(Call::new(Method::DELETE, format!("{path}/sessions"))).await?;
            desk.say(&format!("ended the sessions of {}", USERS.call(&document)))?;
        }
        UserCommand::Delete { user, consent, condition } => {
            one::delete(desk, &USERS, user, *consent, *condition).await?;
        }
    }
    Ok(Verdict::Fine)
}

fn row(user: &Value) -> Vec<Cell> {
    let state =
        if user["active"] == true { Cell::toned("active", Tone::Good) } else { Cell::toned("off", Tone::Doubtful) };
    vec![
        figures::text(&user["email"]).into(),
        figures::text(&user["name"]).into(),
        state,
        figures::count(&user["keys_max"]).into(),
        figures::minute(&user["created_at"]).into(),
        figures::text(&user["id"]).into(),
    ]
}

impl UserFlags {
    fn write(&self, draft: &mut Draft) {
        draft.put("keys_max", self.keys_max).put("active", self.active);
    }
}
