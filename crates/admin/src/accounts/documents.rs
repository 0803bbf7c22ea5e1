//! Documents that make and change accounts, and what they come to.
//!
//! One document serves all platforms: a field has one name and one meaning wherever it stands, a change (which has no `platform`)
//! looks like what it changes, and a fault names the field of a flat form. Which platform has which field stands in [`kinds`].
//!
//! [`kinds`]: super::kinds

use super::{
    credential, examples,
    kinds::Kind,
    proxy,
    settings::{self, Subject},
};
use crate::{
    faults::{Faults, Reason},
    refusal::{Fault, Refusal},
    texts,
    wire::{AccessWord, AuthWord, ClearText, ClearTexts, Instant, ModelsWord, Patch, PlatformWord},
};
use domain::{Access, Account, AccountId, ModelMap, Platform, Priority, Timestamp, Weight};
use serde::Deserialize;
use std::{borrow::Cow, num::NonZeroU32};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Object, RefOr, Schema},
};
use vault::Keyring;

/// What can be said of an account. What is left out stays, and is for a new account what `null` makes of it.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct AccountDocument {
    /// What kind of account it is. It stays so.
    #[serde(default)]
    #[schema(value_type = PlatformWord)]
    platform: Patch<PlatformWord>,
    /// What people call it; need not be unique.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    name: Patch<String>,
    /// A note.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Patch<String>,
    /// Order of preference: the lowest is chosen first. `null`: 50.
    #[serde(default)]
    #[schema(value_type = Option<u8>, minimum = 1, maximum = 100)]
    priority: Patch<u8>,
    /// Its share of the requests among accounts of its priority: one of 20 is chosen twice as often as one of 10. `null`: 10.
    #[serde(default)]
    #[schema(value_type = Option<u8>, minimum = 1, maximum = 100)]
    weight: Patch<u8>,
    /// Whether it is left alone while its provider warns that a window of its subscription is nearly used up; `null`: it goes on.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    stops_at_warning: Patch<bool>,
    /// Whether requests may be sent to it; `null`: they may.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    schedulable: Patch<bool>,
    /// Requests at once; `null`: no ceiling.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1)]
    concurrency_max: Patch<u32>,
    /// Models that it serves; `null` or empty: all, under their own names.
    #[serde(default)]
    #[schema(value_type = Option<ModelsWord>)]
    models: Patch<ModelsWord>,
    /// When the subscription behind it ends, after which it is not chosen; `null`: it does not.
    #[serde(default)]
    #[schema(value_type = Option<Instant>)]
    expires_at: Patch<Instant>,
    /// The proxy that its calls take: `http`, `https`, `socks5` or `socks5h`, with `user:password@` where it asks for them, and host;
    /// ports that are not given are 80, 443 and 1080. It is replaced as a whole. `null`: calls go directly.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 2048,
        pattern = "^(http|https|socks5|socks5h)://", example = "socks5h://relay:secret@proxy.example:1080")]
    proxy: Patch<ClearText>,
    /// What opens its API, where the platform leaves a choice: gemini by `api_key` or `oauth`, bedrock by `access_key`,
    /// `bearer_token` or `environment`, droid by `api_keys` or `oauth`. `null`: the first of these. Another way than before removes
    /// the secrets of the former.
    #[serde(default)]
    #[schema(value_type = Option<AccessWord>)]
    access: Patch<AccessWord>,
    /// Origin and path prefix of the API, http or https. Needed by azure-openai and ccr; `null`: the platform's own.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^https?://", max_length = 2048)]
    pub(super) base_url: Patch<String>,
    /// Of claude-console and ccr: path of the Messages call below the base; `null`: `/v1/messages`.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^/", max_length = 256)]
    pub(super) messages_path: Patch<String>,
    /// How the API key is sent. claude-console, ccr and openai-responses take `x-api-key` or `bearer`, gemini `x-goog-api-key` or
    /// `bearer`, azure-openai `api-key` or `bearer`. `null`: as is usual there; to claude-console and ccr, keys that begin with
    /// `sk-ant-` go as `x-api-key`, others as `bearer`.
    #[serde(default)]
    #[schema(value_type = Option<AuthWord>)]
    pub(super) auth: Patch<AuthWord>,
    /// The API key, needed by all that are reached by one. Only an owner can have it shown again.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 8192)]
    pub(super) api_key: Patch<ClearText>,
    /// Of droid by `api_keys`, which needs them: 1 to 50 API keys, used in turn; replaced as a whole.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, min_items = 1, max_items = 50)]
    pub(super) api_keys: Patch<ClearTexts>,
    /// Of gemini by `oauth`: the Google Cloud project that requests are made for; `null`: the account's own.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[a-z0-9][a-z0-9.:-]*$", max_length = 100)]
    pub(super) project_id: Patch<String>,
    /// Of bedrock, which needs it: the region of AWS.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$", max_length = 32, example = "us-east-1")]
    pub(super) region: Patch<String>,
    /// Of bedrock by `access_key`, which needs it: the id of the access key. It is no secret.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_]+$", min_length = 16, max_length = 128)]
    pub(super) access_key_id: Patch<String>,
    /// Of bedrock by `access_key`, which needs it: the secret access key.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 8192)]
    pub(super) secret_access_key: Patch<ClearText>,
    /// Of bedrock by `access_key`: the session token of temporary credentials; `null`: there is none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 8192)]
    pub(super) session_token: Patch<ClearText>,
    /// Of bedrock by `bearer_token`, which needs it: an API key of Bedrock.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 8192)]
    pub(super) bearer_token: Patch<ClearText>,
    /// Of azure-openai: the deployment that serves all models; `null`: each model has a deployment of its own name.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length = 64)]
    pub(super) deployment: Patch<String>,
    /// Of azure-openai: the version of the API; `null`: the client's own, else that of the `v1` API.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^([0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?|v1|preview|latest)$",
        max_length = 32, example = "2024-10-21")]
    pub(super) api_version: Patch<String>,
}

/// An account to be added.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct NewAccount(AccountDocument);

/// What shall be different about an account.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct AccountPatch(AccountDocument);

impl NewAccount {
    /// The account that this makes, its secrets sealed.
    pub(crate) fn into_account(self, id: &AccountId, keyring: &Keyring, now: Timestamp) -> Result<Account, Refusal> {
        let document = self.0;
        let kind = document.new_kind()?;
        let mut faults = Faults::default();
        if !document.name.is_set() {
            faults.add("name", "is missing; write what people call the account");
        }
        let subject = Subject { id, kind, keyring };
        let mut account = Account {
            settings: settings::read(&document, subject, None, &mut faults)?,
            id: id.clone(),
            name: String::new(),
            description: String::new(),
            priority: Priority::DEFAULT,
            weight: Weight::DEFAULT,
            schedulable: true,
            concurrency_max: None,
            models: ModelMap::default(),
            stops_at_warning: false,
            expires_at: None,
            proxy: None,
            created_at: now,
            updated_at: now,
        };
        document.change_general(&mut account, subject, &mut faults);
        faults.settle().map(|()| account)
    }
}

impl AccountPatch {
    /// `account` with the changes; secrets that are given are sealed at their places.
    pub(crate) fn apply(&self, account: &Account, keyring: &Keyring, now: Timestamp) -> Result<Account, Refusal> {
        let document = &self.0;
        let kind = document.kind_of_changed(account)?;
        let mut faults = Faults::default();
        if document.platform != Patch::Keep {
            faults.add("platform", "cannot be changed; add another account");
        }
        let subject = Subject { id: &account.id, kind, keyring };
        let settings = settings::read(document, subject, Some(&account.settings), &mut faults)?;
        let mut changed = Account { settings, updated_at: now, ..account.clone() };
        document.change_general(&mut changed, subject, &mut faults);
        faults.settle().map(|()| changed)
    }
}

impl AccountDocument {
    /// What is made of a document that adds an account.
    fn new_kind(&self) -> Result<&'static Kind, Refusal> {
        match (self.platform, self.access) {
            (Patch::Keep | Patch::Clear, _) => {
                let platforms = Platform::ALL.iter().map(|platform| platform.as_str()).collect::<Vec<_>>().join(", ");
                let fault = Fault::new("platform", format!("is missing; write one of {platforms}"));
                Err(Refusal::unprocessable(vec![fault]))
            }
            (Patch::Set(platform), Patch::Set(access)) => kind(platform.0, Some(access.0)),
            (Patch::Set(platform), Patch::Keep | Patch::Clear) => kind(platform.0, None),
        }
    }

    /// What becomes of `account`.
    fn kind_of_changed(&self, account: &Account) -> Result<&'static Kind, Refusal> {
        let access = match self.access {
            Patch::Set(word) => Some(word.0),
            Patch::Clear => None,
            Patch::Keep => Some(account.settings.access()),
        };
        kind(account.platform(), access)
    }

    /// The fields with a value that not every platform has.
    pub(super) fn given(&self) -> impl Iterator<Item = &'static str> {
        let fields = [
            ("base_url", self.base_url.is_set()),
            ("messages_path", self.messages_path.is_set()),
            ("auth", self.auth.is_set()),
            ("api_key", self.api_key.is_set()),
            ("api_keys", self.api_keys.is_set()),
            ("project_id", self.project_id.is_set()),
            ("region", self.region.is_set()),
            ("access_key_id", self.access_key_id.is_set()),
            ("secret_access_key", self.secret_access_key.is_set()),
            ("session_token", self.session_token.is_set()),
            ("bearer_token", self.bearer_token.is_set()),
            ("deployment", self.deployment.is_set()),
            ("api_version", self.api_version.is_set()),
        ];
        fields.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name)
    }

    /// Changes what accounts of all platforms have.
    fn change_general(&self, account: &mut Account, subject: Subject<'_>, faults: &mut Faults) {
        faults.patch_required(&mut account.name, "name", &self.name, |text| texts::name(text));
        faults.patch(&mut account.description, "description", &self.description, |text| texts::description(text));
        faults.patch(&mut account.concurrency_max, "concurrency_max", &self.concurrency_max, |&value| {
            ceiling(value).map(Some)
        });
        faults.patch(&mut account.models, "models", &self.models, |models| models.clone().parse());
        faults.patch(&mut account.expires_at, "expires_at", &self.expires_at, |at| Ok(Some(at.0)));
        faults.patch(&mut account.proxy, "proxy", &self.proxy, |url| {
            let clear = proxy::parse(&url.0)?;
            Ok(Some(credential::seal(subject.keyring, subject.kind.platform, subject.id, "proxy", &clear)))
        });
        if let Some(value) = self.priority.or_cleared(Priority::DEFAULT.get()) {
            account.priority = priority(value, faults);
        }
        if let Some(value) = self.weight.or_cleared(Weight::DEFAULT.get()) {
            account.weight = weight(value, faults);
        }
        if let Some(stops) = self.stops_at_warning.or_cleared(false) {
            account.stops_at_warning = stops;
        }
        if let Some(schedulable) = self.schedulable.or_cleared(true) {
            account.schedulable = schedulable;
        }
    }
}

/// The kind of `platform` that is reached by `access`. Where there is none, no other field can be judged.
fn kind(platform: Platform, access: Option<Access>) -> Result<&'static Kind, Refusal> {
    Kind::find(platform, access).ok_or_else(|| {
        let reason = format!("is no way into {platform}; write {}", Kind::ways(platform));
        Refusal::unprocessable(vec![Fault::new("access", reason)])
    })
}

fn priority(value: u8, faults: &mut Faults) -> Priority {
    Priority::new(value).unwrap_or_else(|| {
        faults.add("priority", "is out of range; write a number from 1 to 100");
        Priority::DEFAULT
    })
}

fn weight(value: u8, faults: &mut Faults) -> Weight {
    Weight::new(value).unwrap_or_else(|| {
        faults.add("weight", "is out of range; write a number from 1 to 100");
        Weight::DEFAULT
    })
}

fn ceiling(value: u32) -> Result<NonZeroU32, Reason> {
    NonZeroU32::new(value).ok_or_else(|| "is 0, which would allow nothing; use `schedulable` to pause it".into())
}

/// The schema of [`AccountDocument`], as `edit` leaves it.
fn schema(edit: impl FnOnce(&mut Object)) -> RefOr<Schema> {
    let mut schema = AccountDocument::schema();
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        edit(object);
    }
    schema
}

impl PartialSchema for NewAccount {
    fn schema() -> RefOr<Schema> {
        schema(|object| {
            object.description = Some(
                "An account to be added. `platform` and `access` decide which fields count; the others are refused."
                    .to_owned(),
            );
            object.required = vec!["platform".to_owned(), "name".to_owned()];
            object.examples = examples::new_accounts();
        })
    }
}

impl ToSchema for NewAccount {
    fn name() -> Cow<'static, str> {
        "NewAccount".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        AccountDocument::schemas(schemas);
    }
}

impl PartialSchema for AccountPatch {
    fn schema() -> RefOr<Schema> {
        schema(|object| {
            let meaning = "What shall be different about an account. What is left out stays; `null` sets a field back to what \
                           a new account has.";
            object.description = Some(meaning.to_owned());
            object.properties.remove("platform");
            object.examples = vec![serde_json::json!({"priority": 20, "schedulable": false, "concurrency_max": null})];
        })
    }
}

impl ToSchema for AccountPatch {
    fn name() -> Cow<'static, str> {
        "AccountPatch".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        AccountDocument::schemas(schemas);
    }
}
