//! Top lists: who or what used most, with names beside ids.

use super::{
    names::{Kind, Names},
    span::{Span, SpanView},
    sum,
};
use crate::{
    extract::Params,
    refusal::Refusal,
    state::{Plane, Shared},
    wire::SumsView,
};
use axum::{Json, extract::State};
use domain::{AccountId, KeyId, Platform, UserId};
use serde::{Deserialize, Serialize};
use store::ledger::{Dimension, KeyFilter, UsageOrder, UsageQuery, UsageRow, UsageView};
use utoipa::ToSchema;

/// Places of a list unless the client asks for another number.
const LIMIT_DEFAULT: usize = 10;

/// Places at most: what people read; `/admin/usage` gives longer lists.
const LIMIT_MAX: usize = 100;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UsageBy)]
pub(crate) enum ByWord {
    /// API keys.
    Key,
    /// Users, as they owned the keys when used.
    User,
    /// Accounts.
    Account,
    /// Models, by their names in the books.
    Model,
    /// Platforms.
    Platform,
}

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UsageOrder)]
pub(crate) enum OrderWord {
    /// The highest cost at list price.
    #[default]
    Cost,
    /// The most tokens of all classes.
    Tokens,
    /// The most requests.
    Requests,
}

/// A question for a top list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TopParams {
    /// What is compared.
    #[param(inline)]
    by: ByWord,
    /// What comes first; left out: `cost`.
    #[param(inline)]
    order: Option<OrderWord>,
    /// The first day, month or hour, as in `/admin/usage`.
    from: Option<String>,
    /// The last one, included. Left out: the present one.
    to: Option<String>,
    /// Places at most; left out: 10.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
}

/// A top list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageTop)]
pub(crate) struct TopAnswer {
    by: ByWord,
    order: OrderWord,
    #[serde(flatten)]
    span: SpanView,
    /// The first ones of the order.
    items: Vec<TopItem>,
    /// Of all, those that are not listed included.
    total: SumsView,
}

/// One place of a top list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageTopItem)]
struct TopItem {
    /// The id, or the name of the model or platform; empty for what had none.
    id: String,
    /// What people call it; null where there is no such record any more.
    #[schema(example = "laptop of Ada")]
    name: Option<String>,
    #[serde(flatten)]
    sums: SumsView,
}

/// Lists who or what used most.
#[utoipa::path(get, path = "/admin/usage/top", tag = "Usage", operation_id = "read_usage_top", params(TopParams),
    responses((status = 200, body = TopAnswer, description = "The list.")))]
pub(crate) async fn top(
    State(plane): State<Shared>,
    Params(params): Params<TopParams>,
) -> Result<Json<TopAnswer>, Refusal> {
    let limit = limit(params.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
    let calendar = (plane.given.calendar)();
    let span = Span::parse(None, params.from.as_deref(), params.to.as_deref(), &plane.today(&calendar))?;
    let order = params.order.unwrap_or_default();
    plane.given.books.delivered().await;
    let rows = leaders(&plane, params.by, order, &span, limit).await?;
    let total = plane.store().ledger.usage(&whole(&span, [])).await?;
    let (mut items, mut names) = (Vec::with_capacity(rows.len()), Names::default());
    for row in rows {
        let id = params.by.id(&row);
        items.push(TopItem { name: params.by.name(&plane, &mut names, &id).await?, sums: row.sums.into(), id });
    }
    Ok(Json(TopAnswer { by: params.by, order, span: span.view(&calendar), items, total: sum(&total).into() }))
}

/// A number of places from 1 to `max`.
pub(super) fn limit(asked: Option<usize>, default: usize, max: usize) -> Result<usize, Refusal> {
    match asked.unwrap_or(default) {
        limit if (1..=max).contains(&limit) => Ok(limit),
        _ => Err(Refusal::parameter("limit", format!("write a number from 1 to {max}"))),
    }
}

/// The rows that come first over a span.
pub(super) async fn leaders(
    plane: &Plane,
    by: ByWord,
    order: OrderWord,
    span: &Span,
    limit: usize,
) -> Result<Vec<UsageRow>, Refusal> {
    let query = UsageQuery { view: by.view(), order: order.into(), limit, ..whole(span, [by.dimension()]) };
    Ok(plane.store().ledger.usage(&query).await?)
}

/// A question about the whole relay over a span.
pub(super) fn whole<const N: usize>(span: &Span, group: [Dimension; N]) -> UsageQuery {
    UsageQuery {
        view: UsageView::Global(None),
        period: span.period,
        from: span.from.clone(),
        to: span.to.clone(),
        model: None,
        group: group.into(),
        order: UsageOrder::Cost,
        limit: store::ledger::ROWS_MAX,
    }
}

impl ByWord {
    const fn view(self) -> UsageView {
        match self {
            Self::Key => UsageView::Keys(KeyFilter::All),
            Self::User => UsageView::Users(None),
            Self::Account => UsageView::Accounts(None),
            Self::Model | Self::Platform => UsageView::Global(None),
        }
    }

    const fn dimension(self) -> Dimension {
        match self {
            Self::Model => Dimension::Model,
            Self::Key | Self::User | Self::Account | Self::Platform => Dimension::Subject,
        }
    }

    /// What a row is about.
    pub(super) fn id(self, row: &UsageRow) -> String {
        let name = if self == Self::Model { &row.model } else { &row.subject };
        name.clone().unwrap_or_default()
    }

    /// `query` limited to what has this id; none when that is nobody.
    pub(super) fn limited(self, id: &str, query: UsageQuery) -> Option<UsageQuery> {
        let view = match self {
            Self::Key => UsageView::Keys(KeyFilter::Key(KeyId::parse(id).ok()?)),
            Self::User => UsageView::Users(Some(UserId::parse(id).ok()?)),
            Self::Account => UsageView::Accounts(Some(AccountId::parse(id).ok()?)),
            Self::Platform => UsageView::Global(Some(Platform::parse(id)?)),
            Self::Model => return Some(UsageQuery { model: Some(id.to_owned()), ..query }),
        };
        Some(UsageQuery { view, ..query })
    }

    /// What people call it.
    pub(super) async fn name(self, plane: &Plane, names: &mut Names, id: &str) -> Result<Option<String>, Refusal> {
        let kind = match self {
            Self::Key => Kind::Key,
            Self::User => Kind::User,
            Self::Account => Kind::Account,
            Self::Model | Self::Platform => return Ok(Some(id.to_owned()).filter(|id| !id.is_empty())),
        };
        names.of(plane, kind, id).await
    }
}

impl From<OrderWord> for UsageOrder {
    fn from(word: OrderWord) -> Self {
        match word {
            OrderWord::Cost => Self::Cost,
            OrderWord::Tokens => Self::Tokens,
            OrderWord::Requests => Self::Requests,
        }
    }
}
