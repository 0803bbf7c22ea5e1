//! Why an account is left alone for a while, and until when.

use crate::{platform::named, time::Timestamp};
use std::sync::Arc;

named!(
    /// What an account is cooling down from.
    CooldownCause {
        /// 401 or 403: the credential is refused.
        Credential = "credential",
        /// The provider's rate limit.
        RateLimit = "rate_limit",
        /// 529, or an overload told in the stream.
        Overloaded = "overloaded",
        /// 5xx.
        Upstream = "upstream",
        /// No connection.
        Connect = "connect",
        /// No answer in time.
        Timeout = "timeout",
        /// Quota or credit used up.
        Quota = "quota",
    }
);

/// What a cooldown covers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CooldownScope {
    /// The whole account.
    Account,
    /// One family of models, `opus`.
    ModelFamily(Arc<str>),
}

/// A timed exclusion of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cooldown {
    /// What it covers.
    pub scope: CooldownScope,
    /// Why.
    pub cause: CooldownCause,
    /// When it began.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// Where the end comes from: a header's name, or `default`.
    pub source: Arc<str>,
    /// The upstream's status, if one came.
    pub status: Option<u16>,
}

impl CooldownCause {
    /// Whether an account is excluded until the cooldown ends: what the provider said or refused. The others are guesses,
    /// and only make it doubtful.
    #[must_use]
    pub const fn excludes(self) -> bool {
        match self {
            Self::Credential | Self::RateLimit | Self::Quota => true,
            Self::Overloaded | Self::Upstream | Self::Connect | Self::Timeout => false,
        }
    }
}

impl Cooldown {
    /// Whether it goes on to hold when `later` begins in the same scope: it has not ended by then, and it excludes where
    /// `later` only doubts, or ends after it where they are alike in that.
    #[must_use]
    pub fn outweighs(&self, later: &Self) -> bool {
        let weight = |cooldown: &Self| (cooldown.cause.excludes(), cooldown.until);
        later.since < self.until && weight(self) > weight(later)
    }

    /// Whether it covers `family` at `now`.
    #[must_use]
    pub fn covers(&self, family: Option<&str>, now: Timestamp) -> bool {
        let in_scope = match &self.scope {
            CooldownScope::Account => true,
            CooldownScope::ModelFamily(limited) => family == Some(limited),
        };
        in_scope && now < self.until
    }
}

impl CooldownScope {
    /// `account`, or `family:opus`.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Account => "account".to_owned(),
            Self::ModelFamily(family) => format!("family:{family}"),
        }
    }

    /// Reads [`to_text`](Self::to_text).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None => (text == "account").then_some(Self::Account),
            Some((kind, family)) => (kind == "family" && !family.is_empty()).then(|| Self::ModelFamily(family.into())),
        }
    }
}
