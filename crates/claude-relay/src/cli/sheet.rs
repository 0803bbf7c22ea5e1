//! One document for people: a line per field, in the document's own words. It knows no field, so that none is left out.

use crate::cli::{
    console::Console,
    table::{Tone, harmless, paint},
};
use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Fields that say what it is: they stand first. The others stand in the order of their names.
const LEADING: [&str; 3] = ["id", "name", "username"];

/// Widest that the names of fields may be before values begin beside them.
const NAME_WIDTH_MAX: usize = 32;

/// Narrowest room for values.
const VALUE_WIDTH_MIN: usize = 10;

/// The lines of `document`.
pub(crate) fn sheet(document: &Value, console: &Console) -> String {
    let mut fields = Vec::new();
    flatten(String::new(), document, &mut fields);
    fields.sort_by_key(|(name, _)| LEADING.iter().position(|leading| leading == name).unwrap_or(LEADING.len()));
    let widest = fields.iter().map(|(name, _)| name.width()).max().unwrap_or_default().min(NAME_WIDTH_MAX);
    let room = console.width.map(|width| width.saturating_sub(widest + 2).max(VALUE_WIDTH_MIN));
    let mut lines = String::new();
    for (name, value) in fields {
        let space = " ".repeat(widest.saturating_sub(name.width()) + 2);
        let below = format!("\n{}", " ".repeat(widest + 2));
        let value = wrap(&harmless(&value), room).join(&below);
        let line = format!("{}{space}{value}", paint(&name, Tone::Title, console.colour));
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    lines
}

/// The fields with the names on the way to them; lists of plain values are one.
fn flatten(name: String, value: &Value, fields: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (member, value) in members {
                let name = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
                flatten(name, value, fields);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (at, item) in items.iter().enumerate() {
                flatten(format!("{name}[{at}]"), item, fields);
            }
        }
        Value::Array(items) => fields.push((name, items.iter().map(plain).collect::<Vec<_>>().join(", "))),
        _ => fields.push((name, plain(value))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(_) => "{}".to_owned(),
        other => other.to_string(),
    }
}

/// `text` in lines of `room` columns; at least one.
fn wrap(text: &str, room: Option<usize>) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for letter in text.chars() {
        let needs = letter.width().unwrap_or(0);
        if room.is_some_and(|room| used + needs > room) {
            lines.push(String::new());
            used = 0;
        }
        used += needs;
        if let Some(line) = lines.last_mut() {
            line.push(letter);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::console::{Colour, Form};
    use serde_json::json;

    #[test]
    fn every_field_has_a_line_also_below_others() {
        let document = json!({"name": "a", "tags": ["x", "y"], "empty": [], "none": null,
            "usage": {"requests": 5, "by": [{"day": 1}]}});
        let console = Console { width: None, colour: Colour::Off, form: Form::People };
        let expected = "\
name             a
empty
none             -
tags             x, y
usage.by[0].day  1
usage.requests   5
";
        assert_eq!(sheet(&document, &console), expected);
    }

    #[test]
    fn a_long_value_goes_on_below_itself() {
        let console = Console { width: Some(20), colour: Colour::Off, form: Form::People };
        let rendered = sheet(&json!({"note": "鍵".repeat(10)}), &console);
        assert_eq!(rendered, format!("note  {}\n      {}\n", "鍵".repeat(7), "鍵".repeat(3)));
    }
}
