//! Tokens by class, and sums over records.

use super::Usd;
use domain::TokenUsage;
use serde::Serialize;
use store::ledger::UsageSums;
use utoipa::ToSchema;

/// Tokens by price class. The classes are disjoint, and `total_tokens` is their sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Tokens)]
#[expect(clippy::struct_field_names, reason = "the names of the wire, which are the provider's")]
pub(crate) struct TokensView {
    /// Input tokens at the full price.
    input_tokens: u64,
    /// Output tokens, reasoning included.
    output_tokens: u64,
    /// Input tokens written to a prompt cache that lives five minutes.
    cache_write_5m_tokens: u64,
    /// Input tokens written to a prompt cache that lives one hour.
    cache_write_1h_tokens: u64,
    /// Input tokens read from a prompt cache.
    cache_read_tokens: u64,
    /// All of them.
    total_tokens: u64,
}

/// Sums over ledger records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Sums)]
pub(crate) struct SumsView {
    /// Requests for an answer, each counted once.
    requests: u64,
    /// Calls to upstreams, of any kind.
    attempts: u64,
    /// Requests that did not complete.
    failures: u64,
    #[serde(flatten)]
    tokens: TokensView,
    /// Cost at list price.
    cost_usd: Usd,
    /// Cost times the operator's multipliers.
    rated_cost_usd: Usd,
}

impl From<TokenUsage> for TokensView {
    fn from(usage: TokenUsage) -> Self {
        Self {
            input_tokens: usage.input,
            output_tokens: usage.output,
            cache_write_5m_tokens: usage.cache_write_5m,
            cache_write_1h_tokens: usage.cache_write_1h,
            cache_read_tokens: usage.cache_read,
            total_tokens: usage.total(),
        }
    }
}

impl From<UsageSums> for SumsView {
    fn from(sums: UsageSums) -> Self {
        Self {
            requests: sums.requests,
            attempts: sums.attempts,
            failures: sums.failures,
            tokens: sums.tokens.into(),
            cost_usd: Usd(sums.cost),
            rated_cost_usd: Usd(sums.cost_rated),
        }
    }
}
