//! Takes secrets out of HTTP traffic before it is written down. What looks like one by its name is one: a mask too many costs
//! nothing here.

use super::escape::cut;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use std::collections::BTreeMap;

/// What stands in a secret's place.
pub(super) const MASK: &str = "***";

/// Bytes of one header value that are shown.
const HEADER_BYTES_MAX: usize = 1 << 10;

/// What the name of a secret contains. `referer` and `location` carry whole addresses with their queries.
const SECRET_WORDS: [&str; 11] = [
    "auth",
    "cookie",
    "credential",
    "key",
    "location",
    "passw",
    "referer",
    "secret",
    "session-token",
    "signature",
    "token",
];

/// Names that contain such a word and hold counts: limits are what one debugs by.
const COUNT_WORDS: [&str; 2] = ["ratelimit", "token-count"];

/// Query parameters that an OAuth sign-in comes back with; elsewhere such names stand for harmless things.
const SIGN_IN: [&str; 2] = ["code", "state"];

/// What secrets begin with, wherever they stand: authentication schemes (RFC 9110, 11.1) and the usual prefixes of keys.
const SECRET_BEGINNINGS: [&str; 5] = ["basic ", "bearer ", "cr_", "crt_", "sk-"];

/// Headers by name; several of one name are joined.
pub(super) fn headers(headers: &HeaderMap) -> BTreeMap<&str, String> {
    let mut shown = BTreeMap::new();
    for (name, value) in headers {
        let value = header(name, value);
        shown
            .entry(name.as_str())
            .and_modify(|text: &mut String| *text = format!("{text}, {value}"))
            .or_insert_with(|| value.clone());
    }
    shown
}

fn header(name: &HeaderName, value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    if value.is_sensitive() || is_secret_name(name.as_str()) || is_secret_value(&text) {
        return MASK.to_owned();
    }
    cut(&text, HEADER_BYTES_MAX).to_owned()
}

/// Path and query. Of a query parameter the value is shown unless it is a secret.
pub(super) fn path_and_query(uri: &Uri) -> String {
    let Some(query) = uri.query() else { return uri.path().to_owned() };
    let parameters: Vec<_> = query.split('&').map(parameter).collect();
    format!("{}?{}", uri.path(), parameters.join("&"))
}

fn parameter(parameter: &str) -> String {
    match parameter.split_once('=') {
        // A percent sign in a name could spell a secret's name otherwise.
        Some((name, value))
            if name.contains('%') || is_secret_name(name) || is_secret_value(value) || SIGN_IN.contains(&name) =>
        {
            format!("{name}={MASK}")
        }
        None if is_secret_value(parameter) => MASK.to_owned(),
        _ => parameter.to_owned(),
    }
}

/// The text of a body, with the string values of JSON members that are secrets by their name masked. The text may be cut
/// anywhere, be several documents, or no JSON at all.
pub(super) fn json_text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, string)) = next_string(rest) {
        shown.push_str(before);
        shown.push_str(string);
        rest = &rest[before.len() + string.len()..];
        let value_at = value_start(rest).filter(|_| is_secret_member(string));
        let Some((gap, value)) = value_at.and_then(|at| Some((at, next_string(&rest[at..])?.1))) else { continue };
        shown.push_str(&rest[..gap]);
        shown.push('"');
        shown.push_str(MASK);
        shown.push('"');
        rest = &rest[gap + value.len()..];
    }
    shown.push_str(rest);
    shown
}

/// The text before the next JSON string, and the string with its quotation marks; a string that does not end goes to the end of its
/// line, because a newline cannot stand in one.
fn next_string(text: &str) -> Option<(&str, &str)> {
    let (before, string) = text.split_at(text.find('"')?);
    let bytes = string.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] != b'"' && bytes[at] != b'\n' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    let end = if bytes.get(at) == Some(&b'"') { at + 1 } else { at };
    // Past the end, or within a character, where a backslash came last or before one that is none.
    Some((before, cut(string, end)))
}

/// Where the string begins that is the value of the member whose name ends right before `rest`.
fn value_start(rest: &str) -> Option<usize> {
    let value = rest.trim_start().strip_prefix(':')?.trim_start();
    value.starts_with('"').then(|| rest.len() - value.len())
}

/// Whether the member of this name, in its quotation marks, holds a secret. An escape could spell a name otherwise.
fn is_secret_member(name: &str) -> bool {
    name.contains('\\') || is_secret_name(name)
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let holds = |words: &[&str]| words.iter().any(|word| name.contains(word));
    holds(&SECRET_WORDS) && !holds(&COUNT_WORDS)
}

fn is_secret_value(value: &str) -> bool {
    let value = value.trim_start();
    SECRET_BEGINNINGS.iter().any(|it| value.get(..it.len()).is_some_and(|start| start.eq_ignore_ascii_case(it)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_planted_secret_is_in_no_header_that_carries_one() {
        let names = [
            "authorization",
            "proxy-authorization",
            "x-api-key",
            "x-goog-api-key",
            "api-key",
            "cookie",
            "set-cookie",
            "x-amz-security-token",
            "x-auth-token",
            "www-authenticate",
            "referer",
            "location",
            "x-my-secret",
        ];
        for name in names {
            let mut sent = HeaderMap::new();
            sent.append(name, HeaderValue::from_static("planted"));
            sent.append(name, HeaderValue::from_static("planted too"));
            assert_eq!(headers(&sent)[name], "***, ***", "{name}");
        }
    }

    #[test]
    fn a_key_in_an_unusual_header_is_known_by_its_beginning() {
        for value in ["Bearer planted", "basic planted", "sk-ant-planted", "cr_planted"] {
            let mut sent = HeaderMap::new();
            sent.append("x-forward", HeaderValue::from_static(value));
            assert_eq!(headers(&sent)["x-forward"], MASK, "{value}");
        }
    }

    #[test]
    fn a_header_marked_sensitive_is_masked() {
        let mut value = HeaderValue::from_static("planted");
        value.set_sensitive(true);
        assert_eq!(header(&HeaderName::from_static("x-name"), &value), MASK);
    }

    #[test]
    fn harmless_headers_are_shown() {
        let mut sent = HeaderMap::new();
        sent.append("anthropic-ratelimit-tokens-remaining", HeaderValue::from_static("5000"));
        sent.append("user-agent", HeaderValue::from_static("claude-cli/2.1.330"));
        let shown = headers(&sent);
        assert_eq!(
            (&*shown["anthropic-ratelimit-tokens-remaining"], &*shown["user-agent"]),
            ("5000", "claude-cli/2.1.330")
        );
    }

    #[test]
    fn secrets_in_a_query_are_masked_however_they_are_spelled() {
        let cases = [
            ("/v1/models?key=planted&beta=true", "/v1/models?key=***&beta=true"),
            ("/v1?k%65y=planted", "/v1?k%65y=***"),
            ("/v1?API_KEY=planted&access_token=planted", "/v1?API_KEY=***&access_token=***"),
            ("/v1?x=sk-planted&cr_planted&flag", "/v1?x=***&***&flag"),
            ("/v1/messages", "/v1/messages"),
            ("/oauth/callback?code=planted&state=planted", "/oauth/callback?code=***&state=***"),
        ];
        for (uri, shown) in cases {
            assert_eq!(path_and_query(&uri.parse().expect("a URI")), shown);
        }
    }

    #[test]
    fn secrets_in_json_are_masked_and_counts_are_not() {
        let cases = [
            (r#"{"api_key":"planted","max_tokens":5}"#, r#"{"api_key":"***","max_tokens":5}"#),
            (
                r#"{"servers":[{"authorization_token" : "pl\"anted"}]}"#,
                r#"{"servers":[{"authorization_token" : "***"}]}"#,
            ),
            (r#"{"api\u005fkey":"planted"}"#, r#"{"api\u005fkey":"***"}"#),
            (r#"{"password":"plan"#, r#"{"password":"***""#),
            (r#"{"password":"plan\"#, r#"{"password":"***""#),
            (r#"{"passw"#, r#"{"passw"#),
            ("say \"hi\nno\n{\"secret\":\"planted\"}", "say \"hi\nno\n{\"secret\":\"***\"}"),
            (
                r#"{"text":"the key: \"x\"","key":{"type":"string"}}"#,
                r#"{"text":"the key: \"x\"","key":{"type":"string"}}"#,
            ),
        ];
        for (text, shown) in cases {
            assert_eq!(json_text(text), shown);
        }
    }

    proptest! {
        #[test]
        fn a_text_without_secrets_stays_as_it_is(text in r#"[a-d":{}\n é]{0,40}"#) {
            prop_assert_eq!(json_text(&text), text);
        }

        #[test]
        fn no_text_breaks_the_masking(text in r#"(\PC|["\\:\n]|"key":"){0,40}"#) {
            json_text(&text);
        }
    }
}
