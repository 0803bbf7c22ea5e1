//! Where the secrets of an account stand, and how they are sealed and opened there. Which fields are secrets is told by the keyspace
//! table alone.

use domain::{Account, AccountId, Platform, Sealed};
use secrecy::SecretString;
use std::collections::BTreeMap;
use store::{Record, keyspace::ColumnKind, nouns::account::account_family, records::Value};
use vault::{Keyring, OpenError, Place};

/// Seals `clear` for `field` of the account `id`.
pub(crate) fn seal(keyring: &Keyring, platform: Platform, id: &AccountId, field: &str, clear: &SecretString) -> Sealed {
    keyring.seal(place(platform, id, field), clear)
}

/// The secrets that `account` holds, by their fields.
pub(crate) fn secrets(account: &Account) -> BTreeMap<&'static str, Sealed> {
    let is_secret = |name: &str| account.family().column(name).is_some_and(|column| column.kind == ColumnKind::Secret);
    let held = account.fields().into_iter().filter(|(name, _)| is_secret(name));
    held.filter_map(|(name, value)| match value {
        Value::Text(envelope) => Some((name, Sealed::from_envelope(envelope))),
        Value::Integer(_) => None,
    })
    .collect()
}

/// Opens what is sealed for `field` of the account `id`.
///
/// # Errors
///
/// When it was sealed with a key that is not at hand, or was changed.
pub(crate) fn open(
    keyring: &Keyring,
    platform: Platform,
    id: &AccountId,
    field: &str,
    sealed: &Sealed,
) -> Result<SecretString, OpenError> {
    keyring.open(place(platform, id, field), sealed)
}

fn place<'a>(platform: Platform, id: &'a AccountId, field: &'a str) -> Place<'a> {
    Place { family: account_family(platform).name(), id: id.as_str(), field }
}
