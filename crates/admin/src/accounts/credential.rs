//! Where the credential of an HTTP account stands, and how it is sealed and opened there.

use crate::faults::Reason;
use domain::{Account, AccountId, AccountSettings, AuthScheme, HttpEndpoint, Platform, Sealed};
use secrecy::{ExposeSecret, SecretString};
use store::{Record, nouns::account::account_family};
use vault::{Keyring, OpenError, Place};

/// The field of the credential.
pub(crate) const FIELD: &str = "api_key";

/// Longest credential, in bytes; what some gateways issue are JWTs of two or three KiB.
const API_KEY_BYTES_MAX: usize = 8192;

/// What Anthropic's own keys begin with.
const ANTHROPIC_PREFIX: &str = "sk-ant-";

/// Seals the credential of the account `id`.
pub(crate) fn seal(keyring: &Keyring, platform: Platform, id: &AccountId, clear: &SecretString) -> Sealed {
    keyring.seal(Place { family: account_family(platform).name(), id: id.as_str(), field: FIELD }, clear)
}

/// The credential of `account`.
///
/// # Errors
///
/// When it was sealed with a key that is not at hand, or was changed.
pub(crate) fn open(keyring: &Keyring, account: &Account) -> Result<SecretString, OpenError> {
    let place = Place { family: account.family().name(), id: account.id.as_str(), field: FIELD };
    keyring.open(place, &endpoint(account).api_key)
}

/// What an HTTP account has. Accounts of other platforms cannot be made yet.
pub(crate) fn endpoint(account: &Account) -> &HttpEndpoint {
    match &account.settings {
        AccountSettings::ClaudeConsole(endpoint) | AccountSettings::Ccr(endpoint) => endpoint,
        other => unreachable!("no operation makes {other:?}"),
    }
}

/// A credential as it was pasted: trimmed, and fit for a header.
pub(crate) fn parse(clear: &SecretString) -> Result<SecretString, Reason> {
    let text = clear.expose_secret().trim();
    if text.is_empty() {
        return Err("is empty; paste the API key".into());
    }
    if text.len() > API_KEY_BYTES_MAX {
        return Err(format!("is longer than {API_KEY_BYTES_MAX} bytes; paste the API key only").into());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("has a space or another character that no API key has; paste it again".into());
    }
    Ok(SecretString::from(text))
}

/// How a credential is sent unless somebody says otherwise.
pub(crate) fn usual_scheme(clear: &SecretString) -> AuthScheme {
    let is_anthropic = clear.expose_secret().starts_with(ANTHROPIC_PREFIX);
    if is_anthropic { AuthScheme::ApiKeyHeader } else { AuthScheme::Bearer }
}
