//! The secrets of an account: which there are, and where a command takes each from. Never from an argument.

use crate::cli::{CommandError, fields::Draft, secret};
use domain::{Access, Platform};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Every field that holds a secret, and what a person calls it.
const FIELDS: [(&str, &str); 6] = [
    ("api_key", "API key"),
    (API_KEYS, "API keys, with spaces between them,"),
    ("secret_access_key", "Secret access key"),
    ("session_token", "Session token"),
    ("bearer_token", "Bearer token"),
    ("proxy", "URL of the proxy"),
];

/// The field of several secrets.
const API_KEYS: &str = "api_keys";

/// Where the secrets of an account are.
#[derive(Debug, Default, clap::Args)]
pub(super) struct AccountSecretFlags {
    /// Read the secret of this field (such as `secret_access_key`, `session_token`, `proxy`) from a file; `-` is standard input. Where
    /// the account has one secret only, its field need not be named. May be given several times
    #[arg(long, value_name = "[FIELD=]FILE")]
    secret_file: Vec<PathBuf>,
    /// Ask for the secret of this field; may be given several times
    #[arg(long, value_name = "FIELD")]
    ask: Vec<String>,
}

/// An account that secrets are for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holder<'a> {
    /// What questions call it.
    pub(super) name: &'a str,
    /// The secrets that an account of its kind cannot do without.
    pub(super) needs: &'static [&'static str],
}

/// The secrets that an account of `platform` by `access` cannot do without; none where there is no such account.
pub(super) fn needed(platform: &str, access: Option<&str>) -> Option<&'static [&'static str]> {
    let access = access.map(Access::parse);
    Some(match (Platform::parse(platform)?, access) {
        (Platform::Claude | Platform::OpenAi, _) | (Platform::Gemini | Platform::Droid, Some(Some(Access::OAuth))) => {
            &[]
        }
        (Platform::ClaudeConsole | Platform::Ccr | Platform::OpenAiResponses | Platform::AzureOpenAi, _)
        | (Platform::Gemini, None | Some(Some(Access::ApiKey))) => &["api_key"],
        (Platform::Droid, None | Some(Some(Access::ApiKeys))) => &[API_KEYS],
        (Platform::Bedrock, None | Some(Some(Access::AccessKey))) => &["secret_access_key"],
        (Platform::Bedrock, Some(Some(Access::BearerToken))) => &["bearer_token"],
        (Platform::Bedrock, Some(Some(Access::Environment))) => &[],
        (Platform::Gemini | Platform::Droid | Platform::Bedrock, Some(_)) => return None,
    })
}

impl AccountSecretFlags {
    /// Whether a file is named without its field.
    pub(super) fn is_unnamed(&self) -> bool {
        self.secret_file.iter().any(|given| assignment(given).is_none())
    }

    /// Writes what files and prompts give.
    pub(super) fn write(&self, holder: Holder<'_>, draft: &mut Draft) -> Result<(), CommandError> {
        for given in &self.secret_file {
            let (field, path) = match (assignment(given), holder.needs) {
                (Some(named), _) => named,
                (None, [only]) => (*only, given.as_path()),
                (None, _) => {
                    let names = FIELDS.map(|(field, _)| field).join(", ");
                    let given = given.display();
                    return Err(format!(
                        "say which secret is in {given}: write --secret-file FIELD={given}; the fields are {names}"
                    )
                    .into());
                }
            };
            put(draft, field, &secret::read_file(path)?);
        }
        for wanted in &self.ask {
            let Some((field, _)) = FIELDS.iter().find(|(field, _)| field == wanted) else {
                let names = FIELDS.map(|(field, _)| field).join(", ");
                return Err(format!("`{wanted}` is no secret of an account; these are: {names}").into());
            };
            ask(holder, field, draft)?;
        }
        Ok(())
    }
}

/// Asks for what `holder` needs and `draft` has not.
pub(super) fn ask_needed(holder: Holder<'_>, draft: &mut Draft) -> Result<(), CommandError> {
    for field in holder.needs {
        if !draft.has(field) {
            ask(holder, field, draft)?;
        }
    }
    Ok(())
}

fn ask(holder: Holder<'_>, field: &'static str, draft: &mut Draft) -> Result<(), CommandError> {
    let called = FIELDS.iter().find(|(name, _)| *name == field).map_or(field, |(_, called)| called);
    let flag = format!("--secret-file {field}=FILE");
    put(draft, field, &secret::ask(&format!("{called} of `{}` (not shown)", holder.name), &flag)?);
    Ok(())
}

/// `FIELD=FILE`, where the field is one that holds a secret: other names with a `=` are those of files.
fn assignment(given: &Path) -> Option<(&'static str, &Path)> {
    let (name, path) = given.to_str()?.split_once('=')?;
    let (field, _) = FIELDS.iter().find(|(field, _)| *field == name)?;
    Some((field, Path::new(path)))
}

fn put(draft: &mut Draft, field: &str, clear: &SecretString) {
    if field == API_KEYS {
        let keys = clear.expose_secret().split([' ', ',', '\t', '\r', '\n']).filter(|key| !key.is_empty());
        draft.put(field, Some(keys.map(Value::from).collect::<Vec<_>>()));
    } else {
        draft.put_secret(field, clear);
    }
}

/// The URL of a proxy as an argument.
///
/// # Errors
///
/// When there is a password in it, which is not repeated.
pub(super) fn proxy_argument(url: &str) -> Result<&str, CommandError> {
    let user = url.rsplit_once('@').map_or("", |(before, _)| before);
    let user = user.rsplit_once("//").map_or(user, |(_, user)| user);
    if user.contains(':') {
        return Err(
            "the URL of the proxy has a password, and arguments show in process lists: give it with --secret-file proxy=FILE, or be asked with --ask proxy"
                .into(),
        );
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_platform_says_which_secrets_it_cannot_do_without() {
        for platform in Platform::ALL {
            assert!(needed(platform.as_str(), None).is_some(), "{platform}");
        }
        for (platform, access, expected) in [
            ("claude", None, Some(&[][..])),
            ("gemini", Some("oauth"), Some(&[])),
            ("bedrock", None, Some(&["secret_access_key"])),
            ("bedrock", Some("bearer_token"), Some(&["bearer_token"])),
            ("bedrock", Some("environment"), Some(&[])),
            ("droid", None, Some(&["api_keys"])),
            ("gemini", Some("magic"), None),
            ("nothing", None, None),
        ] {
            assert_eq!(needed(platform, access), expected, "{platform} {access:?}");
        }
    }

    #[test]
    fn a_file_is_of_the_field_in_front_of_it_or_of_the_only_one() {
        let named = |text: &'static str| assignment(Path::new(text));
        assert_eq!(named("proxy=p.txt"), Some(("proxy", Path::new("p.txt"))));
        assert_eq!(named("a=b.txt"), None, "a file may be called so");
        let flags = AccountSecretFlags { secret_file: vec!["key.txt".into()], ask: Vec::new() };
        assert!(flags.is_unnamed());
        let holder = Holder { name: "a", needs: &[] };
        let refused = flags.write(holder, &mut Draft::default()).expect_err("which").to_string();
        assert!(refused.contains("--secret-file FIELD=key.txt") && refused.contains("session_token"), "{refused}");
    }

    #[test]
    fn several_keys_stand_on_lines_or_beside_each_other() {
        let mut draft = Draft::default();
        put(&mut draft, "api_keys", &SecretString::from("a\r\nb, c"));
        assert_eq!(draft.into_document(), json!({"api_keys": ["a", "b", "c"]}));
    }

    #[test]
    fn a_proxy_with_a_password_is_no_argument_and_is_not_repeated() {
        for fine in ["http://p.example:1", "socks5h://user@p.example:1", "none"] {
            assert!(proxy_argument(fine).is_ok(), "{fine}");
        }
        for wrong in ["http://u:secret@p.example:1", "u:secret@p.example:1"] {
            let refused = proxy_argument(wrong).expect_err(wrong).to_string();
            assert!(!refused.contains("secret@") && refused.contains("process lists"), "{refused}");
        }
    }
}
