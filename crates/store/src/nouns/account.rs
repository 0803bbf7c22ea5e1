//! Accounts as records: one family per platform.

use super::FieldWriter;
use crate::{
    error::StoreError,
    keyspace::Family,
    records::{FieldReader, Fields, Record, Row},
};
use domain::{Account, AccountId, AccountSettings, AuthScheme, HttpEndpoint, ModelMap, Platform, Priority, Sealed};
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
    const FAMILIES: &'static [Family] = &[Family::ClaudeConsoleAccount, Family::CcrAccount];

    fn family(&self) -> Family {
        account_family(self.platform())
    }

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn fields(&self) -> Fields {
        let (AccountSettings::ClaudeConsole(endpoint) | AccountSettings::Ccr(endpoint)) = &self.settings;
        FieldWriter::default()
            .set("name", self.name.as_str())
            .set("description", self.description.as_str())
            .set("priority", i64::from(self.priority.get()))
            .set("schedulable", i64::from(self.schedulable))
            .set_some("concurrency_max", self.concurrency_max.map(|ceiling| i64::from(ceiling.get())))
            .set("models", models_to_text(&self.models))
            .set_some("expires_at", self.expires_at)
            .set("base_url", endpoint.base_url.as_str())
            .set_some("messages_path", endpoint.messages_path.as_deref())
            .set("api_key", endpoint.api_key.as_envelope())
            .set("auth", endpoint.auth.as_str())
            .set("created_at", self.created_at)
            .set("updated_at", self.updated_at)
            .0
    }

    fn read(family: Family, row: &Row) -> Result<Self, StoreError> {
        let fields = FieldReader::new(family, row);
        let endpoint = endpoint(&fields)?;
        let settings = match family {
            Family::CcrAccount => AccountSettings::Ccr(endpoint),
            _ => AccountSettings::ClaudeConsole(endpoint),
        };
        Ok(Self {
            id: fields.required("id", AccountId::parse(&row.id).ok())?,
            name: fields.parsed("name", |text| Some(text.to_owned()))?,
            description: fields.text("description").unwrap_or_default().to_owned(),
            priority: fields.required("priority", priority(fields.integer("priority")))?,
            schedulable: fields.required("schedulable", fields.integer("schedulable"))? != 0,
            concurrency_max: match fields.integer("concurrency_max") {
                None => None,
                Some(ceiling) => Some(fields.required("concurrency_max", positive(ceiling))?),
            },
            models: fields.parsed("models", models_from_text)?,
            expires_at: fields.timestamp("expires_at"),
            settings,
            created_at: fields.required("created_at", fields.timestamp("created_at"))?,
            updated_at: fields.required("updated_at", fields.timestamp("updated_at"))?,
        })
    }
}

fn endpoint(fields: &FieldReader<'_>) -> Result<HttpEndpoint, StoreError> {
    Ok(HttpEndpoint {
        base_url: fields.parsed("base_url", |text| Some(text.to_owned()))?,
        messages_path: fields.text("messages_path").map(str::to_owned),
        api_key: fields.parsed("api_key", |text| Some(Sealed::from_envelope(text.to_owned())))?,
        auth: fields.parsed("auth", AuthScheme::parse)?,
    })
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
    use domain::Timestamp;

    #[test]
    fn an_account_reads_back_as_it_was_written() {
        let endpoint = HttpEndpoint {
            base_url: "https://api.anthropic.com".to_owned(),
            messages_path: Some("/v1/messages".to_owned()),
            api_key: Sealed::from_envelope("v1:a:b:c".to_owned()),
            auth: AuthScheme::Bearer,
        };
        for settings in [AccountSettings::ClaudeConsole(endpoint.clone()), AccountSettings::Ccr(endpoint)] {
            let account = Account {
                id: AccountId::parse("a1").expect("an id"),
                name: "main".to_owned(),
                description: "d".to_owned(),
                priority: Priority::DEFAULT,
                schedulable: true,
                concurrency_max: NonZeroU32::new(3),
                models: ModelMap::new(BTreeMap::from([("a".to_owned(), "b".to_owned())])),
                expires_at: Some(Timestamp::from_ms(4)),
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
