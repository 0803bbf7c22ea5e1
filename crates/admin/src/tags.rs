//! Labels of API keys: which there are, and renaming or removing one on all keys that have it. A label is nothing by itself: it is
//! there as long as a key has it.
//!
//! Keys are changed one by one, each at the version that was read, so that nobody else's change of a key is lost. Where that is
//! stopped half way, or there are more keys than one request changes, the same request once more does the rest.

use crate::{
    cursor, editing,
    extract::{Document, IfMatch, Params, PathId},
    faults::Faults,
    gate::Caller,
    listing,
    pages::Page,
    refusal::Refusal,
    state::{Plane, Shared},
    texts,
};
use axum::{Json, extract::State};
use domain::ApiKey;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use std::{convert::Infallible, str::FromStr, sync::Arc};
use store::{
    Family,
    records::{Comparison, Filter, ItemsQuery, Selection, Value},
};
use utoipa::ToSchema;

const PATH: &str = "/admin/tags";

/// Keys that one request changes at most: the answer comes within the time that proxies wait.
const KEYS_MAX: usize = 10_000;

/// Keys that are changed at once: enough for the store to write them together, few beside everybody else's.
const AT_ONCE_MAX: usize = 32;

/// A question for labels.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TagParams {
    /// A text in the label, whatever its case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// `next_cursor` of the page before.
    #[param(max_length = 4096)]
    cursor: Option<String>,
    /// Items at most; left out: 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// A label of API keys.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tag)]
pub(crate) struct TagView {
    #[schema(max_length = 50, example = "team-b")]
    name: String,
    /// How many keys have it that are not deleted.
    #[schema(example = 12)]
    keys: u64,
}

/// What a label shall be called.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "team-b"}))]
pub(crate) struct TagRenaming {
    /// The new name. Where it is a label already, the two become one.
    #[schema(min_length = 1, max_length = 50)]
    name: String,
}

/// What became of a label.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TagChange {
    /// How many keys were changed, deleted ones too.
    #[schema(example = 12)]
    changed: u64,
    /// Whether no key is left that has it: one request changes 10,000 keys. If not, send the request again.
    complete: bool,
}

/// A label in a path.
pub(crate) struct TagName(String);

/// Any text may have been a label once.
impl FromStr for TagName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

/// Lists the labels of the keys that are not deleted, in the order of their letters' codes, with how many keys have each.
#[utoipa::path(get, path = PATH, tag = "API keys", operation_id = "list_tags", params(TagParams),
    responses((status = 200, body = Page<TagView>, description = "A page of labels.")))]
pub(crate) async fn list(
    State(plane): State<Shared>,
    Params(params): Params<TagParams>,
) -> Result<Json<Page<TagView>>, Refusal> {
    let limit = listing::limit(params.limit)?;
    let after = params.cursor.as_deref().map(|text| cursor::read::<String>("tags", text)).transpose()?;
    let (search, alive) = (listing::search(params.q)?, not_deleted());
    // One more than fits on the page tells whether there is a next one; of the longest page, the next one does.
    let asked = (limit + 1).min(store::records::PAGE_MAX);
    let query =
        ItemsQuery { family: Family::ApiKey, column: "tags", filters: vec![alive], search, after, limit: asked };
    let mut tags = plane.store().records.items(&query).await?;
    let more = tags.len() > limit || (tags.len() == limit && limit == asked);
    tags.truncate(limit);
    let next_cursor = tags.last().filter(|_| more).map(|last| cursor::write("tags", &last.item));
    let items = tags.into_iter().map(|tag| TagView { name: tag.item, keys: tag.records }).collect();
    Ok(Json(Page { items, next_cursor }))
}

/// Renames a label on all keys that have it, deleted ones too; up to 10,000 keys at once.
#[utoipa::path(post, path = "/admin/tags/{tag}/rename", tag = "API keys", operation_id = "rename_tag",
    request_body = TagRenaming,
    params(("tag" = String, Path, description = "The label, percent-encoded.", max_length = 200, example = "team-a")),
    responses((status = 200, body = TagChange, description = "How many keys were changed.")))]
pub(crate) async fn rename(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(TagName(tag)): PathId<TagName>,
    Document(renaming): Document<TagRenaming>,
) -> Result<Json<TagChange>, Refusal> {
    let mut faults = Faults::default();
    let name = faults.check("name", texts::tag(&renaming.name));
    if name == tag {
        faults.add("name", "is what it is called already; choose another");
    }
    faults.settle()?;
    let change = replace(&plane, &tag, Some(&name)).await?;
    tracing::info!(admin.id = %caller.admin.id, keys = change.changed, "a label of API keys was renamed");
    Ok(Json(change))
}

/// Takes a label from all keys that have it, deleted ones too; up to 10,000 keys at once.
#[utoipa::path(delete, path = "/admin/tags/{tag}", tag = "API keys", operation_id = "delete_tag",
    params(("tag" = String, Path, description = "The label, percent-encoded.", max_length = 200, example = "team-a")),
    responses((status = 200, body = TagChange, description = "How many keys were changed.")))]
pub(crate) async fn delete(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(TagName(tag)): PathId<TagName>,
) -> Result<Json<TagChange>, Refusal> {
    let change = replace(&plane, &tag, None).await?;
    tracing::info!(admin.id = %caller.admin.id, keys = change.changed, "a label of API keys was removed");
    Ok(Json(change))
}

/// Keys with this label.
pub(crate) fn tagged(tag: &str) -> Filter {
    Filter { column: "tags", comparison: Comparison::Contains, value: Value::from(tag) }
}

fn not_deleted() -> Filter {
    Filter { column: "state", comparison: Comparison::NotEqual, value: Value::from("deleted") }
}

/// Puts `new` in the place of a label, or nothing, on up to [`KEYS_MAX`] keys.
async fn replace(plane: &Plane, tag: &str, new: Option<&str>) -> Result<TagChange, Refusal> {
    let selection = Selection { family: Family::ApiKey, filters: vec![tagged(tag)], search: None };
    let ids = plane.store().records.ids(&selection).await?;
    if ids.is_empty() {
        return Err(Refusal::missing("label", PATH));
    }
    let complete = ids.len() <= KEYS_MAX;
    let mut changed = 0;
    for some in ids[..ids.len().min(KEYS_MAX)].chunks(AT_ONCE_MAX) {
        for done in join_all(some.iter().map(|id| replace_on(plane, id, tag, new))).await {
            changed += u64::from(done?);
        }
    }
    Ok(TagChange { changed, complete })
}

/// Whether the key had the label until now.
async fn replace_on(plane: &Plane, id: &Arc<str>, tag: &str, new: Option<&str>) -> Result<bool, Refusal> {
    let now = plane.now();
    let edited = editing::edit::<ApiKey>(plane.store(), id, &IfMatch::Any, |key| {
        let tags = replaced(&key.tags, tag, new);
        let updated_at = if tags == key.tags { key.updated_at } else { now };
        Ok(ApiKey { tags, updated_at, ..key.clone() })
    });
    Ok(edited.await?.is_some_and(|key| key.record.updated_at == now))
}

/// The labels with `new`, or nothing, in the place of one; a label that is there already stays where it is.
fn replaced(tags: &[String], tag: &str, new: Option<&str>) -> Vec<String> {
    let is_there = new.is_some_and(|new| tags.iter().any(|held| held == new));
    let new = new.filter(|_| !is_there).map(str::to_owned);
    tags.iter().filter_map(|held| if held == tag { new.clone() } else { Some(held.clone()) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_keeps_its_place_unless_the_new_one_has_a_place() {
        let tags = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(replaced(&tags, "b", Some("x")), ["a", "x", "c"]);
        assert_eq!(replaced(&tags, "b", Some("c")), ["a", "c"]);
        assert_eq!(replaced(&tags, "b", None), ["a", "c"]);
        assert_eq!(replaced(&tags, "z", Some("x")), tags);
    }
}
