//! The operator's price file: a list of our own documents, or the usual `LiteLLM` file. Which one it is shows in its first level.

use crate::{
    document::ModelDocument,
    error::PriceError,
    litellm::{self, Fields},
    model_price::ModelPrice,
};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Longest price file that is read, in bytes; the usual one has 1.5 million.
pub(crate) const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A price file as it was read.
#[derive(Debug, Default)]
pub struct PriceFile {
    /// The models with a price per token.
    pub models: Vec<ModelPrice>,
    /// Entries without one, such as images and embeddings, which are left out.
    pub entries_skipped: usize,
    /// Entries of a `LiteLLM` file that are wrong, and why; in a list of our own one of them refuses the file.
    pub entries_refused: Vec<PriceError>,
}

/// `{"models": [...]}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListDocument {
    models: Vec<ModelDocument>,
}

impl PriceFile {
    /// Reads a price file.
    ///
    /// # Errors
    ///
    /// When it is too long, not JSON of either form, or empty; a list of our own also when it names a model twice or states a
    /// price that [`ModelPrice::new`] refuses.
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        if text.len() > FILE_BYTES_MAX {
            return Err(PriceError::TooLong { bytes: text.len(), max: FILE_BYTES_MAX });
        }
        let fields: Fields<'_> = serde_json::from_str(text).map_err(PriceError::Syntax)?;
        let is_ours = fields.get("models").is_some_and(|models| models.get().starts_with('['));
        let mut file = if is_ours { parse_list(text)? } else { litellm::parse(&fields) };
        if file.models.is_empty() {
            return Err(file.entries_refused.pop().unwrap_or(PriceError::Empty));
        }
        Ok(file)
    }
}

fn parse_list(text: &str) -> Result<PriceFile, PriceError> {
    let list: ListDocument = serde_json::from_str(text).map_err(PriceError::Syntax)?;
    let models = list.models.into_iter().map(ModelDocument::parse).collect::<Result<Vec<_>, _>>()?;
    let mut seen = BTreeSet::new();
    match models.iter().find(|model| !seen.insert(model.model())) {
        Some(twice) => Err(PriceError::DuplicateModel { model: twice.model().to_owned() }),
        None => Ok(PriceFile { models, ..PriceFile::default() }),
    }
}
