//! The numbers that stand for names in packed records. A number never changes its meaning; new names get new numbers.

use domain::{AttemptKind, Dialect, FailureKind, Outcome, Platform, UsageSource};

/// Defines both directions from one list, so that they cannot disagree. 0 is kept for "none".
macro_rules! codes {
    ($name:ident: $type:ty { $($variant:ident = $code:literal,)+ }) => {
        pub(super) mod $name {
            use super::*;

            pub(in crate::packed) const fn code(value: $type) -> u8 {
                match value { $(<$type>::$variant => $code,)+ }
            }

            pub(in crate::packed) const fn named(code: u8) -> Option<$type> {
                match code { $($code => Some(<$type>::$variant),)+ _ => None }
            }
        }
    };
}

codes!(kind: AttemptKind { Message = 1, CountTokens = 2, ModelList = 3, AccountTest = 4, Embeddings = 5, });

codes!(outcome: Outcome { Completed = 1, Truncated = 2, Refused = 3, Abandoned = 4, Crashed = 5, });

codes!(failure: FailureKind {
    Connect = 1,
    Timeout = 2,
    Broken = 3,
    Credential = 4,
    Quota = 5,
    RateLimit = 6,
    Overloaded = 7,
    Upstream = 8,
    Request = 9,
    NoAccount = 10,
});

codes!(platform: Platform {
    Claude = 1,
    ClaudeConsole = 2,
    Gemini = 3,
    OpenAi = 4,
    OpenAiResponses = 5,
    Bedrock = 6,
    AzureOpenAi = 7,
    Droid = 8,
    Ccr = 9,
});

codes!(dialect: Dialect { Anthropic = 1, OpenAiChat = 2, OpenAiResponses = 3, Gemini = 4, });

codes!(source: UsageSource { Reported = 1, Estimated = 2, None = 3, });

/// Bits of the flags.
pub(super) mod flag {
    /// The client's answer came from this attempt.
    pub(in crate::packed) const FINAL: u16 = 1;
    /// The client asked for a stream.
    pub(in crate::packed) const STREAMED: u16 = 1 << 1;
    /// A key follows.
    pub(in crate::packed) const KEY: u16 = 1 << 2;
    /// A user follows.
    pub(in crate::packed) const USER: u16 = 1 << 3;
    /// An account follows.
    pub(in crate::packed) const ACCOUNT: u16 = 1 << 4;
    /// The time to the first byte follows.
    pub(in crate::packed) const FIRST_BYTE: u16 = 1 << 5;
    /// A status follows.
    pub(in crate::packed) const STATUS: u16 = 1 << 6;
    /// `model_requested` is `model` and does not follow.
    pub(in crate::packed) const REQUESTED_SAME: u16 = 1 << 7;
    /// `model_upstream` is `model_requested` and does not follow.
    pub(in crate::packed) const UPSTREAM_SAME: u16 = 1 << 8;
    /// `cost_rated` is `cost` and does not follow.
    pub(in crate::packed) const RATED_SAME: u16 = 1 << 9;
    /// Every flag that version 1 knows.
    pub(in crate::packed) const ALL: u16 = (1 << 10) - 1;
}
