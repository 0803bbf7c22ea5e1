//! The factors of the rated cost that hold for the whole relay. Those of one key stand at the key; what comes of them is decided by
//! who prices.

use crate::{
    editing,
    extract::{Document, IfMatch},
    faults::Faults,
    gate::Caller,
    refusal::Refusal,
    replies::Tagged,
    state::{Plane, Shared},
    wire::{Instant, RatesWord},
};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use store::{
    StoreError, Version,
    error::StoreFailure,
    nouns::{RATE_MULTIPLIERS, Setting, rates_from_text, rates_to_text},
    records::Versioned,
};
use utoipa::ToSchema;

/// Factors of the rated cost for the whole relay.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"rate_multipliers": {"claude-console": "1.5", "ccr": "0.2"}}))]
pub(crate) struct RateMultipliersDocument {
    /// All of them; a platform that is left out has factor one.
    rate_multipliers: RatesWord,
}

/// Factors of the rated cost for the whole relay.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RateMultipliersView {
    /// How often they were set; 0: never.
    version: u64,
    /// Those that were set; a platform that is not here has factor one.
    rate_multipliers: RatesWord,
    /// When they were set.
    updated_at: Option<Instant>,
}

/// Shows the factors of the rated cost that hold where a key has none of its own.
#[utoipa::path(get, path = "/admin/rate-multipliers", tag = "Prices", operation_id = "read_rate_multipliers",
    responses((status = 200, body = RateMultipliersView, description = "The factors.",
        headers(("ETag" = String, description = "Their version; `\"0\"` while none were set.")))))]
pub(crate) async fn read(State(plane): State<Shared>) -> Result<Tagged<RateMultipliersView>, Refusal> {
    shown(&plane).await
}

/// Sets the factors of the rated cost, all of them. They hold for what is settled from then on; a recorded cost never changes.
#[utoipa::path(put, path = "/admin/rate-multipliers", tag = "Prices", operation_id = "set_rate_multipliers",
    request_body = RateMultipliersDocument,
    params(("If-Match" = String, Header, description = "Set them only at this version.")),
    responses((status = 200, body = RateMultipliersView, description = "The factors as they are now.",
        headers(("ETag" = String, description = "Their version.")))))]
pub(crate) async fn set(
    State(plane): State<Shared>,
    caller: Caller,
    precondition: IfMatch,
    Document(document): Document<RateMultipliersDocument>,
) -> Result<Tagged<RateMultipliersView>, Refusal> {
    let mut faults = Faults::default();
    let rates = document.rate_multipliers.parse("rate_multipliers", &mut faults);
    faults.settle()?;
    let (name, value) = (RATE_MULTIPLIERS.to_owned(), rates_to_text(&rates));
    let setting = Setting { name, value: value.clone(), updated_at: plane.now() };
    let version = editing::put(plane.store(), &setting, &precondition).await?;
    tracing::info!(rates = value, admin.id = %caller.admin.id, "the rate multipliers were set");
    view(Versioned { record: setting, version })
}

async fn shown(plane: &Plane) -> Result<Tagged<RateMultipliersView>, Refusal> {
    if let Some(setting) = editing::find::<Setting>(plane.store(), RATE_MULTIPLIERS).await? {
        return view(setting);
    }
    let body = RateMultipliersView { version: 0, rate_multipliers: RatesWord::default(), updated_at: None };
    Ok(Tagged { version: Version(0), body })
}

fn view(setting: Versioned<Setting>) -> Result<Tagged<RateMultipliersView>, Refusal> {
    let Versioned { record: setting, version } = setting;
    let rates = rates_from_text(&setting.value)
        .ok_or_else(|| StoreError::new("read the rate multipliers", StoreFailure::Damaged))?;
    let body = RateMultipliersView {
        version: version.0,
        rate_multipliers: RatesWord::from(&rates),
        updated_at: Some(Instant(setting.updated_at)),
    };
    Ok(Tagged { version, body })
}
