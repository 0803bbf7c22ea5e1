//! `claude-relay oauth-client …`, and the sign-ins of `claude-relay account …`. Secrets, codes and tokens are typed, or read from a file
//! or standard input; none is an argument.

use crate::cli::{
    CommandError, Desk, Verdict,
    api::{Answer, Call, below},
    console::{Consent, Form, print},
    fields::{Draft, Fields},
    find::ACCOUNTS,
    place::Place,
    refused::Refused,
    secret::SecretFlags,
    table::harmless,
};

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use std::time::Duration;

const CLIENTS: &str = "/admin/oauth-clients";

/// What a client shows and cannot be set to.
const SHOWN_ONLY: [&str; 5] = ["platform", "version", "has_client_secret", "created_at", "updated_at"];

/// Questions about a device at most: an hour of them, a second apart.
const QUESTIONS_MAX: u32 = 3600;

/// How the relay signs in at a platform's authorisation server.
#[derive(Debug, clap::Args)]
pub(crate) struct OAuthClientArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    command: OAuthClientCommand,
}

#[derive(Debug, clap::Subcommand)]
enum OAuthClientCommand {
    /// Show the client of a platform, or of all; never its secret
    Show {
        /// claude, gemini, openai or droid
        platform: Option<String>,
    },
    /// Set the client of a platform; what is not named stays
    Set {
        /// claude, gemini, openai or droid
        platform: String,
        #[command(flatten)]
        client: Box<ClientFlags>,
        /// Ask for the client's secret
        #[arg(long)]
        secret: bool,
        #[command(flatten)]
        source: SecretFlags,
        #[command(flatten)]
        fields: Fields,
    },
    /// Delete the client of a platform: tokens of its accounts are refreshed no more
    Delete {
        /// claude, gemini, openai or droid
        platform: String,
        #[command(flatten)]
        consent: Consent,
    },
}

#[derive(Debug, Default, clap::Args)]
struct ClientFlags {
    /// Where people agree
    #[arg(long, value_name = "URL")]
    authorize_url: Option<String>,
    /// Where codes and refresh tokens become access tokens
    #[arg(long, value_name = "URL")]
    token_url: Option<String>,
    /// Where a device code is had
    #[arg(long, value_name = "URL")]
    device_url: Option<String>,
    /// Where tokens are revoked
    #[arg(long, value_name = "URL")]
    revoke_url: Option<String>,
    /// Where the server sends people back to, as it is registered there
    #[arg(long, value_name = "URI")]
    redirect_uri: Option<String>,
    /// The client's id
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// What is asked for, separated by spaces
    #[arg(long, value_name = "SCOPES")]
    scopes: Option<String>,
    /// How token requests are written: form, json
    #[arg(long, value_name = "FORM")]
    token_body: Option<String>,
    /// Where the secret stands in them: body, basic
    #[arg(long, value_name = "PLACE")]
    client_auth: Option<String>,
    /// A parameter of the authorisation URL beside the standard's own; may be given several times, and names all of them
    #[arg(long = "authorize-parameter", value_name = "NAME=VALUE")]
    authorize_parameters: Vec<String>,
}

/// Commands about how an account is signed in.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum SignInCommand {
    /// Sign an account in at its provider: shows a URL, and asks for the code that it leads to
    SignIn {
        /// Its id, or its name
        account: String,
        /// Show a code to type elsewhere instead, and wait until it is confirmed
        #[arg(long)]
        device: bool,
        #[command(flatten)]
        code: SecretFlags,
    },
    /// Give an account a token that was made elsewhere; it is asked for
    PasteToken {
        /// Its id, or its name
        account: String,
        /// It is a refresh token, which is tried at once
        #[arg(long)]
        refresh_token: bool,
        /// When the access token ends; left out: that is not known
        #[arg(long, value_name = "INSTANT")]
        expires_at: Option<String>,
        #[command(flatten)]
        token: SecretFlags,
    },
    /// Refresh an account's token now
    Refresh {
        /// Its id, or its name
        account: String,
    },
    /// Show how an account is signed in
    SignInStatus {
        /// Its id, or its name
        account: String,
    },
    /// Revoke and forget an account's tokens
    SignOut {
        /// Its id, or its name
        account: String,
        #[command(flatten)]
        consent: Consent,
    },
}

/// Does what is asked about clients.
pub(crate) async fn run(args: &OAuthClientArgs, desk: &Desk) -> Result<Verdict, CommandError> {
    match &args.command {
        OAuthClientCommand::Show { platform: None } => desk.show(&desk.api.get(CLIENTS).await?)?,
        OAuthClientCommand::Show { platform: Some(platform) } => {
            desk.show(&desk.api.get(below(CLIENTS, platform)).await?)?;
        }
        OAuthClientCommand::Set { platform, client, secret, source, fields } => {
            let mut draft = fields.draft()?;
            client.write(&mut draft)?;
            if *secret || source.is_given() {
                let question = format!("Secret of the OAuth client for {platform} (not shown)");
                draft.put_secret("client_secret", &source.read(&question)?);
            }
            desk.show(&set(desk, platform, draft).await?)?;
        }
        OAuthClientCommand::Delete { platform, consent } => {
            consent.ask(&format!("Delete the OAuth client for {platform}?"))?;
            desk.api.send(Call::new(Method::DELETE, below(CLIENTS, platform))).await?;
            desk.say(&format!("deleted the OAuth client for {platform}"))?;
        }
    }
    Ok(Verdict::Fine)
}

/// Sets the client to what it is with the draft over it, unless somebody else changes it meanwhile.
async fn set(desk: &Desk, platform: &str, draft: Draft) -> Result<Answer, CommandError> {
    let path = below(CLIENTS, platform);
    let change = draft.into_change()?;
    let (mut document, version) = match desk.api.get(path.clone()).await {
        Ok(answer) => (settable(&answer.document), answer.document["version"].as_u64()),
        Err(error) if status(&error) == Some(StatusCode::NOT_FOUND) => (Map::new(), None),
        Err(error) => return Err(error),
    };
    if let Value::Object(change) = change {
        document.extend(change);
    }
    desk.api.send(Call::new(Method::PUT, path).body(Value::Object(document)).only_if(version)).await
}

/// A client's document without what only is shown, and without what is not there.
fn settable(shown: &Value) -> Map<String, Value> {
    let members = shown.as_object().cloned().unwrap_or_default();
    members.into_iter().filter(|(name, value)| !SHOWN_ONLY.contains(&name.as_str()) && !value.is_null()).collect()
}

impl ClientFlags {
    fn write(&self, draft: &mut Draft) -> Result<(), CommandError> {
        draft
            .put("authorize_url", self.authorize_url.as_deref())
            .put("token_url", self.token_url.as_deref())
            .put("device_url", self.device_url.as_deref())
            .put("revoke_url", self.revoke_url.as_deref())
            .put("redirect_uri", self.redirect_uri.as_deref())
            .put("client_id", self.client_id.as_deref())
            .put("scopes", self.scopes.as_deref())
            .put("token_body", self.token_body.as_deref())
            .put("client_auth", self.client_auth.as_deref());
        let mut parameters = Map::new();
        for text in &self.authorize_parameters {
            let (name, value) =
                text.split_once('=').ok_or("an --authorize-parameter has no value: write NAME=VALUE")?;
            parameters.insert(name.to_owned(), value.into());
        }
        draft.put("authorize_parameters", (!parameters.is_empty()).then_some(Value::Object(parameters)));
        Ok(())
    }
}

/// Does what is asked about an account's sign-in.
pub(crate) async fn sign_in(command: &SignInCommand, desk: &Desk) -> Result<Verdict, CommandError> {
    match command {
        SignInCommand::SignIn { account, device: false, code } => by_code(desk, account, code).await?,
        SignInCommand::SignIn { account, device: true, .. } => by_device(desk, account).await?,
        SignInCommand::PasteToken { account, refresh_token, expires_at, token } => {
            let path = path(desk, account).await?;
            let mut draft = Draft::default();
            let field = if *refresh_token { "refresh_token" } else { "access_token" };
            draft.put_secret(field, &token.read(&format!("Token of `{account}` (not shown)"))?);
            draft.put("expires_at", expires_at.as_deref());
            desk.show(&post(desk, format!("{path}/tokens"), draft.into_document()).await?)?;
        }
        SignInCommand::Refresh { account } => {
            let path = path(desk, account).await?;
            desk.show(&desk.api.send(Call::new(Method::POST, format!("{path}/refresh"))).await?)?;
        }
        SignInCommand::SignInStatus { account } => {
            let path = path(desk, account).await?;
            desk.show(&desk.api.get(path).await?)?;
        }
        SignInCommand::SignOut { account, consent } => {
            let path = path(desk, account).await?;
            consent.ask(&format!("Sign the account `{account}` out?"))?;
            desk.show(&desk.api.send(Call::new(Method::POST, format!("{path}/sign-out"))).await?)?;
        }
    }
    Ok(Verdict::Fine)
}

async fn by_code(desk: &Desk, account: &str, code: &SecretFlags) -> Result<(), CommandError> {
    let path = path(desk, account).await?;
    let started = post(desk, format!("{path}/start"), json!({"method": "code"})).await?;
    match desk.console.form {
        Form::Json => desk.show(&started)?,
        Form::People => {
            let url = harmless(started.document["url"].as_str().unwrap_or_default());
            print(&format!(
                "Open this URL, agree, and bring back the code or the whole URL that it leads to:\n\n{url}\n\n"
            ))?;
        }
    }
    let mut draft = Draft::default();
    draft.put_secret("code", &code.read("Code, or the URL that the browser was sent to (not shown)")?);
    desk.show(&post(desk, format!("{path}/finish"), draft.into_document()).await?)
}

async fn by_device(desk: &Desk, account: &str) -> Result<(), CommandError> {
    let path = path(desk, account).await?;
    let answer = post(desk, format!("{path}/start"), json!({"method": "device"})).await?;
    let started = &answer.document;
    let shown = |name: &str| harmless(started[name].as_str().unwrap_or_default());
    match desk.console.form {
        Form::Json => desk.show(&answer)?,
        Form::People => print(&format!("Open {} and type {}\n", shown("verification_url"), shown("user_code")))?,
    }
    let mut wait = Duration::from_secs(started["interval_s"].as_u64().unwrap_or(5).clamp(1, 60));
    for _ in 0..QUESTIONS_MAX {
        tokio::time::sleep(wait).await;
        match post(desk, format!("{path}/finish"), json!({})).await {
            Err(error) if status(&error) == Some(StatusCode::TOO_MANY_REQUESTS) => {
                // The provider wants to be asked less often, or nobody has confirmed it yet.
                wait = (wait + Duration::from_secs(1)).min(Duration::from_secs(15));
            }
            done => return desk.show(&done?),
        }
    }
    Err("nobody has confirmed the sign-in; begin another".into())
}

/// The path of an account's sign-in.
async fn path(desk: &Desk, account: &str) -> Result<String, CommandError> {
    let (path, _) = ACCOUNTS.find(&desk.api, account).await?;
    Ok(format!("{path}/oauth"))
}

async fn post(desk: &Desk, path: String, document: Value) -> Result<Answer, CommandError> {
    desk.api.send(Call::new(Method::POST, path).body(document)).await
}

fn status(error: &CommandError) -> Option<StatusCode> {
    error.downcast_ref::<Refused>().map(|refused| refused.status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays_and_what_is_only_shown_is_not_sent() {
        let shown = json!({"platform": "claude", "version": 3, "client_id": "c", "has_client_secret": true,
            "device_url": null, "created_at": "x", "updated_at": "y", "scopes": ""});
        assert_eq!(Value::Object(settable(&shown)), json!({"client_id": "c", "scopes": ""}));
    }
}
