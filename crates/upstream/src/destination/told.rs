//! Whether a text tells where an account's calls go, or what opens them: what must not stand in an answer to a client.

use memchr::memmem;
use secrecy::{ExposeSecret, SecretString};

/// What must not be told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Untold {
    host: String,
    secrets: Vec<SecretString>,
}

impl Untold {
    pub(crate) fn new(host: &str, secrets: Vec<SecretString>) -> Self {
        Self { host: host.to_owned(), secrets }
    }

    pub(crate) fn is_told_by(&self, bytes: &[u8]) -> bool {
        let tells = |secret: &SecretString| {
            let secret = secret.expose_secret().as_bytes();
            !secret.is_empty() && memmem::find(bytes, secret).is_some()
        };
        names_host(bytes, self.host.as_bytes()) || self.secrets.iter().any(tells)
    }
}

/// Whether `host` stands in `bytes` as a name of its own, in any case of its letters. A name without a dot (`app`, a service
/// of a compose file) is a word of many texts: it counts only where a port or a URL's slashes stand beside it.
fn names_host(bytes: &[u8], host: &[u8]) -> bool {
    let Some(first) = host.first() else { return false };
    let mut starts = memchr::memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), bytes);
    starts.any(|at| {
        let (before, rest) = bytes.split_at(at);
        let is_host = rest.get(..host.len()).is_some_and(|found| found.eq_ignore_ascii_case(host));
        is_host && stands_alone(before, &rest[host.len()..], host.contains(&b'.'))
    })
}

fn stands_alone(before: &[u8], after: &[u8], is_dotted: bool) -> bool {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    let has_port = matches!(after, [b':', digit, ..] if digit.is_ascii_digit());
    let is_free = !is_part(before.last()) && !is_part(after.first());
    is_free && (is_dotted || has_port || before.ends_with(b"//"))
}
