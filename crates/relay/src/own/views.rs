//! What a key's holder is shown of it. Written out field by field: a field of the key that is not named here is not shown.

use domain::{ApiKey, Expiry, KeyState, Permissions, Timestamp};
use serde::Serialize;
use store::ledger::UsageSums;

/// Seconds of an hour, in which lifetimes are told.
const HOUR_SECS: u64 = 3600;

/// A key, for its holder.
#[derive(Debug, Serialize)]
pub(super) struct OwnKeyView {
    name: String,
    /// First and last characters of the key.
    hint: String,
    /// `active`, `disabled` or `expired`.
    state: &'static str,
    permissions: PermissionsView,
    /// Client programs that it is restricted to; empty: any.
    allowed_clients: Vec<&'static str>,
    /// Models that it may not use.
    restricted_models: Vec<String>,
    created_at: String,
    /// When its time is over; null while that is not known, or never.
    expires_at: Option<String>,
    /// How long it lives once used, where its time is counted so.
    expires_after_first_use_hours: Option<u64>,
    first_used_at: Option<String>,
}

/// `"all"`, or a list of services.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum PermissionsView {
    All(&'static str),
    Only(Vec<&'static str>),
}

/// What a key has used.
#[derive(Debug, Serialize)]
pub(super) struct UsageView {
    pub(super) time_zone: String,
    pub(super) today: SumsView,
    /// From Monday on.
    pub(super) week: SumsView,
    pub(super) month: SumsView,
    /// Since it was made.
    pub(super) total: SumsView,
    pub(super) last_used_at: Option<String>,
    /// The first day of what follows.
    pub(super) from: String,
    /// The last day, included.
    pub(super) to: String,
    /// Every day of the range.
    pub(super) by_day: Vec<DayView>,
    /// Every model of the range, the dearest first.
    pub(super) by_model: Vec<ModelView>,
}

/// A page of statistics.
#[derive(Debug, Serialize)]
pub(super) struct StatsView {
    pub(super) key: OwnKeyView,
    pub(super) usage: UsageView,
}

/// One day.
#[derive(Debug, Serialize)]
pub(super) struct DayView {
    pub(super) day: String,
    #[serde(flatten)]
    pub(super) sums: SumsView,
}

/// One model.
#[derive(Debug, Serialize)]
pub(super) struct ModelView {
    pub(super) model: String,
    #[serde(flatten)]
    pub(super) sums: SumsView,
}

/// Sums over records, by the names that the administrators' API has for them.
#[derive(Debug, Serialize)]
pub(super) struct SumsView {
    requests: u64,
    failures: u64,
    input_tokens: u64,
    output_tokens: u64,
    cache_write_5m_tokens: u64,
    cache_write_1h_tokens: u64,
    cache_read_tokens: u64,
    total_tokens: u64,
    cost_usd: String,
    rated_cost_usd: String,
}

impl OwnKeyView {
    pub(super) fn new(key: &ApiKey, now: Timestamp) -> Self {
        let state = match key.state {
            KeyState::Disabled | KeyState::Deleted { .. } => "disabled",
            KeyState::Active if key.expiry.has_ended(now) => "expired",
            KeyState::Active => "active",
        };
        let (lifetime, first_used_at) = match key.expiry {
            Expiry::Never | Expiry::At(_) => (None, None),
            Expiry::AfterFirstUse { lifetime, first_used_at } => (Some(lifetime), first_used_at),
        };
        Self {
            name: key.name.clone(),
            hint: key.hint.clone(),
            state,
            permissions: match &key.permissions {
                Permissions::All => PermissionsView::All("all"),
                Permissions::Only(services) => {
                    PermissionsView::Only(services.iter().map(|service| service.as_str()).collect())
                }
            },
            allowed_clients: key.allowed_clients.iter().map(|client| client.as_str()).collect(),
            restricted_models: key.restricted_models.clone(),
            created_at: key.created_at.to_string(),
            expires_at: key.expiry.ends_at().map(|at| at.to_string()),
            expires_after_first_use_hours: lifetime.map(|span| span.as_secs().div_ceil(HOUR_SECS)),
            first_used_at: first_used_at.map(|at| at.to_string()),
        }
    }
}

impl From<UsageSums> for SumsView {
    fn from(sums: UsageSums) -> Self {
        let tokens = &sums.tokens;
        Self {
            requests: sums.requests,
            failures: sums.failures,
            input_tokens: tokens.input,
            output_tokens: tokens.output,
            cache_write_5m_tokens: tokens.cache_write_5m,
            cache_write_1h_tokens: tokens.cache_write_1h,
            cache_read_tokens: tokens.cache_read,
            total_tokens: tokens.total(),
            cost_usd: sums.cost.to_string(),
            rated_cost_usd: sums.cost_rated.to_string(),
        }
    }
}
