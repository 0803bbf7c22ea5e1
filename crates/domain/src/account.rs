//! The accounts that the team owns at the providers.

use crate::{
    access::{AccountSettings, AzureEndpoint},
    id::AccountId,
    platform::Platform,
    secret::Sealed,
    time::Timestamp,
};
use std::{collections::BTreeMap, num::NonZeroU32};

/// Order of preference, 1 (first) to 100 (last); 50 unless set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(u8);

/// Share of the requests among accounts of one priority, 1 to 100; 10 unless set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(u8);

/// Which models an account serves, and under which names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelMap {
    entries: BTreeMap<String, String>,
}

/// An account at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// What people call it; not unique.
    pub name: String,
    /// A note.
    pub description: String,
    /// Lower is chosen first.
    pub priority: Priority,
    /// Its share of the requests among accounts of its priority.
    pub weight: Weight,
    /// Whether requests may be sent to it: the administrator's switch.
    pub schedulable: bool,
    /// Requests at once; none: no ceiling of ours.
    pub concurrency_max: Option<NonZeroU32>,
    /// Models it serves; an empty map serves all under their own names.
    pub models: ModelMap,
    /// Whether it is left alone while its provider warns that a window of its subscription is nearly used up.
    pub stops_at_warning: bool,
    /// When the subscription behind it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// URL of the outbound proxy that its calls take, with the proxy's own credentials, encrypted; none: they go directly.
    pub proxy: Option<Sealed>,
    /// What only its platform has.
    pub settings: AccountSettings,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the record last changed.
    pub updated_at: Timestamp,
}

impl Weight {
    /// As much as most others.
    pub const DEFAULT: Self = Self(10);

    /// A weight from 1 to 100: an account of 20 is chosen twice as often as one of 10.
    #[must_use]
    pub const fn new(value: u8) -> Option<Self> {
        if value >= 1 && value <= 100 { Some(Self(value)) } else { None }
    }

    /// 1 to 100.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Priority {
    /// The middle.
    pub const DEFAULT: Self = Self(50);

    /// A priority from 1 to 100.
    #[must_use]
    pub const fn new(value: u8) -> Option<Self> {
        if value >= 1 && value <= 100 { Some(Self(value)) } else { None }
    }

    /// 1 to 100.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Account {
    /// The platform it belongs to.
    #[must_use]
    pub const fn platform(&self) -> Platform {
        match self.settings {
            AccountSettings::Claude(_) => Platform::Claude,
            AccountSettings::ClaudeConsole(_) => Platform::ClaudeConsole,
            AccountSettings::Gemini(_) => Platform::Gemini,
            AccountSettings::OpenAi(_) => Platform::OpenAi,
            AccountSettings::OpenAiResponses(_) => Platform::OpenAiResponses,
            AccountSettings::Bedrock(_) => Platform::Bedrock,
            AccountSettings::AzureOpenAi(_) => Platform::AzureOpenAi,
            AccountSettings::Droid(_) => Platform::Droid,
            AccountSettings::Ccr(_) => Platform::Ccr,
        }
    }
}

impl Account {
    /// An account that is reached by `settings`, made `now`, with everything else as it usually is: no note, the middle priority and
    /// weight, schedulable, also where its provider warns, no ceiling, all models, no end, no proxy.
    #[must_use]
    pub fn new(id: AccountId, name: &str, settings: AccountSettings, now: Timestamp) -> Self {
        Self {
            id,
            name: name.to_owned(),
            description: String::new(),
            priority: Priority::DEFAULT,
            weight: Weight::DEFAULT,
            schedulable: true,
            concurrency_max: None,
            models: ModelMap::default(),
            stops_at_warning: false,
            expires_at: None,
            proxy: None,
            settings,
            created_at: now,
            updated_at: now,
        }
    }

    /// The name by which this account is asked for `model`: the deployment that all are served by, else what the map says, else the
    /// client's own.
    #[must_use]
    pub fn upstream_model<'a>(&'a self, model: &'a str) -> &'a str {
        match &self.settings {
            AccountSettings::AzureOpenAi(AzureEndpoint { deployment: Some(deployment), .. }) => deployment,
            _ => self.models.upstream_name(model).unwrap_or(model),
        }
    }
}

impl ModelMap {
    /// A map from the client's names to the upstream's.
    #[must_use]
    pub const fn new(entries: BTreeMap<String, String>) -> Self {
        Self { entries }
    }

    /// The name to send upstream for `model`; none when the account does not serve it. Case does not matter.
    #[must_use]
    pub fn upstream_name<'a>(&'a self, model: &'a str) -> Option<&'a str> {
        if self.entries.is_empty() {
            return Some(model);
        }
        let exact = self.entries.get(model);
        let found =
            exact.or_else(|| self.entries.iter().find(|(name, _)| name.eq_ignore_ascii_case(model)).map(|(_, to)| to));
        found.map(String::as_str)
    }

    /// The client's names and the upstream's.
    #[must_use]
    pub const fn entries(&self) -> &BTreeMap<String, String> {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_map_serves_every_model_and_a_filled_one_only_its_own() {
        assert_eq!(ModelMap::default().upstream_name("m"), Some("m"));
        let map = ModelMap::new(BTreeMap::from([("claude-opus-5".to_owned(), "glm-5".to_owned())]));
        assert_eq!(map.upstream_name("Claude-Opus-5"), Some("glm-5"));
        assert_eq!(map.upstream_name("claude-haiku-5-5"), None);
    }
}
