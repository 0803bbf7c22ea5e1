//! What an account of each platform has: one table, by which documents are read, faults are told and defaults are chosen.

use domain::{Access, AuthScheme, Platform};

/// What accounts of one platform have that are reached in one way, beside what all accounts have.
#[derive(Debug)]
pub(super) struct Kind {
    /// The platform.
    pub(super) platform: Platform,
    /// What opens its API.
    pub(super) access: Access,
    /// Fields that it needs.
    pub(super) needs: &'static [&'static str],
    /// Fields that it may have.
    pub(super) takes: &'static [&'static str],
    /// Where its API is unless somebody says otherwise.
    pub(super) base_url: Option<&'static str>,
    /// How its upstream may want the API key; the usual one stands first.
    pub(super) schemes: &'static [AuthScheme],
}

/// Where the Anthropic API is, for keys and for subscriptions.
const ANTHROPIC: Option<&str> = Some("https://api.anthropic.com");

/// Where Droid's models are.
const FACTORY: Option<&str> = Some("https://api.factory.ai/api/llm");

/// Headers of what speaks like the Anthropic or the OpenAI API. Which of them is usual for the former goes by the API key.
const API_KEY_OR_BEARER: &[AuthScheme] = &[AuthScheme::ApiKeyHeader, AuthScheme::Bearer];

/// Every kind; of a platform's kinds the first is what a document without `access` means.
const KINDS: [Kind; 13] = [
    Kind { base_url: ANTHROPIC, ..kind(Platform::Claude, Access::OAuth, &[], &["base_url"]) },
    Kind {
        base_url: ANTHROPIC,
        schemes: API_KEY_OR_BEARER,
        ..kind(Platform::ClaudeConsole, Access::ApiKey, &["api_key"], &["base_url", "messages_path", "auth"])
    },
    Kind {
        base_url: Some("https://generativelanguage.googleapis.com"),
        schemes: &[AuthScheme::GoogleHeader, AuthScheme::Bearer],
        ..kind(Platform::Gemini, Access::ApiKey, &["api_key"], &["base_url", "auth"])
    },
    Kind {
        base_url: Some("https://cloudcode-pa.googleapis.com"),
        ..kind(Platform::Gemini, Access::OAuth, &[], &["base_url", "project_id"])
    },
    Kind {
        base_url: Some("https://chatgpt.com/backend-api/codex"),
        ..kind(Platform::OpenAi, Access::OAuth, &[], &["base_url"])
    },
    Kind {
        base_url: Some("https://api.openai.com"),
        schemes: &[AuthScheme::Bearer, AuthScheme::ApiKeyHeader],
        ..kind(Platform::OpenAiResponses, Access::ApiKey, &["api_key"], &["base_url", "auth"])
    },
    kind(
        Platform::Bedrock,
        Access::AccessKey,
        &["region", "access_key_id", "secret_access_key"],
        &["session_token", "base_url"],
    ),
    kind(Platform::Bedrock, Access::BearerToken, &["region", "bearer_token"], &["base_url"]),
    kind(Platform::Bedrock, Access::Environment, &["region"], &["base_url"]),
    Kind {
        schemes: &[AuthScheme::AzureHeader, AuthScheme::Bearer],
        ..kind(Platform::AzureOpenAi, Access::ApiKey, &["base_url", "api_key"], &["auth", "deployment", "api_version"])
    },
    Kind { base_url: FACTORY, ..kind(Platform::Droid, Access::ApiKeys, &["api_keys"], &["base_url"]) },
    Kind { base_url: FACTORY, ..kind(Platform::Droid, Access::OAuth, &[], &["base_url"]) },
    Kind {
        schemes: API_KEY_OR_BEARER,
        ..kind(Platform::Ccr, Access::ApiKey, &["base_url", "api_key"], &["messages_path", "auth"])
    },
];

const fn kind(
    platform: Platform,
    access: Access,
    needs: &'static [&'static str],
    takes: &'static [&'static str],
) -> Kind {
    Kind { platform, access, needs, takes, base_url: None, schemes: &[] }
}

impl Kind {
    /// The kind of `platform` that is reached by `access`, or by what is usual there; none: the platform has no such way.
    pub(super) fn find(platform: Platform, access: Option<Access>) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.platform == platform && access.is_none_or(|access| kind.access == access))
    }

    /// The ways of `platform`, for people.
    pub(super) fn ways(platform: Platform) -> String {
        let ways = KINDS.iter().filter(|kind| kind.platform == platform).map(|kind| kind.access.as_str());
        ways.collect::<Vec<_>>().join(" or ")
    }

    /// Whether it has the field `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.needs.contains(&name) || self.takes.contains(&name)
    }

    /// What it is, for people: `a bedrock account by bearer_token`.
    pub(super) fn named(&self) -> String {
        let article = if self.platform.as_str().starts_with(['a', 'o']) { "an" } else { "a" };
        format!("{article} {} account by {}", self.platform, self.access)
    }

    /// Its fields, for people.
    pub(super) fn listed(&self) -> String {
        self.needs.iter().chain(self.takes).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::{keyspace::ColumnKind, nouns::account::account_family};

    #[test]
    fn every_platform_has_a_kind_and_no_kind_stands_twice() {
        for &platform in Platform::ALL {
            assert!(Kind::find(platform, None).is_some(), "{platform}");
        }
        for kind in &KINDS {
            let found = Kind::find(kind.platform, Some(kind.access)).expect("is found");
            assert!(std::ptr::eq(found, kind) || found.needs == kind.needs, "{} stands twice", kind.named());
        }
    }

    #[test]
    fn every_field_is_a_column_and_every_secret_column_is_a_field_or_comes_by_signing_in() {
        for kind in &KINDS {
            let family = account_family(kind.platform);
            for name in kind.needs.iter().chain(kind.takes) {
                assert!(family.column(name).is_some(), "{}: {name}", kind.named());
            }
            let by_kinds = |name: &str| KINDS.iter().any(|other| other.platform == kind.platform && other.has(name));
            let secrets = family.entry().columns.iter().filter(|column| column.kind == ColumnKind::Secret);
            for secret in secrets {
                let elsewhere = ["proxy", "access_token", "refresh_token"].contains(&secret.name);
                assert!(elsewhere || by_kinds(secret.name), "{}: {}", kind.named(), secret.name);
            }
        }
    }

    #[test]
    fn who_needs_no_address_has_a_usual_one() {
        for kind in &KINDS {
            let is_bedrock = kind.platform == Platform::Bedrock;
            assert_eq!(kind.base_url.is_none(), is_bedrock || kind.needs.contains(&"base_url"), "{}", kind.named());
            assert_eq!(kind.schemes.is_empty(), !kind.has("auth"), "{}", kind.named());
        }
    }
}
