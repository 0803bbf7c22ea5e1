//! Fields of records as the audit log shows them: secrets masked, instants readable, long texts cut. Nothing is stored here.

use domain::{Account, Timestamp};
use std::collections::BTreeMap;
use store::{
    Family, Record,
    audit::{Resource, Shown},
    keyspace::ColumnKind,
    records::Value,
};

/// What stands for a secret.
const MASK: &str = "***";

/// Columns that are no ciphertext and yet tell what nobody needs to see: hashes that could be guessed against.
const MASKED: [&str; 4] = ["password_hash", "hash", "recovery", "file_digest"];

/// Longest text that is shown whole, in characters: lists of models and descriptions fit.
const CHARS_MAX: usize = 1000;

/// The record with this id.
pub(super) fn resource(family: Family, id: &str) -> Resource {
    let kind = if Account::FAMILIES.contains(&family) { "account" } else { family.name() };
    Resource { kind: kind.to_owned(), id: id.to_owned() }
}

/// Those of `fields` that have a value.
pub(super) fn fields<'a>(
    family: Family,
    fields: impl IntoIterator<Item = (&'static str, Option<&'a Value>)>,
) -> BTreeMap<String, Shown> {
    let held = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
    held.map(|(name, value)| (name.to_owned(), shown(family, name, value))).collect()
}

fn shown(family: Family, name: &str, value: &Value) -> Shown {
    let is_secret = family.column(name).is_none_or(|column| column.kind == ColumnKind::Secret);
    if is_secret || MASKED.contains(&name) {
        return Shown::Text(MASK.to_owned());
    }
    match value {
        Value::Integer(ms) if name.ends_with("_at") => Shown::Text(Timestamp::from_ms(*ms).to_string()),
        Value::Integer(number) => Shown::Integer(*number),
        Value::Text(text) => Shown::Text(cut(text)),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::keyspace::TABLE;

    #[test]
    fn no_ciphertext_and_no_hash_is_shown() {
        let secret = Value::from("to be hidden");
        for entry in TABLE {
            for column in entry.columns {
                let hidden = column.kind == ColumnKind::Secret || MASKED.contains(&column.name);
                let told = shown(entry.family, column.name, &secret);
                assert_eq!(told == Shown::Text(MASK.to_owned()), hidden, "{}.{}", entry.name, column.name);
                assert!(hidden || !column.name.contains("password"), "{}.{}", entry.name, column.name);
            }
        }
    }

    #[test]
    fn instants_are_readable_and_long_texts_are_cut() {
        let at = shown(Family::ApiKey, "expires_at", &Value::Integer(1_795_392_000_000));
        assert_eq!(at, Shown::Text("2026-11-23T00:00:00.000Z".to_owned()));
        let Shown::Text(text) = shown(Family::ApiKey, "description", &Value::from("é".repeat(2000))) else {
            panic!("a text");
        };
        assert_eq!(text.chars().count(), CHARS_MAX + 1);
    }
}
