//! Room 0: a request has arrived. Its head is looked at, its body is not touched.

use crate::relay::Relay;
use crate::route::Call;
use domain::{ClientKind, RequestId, Timestamp};
use http::{HeaderMap, HeaderName, Request, header, request};
use std::fmt;

/// Longest key that is looked up, in bytes; longer ones are nobody's.
const KEY_BYTES_MAX: usize = 512;

/// Where a key may stand, in the order in which they are asked. Claude Code sends two of them when it has two.
static KEY_HEADERS: [HeaderName; 4] = [
    HeaderName::from_static("x-api-key"),
    header::AUTHORIZATION,
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("api-key"),
];

/// A request whose sender is not known.
pub(crate) struct Arrival<B> {
    /// Its identity.
    pub(crate) id: RequestId,
    /// When it came: the instant that all its accounting goes by.
    pub(crate) at: Timestamp,
    /// What it asks for.
    pub(crate) call: Call,
    /// Method, URL and headers.
    pub(crate) head: request::Parts,
    /// The body, unread.
    pub(crate) body: B,
}

/// A key as a client presented it. Not printable.
pub(crate) struct PresentedKey<'a>(pub(crate) &'a str);

impl Relay {
    /// Takes a request in.
    pub(crate) fn accept<B>(&self, id: RequestId, call: Call, request: Request<B>) -> Arrival<B> {
        let (head, body) = request.into_parts();
        Arrival { id, at: self.clock.now(), call, head, body }
    }
}

/// The keys that `headers` and the query's `key`, which Google's clients may use, present. There may be more than one; any that is
/// known will do.
pub(crate) fn presented_keys<'a>(
    headers: &'a HeaderMap,
    query: Option<&'a str>,
) -> impl Iterator<Item = PresentedKey<'a>> {
    let values = KEY_HEADERS.iter().filter_map(|name| headers.get(name)).filter_map(|value| value.to_str().ok());
    let in_query = query.unwrap_or_default().split('&').filter_map(|pair| pair.strip_prefix("key="));
    values.chain(in_query).filter_map(|text| {
        let bearer = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let key = bearer.map_or(text, |(_, token)| token).trim();
        (!key.is_empty() && key.len() <= KEY_BYTES_MAX).then_some(PresentedKey(key))
    })
}

/// The client program that `headers` come from, if it is one that is known.
pub(crate) fn client_kind(headers: &HeaderMap) -> Option<ClientKind> {
    protocol::client::recognise(|name| headers.get(name).and_then(|value| value.to_str().ok()))
}

impl fmt::Debug for PresentedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(headers: &[(&'static str, &'static str)]) -> Vec<String> {
        let map = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a value")));
        presented_keys(&map.collect(), Some("alt=sse&key=cr_q")).map(|key| key.0.to_owned()).collect()
    }

    #[test]
    fn a_key_is_found_wherever_a_client_puts_it() {
        assert_eq!(keys(&[("x-api-key", "cr_a")]), ["cr_a", "cr_q"]);
        assert_eq!(keys(&[("authorization", "bearer cr_a")]), ["cr_a", "cr_q"]);
        assert_eq!(keys(&[("authorization", "cr_a")]), ["cr_a", "cr_q"]);
        assert_eq!(keys(&[("x-goog-api-key", "cr_a")]), ["cr_a", "cr_q"]);
        assert_eq!(keys(&[("api-key", "cr_a")]), ["cr_a", "cr_q"]);
        assert_eq!(keys(&[("authorization", "Bearer cr_b"), ("x-api-key", "cr_a")]), ["cr_a", "cr_b", "cr_q"]);
        assert_eq!(keys(&[("authorization", "Bearer "), ("x-api-key", "")]), ["cr_q"]);
    }
}
