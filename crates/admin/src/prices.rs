//! Prices of models: the table in force, and the operator's own prices over it. What a usage costs is decided elsewhere.

mod documents;
mod ids;

use crate::{
    cursor, editing,
    extract::{Document, IfMatch, Params, PathId},
    gate::Caller,
    listing,
    pages::Page,
    refusal::{Fault, Refusal, RefusalType},
    replies::Tagged,
    state::{Plane, Shared},
};
use accounting::{Entry, ModelPrice, PriceError, PriceTable, Source};
use axum::{Json, extract::State};
use documents::{ModelPriceDocument, ModelPriceView};
use http::StatusCode;
use ids::ModelName;
use serde::Deserialize;
use store::{
    Family, RecordError, Version,
    nouns::ModelPricingRecord,
    records::{Direction, PAGE_MAX, PageQuery, TypedRecords, Versioned},
};

const PATH: &str = "/admin/model-pricing";

/// Own prices at most: ten times the models that all providers offer.
const OWN_MAX: u64 = 2000;

/// What cursors of this list are marked with.
const LIST: &str = "model_pricing";

/// Times that a price is set again because somebody else set or removed it at the same moment.
const TRIES_MAX: usize = 8;

/// A question for a list of prices.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PriceParams {
    /// A text in the model's name, whatever its case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Only prices that come from there.
    #[param(inline)]
    source: Option<documents::SourceWord>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items at most; left out: 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Lists the prices in force, by model.
#[utoipa::path(get, path = PATH, tag = "Prices", operation_id = "list_model_prices", params(PriceParams),
    responses((status = 200, body = Page<ModelPriceView>, description = "A page of prices.")))]
pub(crate) async fn list(
    State(plane): State<Shared>,
    Params(params): Params<PriceParams>,
) -> Result<Json<Page<ModelPriceView>>, Refusal> {
    let limit = listing::limit(params.limit)?;
    let after: Option<String> = params.cursor.as_deref().map(|text| cursor::read(LIST, text)).transpose()?;
    let table = effective(&plane).await?;
    let wanted = listing::search(params.q)?.map(|text| text.to_ascii_lowercase());
    let shown = |entry: &&Entry| {
        let found = wanted.as_ref().is_none_or(|text| entry.model().to_ascii_lowercase().contains(text));
        let begun = after.as_ref().is_none_or(|after| **after < **entry.model());
        found && begun && params.source.is_none_or(|source| newest(entry) == Source::from(source))
    };
    let mut entries: Vec<&Entry> = table.entries().filter(shown).take(limit + 1).collect();
    let more = entries.len() > limit;
    entries.truncate(limit);
    let last = entries.last().filter(|_| more);
    Ok(Json(Page {
        next_cursor: last.map(|entry| cursor::write(LIST, &&**entry.model())),
        items: entries.into_iter().map(view).collect::<Result<_, _>>()?,
    }))
}

/// Shows the price in force of a model, by its name in the table.
///
/// Where the price is the operator's own, `ETag` carries its version.
#[utoipa::path(get, path = "/admin/model-pricing/{model}", tag = "Prices", operation_id = "read_model_price",
    params(("model" = String, Path, description = "The model's name, percent-encoded.")),
    responses((status = 200, body = ModelPriceView, description = "The price.",
        headers(("ETag" = String, description = "Its version; `\"0\"` for a price that is not the operator's own.")))))]
pub(crate) async fn read(
    State(plane): State<Shared>,
    PathId(model): PathId<ModelName>,
) -> Result<Tagged<ModelPriceView>, Refusal> {
    let own = editing::find::<ModelPricingRecord>(plane.store(), &model.record_id()).await?;
    shown(&plane, &model, own.map_or(Version(0), |own| own.version)).await
}

/// Sets the operator's own price of a model. It holds from its own first day on; before that day the table's still holds.
#[utoipa::path(put, path = "/admin/model-pricing/{model}", tag = "Prices", operation_id = "set_model_price",
    request_body = ModelPriceDocument,
    params(("model" = String, Path, description = "The model's name, percent-encoded."),
        ("If-Match" = String, Header, description = "Set it only at this version.")),
    responses((status = 200, body = ModelPriceView, description = "The price as it is now.",
        headers(("ETag" = String, description = "Its version.")))))]
pub(crate) async fn set(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(model): PathId<ModelName>,
    precondition: IfMatch,
    Document(document): Document<ModelPriceDocument>,
) -> Result<Tagged<ModelPriceView>, Refusal> {
    let price = document.parse(&model).map_err(unprocessable)?;
    let id = model.record_id();
    let record = ModelPricingRecord { id, document: price.to_json(), updated_at: plane.now() };
    let version = put(&plane, &record, &precondition).await?;
    tracing::info!(model = model.as_str(), admin.id = %caller.admin.id, "a price was set");
    shown(&plane, &model, version).await
}

/// Removes the operator's own price of a model; the table's holds again.
#[utoipa::path(delete, path = "/admin/model-pricing/{model}", tag = "Prices", operation_id = "delete_model_price",
    params(("model" = String, Path, description = "The model's name, percent-encoded."),
        ("If-Match" = String, Header, description = "Remove it only at this version.")),
    responses((status = 204, description = "Removed.")))]
pub(crate) async fn delete(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(model): PathId<ModelName>,
    precondition: IfMatch,
) -> Result<StatusCode, Refusal> {
    let id = model.record_id();
    let own = editing::find::<ModelPricingRecord>(plane.store(), &id).await?.ok_or_else(missing)?;
    precondition.check(own.version)?;
    let expected = (precondition != IfMatch::Any).then_some(own.version);
    match plane.store().records.remove(Family::ModelPricing, &id, expected).await {
        Ok(()) => (),
        Err(RecordError::Missing) => return Err(missing()),
        Err(error) => return Err(error.into()),
    }
    tracing::info!(model = model.as_str(), admin.id = %caller.admin.id, "a price was removed");
    Ok(StatusCode::NO_CONTENT)
}

/// Adds the record or changes it, whichever it takes.
async fn put(plane: &Plane, record: &ModelPricingRecord, precondition: &IfMatch) -> Result<Version, Refusal> {
    for _ in 0..TRIES_MAX {
        let changed =
            editing::edit::<ModelPricingRecord>(plane.store(), &record.id, precondition, |_| Ok(record.clone()));
        if let Some(changed) = changed.await? {
            return Ok(changed.version);
        }
        precondition.check(Version(0))?;
        if plane.store().records.count(Family::ModelPricing, &[]).await? >= OWN_MAX {
            let message = format!("There are {OWN_MAX} own prices already: remove those that are not needed.");
            return Err(Refusal::new(RefusalType::Conflict, message));
        }
        match plane.store().records.add(record).await {
            Ok(version) => return Ok(version),
            Err(RecordError::Duplicate { .. }) => (),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Refusal::new(RefusalType::Conflict, "This price is being set by others all the time: send it again."))
}

async fn shown(plane: &Plane, model: &ModelName, version: Version) -> Result<Tagged<ModelPriceView>, Refusal> {
    let table = effective(plane).await?;
    let entry = table.entries().find(|entry| **entry.model() == *model.as_str()).ok_or_else(missing)?;
    Ok(Tagged { version, body: view(entry)? })
}

fn missing() -> Refusal {
    Refusal::missing("model with a price of its own", PATH)
}

/// What came with the relay, with the operator's own prices of this moment over it.
pub(crate) async fn effective(plane: &Plane) -> Result<PriceTable, Refusal> {
    let mut own = Vec::new();
    let mut query = PageQuery {
        family: Family::ModelPricing,
        filters: Vec::new(),
        search: None,
        order: "updated_at",
        direction: Direction::Ascending,
        after: None,
        limit: PAGE_MAX,
    };
    loop {
        let page = plane.store().records.page(&query).await?;
        for row in &page.rows {
            let record: ModelPricingRecord = Versioned::read(Family::ModelPricing, row)?.record;
            own.push(ModelPrice::parse_json(&record.document).map_err(Refusal::internal)?);
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok((plane.given.prices)().with_overrides(Source::Api, &own)),
        }
    }
}

fn view(entry: &Entry) -> Result<ModelPriceView, Refusal> {
    ModelPriceView::new(entry, newest(entry)).map_err(Refusal::internal)
}

/// Where the newest price of a model comes from.
fn newest(entry: &Entry) -> Source {
    entry.periods().last().map_or(Source::Embedded, accounting::Period::source)
}

fn unprocessable(error: PriceError) -> Refusal {
    let fault = match error {
        PriceError::Field { field, problem, .. } => Fault::new(field, problem.to_string()),
        error @ (PriceError::Syntax(_)
        | PriceError::TooLong { .. }
        | PriceError::Empty
        | PriceError::DuplicateModel { .. }) => Fault::new("prices", error.to_string()),
    };
    Refusal::unprocessable(vec![fault])
}
