//! Why this account, and why not that one: what the relay's own rule says of each account, for a key and a model. Nothing is
//! called, and nothing is changed.

use crate::{
    accounts::health::{self, Health},
    api_keys,
    editing::find,
    extract::Params,
    listing::{self, ListQuery, Order},
    pages::Page,
    refusal::Refusal,
    state::{Plane, Shared},
    usage::{id, model},
    wire::{Instant, PlatformWord, ServiceWord},
};
use axum::{Json, extract::State};
use domain::{Account, AccountGroup, AccountId, Binding, KeyId, Platform, Service, Timestamp};
use scheduling::{Bound, Demand, Ineligible, eligibility, eligibility::Standing, model_family};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use store::{Family, nouns::account::account_family, records::Direction};
use utoipa::ToSchema;

/// What a model's name begins with that asks for a `ccr` account.
const CCR_PREFIX: &str = "ccr,";

/// For what accounts are looked at.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EligibilityParams {
    /// The API key that asks, by its id; left out: one that is bound to nothing.
    key: Option<String>,
    /// The model that is asked for, by the client's name; left out: whatever an account serves.
    model: Option<String>,
    /// Whose accounts are meant; left out: `claude`.
    #[param(inline)]
    service: Option<ServiceWord>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items at most; left out: 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// What an account is to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EligibilityVerdict)]
enum VerdictWord {
    /// It may serve.
    Sound,
    /// It serves where no sound one is left.
    Doubtful,
    /// It does not serve.
    Out,
}

/// What an account is to a request, and why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Eligibility)]
pub(crate) struct EligibilityView {
    account_id: String,
    name: String,
    platform: PlatformWord,
    /// The lowest is chosen first.
    priority: u8,
    verdict: VerdictWord,
    /// Why it is doubtful or out, for people.
    reason: Option<String>,
    /// Until when, as far as that is known.
    until: Option<Instant>,
}

/// Says of each account of a service, in the order of priority, whether it may serve a key and a model now, and why not.
///
/// Among sound accounts of one priority each is chosen as often as its weight says, the least recently used first; a session stays where it is. Of both, and of the
/// slots that are free, each node knows for itself: the record of a request tells what it came to.
#[utoipa::path(get, path = "/admin/eligibility", tag = "Accounts", operation_id = "explain_eligibility",
    params(EligibilityParams),
    responses((status = 200, body = Page<EligibilityView>, description = "A page of accounts.")))]
pub(crate) async fn explain(
    State(plane): State<Shared>,
    Params(params): Params<EligibilityParams>,
) -> Result<Json<Page<EligibilityView>>, Refusal> {
    let service = params.service.map_or(Service::Claude, |service| service.0);
    let key = id("key", params.key.as_deref(), KeyId::parse)?;
    let binding = binding(&plane, key.as_ref(), service).await?;
    let model = model(params.model.as_deref())?;
    let (platforms, model) = wanted(service, model.as_deref());
    let query = ListQuery {
        filters: Vec::new(),
        search: None,
        order: Order { column: "priority", direction: Direction::Ascending },
        cursor: params.cursor,
        limit: params.limit,
    };
    let families: Vec<Family> = platforms.iter().copied().map(account_family).collect();
    let listed = listing::page::<Account>(&plane, &families, query).await?;
    let members = members(&plane, binding.as_ref()).await?;
    let bound = match &binding {
        None => Bound::Free,
        Some(Binding::Account(id)) => Bound::Account(id),
        Some(Binding::Group(_)) => Bound::Group(&members),
    };
    let family = model.and_then(model_family);
    let demand = Demand { platforms: &platforms, model, family, bound, passed_over: &[] };
    let now = plane.now();
    let known = health::read(&plane, listed.records.iter().map(|account| &account.record.id), now).await?;
    let unknown = Health::default();
    let view = |account: Account| {
        let verdict = eligibility(known.get(&account.id).unwrap_or(&unknown).of(&account), &demand, now);
        EligibilityView::new(account, verdict, now)
    };
    let items = listed.records.into_iter().map(|account| account.record).map(view).collect();
    Ok(Json(Page { items, next_cursor: listed.next_cursor }))
}

/// The platforms that a request is for, and the model without the platform in front.
fn wanted(service: Service, model: Option<&str>) -> (Vec<Platform>, Option<&str>) {
    let begins =
        |model: &str| model.get(..CCR_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(CCR_PREFIX));
    match model {
        Some(model) if service == Service::Claude && begins(model) => {
            (vec![Platform::Ccr], Some(&model[CCR_PREFIX.len()..]))
        }
        model => (Platform::ALL.iter().copied().filter(|platform| platform.service() == service).collect(), model),
    }
}

async fn binding(plane: &Plane, key: Option<&KeyId>, service: Service) -> Result<Option<Binding>, Refusal> {
    let Some(key) = key else { return Ok(None) };
    let found = find::<domain::ApiKey>(plane.store(), key.as_str()).await?.ok_or_else(api_keys::missing)?;
    Ok(found.record.bindings.get(&service).cloned())
}

/// Who is in the group that a key is bound to; nobody where it is gone.
async fn members(plane: &Plane, binding: Option<&Binding>) -> Result<BTreeSet<AccountId>, Refusal> {
    let Some(Binding::Group(id)) = binding else { return Ok(BTreeSet::new()) };
    let group = find::<AccountGroup>(plane.store(), id.as_str()).await?;
    Ok(group.map(|group| group.record.members).unwrap_or_default())
}

impl EligibilityView {
    fn new(account: Account, verdict: Result<Standing, Ineligible>, now: Timestamp) -> Self {
        let (verdict, reason, until) = match verdict {
            Ok(Standing::Sound) => (VerdictWord::Sound, None, None),
            Ok(Standing::Doubtful { until }) => {
                (VerdictWord::Doubtful, Some(format!("it failed lately, and is in doubt until {until}")), Some(until))
            }
            Err(reason) => {
                let until = match reason {
                    Ineligible::CoolingDown { until, .. } => Some(until),
                    _ => None,
                };
                (VerdictWord::Out, Some(reason.to_string()), until)
            }
        };
        Self {
            account_id: account.id.to_string(),
            platform: PlatformWord::from(account.platform()),
            name: account.name,
            priority: account.priority.get(),
            verdict,
            reason,
            until: until.filter(|until| *until > now).map(Instant),
        }
    }
}
