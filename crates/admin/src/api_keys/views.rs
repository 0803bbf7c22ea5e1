//! A key as it is shown: without its hash, with what it has used.

use super::bindings::{BindingsView, Names};
use crate::wire::{ClientWord, Instant, Lifetime, PermissionsWord, RatesWord, SumsView, Usd};
use domain::{ApiKey, Expiry, KeyState, Timestamp};
use serde::Serialize;
use store::{ledger::KeyTotals, records::Versioned};
use utoipa::ToSchema;

/// Whether a key works, apart from its expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ApiKeyState)]
enum StateWord {
    /// It does.
    Active,
    /// Switched off by an administrator.
    Disabled,
    /// Deleted: refused until it is restored.
    Deleted,
}

/// A key that the relay issued.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct ApiKeyView {
    id: String,
    /// How often it was changed, from 1; `ETag` carries it in quotes.
    version: u64,
    name: String,
    description: String,
    /// First and last characters of the key.
    #[schema(example = "cr_1a2b…9f")]
    hint: String,
    permissions: PermissionsWord,
    /// Clients it is restricted to; empty: any.
    allowed_clients: Vec<ClientWord>,
    /// Models it may not use, by the name that the client sends.
    restricted_models: Vec<String>,
    tags: Vec<String>,
    /// The id of the user whose it is, if a user's.
    owner: Option<String>,
    /// Who alone serves it, by service; a service that is not here is served by all accounts.
    bindings: BindingsView,
    /// Factors of its rated cost by platform; for a platform that is not here, the relay's.
    rate_multipliers: RatesWord,
    /// What it is recognised by at a glance: an emoji, a name, or an image as a `data:` URI.
    #[schema(example = "🦀")]
    icon: Option<String>,
    state: StateWord,
    /// Whether its time is over.
    expired: bool,
    /// When its time is over; null while that is not known, or never.
    expires_at: Option<Instant>,
    /// How long it lives once used, if its time is counted so.
    expires_after_first_use: Option<Lifetime>,
    /// When it was first used, where its time is counted from there.
    first_used_at: Option<Instant>,
    deleted_at: Option<Instant>,
    created_at: Instant,
    /// The name of who made it.
    created_by: String,
    updated_at: Instant,
    last_used_at: Option<Instant>,
    usage: KeyUsageView,
}

/// What a key has used since it was made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKeyUsage)]
struct KeyUsageView {
    #[serde(flatten)]
    sums: SumsView,
    /// Rated cost of today, in the relay's time zone.
    rated_cost_day_usd: Usd,
    /// Rated cost of this week, from Monday on.
    rated_cost_week_usd: Usd,
    /// Rated cost of this month.
    rated_cost_month_usd: Usd,
}

/// A key that was just made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IssuedApiKey)]
pub(crate) struct IssuedApiKeyView {
    /// The key itself: shown here and never again.
    #[schema(example = "cr_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]
    key: String,
    #[serde(flatten)]
    record: ApiKeyView,
}

impl ApiKeyView {
    pub(crate) fn new(key: Versioned<ApiKey>, totals: &KeyTotals, names: &Names, now: Timestamp) -> Self {
        let Versioned { record: key, version } = key;
        let (state, deleted_at) = match key.state {
            KeyState::Active => (StateWord::Active, None),
            KeyState::Disabled => (StateWord::Disabled, None),
            KeyState::Deleted { at } => (StateWord::Deleted, Some(Instant(at))),
        };
        let (lifetime, first_used_at) = match key.expiry {
            Expiry::Never | Expiry::At(_) => (None, None),
            Expiry::AfterFirstUse { lifetime, first_used_at } => (Some(Lifetime::of(lifetime)), first_used_at),
        };
        Self {
            id: key.id.to_string(),
            version: version.0,
            name: key.name,
            description: key.description,
            hint: key.hint,
            permissions: PermissionsWord(key.permissions),
            allowed_clients: key.allowed_clients.into_iter().map(ClientWord::from).collect(),
            restricted_models: key.restricted_models,
            tags: key.tags,
            owner: key.owner.map(|owner| owner.to_string()),
            bindings: names.show(key.bindings),
            rate_multipliers: RatesWord::from(&key.rate_multipliers),
            icon: key.icon,
            state,
            expired: key.expiry.has_ended(now),
            expires_at: key.expiry.ends_at().map(Instant),
            expires_after_first_use: lifetime,
            first_used_at: first_used_at.map(Instant),
            deleted_at,
            created_at: Instant(key.created_at),
            created_by: key.created_by,
            updated_at: Instant(key.updated_at),
            last_used_at: totals.last_used_at.map(Instant),
            usage: totals.into(),
        }
    }
}

impl From<&KeyTotals> for KeyUsageView {
    fn from(totals: &KeyTotals) -> Self {
        Self {
            sums: totals.sums.into(),
            rated_cost_day_usd: Usd(totals.cost_day),
            rated_cost_week_usd: Usd(totals.cost_week),
            rated_cost_month_usd: Usd(totals.cost_month),
        }
    }
}

impl IssuedApiKeyView {
    pub(crate) const fn new(key: String, record: ApiKeyView) -> Self {
        Self { key, record }
    }
}
