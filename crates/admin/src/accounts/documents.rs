//! Documents that make and change accounts, and what they come to.

use super::credential;
use crate::{
    faults::{Faults, Reason},
    refusal::Refusal,
    texts,
    wire::{AuthWord, ClearText, Instant, ModelsWord, Patch, PlatformWord},
};
use domain::{Account, AccountId, AccountSettings, HttpEndpoint, Platform, Priority, Timestamp};
use secrecy::SecretString;
use serde::Deserialize;
use std::num::NonZeroU32;
use upstream::{Destination, DestinationError};
use utoipa::ToSchema;
use vault::Keyring;

/// Longest base URL, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// Longest path, in bytes.
const PATH_BYTES_MAX: usize = 256;

/// An account to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"platform": "claude-console", "name": "team console", "base_url": "https://api.anthropic.com",
    "api_key": "sk-ant-api03-EXAMPLE", "priority": 10}))]
pub(crate) struct NewAccount {
    /// `claude-console` or `ccr`; this version serves no other.
    platform: PlatformWord,
    /// What people call it; need not be unique.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// A note.
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// Origin and path prefix of the API, http or https.
    #[schema(pattern = "^https?://", max_length = 2048)]
    base_url: String,
    /// The API key. Only an owner can have it shown again.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 8192)]
    api_key: ClearText,
    /// Order of preference: the lowest is chosen first. Left out: 50.
    #[schema(minimum = 1, maximum = 100)]
    priority: Option<u8>,
    /// Whether requests may be sent to it; left out: they may.
    schedulable: Option<bool>,
    /// Requests at once; left out: no ceiling.
    #[schema(minimum = 1)]
    concurrency_max: Option<u32>,
    /// Models that it serves; left out or empty: all, under their own names.
    models: Option<ModelsWord>,
    /// Path of the Messages call below the base; left out: `/v1/messages`.
    #[schema(pattern = "^/", max_length = 256)]
    messages_path: Option<String>,
    /// How the API key is sent; left out: `x-api-key` for keys that begin with `sk-ant-`, else `bearer`.
    auth: Option<AuthWord>,
    /// When the subscription behind it ends; it is not chosen after that.
    expires_at: Option<Instant>,
}

/// What shall be different about an account. What is left out stays; `null` sets a field back to what a new account has.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"priority": 20, "schedulable": false, "concurrency_max": null}))]
pub(crate) struct AccountPatch {
    /// What people call it; cannot be cleared.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    name: Patch<String>,
    /// A note.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Patch<String>,
    /// Origin and path prefix of the API; cannot be cleared.
    #[serde(default)]
    #[schema(value_type = String, pattern = "^https?://", max_length = 2048)]
    base_url: Patch<String>,
    /// Another API key; cannot be cleared.
    #[serde(default)]
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 8192)]
    api_key: Patch<ClearText>,
    /// Order of preference.
    #[serde(default)]
    #[schema(value_type = Option<u8>, minimum = 1, maximum = 100)]
    priority: Patch<u8>,
    /// Whether requests may be sent to it; `null`: they may.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    schedulable: Patch<bool>,
    /// Requests at once; `null`: no ceiling.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1)]
    concurrency_max: Patch<u32>,
    /// Models that it serves; `null`: all.
    #[serde(default)]
    #[schema(value_type = Option<ModelsWord>)]
    models: Patch<ModelsWord>,
    /// Path of the Messages call below the base; `null`: `/v1/messages`.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^/", max_length = 256)]
    messages_path: Patch<String>,
    /// How the API key is sent; `null`: as it usually is for this API key.
    #[serde(default)]
    #[schema(value_type = Option<AuthWord>)]
    auth: Patch<AuthWord>,
    /// When the subscription behind it ends; `null`: it does not.
    #[serde(default)]
    #[schema(value_type = Option<Instant>)]
    expires_at: Patch<Instant>,
}

impl NewAccount {
    /// The account that this makes, its credential sealed.
    pub(crate) fn into_account(self, id: AccountId, keyring: &Keyring, now: Timestamp) -> Result<Account, Refusal> {
        let mut faults = Faults::default();
        let platform = self.platform.0;
        let clear = faults.check("api_key", credential::parse(&self.api_key.0));
        let endpoint = HttpEndpoint {
            base_url: faults.check("base_url", base_url(&self.base_url)),
            messages_path: faults.check("messages_path", self.messages_path.as_deref().map(path).transpose()),
            api_key: credential::seal(keyring, platform, &id, &clear),
            auth: self.auth.map_or_else(|| credential::usual_scheme(&clear), |word| word.0),
        };
        check_destination(&endpoint, &clear, &mut faults);
        let settings = settings(platform, endpoint, &mut faults);
        let account = Account {
            id,
            name: faults.check("name", texts::name(&self.name)),
            description: faults.check("description", texts::description(&self.description.unwrap_or_default())),
            priority: self.priority.map_or(Priority::DEFAULT, |value| priority(value, &mut faults)),
            schedulable: self.schedulable.unwrap_or(true),
            concurrency_max: faults.check("concurrency_max", self.concurrency_max.map(ceiling).transpose()),
            models: faults.check("models", self.models.unwrap_or_default().parse()),
            expires_at: self.expires_at.map(|at| at.0),
            proxy: None,
            settings,
            created_at: now,
            updated_at: now,
        };
        faults.settle().map(|()| account)
    }
}

impl AccountPatch {
    /// `account` with the changes; another API key is sealed at the same place.
    pub(crate) fn apply(&self, account: &Account, keyring: &Keyring, now: Timestamp) -> Result<Account, Refusal> {
        let mut faults = Faults::default();
        let mut account = account.clone();
        faults.patch_required(&mut account.name, "name", &self.name, |text| texts::name(text));
        faults.patch(&mut account.description, "description", &self.description, |text| texts::description(text));
        faults.patch(&mut account.concurrency_max, "concurrency_max", &self.concurrency_max, |&value| {
            ceiling(value).map(Some)
        });
        faults.patch(&mut account.models, "models", &self.models, |models| models.clone().parse());
        faults.patch(&mut account.expires_at, "expires_at", &self.expires_at, |at| Ok(Some(at.0)));
        if let Some(value) = self.priority.or_cleared(Priority::DEFAULT.get()) {
            account.priority = priority(value, &mut faults);
        }
        if let Some(schedulable) = self.schedulable.or_cleared(true) {
            account.schedulable = schedulable;
        }
        self.apply_to_endpoint(&mut account, keyring, &mut faults)?;
        account.updated_at = now;
        faults.settle().map(|()| account)
    }

    fn apply_to_endpoint(&self, account: &mut Account, keyring: &Keyring, faults: &mut Faults) -> Result<(), Refusal> {
        let nothing = matches!(
            (&self.base_url, &self.messages_path, &self.api_key, &self.auth),
            (Patch::Keep, Patch::Keep, Patch::Keep, Patch::Keep)
        );
        if nothing {
            return Ok(());
        }
        let platform = account.platform();
        let mut endpoint = credential::endpoint(account).clone();
        let mut clear = match &self.api_key {
            Patch::Set(_) => SecretString::default(),
            Patch::Keep | Patch::Clear => credential::open(keyring, account).map_err(Refusal::internal)?,
        };
        faults.patch_required(&mut clear, "api_key", &self.api_key, |given| credential::parse(&given.0));
        if let Patch::Set(_) = &self.api_key {
            endpoint.api_key = credential::seal(keyring, platform, &account.id, &clear);
        }
        faults.patch_required(&mut endpoint.base_url, "base_url", &self.base_url, |text| base_url(text));
        faults.patch(&mut endpoint.messages_path, "messages_path", &self.messages_path, |text| path(text).map(Some));
        if let Some(auth) = self.auth.or_cleared(credential::usual_scheme(&clear).into()) {
            endpoint.auth = auth.0;
        }
        check_destination(&endpoint, &clear, faults);
        account.settings = settings(platform, endpoint, faults);
        Ok(())
    }
}

/// The settings of a platform that this version serves.
fn settings(platform: Platform, endpoint: HttpEndpoint, faults: &mut Faults) -> AccountSettings {
    match platform {
        Platform::ClaudeConsole => AccountSettings::ClaudeConsole(endpoint),
        Platform::Ccr => AccountSettings::Ccr(endpoint),
        Platform::Claude
        | Platform::Gemini
        | Platform::OpenAi
        | Platform::OpenAiResponses
        | Platform::Bedrock
        | Platform::AzureOpenAi
        | Platform::Droid => {
            faults.add("platform", "is not served by this version yet; write claude-console or ccr");
            AccountSettings::ClaudeConsole(endpoint)
        }
    }
}

/// Whether calls can be made with these parts, by the code that makes them.
fn check_destination(endpoint: &HttpEndpoint, clear: &SecretString, faults: &mut Faults) {
    let settings = AccountSettings::ClaudeConsole(endpoint.clone());
    match Destination::new(&settings, &|_, _| Ok(clear.clone())) {
        // It was sealed just now, and is given here as it was.
        Ok(_) | Err(DestinationError::Sealed(_)) => (),
        Err(DestinationError::BaseUrl) => faults.add(
            "base_url",
            "is no address of an API; write it such as https://api.anthropic.com, without a user, query or fragment",
        ),
        Err(DestinationError::Path) => faults.add("messages_path", "is no path; write it such as /v1/messages"),
        Err(DestinationError::Credential) => faults.add("api_key", "cannot be sent in a header; paste it again"),
    }
}

fn base_url(text: &str) -> Result<String, Reason> {
    let text = text.trim().trim_end_matches('/');
    match text.len() {
        1..=URL_BYTES_MAX => Ok(text.to_owned()),
        _ => Err(format!("is empty, or longer than {URL_BYTES_MAX} bytes; write the API's address").into()),
    }
}

fn path(text: &str) -> Result<String, Reason> {
    let text = text.trim();
    match text.len() {
        1..=PATH_BYTES_MAX => Ok(text.to_owned()),
        _ => Err(format!("is empty, or longer than {PATH_BYTES_MAX} bytes; write it such as /v1/messages").into()),
    }
}

fn priority(value: u8, faults: &mut Faults) -> Priority {
    Priority::new(value).unwrap_or_else(|| {
        faults.add("priority", "is out of range; write a number from 1 to 100");
        Priority::DEFAULT
    })
}

fn ceiling(value: u32) -> Result<NonZeroU32, Reason> {
    NonZeroU32::new(value).ok_or_else(|| "is 0, which would allow nothing; use `schedulable` to pause it".into())
}
