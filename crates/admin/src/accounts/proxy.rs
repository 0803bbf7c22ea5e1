//! The outbound proxy of an account: a URL that may carry a password. It is shown without it.

use crate::faults::Reason;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use upstream::{Proxy, ProxyError};
use url::Url;
use utoipa::ToSchema;

/// Longest URL of a proxy, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// How it is written.
const FORM: &str = "write it such as socks5h://user:password@proxy.example:1080";

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
/// When it is none that calls can go through. What is wrong is told without repeating it.
pub(super) fn parse(clear: &SecretString) -> Result<SecretString, Reason> {
    let text = clear.expose_secret().trim();
    if !(1..=URL_BYTES_MAX).contains(&text.len()) {
        return Err(format!("is empty, or longer than {URL_BYTES_MAX} bytes; {FORM}").into());
    }
    match text.parse::<Proxy>() {
        Ok(_) => Ok(SecretString::from(text)),
        Err(error) => Err(format!("{}; {FORM}", fault(error)).into()),
    }
}

const fn fault(error: ProxyError) -> &'static str {
    match error {
        ProxyError::Form => "is no URL",
        ProxyError::Scheme => "begins with none of http, https, socks5 and socks5h",
        ProxyError::Host => "has a host that is neither a name nor an IP address",
        ProxyError::Port => "has a port that is no number from 1 to 65535",
        ProxyError::Trail => "has something behind host and port",
        ProxyError::UserMissing => "has a password without a user",
        ProxyError::Login => {
            "has a user or a password that is too long or no text (special characters are written %XX)"
        }
        ProxyError::UserColon => "has a colon in its user, which HTTP cannot say",
    }
}

impl ProxyView {
    /// The proxy at `url`, its password taken out.
    pub(super) fn new(url: &SecretString) -> Self {
        let text = url.expose_secret();
        let (Ok(proxy), Ok(url)) = (text.parse::<Proxy>(), Url::parse(text)) else { return Self::unknown() };
        let user = if url.username().is_empty() { String::new() } else { format!("{}@", url.username()) };
        // The scheme as it was written: `socks5` and `socks5h` are spoken to alike.
        let shown = format!("{}://{user}{}:{}", url.scheme(), proxy.host(), proxy.port());
        Self { url: Some(shown), password_set: url.password().is_some_and(|password| !password.is_empty()) }
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
            (" https://p.example/ ", "https://p.example:443", false),
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
            "http://proxy.example:0",
            "http://proxy.example:99999",
            "http://:3128",
            "http://u:secret@",
            "http://:secret@h.example:1",
            "http://h.example:1/secret",
            "http://h.example:1?secret",
            "http://h.example:1#secret",
            "http://u:secret%00@h.example:1",
        ] {
            let reason = parse(&SecretString::from(wrong)).expect_err(wrong);
            assert!(!reason.contains("secret"), "{wrong}: {reason}");
        }
    }
}
