//! An outbound proxy, parsed from a URL such as `socks5://user:password@host:1080`. Its password is shown nowhere.

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use std::{fmt, str::FromStr};
use url::{Host, Url};

/// Longest user name and longest password, in bytes: what SOCKS5 has room for (RFC 1929, 2), taken for all schemes.
pub const LOGIN_BYTES_MAX: usize = 255;

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyScheme {
    /// HTTP in clear, by `CONNECT`. The login crosses the network in clear as well.
    Http,
    /// HTTP over TLS, by `CONNECT`.
    Https,
    /// SOCKS5 (RFC 1928). The proxy resolves names, whether the URL says `socks5` or `socks5h`.
    Socks5,
}

/// A proxy and what opens it. `Debug` and `Display` show scheme, host and port alone.
#[derive(Clone)]
pub struct Proxy {
    scheme: ProxyScheme,
    /// As a URL has it: IPv6 in brackets.
    host: String,
    port: u16,
    login: Option<Login>,
}

/// Whom a proxy lets through.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) user: SecretString,
    pub(crate) password: SecretString,
}

/// What is wrong with a proxy's URL. The texts quote nothing of it: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// It is no URL.
    #[error("the proxy is not of the form scheme://[user:password@]host[:port]")]
    Form,
    /// The scheme is another.
    #[error("the proxy's scheme is none of http, https, socks5 and socks5h")]
    Scheme,
    /// There is no host, or one that no network knows.
    #[error("the proxy's host is not a name or an IP address")]
    Host,
    /// The port is 0, or above 65535.
    #[error("the proxy's port is not a number from 1 to 65535")]
    Port,
    /// There is a path, a query or a fragment.
    #[error("the proxy's URL has something behind host and port")]
    Trail,
    /// There is a password, but nobody whose it is.
    #[error("the proxy's URL has a password without a user")]
    UserMissing,
    /// User or password is no text, has a control character in it, or is longer than [`LOGIN_BYTES_MAX`].
    #[error(
        "the proxy's user or password is no text of at most {LOGIN_BYTES_MAX} bytes (special characters are written %XX)"
    )]
    Login,
    /// The user of an HTTP proxy has a colon in it, which `Basic` cannot say (RFC 7617, 2).
    #[error("the user of an HTTP proxy cannot have a colon in it")]
    UserColon,
}

impl Proxy {
    /// How it is spoken to.
    #[must_use]
    pub const fn scheme(&self) -> ProxyScheme {
        self.scheme
    }

    /// Its name or address, as a URL has it: an IPv6 address stands in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) const fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }
}

impl ProxyScheme {
    fn parse(name: &str) -> Result<Self, ProxyError> {
        match name {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            "socks5" | "socks5h" => Ok(Self::Socks5),
            _ => Err(ProxyError::Scheme),
        }
    }

    /// As it stands in a URL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
        }
    }

    /// What a URL without a port means.
    const fn port_default(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks5 => 1080,
        }
    }
}

impl FromStr for Proxy {
    type Err = ProxyError;

    /// Parses `scheme://[user[:password]@]host[:port]`; user and password are percent-decoded. Ports that are not given are 80,
    /// 443 and 1080.
    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let text = text.trim();
        if !text.contains("://") {
            return Err(ProxyError::Form);
        }
        let url = Url::parse(text).map_err(|error| match error {
            url::ParseError::InvalidPort => ProxyError::Port,
            url::ParseError::EmptyHost
            | url::ParseError::IdnaError
            | url::ParseError::InvalidIpv4Address
            | url::ParseError::InvalidIpv6Address
            | url::ParseError::InvalidDomainCharacter => ProxyError::Host,
            _ => ProxyError::Form,
        })?;
        let scheme = ProxyScheme::parse(url.scheme())?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(ProxyError::Trail);
        }
        let port = url.port().unwrap_or(scheme.port_default());
        if port == 0 {
            return Err(ProxyError::Port);
        }
        Ok(Self { scheme, host: host_of(&url)?, port, login: login_of(&url, scheme)? })
    }
}

fn host_of(url: &Url) -> Result<String, ProxyError> {
    let host = match url.host().ok_or(ProxyError::Host)? {
        Host::Domain(name) => name.to_owned(),
        address @ (Host::Ipv4(_) | Host::Ipv6(_)) => return Ok(address.to_string()),
    };
    let is_plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    if is_plain && !host.is_empty() { Ok(host) } else { Err(ProxyError::Host) }
}

fn login_of(url: &Url, scheme: ProxyScheme) -> Result<Option<Login>, ProxyError> {
    let (user, password) = (decoded(url.username())?, decoded(url.password().unwrap_or_default())?);
    if user.is_empty() {
        return if password.is_empty() { Ok(None) } else { Err(ProxyError::UserMissing) };
    }
    if scheme != ProxyScheme::Socks5 && user.contains(':') {
        return Err(ProxyError::UserColon);
    }
    Ok(Some(Login { user: user.into(), password: password.into() }))
}

fn decoded(text: &str) -> Result<String, ProxyError> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| ProxyError::Login)?;
    if decoded.len() > LOGIN_BYTES_MAX || decoded.contains(char::is_control) {
        return Err(ProxyError::Login);
    }
    Ok(decoded.into_owned())
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme.name(), self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self}, {})", if self.login.is_some() { "with a login" } else { "without a login" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn each_way_to_write_a_proxy_is_understood() {
        for (text, shown, login) in [
            ("http://10.0.0.1", "http://10.0.0.1:80", None),
            ("HTTP://Proxy.Example:3128/", "http://proxy.example:3128", None),
            ("https://proxy.example", "https://proxy.example:443", None),
            ("socks5://proxy.example", "socks5://proxy.example:1080", None),
            ("socks5h://[::1]:9050", "socks5://[::1]:9050", None),
            (" socks5://team:s3cret@host:1 ", "socks5://host:1", Some(("team", "s3cret"))),
            ("http://team@host", "http://host:80", Some(("team", ""))),
            ("http://a%40b:p%3A%2F%23@host", "http://host:80", Some(("a@b", "p:/#"))),
            ("socks5://a%3Ab:p@host_1", "socks5://host_1:1080", Some(("a:b", "p"))),
        ] {
            let proxy = text.parse::<Proxy>().expect(text);
            let read = proxy.login().map(|login| (login.user.expose_secret(), login.password.expose_secret()));
            assert_eq!((proxy.to_string().as_str(), read), (shown, login), "{text}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_with_what_is_wrong() {
        let long = format!("socks5://u:{}@host", "x".repeat(256));
        for (text, error) in [
            ("", ProxyError::Form),
            ("proxy.example:3128", ProxyError::Form),
            ("team:s3cret@proxy.example:3128", ProxyError::Form),
            ("ftp://host", ProxyError::Scheme),
            ("socks4://host", ProxyError::Scheme),
            ("http://", ProxyError::Host),
            ("socks5://", ProxyError::Host),
            ("socks5://:1080", ProxyError::Host),
            ("socks5://ho%20st", ProxyError::Host),
            ("http://[::1", ProxyError::Host),
            ("http://host:0", ProxyError::Port),
            ("http://host:65536", ProxyError::Port),
            ("http://host:port", ProxyError::Port),
            ("http://host/path", ProxyError::Trail),
            ("socks5://host?x=1", ProxyError::Trail),
            ("http://host#x", ProxyError::Trail),
            ("http://:s3cret@host", ProxyError::UserMissing),
            ("http://team:%FF@host", ProxyError::Login),
            ("http://team:a%0D%0Ab@host", ProxyError::Login),
            ("http://a%3Ab:s3cret@host", ProxyError::UserColon),
            (long.as_str(), ProxyError::Login),
        ] {
            let read = text.parse::<Proxy>().map(|proxy| proxy.to_string());
            assert_eq!(read, Err(error), "{text}");
            assert!(!error.to_string().contains("s3cret"));
        }
    }

    #[test]
    fn the_login_is_shown_nowhere() {
        let proxy = "http://team:s3cret@host".parse::<Proxy>().expect("a proxy");
        let shown = format!("{proxy} {proxy:?} {proxy:#?}");
        assert!(!shown.contains("s3cret") && !shown.contains("team"), "{shown}");
    }
}
