//! Accounts as records: one family per platform.

mod access;

use super::FieldWriter;
use crate::{
    error::StoreError,
    keyspace::Family,
    records::{FieldReader, Fields, Record, Row},
};
use domain::{Account, AccountId, ModelMap, Platform, Priority, Sealed, Weight};
use std::{collections::BTreeMap, num::NonZeroU32};

/// The family that keeps accounts of `platform`.
#[must_use]
pub const fn account_family(platform: Platform) -> Family {
    match platform {
        Platform::Claude => Family::ClaudeAccount,
        Platform::ClaudeConsole => Family::ClaudeConsoleAccount,
        Platform::Gemini => Family::GeminiAccount,
        Platform::OpenAi => Family::OpenAiAccount,
        Platform::OpenAiResponses => Family::OpenAiResponsesAccount,
        Platform::Bedrock => Family::BedrockAccount,
        Platform::AzureOpenAi => Family::AzureOpenAiAccount,
        Platform::Droid => Family::DroidAccount,
        Platform::Ccr => Family::CcrAccount,
    }
}

impl Record for Account {
    const FAMILIES: &'static [Family] = &[
        Family::ClaudeAccount,
        Family::ClaudeConsoleAccount,
        Family::GeminiAccount,
        Family::OpenAiAccount,
        Family::OpenAiResponsesAccount,
        Family::BedrockAccount,
        Family::AzureOpenAiAccount,
        Family::DroidAccount,
        Family::CcrAccount,
    ];

    fn family(&self) -> Family {
        account_family(self.platform())
    }

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn fields(&self) -> Fields {
        let common = FieldWriter::default()
            .set("name", self.name.as_str())
            .set("description", self.description.as_str())
            .set("priority", i64::from(self.priority.get()))
            .set("weight", i64::from(self.weight.get()))
            .set("schedulable", i64::from(self.schedulable))
            .set_some("concurrency_max", self.concurrency_max.map(|ceiling| i64::from(ceiling.get())))
            .set("models", models_to_text(&self.models))
            .set("stops_at_warning", i64::from(self.stops_at_warning))
            .set_some("expires_at", self.expires_at)
            .set_some("proxy", self.proxy.as_ref().map(Sealed::as_envelope))
            .set("created_at", self.created_at)
            .set("updated_at", self.updated_at);
        access::write(&self.settings, common).0
    }

    fn read(family: Family, row: &Row) -> Result<Self, StoreError> {
        let fields = FieldReader::new(family, row);
        Ok(Self {
            id: fields.required("id", AccountId::parse(&row.id).ok())?,
            name: fields.parsed("name", |text| Some(text.to_owned()))?,
            description: fields.text("description").unwrap_or_default().to_owned(),
            priority: fields.required("priority", priority(fields.integer("priority")))?,
            weight: match fields.integer("weight") {
                // Kept before there were weights.
                None => Weight::DEFAULT,
                Some(weight) => fields.required("weight", u8::try_from(weight).ok().and_then(Weight::new))?,
            },
            schedulable: fields.required("schedulable", fields.integer("schedulable"))? != 0,
            concurrency_max: match fields.integer("concurrency_max") {
                None => None,
                Some(ceiling) => Some(fields.required("concurrency_max", positive(ceiling))?),
            },
            models: fields.parsed("models", models_from_text)?,
            stops_at_warning: fields.integer("stops_at_warning").is_some_and(|flag| flag != 0),
            expires_at: fields.timestamp("expires_at"),
            proxy: fields.text("proxy").map(|text| Sealed::from_envelope(text.to_owned())),
            settings: access::read(family, &fields)?,
            created_at: fields.required("created_at", fields.timestamp("created_at"))?,
            updated_at: fields.required("updated_at", fields.timestamp("updated_at"))?,
        })
    }
}

fn priority(stored: Option<i64>) -> Option<Priority> {
    Priority::new(u8::try_from(stored?).ok()?)
}

fn positive(stored: i64) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(stored).ok()?)
}

fn models_to_text(models: &ModelMap) -> String {
    let entries = models.entries().iter().map(|(from, to)| (from.clone(), serde_json::Value::from(to.as_str())));
    serde_json::Value::Object(entries.collect()).to_string()
}

fn models_from_text(text: &str) -> Option<ModelMap> {
    serde_json::from_str::<BTreeMap<String, String>>(text).ok().map(ModelMap::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Version;
    use domain::{
        AccountSettings, AuthScheme, AwsCredential, AzureEndpoint, BedrockAccess, DroidAccess, GeminiAccess,
        HttpEndpoint, OAuthAccess, OAuthGrant, Timestamp,
    };

    fn sealed(text: &str) -> Sealed {
        Sealed::from_envelope(format!("v1:{text}"))
    }

    fn every_kind() -> Vec<AccountSettings> {
        let base_url = "https://api.example".to_owned();
        let endpoint = |auth, messages_path: Option<&str>| HttpEndpoint {
            base_url: base_url.clone(),
            messages_path: messages_path.map(str::to_owned),
            api_key: sealed("key"),
            auth,
        };
        let grant = OAuthGrant {
            access_token: Some(sealed("access")),
            access_expires_at: Some(Timestamp::from_ms(5)),
            refresh_token: Some(sealed("refresh")),
            scopes: "a b".to_owned(),
            provider_account_id: Some("p".to_owned()),
            email: Some("e@example.org".to_owned()),
            sign_in_needed: Some("revoked".to_owned()),
            refreshed_at: Some(Timestamp::from_ms(6)),
            refresh_begun_at: Some(Timestamp::from_ms(7)),
        };
        let access = OAuthAccess { base_url: base_url.clone(), grant };
        let fresh = OAuthAccess { base_url: base_url.clone(), grant: OAuthGrant::default() };
        let bedrock = |base_url: Option<&str>, credential| {
            AccountSettings::Bedrock(BedrockAccess {
                region: "us-east-1".to_owned(),
                base_url: base_url.map(str::to_owned),
                credential,
            })
        };
        let access_key = |session_token| AwsCredential::AccessKey {
            access_key_id: "AKID".to_owned(),
            secret_access_key: sealed("secret"),
            session_token,
        };
        vec![
            AccountSettings::Claude(access.clone()),
            AccountSettings::Claude(fresh),
            AccountSettings::ClaudeConsole(endpoint(AuthScheme::Bearer, Some("/v1/messages"))),
            AccountSettings::Gemini(GeminiAccess::ApiKey(endpoint(AuthScheme::GoogleHeader, None))),
            AccountSettings::Gemini(GeminiAccess::OAuth { access: access.clone(), project_id: Some("p".to_owned()) }),
            AccountSettings::OpenAi(access.clone()),
            AccountSettings::OpenAiResponses(endpoint(AuthScheme::Bearer, None)),
            bedrock(None, access_key(None)),
            bedrock(Some("https://vpce.example"), access_key(Some(sealed("session")))),
            bedrock(None, AwsCredential::BearerToken(sealed("bearer"))),
            bedrock(None, AwsCredential::Environment),
            AccountSettings::AzureOpenAi(AzureEndpoint {
                base_url: base_url.clone(),
                api_key: sealed("key"),
                auth: AuthScheme::AzureHeader,
                deployment: Some("d".to_owned()),
                api_version: Some("2024-10-21".to_owned()),
            }),
            AccountSettings::Droid(DroidAccess::ApiKeys { base_url: base_url.clone(), api_keys: sealed("keys") }),
            AccountSettings::Droid(DroidAccess::OAuth(access)),
            AccountSettings::Ccr(endpoint(AuthScheme::ApiKeyHeader, None)),
        ]
    }

    #[test]
    fn an_account_of_every_kind_reads_back_as_it_was_written() {
        let kinds = every_kind();
        for &platform in Platform::ALL {
            assert!(Account::FAMILIES.contains(&account_family(platform)), "{platform}");
        }
        for settings in kinds {
            let account = Account {
                id: AccountId::parse("a1").expect("an id"),
                name: "main".to_owned(),
                description: "d".to_owned(),
                priority: Priority::DEFAULT,
                schedulable: true,
                concurrency_max: NonZeroU32::new(3),
                weight: Weight::new(20).expect("1 to 100"),
                stops_at_warning: true,
                models: ModelMap::new(BTreeMap::from([("a".to_owned(), "b".to_owned())])),
                expires_at: Some(Timestamp::from_ms(4)),
                proxy: Some(sealed("proxy")),
                settings,
                created_at: Timestamp::from_ms(1),
                updated_at: Timestamp::from_ms(2),
            };
            for name in account.fields().keys() {
                assert!(account.family().column(name).is_some(), "{name}");
            }
            let row = Row { id: "a1".to_owned(), version: Version(1), fields: account.fields() };
            assert_eq!(Account::read(account.family(), &row).expect("reads back"), account);
        }
    }
}
