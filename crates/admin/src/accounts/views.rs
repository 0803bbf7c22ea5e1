//! An account as it is shown: without its credential, with the state that it is in.

use super::{credential, health::Health, proxy::ProxyView, spelling};
use crate::wire::{AccessWord, AuthWord, CauseWord, Instant, ModelsWord, PlatformWord, WindowStatusWord};
use domain::{
    Account, AccountSettings, AwsCredential, BedrockAccess, Cooldown, CooldownScope, DroidAccess, GeminiAccess,
    OAuthGrant, Timestamp, UsageWindow,
};
use serde::Serialize;
use std::{borrow::Cow, num::NonZeroU32};
use store::records::Versioned;
use utoipa::ToSchema;
use vault::Keyring;

/// An account at a provider. What its platform does not have is null.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct AccountView {
    id: String,
    /// How often it was changed, from 1; `ETag` carries it in quotes.
    version: u64,
    platform: PlatformWord,
    access: AccessWord,
    name: String,
    description: String,
    /// Origin and path prefix of the API; null: the runtime of the Bedrock region.
    base_url: Option<String>,
    /// Path of the Messages call below the base; null: `/v1/messages`.
    messages_path: Option<String>,
    /// How the API key is sent.
    auth: Option<AuthWord>,
    /// Google Cloud project that requests are made for.
    project_id: Option<String>,
    /// Region of AWS.
    region: Option<String>,
    /// Id of the access key of AWS.
    access_key_id: Option<String>,
    /// The Azure deployment that serves all models.
    deployment: Option<String>,
    /// Version of Azure's API.
    api_version: Option<String>,
    /// How many API keys there are, of droid by `api_keys`; null also where they do not open.
    api_keys_count: Option<usize>,
    /// Who is signed in, of accounts by `oauth`.
    oauth: Option<OAuthView>,
    /// The proxy that its calls take; null: they go directly.
    proxy: Option<ProxyView>,
    /// The fields that hold a secret. None is shown here; an owner may have each shown by its name.
    #[schema(example = json!(["api_key"]))]
    secrets: Vec<&'static str>,
    /// The lowest is chosen first.
    priority: u8,
    /// Its share of the requests among accounts of its priority.
    weight: u8,
    /// Whether requests may be sent to it: the administrator's switch.
    schedulable: bool,
    /// Requests at once; null: no ceiling.
    concurrency_max: Option<u32>,
    models: ModelsWord,
    /// Whether it is left alone while its provider warns that a window of its subscription is nearly used up.
    stops_at_warning: bool,
    /// When the subscription behind it ends.
    expires_at: Option<Instant>,
    created_at: Instant,
    updated_at: Instant,
    state: AccountStateView,
    /// The windows over which its provider meters its subscription, as far as it has told of them.
    usage_windows: Vec<UsageWindowView>,
}

/// A span over which a provider meters a subscription, as it last told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageWindow)]
struct UsageWindowView {
    /// `five_hour`, `seven_day`, that of one family of models (`seven_day_opus`), or the provider's own word.
    #[schema(pattern = "^[a-z0-9_]{1,48}$")]
    name: String,
    status: WindowStatusWord,
    /// How much of it is used, in percent with one digit behind the point; above 100 where it was overdrawn. Null: it does not say.
    #[schema(minimum = 0)]
    used_percent: Option<f64>,
    /// When it begins anew.
    resets_at: Instant,
    /// When this was told.
    told_at: Instant,
}

/// Who is signed in over OAuth, and for what.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountSignIn)]
struct OAuthView {
    /// Whether there is a sign-in that requests can be made with.
    signed_in: bool,
    /// Why a new sign-in is needed, for people; null: it is not.
    sign_in_needed: Option<String>,
    /// What it may be used for, in the provider's words.
    scopes: Vec<String>,
    /// Whom the provider calls its owner.
    email: Option<String>,
    /// The provider's id of the account or organisation behind it.
    provider_account_id: Option<String>,
    /// When the access token ends; null: it does not say, or does not. With a refresh token it is renewed.
    access_expires_at: Option<Instant>,
    /// When the last refresh or sign-in succeeded.
    refreshed_at: Option<Instant>,
}

/// Whether an account can be chosen now, and if not, why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountState)]
struct AccountStateView {
    status: StatusWord,
    /// Every reason that stands against it, for people; empty when it is ready.
    reasons: Vec<String>,
    /// Until when it is left alone, as far as that is known.
    until: Option<Instant>,
    cooldowns: Vec<CooldownView>,
    /// What went wrong last, of what it is still cooling down from.
    last_error: Option<LastErrorView>,
}

/// Whether an account can be chosen now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AccountStatus)]
enum StatusWord {
    /// It can.
    Ready,
    /// It can, but not for every model.
    Limited,
    /// It is left alone for a while.
    CoolingDown,
    /// Nobody is signed in, or not any more.
    SignInNeeded,
    /// The administrator switched it off.
    Paused,
    /// The subscription behind it has ended.
    Expired,
}

/// A timed exclusion.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cooldown)]
struct CooldownView {
    /// The family of models that it covers; null: the whole account.
    model_family: Option<String>,
    cause: CauseWord,
    since: Instant,
    until: Instant,
    /// Where the end comes from: a header's name, or `default`.
    source: String,
    /// The upstream's HTTP status, if one came.
    status: Option<u16>,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountError)]
struct LastErrorView {
    cause: CauseWord,
    /// The upstream's HTTP status, if one came.
    status: Option<u16>,
    at: Instant,
}

impl AccountView {
    /// `health` is what is known of it at `now`.
    pub(crate) fn new(account: Versioned<Account>, health: Health, keyring: &Keyring, now: Timestamp) -> Self {
        let Versioned { record: account, version } = account;
        let usage_windows = health.windows.iter().map(UsageWindowView::new).collect();
        let state = AccountStateView::new(&account, health, now);
        let secrets = credential::secrets(&account);
        let open = |field: &'static str| {
            let sealed = secrets.get(field)?;
            Some(credential::open(keyring, account.platform(), &account.id, field, sealed))
        };
        let proxy = open("proxy").map(|url| url.map_or_else(|_| ProxyView::unknown(), |url| ProxyView::new(&url)));
        let api_keys = open("api_keys").and_then(Result::ok);
        Self {
            id: account.id.to_string(),
            version: version.0,
            platform: PlatformWord::from(account.platform()),
            access: AccessWord::from(account.settings.access()),
            oauth: account.settings.oauth().map(|access| OAuthView::new(&access.grant, now)),
            proxy,
            api_keys_count: api_keys.and_then(|keys| spelling::count_api_keys(&keys)),
            secrets: secrets.into_keys().collect(),
            name: account.name,
            description: account.description,
            priority: account.priority.get(),
            weight: account.weight.get(),
            stops_at_warning: account.stops_at_warning,
            usage_windows,
            schedulable: account.schedulable,
            concurrency_max: account.concurrency_max.map(NonZeroU32::get),
            models: account.models.into(),
            expires_at: account.expires_at.map(Instant),
            created_at: Instant(account.created_at),
            updated_at: Instant(account.updated_at),
            state,
            base_url: None,
            messages_path: None,
            auth: None,
            project_id: None,
            region: None,
            access_key_id: None,
            deployment: None,
            api_version: None,
        }
        .with(account.settings)
    }

    /// Shows what only the platform has.
    fn with(self, settings: AccountSettings) -> Self {
        match settings {
            AccountSettings::Claude(access)
            | AccountSettings::OpenAi(access)
            | AccountSettings::Droid(DroidAccess::OAuth(access)) => Self { base_url: Some(access.base_url), ..self },
            AccountSettings::ClaudeConsole(endpoint)
            | AccountSettings::Ccr(endpoint)
            | AccountSettings::OpenAiResponses(endpoint)
            | AccountSettings::Gemini(GeminiAccess::ApiKey(endpoint)) => Self {
                base_url: Some(endpoint.base_url),
                messages_path: endpoint.messages_path,
                auth: Some(endpoint.auth.into()),
                ..self
            },
            AccountSettings::Gemini(GeminiAccess::OAuth { access, project_id }) => {
                Self { base_url: Some(access.base_url), project_id, ..self }
            }
            AccountSettings::Bedrock(BedrockAccess { region, base_url, credential }) => {
                let access_key_id = match credential {
                    AwsCredential::AccessKey { access_key_id, .. } => Some(access_key_id),
                    AwsCredential::BearerToken(_) | AwsCredential::Environment => None,
                };
                Self { region: Some(region), base_url, access_key_id, ..self }
            }
            AccountSettings::AzureOpenAi(endpoint) => Self {
                base_url: Some(endpoint.base_url),
                auth: Some(endpoint.auth.into()),
                deployment: endpoint.deployment,
                api_version: endpoint.api_version,
                ..self
            },
            AccountSettings::Droid(DroidAccess::ApiKeys { base_url, .. }) => Self { base_url: Some(base_url), ..self },
        }
    }
}

impl OAuthView {
    fn new(grant: &OAuthGrant, now: Timestamp) -> Self {
        let sign_in_needed = sign_in_needed(grant, now);
        Self {
            signed_in: sign_in_needed.is_none(),
            sign_in_needed: sign_in_needed.map(Cow::into_owned),
            scopes: grant.scopes.split_whitespace().map(str::to_owned).collect(),
            email: grant.email.clone(),
            provider_account_id: grant.provider_account_id.clone(),
            access_expires_at: grant.access_expires_at.map(Instant),
            refreshed_at: grant.refreshed_at.map(Instant),
        }
    }
}

/// Why no request can be made with `grant`, and none can be renewed from it.
fn sign_in_needed(grant: &OAuthGrant, now: Timestamp) -> Option<Cow<'_, str>> {
    if let Some(reason) = &grant.sign_in_needed {
        return Some(reason.into());
    }
    match (&grant.refresh_token, &grant.access_token, grant.access_expires_at) {
        (None, None, _) => Some("nobody has signed in".into()),
        (None, Some(_), Some(end)) if end <= now => {
            Some(format!("the access token ended at {end}, and there is none to renew it with").into())
        }
        (Some(_), _, _) | (None, Some(_), _) => None,
    }
}

impl AccountStateView {
    fn new(account: &Account, Health { cooldowns, windows }: Health, now: Timestamp) -> Self {
        let expired = account.expires_at.is_some_and(|end| end <= now);
        let unsigned = account.settings.oauth().and_then(|access| sign_in_needed(&access.grant, now));
        let whole = cooldowns.iter().filter(|cooldown| cooldown.scope == CooldownScope::Account);
        let warned =
            windows.into_iter().filter(|window| account.stops_at_warning && window.warns(window.model_family(), now));
        let warned: Vec<_> = warned.collect();
        let all_models = warned.iter().filter(|window| window.model_family().is_none()).map(|window| window.resets_at);
        let until = whole.map(|cooldown| cooldown.until).chain(all_models).max();
        let status = match (expired, account.schedulable, &unsigned, until) {
            (true, _, _, _) => StatusWord::Expired,
            (false, false, _, _) => StatusWord::Paused,
            (false, true, Some(_), _) => StatusWord::SignInNeeded,
            (false, true, None, Some(_)) => StatusWord::CoolingDown,
            (false, true, None, None) if cooldowns.is_empty() && warned.is_empty() => StatusWord::Ready,
            (false, true, None, None) => StatusWord::Limited,
        };
        let mut reasons = Vec::new();
        if let (true, Some(end)) = (expired, account.expires_at) {
            reasons.push(format!("its subscription ended at {end}"));
        }
        if !account.schedulable {
            reasons.push("an administrator paused it".to_owned());
        }
        reasons.extend(unsigned.map(|why| format!("a sign-in is needed: {why}")));
        reasons.extend(cooldowns.iter().map(reason));
        let stopped =
            |window: &UsageWindow| format!("it stops at the warning of {} until {}", window.name, window.resets_at);
        reasons.extend(warned.iter().map(stopped));
        let last = cooldowns.iter().max_by_key(|cooldown| cooldown.since);
        let last_error = last.map(|cooldown| LastErrorView {
            cause: CauseWord::from(cooldown.cause),
            status: cooldown.status,
            at: Instant(cooldown.since),
        });
        let cooldowns = cooldowns.into_iter().map(CooldownView::from).collect();
        Self { status, reasons, until: until.map(Instant), cooldowns, last_error }
    }
}

impl UsageWindowView {
    fn new(window: &UsageWindow) -> Self {
        Self {
            name: window.name.to_string(),
            status: WindowStatusWord::from(window.status),
            used_percent: window.used_permille.map(|used| f64::from(used) / 10.0),
            resets_at: Instant(window.resets_at),
            told_at: Instant(window.told_at),
        }
    }
}

fn reason(cooldown: &Cooldown) -> String {
    let Cooldown { cause, until, source, .. } = cooldown;
    let covered = match &cooldown.scope {
        CooldownScope::Account => String::new(),
        CooldownScope::ModelFamily(family) => format!(" for {family} models"),
    };
    let status = cooldown.status.map_or(String::new(), |status| format!(" ({status})"));
    format!("{cause}{status}{covered} until {until}, by {source}")
}

impl From<Cooldown> for CooldownView {
    fn from(cooldown: Cooldown) -> Self {
        Self {
            model_family: match cooldown.scope {
                CooldownScope::Account => None,
                CooldownScope::ModelFamily(family) => Some(family.to_string()),
            },
            cause: CauseWord::from(cooldown.cause),
            since: Instant(cooldown.since),
            until: Instant(cooldown.until),
            source: cooldown.source.to_string(),
            status: cooldown.status,
        }
    }
}
