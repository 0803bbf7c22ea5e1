//! The outbound proxy of an account, opened.

use domain::Account;
use secrecy::ExposeSecret;
use store::nouns::account::account_family;
use upstream::Proxy;
use vault::{Keyring, Place};

/// The proxy that the account's calls take; none: they go directly.
///
/// # Errors
///
/// When what is stored does not open, or is no proxy's URL: in words that tell no password. No call may go beside it then.
pub fn proxy_of(account: &Account, keyring: &Keyring) -> Result<Option<Proxy>, String> {
    let Some(sealed) = &account.proxy else { return Ok(None) };
    let family = account_family(account.platform()).name();
    let url = keyring.open(Place { family, id: account.id.as_str(), field: "proxy" }, sealed);
    let url = url.map_err(|error| format!("its proxy does not open: {error}"))?;
    url.expose_secret().parse().map(Some).map_err(|error| format!("its proxy cannot be used: {error}"))
}
