//! The form of every list, and which way it runs.

use serde::{Deserialize, Serialize};
use store::records::Direction;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// What is on it.
    pub(crate) items: Vec<T>,
    /// To be sent as `cursor` for the next page; null at the end.
    pub(crate) next_cursor: Option<String>,
}

/// Which way a list runs.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DirectionWord {
    /// Smallest first.
    Asc,
    /// Greatest first.
    Desc,
}

/// The direction asked for; left out: the greatest first, so that the newest is on top.
pub(crate) const fn direction(word: Option<DirectionWord>) -> Direction {
    match word {
        Some(DirectionWord::Asc) => Direction::Ascending,
        Some(DirectionWord::Desc) | None => Direction::Descending,
    }
}
