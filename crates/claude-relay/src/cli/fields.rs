//! Documents that make or change something, put together of flags. Fields without a flag of their own go through `--set` and
//! `--file` as the API has them; secrets go through neither, for arguments show in process lists.

use crate::cli::CommandError;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Longest document that is read: as long as the API takes.
const DOCUMENT_BYTES_MAX: u64 = 1 << 20;

/// Fields that are secrets, at whatever depth.
const SECRETS: [&str; 19] = [
    "access_token",
    "api_key",
    "api_keys",
    "authorization",
    "bearer_token",
    "client_secret",
    "credential",
    "credentials",
    "current_password",
    "id_token",
    "new_password",
    "password",
    "private_key",
    "proxy",
    "refresh_token",
    "secret",
    "secret_access_key",
    "session_key",
    "session_token",
];

/// Fields as they stand in the API's document.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Fields {
    /// A JSON document with fields of the API; `-` reads standard input. Flags win over it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Any field of the API's document, its value as JSON or else as a text; may be given several times
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    sets: Vec<String>,
}

/// A document that is being put together.
/// It may hold a secret.
#[derive(Default)]
pub(crate) struct Draft(Map<String, Value>);

impl Fields {
    /// What file and `--set` say.
    pub(crate) fn draft(&self) -> Result<Draft, CommandError> {
        let mut draft = match &self.file {
            None => Draft::default(),
            Some(path) => Draft(read_document(path)?),
        };
        for text in &self.sets {
            let (name, value) = assignment(text)?;
            draft.0.insert(name.to_owned(), value);
        }
        Ok(draft)
    }
}

impl Draft {
    /// Writes a field, if there is a value.
    pub(crate) fn put(&mut self, name: &str, value: Option<impl Into<Value>>) -> &mut Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }

    /// Writes a list, if it has something.
    pub(crate) fn put_list(&mut self, name: &str, items: &[String]) -> &mut Self {
        self.put(name, (!items.is_empty()).then(|| items.to_vec()))
    }

    /// Writes a text that may be taken back: `none` is null.
    pub(crate) fn put_or_clear(&mut self, name: &str, text: Option<&str>) -> &mut Self {
        self.put(name, text.map(|text| if text == "none" { Value::Null } else { Value::from(text) }))
    }

    /// Writes a secret.
    pub(crate) fn put_secret(&mut self, name: &str, secret: &SecretString) {
        self.put(name, Some(secret.expose_secret()));
    }

    /// The text of a field, if it has one.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Whether a field is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The document; refused when nothing stands in it.
    pub(crate) fn into_change(self) -> Result<Value, CommandError> {
        if self.0.is_empty() {
            return Err("nothing to change was given; see --help for what there is".into());
        }
        Ok(self.into_document())
    }

    /// The document.
    pub(crate) fn into_document(self) -> Value {
        Value::Object(self.0)
    }
}

fn read_document(path: &Path) -> Result<Map<String, Value>, CommandError> {
    let cannot = |why: &dyn std::fmt::Display| format!("cannot use the document {}: {why}", path.display());
    let mut text = String::new();
    let input: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(io::stdin()),
        _ => Box::new(File::open(path).map_err(|error| cannot(&error))?),
    };
    input.take(DOCUMENT_BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| cannot(&error))?;
    if text.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(cannot(&"it is longer than 1 MiB").into());
    }
    Ok(serde_json::from_str(&text).map_err(|error| cannot(&error))?)
}

/// `FIELD=VALUE`. Names no value in what it refuses.
fn assignment(text: &str) -> Result<(&str, Value), CommandError> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(format!("`--set {text}` has no value: write --set FIELD=VALUE").into());
    };
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    match is_secret(name).then_some(name).or_else(|| secret_within(&value)) {
        None => Ok((name, value)),
        Some(secret) => Err(format!(
            "`{secret}` is a secret, and arguments show in process lists: give it at the prompt, on standard input or in a file"
        )
        .into()),
    }
}

fn is_secret(name: &str) -> bool {
    SECRETS.contains(&name.to_ascii_lowercase().as_str())
}

fn secret_within(value: &Value) -> Option<&str> {
    match value {
        Value::Object(members) => members
            .iter()
            .find_map(|(name, value)| if is_secret(name) { Some(name.as_str()) } else { secret_within(value) }),
        Value::Array(items) => items.iter().find_map(secret_within),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_json_or_else_a_text() {
        let read = |text: &str| assignment(text).map(|(name, value)| (name.to_owned(), value)).expect("a field");
        assert_eq!(read("priority=5"), ("priority".to_owned(), json!(5)));
        assert_eq!(read("note=a=b"), ("note".to_owned(), json!("a=b")));
        assert_eq!(read("tags=[\"x\"]"), ("tags".to_owned(), json!(["x"])));
        assert_eq!(read("expires_at=null"), ("expires_at".to_owned(), Value::Null));
    }

    #[test]
    fn a_secret_is_no_argument_and_is_not_repeated() {
        for text in [
            "api_key=sk-abc",
            "PASSWORD=sk-abc",
            "credentials={\"x\":\"sk-abc\"}",
            "a={\"b\":[{\"refresh_token\":\"sk-abc\"}]}",
        ] {
            let error = assignment(text).expect_err(text).to_string();
            assert!(error.contains("is a secret") && !error.contains("sk-abc"), "{error}");
        }
    }

    #[test]
    fn flags_win_over_what_was_set() {
        let mut draft =
            Fields { file: None, sets: vec!["name=a".to_owned(), "note=b".to_owned()] }.draft().expect("a draft");
        draft.put("name", Some("c")).put("none", None::<&str>).put_list("tags", &[]).put_or_clear("note", Some("none"));
        assert_eq!(draft.into_document(), json!({"name": "c", "note": null}));
    }

    #[test]
    fn a_change_of_nothing_is_refused() {
        assert!(Draft::default().into_change().is_err());
    }
}
