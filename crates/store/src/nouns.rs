//! The nouns of `domain` as records: written out field by field, in both directions. No engine is known here.

pub mod account;
mod account_group;
mod admin;
mod admin_totp;
pub mod api_key;
mod api_token;
mod oauth_client;
mod oauth_sign_in;
mod rates;
mod settings;
mod user;

pub use account_group::GROUPS_MAX;
pub use admin::AdminCredentials;
pub use admin_totp::AdminTotp;
pub use oauth_sign_in::OAuthSignIn;
pub use rates::{RATE_MULTIPLIERS, rates_from_text, rates_to_text};
pub use settings::{KeyCheckRecord, ModelPricingRecord, Setting};

use crate::records::{Fields, Value};

/// Writes fields one below the other.
#[derive(Debug, Default)]
struct FieldWriter(Fields);

impl FieldWriter {
    fn set(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.insert(name, value.into());
        self
    }

    fn set_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }
}

/// A list of texts as a JSON array, so that operators can read it.
fn list_to_text<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.collect::<serde_json::Value>().to_string()
}

/// Reads [`list_to_text`].
fn list_from_text(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text).ok()
}
