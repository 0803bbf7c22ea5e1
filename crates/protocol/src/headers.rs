//! Which headers cross the relay. Predicates over lower-case names, without allocation; nothing here has a value but
//! `connection`'s.
//!
//! What a client or upstream sends crosses unless it is on a list: new headers of the providers work on the first day.

/// Whether a body crosses as its sender wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Byte for byte.
    AsSent,
    /// With its `content-encoding` undone, or otherwise of another length.
    Changed,
}

/// About one connection, not the message (RFC 9110, 7.6.1; RFC 9113, 8.2.2), and the upgrades that it could ask for.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a client proves itself with to the relay, and whose account it would use without the relay; the account's own take their
/// place.
const CREDENTIALS: &[&str] = &[
    "api-key",
    "authorization",
    "chatgpt-account-id",
    "cookie",
    "openai-organization",
    "openai-project",
    "x-api-key",
    "x-goog-api-key",
    "x-goog-user-project",
];

/// What the relay itself says to the upstream: the host, the length, the encodings that it reads (`identity`). It has
/// the whole body before it sends, so that an expectation has been met already.
const SAID_BY_RELAY: &[&str] = &["accept-encoding", "content-length", "expect", "host"];

/// What proxies before the relay say about the client: the team's addresses are not the provider's business.
const PROXY_TRAIL: &[&str] = &[
    "cdn-loop",
    "client-ip",
    "fastly-client-ip",
    "forwarded",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-forwarded-for",
    "x-real-ip",
];

/// Families of the same.
const PROXY_TRAIL_PREFIXES: &[&str] = &["cf-", "x-accel-", "x-forwarded-"];

/// What an upstream says about its own origin, to browsers or proxies, or about the account; at the relay's origin it
/// would be wrong, tell the upstream's address, or tell whose account served.
const UPSTREAM_ONLY: &[&str] = &[
    "alt-svc",
    "anthropic-organization-id",
    "clear-site-data",
    "content-location",
    "content-security-policy",
    "content-security-policy-report-only",
    "link",
    "location",
    "nel",
    "openai-organization",
    "openai-project",
    "public-key-pins",
    "refresh",
    "report-to",
    "reporting-endpoints",
    "server",
    "server-timing",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "via",
    "www-authenticate",
    "x-powered-by",
    "x-served-by",
];

/// Families of the same.
const UPSTREAM_ONLY_PREFIXES: &[&str] = &["access-control-", "cf-", "x-accel-", "x-envoy-", "x-forwarded-"];

/// Whether a request's header goes on to the upstream. `name` is in lower case. The headers that `connection` names
/// do not go on either: [`is_connection_option`].
#[must_use]
pub fn forwards_request_header(name: &str, body: Body) -> bool {
    let stays = [HOP_BY_HOP, CREDENTIALS, SAID_BY_RELAY, PROXY_TRAIL].iter().any(|list| list.contains(&name))
        || begins_with_any(name, PROXY_TRAIL_PREFIXES)
        || (body == Body::Changed && name == "content-encoding");
    !stays
}

/// Whether a response's header goes on to the client. `name` is in lower case. The headers that `connection` names do
/// not go on either: [`is_connection_option`].
#[must_use]
pub fn forwards_response_header(name: &str, body: Body) -> bool {
    let stays = [HOP_BY_HOP, UPSTREAM_ONLY].iter().any(|list| list.contains(&name))
        || begins_with_any(name, UPSTREAM_ONLY_PREFIXES)
        || (body == Body::Changed && matches!(name, "content-encoding" | "content-length" | "content-md5" | "etag"));
    !stays
}

/// Whether the value of `connection` makes the header `name` one of this hop (RFC 9110, 7.6.1).
#[must_use]
pub fn is_connection_option(connection: &str, name: &str) -> bool {
    connection.split(',').any(|option| option.trim().eq_ignore_ascii_case(name))
}

fn begins_with_any(name: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_means_for_the_provider_goes_on() {
        for name in [
            "accept",
            "anthropic-beta",
            "anthropic-dangerous-direct-browser-access",
            "anthropic-version",
            "content-encoding",
            "content-type",
            "idempotency-key",
            "user-agent",
            "x-app",
            "x-claude-code-session-id",
            "x-stainless-retry-count",
        ] {
            assert!(forwards_request_header(name, Body::AsSent), "{name}");
        }
    }

    #[test]
    fn credentials_hops_and_the_proxies_trail_stay() {
        for name in [
            "accept-encoding",
            "api-key",
            "authorization",
            "cdn-loop",
            "cf-connecting-ip",
            "connection",
            "content-length",
            "cookie",
            "expect",
            "forwarded",
            "host",
            "proxy-authorization",
            "te",
            "transfer-encoding",
            "true-client-ip",
            "upgrade",
            "via",
            "x-accel-internal",
            "x-api-key",
            "x-forwarded-for",
            "x-goog-api-key",
            "x-real-ip",
        ] {
            assert!(!forwards_request_header(name, Body::AsSent), "{name}");
        }
    }

    #[test]
    fn what_an_upstream_says_of_the_answer_goes_on_and_of_itself_stays() {
        for name in
            ["content-type", "request-id", "retry-after", "anthropic-ratelimit-requests-reset", "x-should-retry"]
        {
            assert!(forwards_response_header(name, Body::Changed), "{name}");
        }
        for name in ["set-cookie", "alt-svc", "server", "location", "cf-ray", "access-control-allow-origin", "via"] {
            assert!(!forwards_response_header(name, Body::AsSent), "{name}");
        }
    }

    #[test]
    fn a_decoded_body_loses_the_headers_of_its_encoding() {
        assert!(!forwards_request_header("content-encoding", Body::Changed));
        for name in ["content-encoding", "content-length"] {
            assert!(forwards_response_header(name, Body::AsSent), "{name}");
            assert!(!forwards_response_header(name, Body::Changed), "{name}");
        }
    }

    #[test]
    fn a_header_named_by_connection_is_one_of_the_hop() {
        assert!(is_connection_option("close, X-Trace , keep-alive", "x-trace"));
        assert!(!is_connection_option("close, x-trace-id", "x-trace"));
    }
}
