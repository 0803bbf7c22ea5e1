//! The configuration file as names, texts and lines. Knows TOML; what the names mean is known elsewhere.

use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// A key of the file with its value as text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Dotted: `relay.attempts_max`.
    pub(super) name: String,
    /// The value as it would be written on a command line; none where it is a list or a date.
    pub(super) text: Option<String>,
    /// Counted from 1.
    pub(super) line: usize,
}

/// A file that is no TOML.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) line: usize,
    pub(super) why: String,
}

/// Takes a file apart; a table within a table goes on with dots.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, Broken> {
    let table = DeTable::parse(text).map_err(|error| Broken {
        line: line_of(text, &error.span().unwrap_or_default()),
        why: error.message().to_owned(),
    })?;
    let mut entries = Vec::new();
    collect(text, "", table.get_ref(), &mut entries);
    entries.sort_by_key(|entry| entry.line);
    Ok(entries)
}

fn collect(text: &str, prefix: &str, table: &DeTable<'_>, entries: &mut Vec<Entry>) {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => collect(text, &format!("{name}."), inner, entries),
            value => entries.push(Entry { name, text: as_text(value), line: line_of(text, &key.span()) }),
        }
    }
}

fn as_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.trim().to_owned()),
        // Underlines part the digits of a TOML number.
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().replace('_', "")),
        DeValue::Float(number) => Some(number.as_str().replace('_', "")),
        DeValue::Boolean(switch) => Some(switch.to_string()),
        DeValue::Integer(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    text.get(..span.start).unwrap_or_default().matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, text: Option<&str>, line: usize) -> Entry {
        Entry { name: name.to_owned(), text: text.map(str::to_owned), line }
    }

    #[test]
    fn values_of_every_kind_are_texts_with_their_lines() {
        let text =
            "port = 3_000\nlog.level = \"debug\"\n\n[relay]\nattempts_max = 3\n[a]\nb.c = true\nd = 1.5\ne = []\n";
        let expected = [
            entry("port", Some("3000"), 1),
            entry("log.level", Some("debug"), 2),
            entry("relay.attempts_max", Some("3"), 5),
            entry("a.b.c", Some("true"), 7),
            entry("a.d", Some("1.5"), 8),
            entry("a.e", None, 9),
        ];
        assert_eq!(entries(text).expect("TOML"), expected);
    }

    #[test]
    fn a_broken_file_is_told_with_the_line() {
        assert_eq!(entries("a = 1\nb = \n").expect_err("broken").line, 2);
        assert_eq!(entries("a = 1\na = 2\n").expect_err("twice").line, 2);
    }
}
