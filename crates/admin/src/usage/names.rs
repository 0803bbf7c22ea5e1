//! What people call the keys, users and accounts of an answer. Ids stay what they are; a name is an aid, and may be missing.

use crate::{editing, refusal::Refusal, state::Plane};
use domain::Account;
use std::collections::HashMap;
use store::{Family, records::Value};

/// Names that were looked up for one answer: each once.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<(Kind, String), Option<String>>);

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Key,
    User,
    Account,
}

/// Columns that a user's name may stand in: the first that is filled is taken.
const USER_NAMES: [&str; 3] = ["name", "display_name", "email"];

impl Names {
    /// The name; none where there is no such record any more.
    pub(super) async fn of(&mut self, plane: &Plane, kind: Kind, id: &str) -> Result<Option<String>, Refusal> {
        if id.is_empty() {
            return Ok(None);
        }
        let place = (kind, id.to_owned());
        if let Some(name) = self.0.get(&place) {
            return Ok(name.clone());
        }
        let name = match kind {
            Kind::Key => text(plane, Family::ApiKey, id, &["name"]).await?,
            Kind::User => text(plane, Family::User, id, &USER_NAMES).await?,
            Kind::Account => editing::find::<Account>(plane.store(), id).await?.map(|account| account.record.name),
        };
        self.0.insert(place, name.clone());
        Ok(name)
    }
}

/// The first of `columns` that is filled in a record; none where there is no such record, or no records of this family at all.
async fn text(plane: &Plane, family: Family, id: &str, columns: &[&str]) -> Result<Option<String>, Refusal> {
    if family.entry().columns.is_empty() {
        return Ok(None);
    }
    let Some(row) = plane.store().records.get(family, id).await? else { return Ok(None) };
    let filled = columns.iter().filter_map(|column| match row.fields.get(*column) {
        Some(Value::Text(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    });
    Ok(filled.into_iter().next())
}
