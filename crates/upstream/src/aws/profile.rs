//! Keys of a profile in AWS's shared files, `~/.aws/credentials` and `~/.aws/config`.

use super::{
    AwsChainError, read_file,
    variables::{self, AwsVariables},
};
use crate::sigv4::AwsKeys;
use secrecy::SecretString;
use std::{collections::HashMap, io, path::PathBuf};

/// The profile of who names none.
const DEFAULT: &str = "default";

/// Settings that say to get keys in another way.
const UNSUPPORTED: [&str; 6] =
    ["role_arn", "sso_session", "sso_start_url", "credential_process", "web_identity_token_file", "login_session"];

/// The keys of the profile that `AWS_PROFILE` names, else of `default`; none where that one has none.
pub(super) async fn read(variables: &AwsVariables) -> Result<Option<AwsKeys>, AwsChainError> {
    let named = variables.get(variables::PROFILE);
    let name = named.unwrap_or(DEFAULT);
    let credentials = read_if_there(variables, variables::CREDENTIALS_FILE, "credentials").await?;
    let config = read_if_there(variables, variables::CONFIG_FILE, "config").await?;
    let of_credentials = section(&credentials, |header| header == name);
    let of_config = section(&config, |header| {
        let bare = header.strip_prefix("profile").map(str::trim);
        bare == Some(name) || (name == DEFAULT && header == DEFAULT)
    });
    match (&of_credentials, &of_config) {
        (None, None) if named.is_some() => Err(AwsChainError::ProfileMissing(name.to_owned())),
        // The file of credentials goes before the other.
        _ => keys(name, &of_config.into_iter().chain(of_credentials).flatten().collect()),
    }
}

fn keys(name: &str, settings: &HashMap<&str, &str>) -> Result<Option<AwsKeys>, AwsChainError> {
    let get = |setting: &str| settings.get(setting).copied().filter(|value| !value.is_empty());
    match (get("aws_access_key_id"), get("aws_secret_access_key")) {
        (Some(id), Some(secret)) => Ok(Some(AwsKeys {
            access_key_id: id.to_owned(),
            secret_access_key: secret.into(),
            session_token: get("aws_session_token").map(SecretString::from),
        })),
        (None, None) => match UNSUPPORTED.into_iter().find(|setting| get(setting).is_some()) {
            Some(setting) => Err(AwsChainError::ProfileUnsupported { profile: name.to_owned(), setting }),
            None => Ok(None),
        },
        _ => Err(AwsChainError::ProfileIncomplete(name.to_owned())),
    }
}

/// The file that `variable` names, else AWS's own of that name; empty where it is not there and nobody asked for it.
async fn read_if_there(variables: &AwsVariables, variable: &str, file: &str) -> Result<String, AwsChainError> {
    let named = variables.path(variable);
    let usual = || Some(PathBuf::from(variables.get(variables::HOME)?).join(".aws").join(file));
    let is_named = named.is_some();
    let Some(path) = named.or_else(usual) else { return Ok(String::new()) };
    match read_file(path).await {
        Err(AwsChainError::File { source, .. }) if !is_named && source.kind() == io::ErrorKind::NotFound => {
            Ok(String::new())
        }
        read => read,
    }
}

/// The settings below the header that `is_wanted`; none where there is no such header. A section may stand there in parts.
fn section(text: &str, is_wanted: impl Fn(&str) -> bool) -> Option<Vec<(&str, &str)>> {
    let mut found: Option<Vec<(&str, &str)>> = None;
    let mut is_inside = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(header) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            is_inside = is_wanted(header.trim());
            if is_inside {
                found.get_or_insert_default();
            }
            continue;
        }
        // Indented lines belong to a setting of several lines, such as `s3 =`.
        let is_setting = !line.starts_with([' ', '\t']) && !trimmed.starts_with(['#', ';']);
        if let (true, true, Some((name, value))) = (is_inside, is_setting, trimmed.split_once('=')) {
            found.get_or_insert_default().push((name.trim(), value.trim()));
        }
    }
    found
}
