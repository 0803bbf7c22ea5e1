//! The ledger's record: one upstream attempt, or a request that came to none.

use crate::{
    calendar::Hour,
    id::{AccountId, KeyId, RequestId, UserId},
    money::NanoUsd,
    platform::{Dialect, Platform, named},
    time::Timestamp,
    usage::{TokenUsage, UsageSource},
};
use std::sync::Arc;

/// The model's name in keys and roll-ups when the price table does not know it. The raw name stands in the record.
pub const MODEL_OTHER: &str = "other";

/// Longest text that a client may put into a record, in bytes; the rest is cut.
pub const CLIENT_TEXT_BYTES_MAX: usize = 200;

named!(
    /// What was asked for.
    AttemptKind {
        /// An answer by a model.
        Message = "message",
        /// A count of tokens; costs nothing.
        CountTokens = "count_tokens",
        /// A list of models; costs nothing.
        ModelList = "model_list",
        /// An administrator's test of an account; costs nothing in the books.
        AccountTest = "account_test",
        /// Embeddings of texts.
        Embeddings = "embeddings",
    }
);

named!(
    /// How an attempt ended.
    Outcome {
        /// The upstream's answer was whole, its terminal event included.
        Completed = "completed",
        /// The upstream ended its answer before the end.
        Truncated = "truncated",
        /// There was no answer: an error status, a failed connection, a time-out, or no account.
        Refused = "refused",
        /// The client left before the end.
        Abandoned = "abandoned",
        /// The relay died in between; found when it started again.
        Crashed = "crashed",
    }
);

named!(
    /// Why an attempt did not complete.
    FailureKind {
        /// No connection, or none in time.
        Connect = "connect",
        /// No answer, or no further byte, in time.
        Timeout = "timeout",
        /// The connection broke, or what came was no answer.
        Broken = "broken",
        /// The provider refused the account's credential (401, 403).
        Credential = "credential",
        /// The account's quota or credit is used up.
        Quota = "quota",
        /// The provider's rate limit (429).
        RateLimit = "rate_limit",
        /// The provider is overloaded (529).
        Overloaded = "overloaded",
        /// Another failure of the provider (5xx), or an error event in the stream.
        Upstream = "upstream",
        /// The request itself was refused by the provider (4xx).
        Request = "request",
        /// No account could serve it.
        NoAccount = "no_account",
    }
);

/// One upstream attempt: what the ledger keeps. Views, totals and roll-ups are sums of these and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The request; with `attempt_no` the record's identity.
    pub request_id: RequestId,
    /// 1 for the first; 0 when the request came to no attempt.
    pub attempt_no: u8,
    /// Whether the client's answer came from this attempt: true once per request.
    pub is_final: bool,
    /// What was asked for.
    pub kind: AttemptKind,
    /// Whose key; none for an account test.
    pub key: Option<KeyId>,
    /// Whose user, if the key has an owner.
    pub user: Option<UserId>,
    /// Which account served.
    pub account: Option<AccountId>,
    /// The account's platform.
    pub platform: Option<Platform>,
    /// The client's dialect.
    pub dialect: Dialect,
    /// The model's name in the books: a name of the price table, or [`MODEL_OTHER`].
    pub model: Arc<str>,
    /// The model as the client named it, cut to [`CLIENT_TEXT_BYTES_MAX`].
    pub model_requested: Arc<str>,
    /// The model as it was sent upstream; empty when nothing was sent.
    pub model_upstream: Arc<str>,
    /// Whether the client asked for a stream.
    pub streamed: bool,
    /// The one accounting instant: window, day, month and price go by it.
    pub admitted_at: Timestamp,
    /// The local hour of `admitted_at`, by the calendar then in force: the bucket of the books.
    pub hour: Hour,
    /// When this attempt began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Milliseconds from its beginning to the first byte of upstream content.
    pub first_byte_ms: Option<u32>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, if it did not complete.
    pub failure: Option<FailureKind>,
    /// The upstream's HTTP status, if one came.
    pub status: Option<u16>,
    /// Tokens by class.
    pub usage: TokenUsage,
    /// Where the tokens come from.
    pub usage_source: UsageSource,
    /// Cost at list price.
    pub cost: NanoUsd,
    /// Cost times the operator's multipliers: what limits go by.
    pub cost_rated: NanoUsd,
    /// Which price was used: `source/model@from>tier`, with `~1.5` behind it where the rated cost has a multiplier; or why none was.
    pub price: Arc<str>,
    /// The client's `User-Agent`, cut to [`CLIENT_TEXT_BYTES_MAX`].
    pub client: Arc<str>,
    /// The upstream's own request id, if it gave one.
    pub upstream_request_id: Arc<str>,
    /// Why this account was chosen, or why the request was refused: a short text for people.
    pub note: Arc<str>,
}

/// Cuts `text` to [`CLIENT_TEXT_BYTES_MAX`] at a character, and control characters to `?`.
#[must_use]
pub fn client_text(text: &str) -> Arc<str> {
    let end = (0..=CLIENT_TEXT_BYTES_MAX.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let kept = &text[..end];
    if kept.chars().any(char::is_control) {
        return kept.chars().map(|c| if c.is_control() { '?' } else { c }).collect::<String>().into();
    }
    kept.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_s_text_is_cut_at_a_character() {
        let text = "é".repeat(150);
        assert_eq!(client_text(&text).len(), 200);
        assert_eq!(&*client_text("a\nb"), "a?b");
    }
}
