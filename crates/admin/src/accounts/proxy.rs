//! The outbound proxy of an account: a URL that may carry a password. It is shown without it.

use crate::faults::Reason;
use http::{Uri, uri::Authority};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use utoipa::ToSchema;

/// Longest URL of a proxy, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// What a proxy speaks. `socks5h` has it look up names; `socks5` gives it addresses.
const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

/// How an account's calls leave the relay.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AccountProxy)]
pub(super) struct ProxyView {
    /// The proxy's URL without its password; null: what is stored does not open.
    #[schema(example = "socks5h://relay@proxy.example:1080")]
    url: Option<String>,
    /// Whether it has a password.
    password_set: bool,
}

/// The proxy's URL as it is sealed.
///
/// # Errors
///
/// When it is not of the form `scheme://[user:password@]host:port`. What is wrong is told without repeating it.
pub(super) fn parse(clear: &SecretString) -> Result<SecretString, Reason> {
    let text = clear.expose_secret().trim();
    let form = "write it such as socks5h://user:password@proxy.example:1080";
    if !(1..=URL_BYTES_MAX).contains(&text.len()) {
        return Err(format!("is empty, or longer than {URL_BYTES_MAX} bytes; {form}").into());
    }
    let uri: Uri = text.parse().map_err(|_| Reason::from(format!("is no URL; {form}")))?;
    if !uri.scheme_str().is_some_and(|scheme| SCHEMES.contains(&scheme)) {
        return Err(format!("does not begin with one of http, https, socks5, socks5h; {form}").into());
    }
    let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
        return Err(format!("has no host; {form}").into());
    };
    if authority.port_u16().is_none_or(|port| port == 0) {
        return Err(format!("has no port; {form}").into());
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() || text.contains('#') {
        return Err(format!("has something behind the port; {form}").into());
    }
    match credentials(authority) {
        Some(("", _)) => Err(format!("has a password without a user; {form}").into()),
        _ => Ok(SecretString::from(text.trim_end_matches('/'))),
    }
}

/// User and, if there is one, password.
fn credentials(authority: &Authority) -> Option<(&str, Option<&str>)> {
    let (given, _) = authority.as_str().rsplit_once('@')?;
    Some(given.split_once(':').map_or((given, None), |(user, password)| (user, Some(password))))
}

impl ProxyView {
    /// The proxy at `url`, its password taken out.
    pub(super) fn new(url: &SecretString) -> Self {
        let uri = url.expose_secret().parse::<Uri>().ok();
        let parts = uri.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.authority()?)));
        let Some((scheme, authority)) = parts else { return Self::unknown() };
        let address = authority.as_str().rsplit('@').next().unwrap_or_default();
        let (url, password) = match credentials(authority) {
            Some((user, password)) => (format!("{scheme}://{user}@{address}"), password),
            None => (format!("{scheme}://{address}"), None),
        };
        Self { url: Some(url), password_set: password.is_some_and(|password| !password.is_empty()) }
    }

    /// A proxy that is there and does not open.
    pub(super) const fn unknown() -> Self {
        Self { url: None, password_set: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<(String, bool)> {
        let view = ProxyView::new(&parse(&SecretString::from(text)).ok()?);
        Some((view.url?, view.password_set))
    }

    #[test]
    fn a_proxy_is_shown_without_its_password() {
        for (given, url, password_set) in [
            ("http://proxy.example:3128", "http://proxy.example:3128", false),
            (" https://p.example:443/ ", "https://p.example:443", false),
            ("socks5://u@10.0.0.1:1080", "socks5://u@10.0.0.1:1080", false),
            ("socks5h://u:p%40ss@[::1]:1080", "socks5h://u@[::1]:1080", true),
            ("http://u:@h.example:1", "http://u@h.example:1", false),
        ] {
            assert_eq!(shown(given), Some((url.to_owned(), password_set)), "{given}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_and_not_repeated() {
        for wrong in [
            "",
            "proxy.example:3128",
            "ftp://proxy.example:21",
            "socks4://proxy.example:1080",
            "http://proxy.example",
            "http://proxy.example:0",
            "http://proxy.example:99999",
            "http://:3128",
            "http://u:secret@",
            "http://:secret@h.example:1",
            "http://h.example:1/secret",
            "http://h.example:1?secret",
            "http://h.example:1#secret",
            "http://u:se cret@h.example:1",
        ] {
            let reason = parse(&SecretString::from(wrong)).expect_err(wrong);
            assert!(!reason.contains("secret"), "{wrong}: {reason}");
        }
    }
}
