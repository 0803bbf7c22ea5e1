//! An account as it is shown: without its credential, with the state that it is in.

use super::credential;
use crate::wire::{AuthWord, CauseWord, Instant, ModelsWord, PlatformWord};
use domain::{Account, Cooldown, CooldownScope, Timestamp};
use serde::Serialize;
use store::records::Versioned;
use utoipa::ToSchema;

/// An account at a provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct AccountView {
    id: String,
    /// How often it was changed, from 1; `ETag` carries it in quotes.
    version: u64,
    platform: PlatformWord,
    name: String,
    description: String,
    base_url: String,
    /// Path of the Messages call below the base; null: `/v1/messages`.
    messages_path: Option<String>,
    auth: AuthWord,
    /// Whether there is a credential. It is never shown.
    api_key_set: bool,
    /// The lowest is chosen first.
    priority: u8,
    /// Whether requests may be sent to it: the administrator's switch.
    schedulable: bool,
    /// Requests at once; null: no ceiling.
    concurrency_max: Option<u32>,
    models: ModelsWord,
    /// When the subscription behind it ends.
    expires_at: Option<Instant>,
    created_at: Instant,
    updated_at: Instant,
    state: AccountStateView,
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
    /// `cooldowns` are those that hold at `now`.
    pub(crate) fn new(account: Versioned<Account>, cooldowns: Vec<Cooldown>, now: Timestamp) -> Self {
        let Versioned { record: account, version } = account;
        let state = AccountStateView::new(&account, cooldowns, now);
        let endpoint = credential::endpoint(&account).clone();
        Self {
            id: account.id.to_string(),
            version: version.0,
            platform: PlatformWord::from(account.platform()),
            name: account.name,
            description: account.description,
            base_url: endpoint.base_url,
            messages_path: endpoint.messages_path,
            auth: AuthWord::from(endpoint.auth),
            api_key_set: !endpoint.api_key.as_envelope().is_empty(),
            priority: account.priority.get(),
            schedulable: account.schedulable,
            concurrency_max: account.concurrency_max.map(std::num::NonZeroU32::get),
            models: account.models.into(),
            expires_at: account.expires_at.map(Instant),
            created_at: Instant(account.created_at),
            updated_at: Instant(account.updated_at),
            state,
        }
    }
}

impl AccountStateView {
    fn new(account: &Account, cooldowns: Vec<Cooldown>, now: Timestamp) -> Self {
        let expired = account.expires_at.is_some_and(|end| end <= now);
        let whole = cooldowns.iter().filter(|cooldown| cooldown.scope == CooldownScope::Account);
        let until = whole.map(|cooldown| cooldown.until).max();
        let status = match (expired, account.schedulable, until) {
            (true, _, _) => StatusWord::Expired,
            (false, false, _) => StatusWord::Paused,
            (false, true, Some(_)) => StatusWord::CoolingDown,
            (false, true, None) if cooldowns.is_empty() => StatusWord::Ready,
            (false, true, None) => StatusWord::Limited,
        };
        let mut reasons = Vec::new();
        if let (true, Some(end)) = (expired, account.expires_at) {
            reasons.push(format!("its subscription ended at {end}"));
        }
        if !account.schedulable {
            reasons.push("an administrator paused it".to_owned());
        }
        reasons.extend(cooldowns.iter().map(reason));
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
