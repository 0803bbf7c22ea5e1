//! The canonical form of a request, over which a signature is made.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

/// All but the unreserved characters (RFC 3986, 2.3).
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request to be signed.
pub(super) struct Canonical<'a> {
    pub(super) method: &'a str,
    /// Path and query as they are sent.
    pub(super) target: &'a str,
    /// Those that are signed, in any order; names in lower case, repeated ones in the order of their values.
    pub(super) headers: &'a [(&'a str, &'a str)],
    /// The hash of the body.
    pub(super) payload: &'a str,
}

impl Canonical<'_> {
    /// The names of the signed headers, in order.
    pub(super) fn signed_names(&self) -> String {
        self.merged_headers().into_keys().collect::<Vec<_>>().join(";")
    }

    fn merged_headers(&self) -> BTreeMap<&str, String> {
        let mut merged = BTreeMap::<&str, String>::new();
        for (name, value) in self.headers {
            let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            merged.entry(name).and_modify(|before| *before = format!("{before},{value}")).or_insert(value);
        }
        merged
    }
}

impl fmt::Display for Canonical<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, query) = self.target.split_once('?').unwrap_or((self.target, ""));
        writeln!(f, "{}\n{}\n{}", self.method, Path(path), canonical_query(query))?;
        for (name, value) in self.merged_headers() {
            writeln!(f, "{name}:{value}")?;
        }
        write!(f, "\n{}\n{}", self.signed_names(), self.payload)
    }
}

/// A path without empty and dotted segments (RFC 3986, 5.2.4), each segment encoded once more.
struct Path<'a>(&'a str);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kept = Vec::new();
        for segment in self.0.split('/') {
            match segment {
                "" | "." => {}
                ".." => drop(kept.pop()),
                segment => kept.push(segment),
            }
        }
        for segment in &kept {
            write!(f, "/{}", utf8_percent_encode(segment, &RESERVED))?;
        }
        let ends_open = self.0.ends_with(['/']) || self.0.ends_with("/.") || self.0.ends_with("/..");
        if kept.is_empty() || ends_open { f.write_char('/') } else { Ok(()) }
    }
}

/// The parameters of a query, encoded in one way and in order.
fn canonical_query(query: &str) -> String {
    let encoded = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8_lossy();
        utf8_percent_encode(&decoded, &RESERVED).to_string()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<_> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encoded(name), encoded(value))
        })
        .collect();
    pairs.sort();
    pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}
