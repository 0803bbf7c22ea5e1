//! The answer to `GET /v1/models` (the provider's API reference, "List Models"). Which models there are is not known
//! here.

use bytes::Bytes;
use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// Models on a page that names no limit, and most that one may name: the provider's figures.
pub const PAGE_LIMIT_DEFAULT: usize = 20;
/// See [`PAGE_LIMIT_DEFAULT`].
pub const PAGE_LIMIT_MAX: usize = 1000;

/// One model to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// What a request's `model` says.
    pub id: String,
    /// What people read.
    pub display_name: String,
    /// When it was released; none when not known: then the start of 1970 is sent, as the provider does.
    pub created_at: Option<Timestamp>,
}

/// Which part of the list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    limit: usize,
    cursor: Cursor,
}

/// Where the page begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cursor {
    /// At the first model.
    Start,
    /// The page begins behind this id (`after_id`).
    After(String),
    /// The page ends before this id (`before_id`).
    Before(String),
}

/// Why a page cannot be given: 400, with the text as message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The limit is outside 1 to [`PAGE_LIMIT_MAX`].
    #[error("limit: an integer from 1 to {PAGE_LIMIT_MAX} expected")]
    Limit,
    /// `after_id` and `before_id` are both given.
    #[error("after_id, before_id: only one of them may be given")]
    BothCursors,
    /// The cursor names no model of the list.
    #[error("{0}: no such model; begin again without after_id and before_id")]
    UnknownCursor(String),
}

#[derive(Serialize)]
struct WireList<'a> {
    data: Vec<WireModel<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

#[derive(Serialize)]
struct WireModel<'a> {
    r#type: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: String,
}

#[derive(Deserialize)]
struct ReadList {
    data: Vec<ReadModel>,
}

#[derive(Deserialize)]
struct ReadModel {
    id: String,
}

impl Page {
    /// Reads the query's `limit`, `after_id` and `before_id`, as given.
    ///
    /// # Errors
    ///
    /// When the limit is no number from 1 to [`PAGE_LIMIT_MAX`], or both cursors are given.
    pub fn parse(limit: Option<&str>, after_id: Option<&str>, before_id: Option<&str>) -> Result<Self, PageError> {
        let limit = limit.map_or(Ok(PAGE_LIMIT_DEFAULT), |text| text.parse().map_err(|_| PageError::Limit))?;
        if !(1..=PAGE_LIMIT_MAX).contains(&limit) {
            return Err(PageError::Limit);
        }
        let cursor = match (after_id, before_id) {
            (Some(_), Some(_)) => return Err(PageError::BothCursors),
            (Some(id), None) => Cursor::After(id.to_owned()),
            (None, Some(id)) => Cursor::Before(id.to_owned()),
            (None, None) => Cursor::Start,
        };
        Ok(Self { limit, cursor })
    }

    /// The page's models, and whether there are more in its direction.
    fn of<'a>(&self, models: &'a [Model]) -> Result<(&'a [Model], bool), PageError> {
        let place = |id: &String| {
            models.iter().position(|model| model.id == *id).ok_or_else(|| PageError::UnknownCursor(id.clone()))
        };
        let from = match &self.cursor {
            Cursor::Start => 0,
            Cursor::After(id) => place(id)? + 1,
            Cursor::Before(id) => {
                let end = place(id)?;
                let from = end.saturating_sub(self.limit);
                return Ok((&models[from..end], from > 0));
            }
        };
        let end = models.len().min(from + self.limit);
        Ok((&models[from..end], end < models.len()))
    }
}

/// The answer's JSON for one page of `models`, in their order (the provider lists the newest first).
///
/// # Errors
///
/// When the page's cursor names no model of the list.
pub fn list(models: &[Model], page: &Page) -> Result<Bytes, PageError> {
    let (models, has_more) = page.of(models)?;
    let list = WireList {
        data: models.iter().map(WireModel::from).collect(),
        has_more,
        first_id: models.first().map(|model| model.id.as_str()),
        last_id: models.last().map(|model| model.id.as_str()),
    };
    Ok(list.to_json())
}

impl WireList<'_> {
    fn to_json(&self) -> Bytes {
        serde_json::to_vec(self).expect("texts and booleans are always JSON").into()
    }
}

/// The ids in a provider's answer, in its order; none when it is not such an answer.
#[must_use]
pub fn ids(list: &[u8]) -> Vec<String> {
    serde_json::from_slice::<ReadList>(list)
        .map(|list| list.data.into_iter().map(|model| model.id).collect())
        .unwrap_or_default()
}

impl<'a> From<&'a Model> for WireModel<'a> {
    fn from(model: &'a Model) -> Self {
        Self {
            r#type: "model",
            id: &model.id,
            display_name: &model.display_name,
            created_at: model.created_at.unwrap_or_default().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models() -> Vec<Model> {
        let model = |id: &str| Model { id: id.to_owned(), display_name: id.to_uppercase(), created_at: None };
        ["a", "b", "c", "d", "e"].map(model).into()
    }

    fn page(limit: &str, after: Option<&str>, before: Option<&str>) -> (String, bool) {
        let page = Page::parse(Some(limit), after, before).expect("a page");
        let json: serde_json::Value = serde_json::from_slice(&list(&models(), &page).expect("a list")).expect("JSON");
        let data = json["data"].as_array().expect("an array");
        let ids: Vec<&str> = data.iter().filter_map(|model| model["id"].as_str()).collect();
        assert_eq!((json["first_id"].as_str(), json["last_id"].as_str()), (ids.first().copied(), ids.last().copied()));
        (ids.concat(), json["has_more"].as_bool().expect("a boolean"))
    }

    #[test]
    fn pages_go_both_ways_without_gaps() {
        for (limit, after, before, ids, has_more) in [
            ("2", None, None, "ab", true),
            ("2", Some("b"), None, "cd", true),
            ("2", Some("d"), None, "e", false),
            ("2", Some("e"), None, "", false),
            ("2", None, Some("e"), "cd", true),
            ("2", None, Some("c"), "ab", false),
            ("9", None, Some("c"), "ab", false),
            ("1000", None, None, "abcde", false),
        ] {
            assert_eq!(page(limit, after, before), (ids.to_owned(), has_more), "{limit} {after:?} {before:?}");
        }
    }

    #[test]
    fn a_page_that_cannot_be_is_refused() {
        for limit in ["0", "1001", "-1", "x", ""] {
            assert_eq!(Page::parse(Some(limit), None, None), Err(PageError::Limit), "{limit:?}");
        }
        assert_eq!(Page::parse(None, Some("a"), Some("b")), Err(PageError::BothCursors));
        let gone = Page::parse(None, Some("z"), None).expect("a page");
        assert_eq!(list(&models(), &gone), Err(PageError::UnknownCursor("z".to_owned())));
    }

    #[test]
    fn a_model_has_the_provider_s_fields() {
        let created_at = Some(Timestamp::from_ms(1_739_923_200_000));
        let model = Model { id: "m".to_owned(), display_name: "M \"1\"".to_owned(), created_at };
        let json = list(&[model], &Page::parse(None, None, None).expect("a page")).expect("a list");
        let expected = r#"{"data":[{"type":"model","id":"m","display_name":"M \"1\"","created_at":"2025-02-19T00:00:00.000Z"}],"has_more":false,"first_id":"m","last_id":"m"}"#;
        assert_eq!(std::str::from_utf8(&json), Ok(expected));
    }
}
