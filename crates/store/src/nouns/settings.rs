//! Small records of the installation: runtime settings, prices set by the operator, the encryption key's check value.

use super::FieldWriter;
use crate::{
    error::StoreError,
    keyspace::Family,
    records::{FieldReader, Fields, Record, Row},
};
use domain::{Sealed, Timestamp};

/// A runtime setting (`setting:{NAME}`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Its value, in the setting's own text form.
    pub value: String,
    /// When it was set.
    pub updated_at: Timestamp,
}

/// A model's price as the operator set it (`model_pricing:{MODEL}`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPricingRecord {
    /// The record's id: the model's name, percent-encoded where an id has no such character.
    pub id: String,
    /// The price as the price table prints it.
    pub document: String,
    /// When it was set.
    pub updated_at: Timestamp,
}

/// A constant, encrypted when the store was made (`key_check`): it opens only with the store's own key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCheckRecord {
    /// The ciphertext.
    pub sealed: Sealed,
    /// When it was made.
    pub created_at: Timestamp,
}

impl KeyCheckRecord {
    /// The id of the one record.
    pub const ID: &'static str = "check";
}

impl Record for Setting {
    const FAMILIES: &'static [Family] = &[Family::Setting];

    fn family(&self) -> Family {
        Family::Setting
    }

    fn id(&self) -> &str {
        &self.name
    }

    fn fields(&self) -> Fields {
        FieldWriter::default().set("value", self.value.as_str()).set("updated_at", self.updated_at).0
    }

    fn read(family: Family, row: &Row) -> Result<Self, StoreError> {
        let fields = FieldReader::new(family, row);
        Ok(Self {
            name: row.id.clone(),
            value: fields.parsed("value", |text| Some(text.to_owned()))?,
            updated_at: fields.required("updated_at", fields.timestamp("updated_at"))?,
        })
    }
}

impl Record for ModelPricingRecord {
    const FAMILIES: &'static [Family] = &[Family::ModelPricing];

    fn family(&self) -> Family {
        Family::ModelPricing
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn fields(&self) -> Fields {
        FieldWriter::default().set("document", self.document.as_str()).set("updated_at", self.updated_at).0
    }

    fn read(family: Family, row: &Row) -> Result<Self, StoreError> {
        let fields = FieldReader::new(family, row);
        Ok(Self {
            id: row.id.clone(),
            document: fields.parsed("document", |text| Some(text.to_owned()))?,
            updated_at: fields.required("updated_at", fields.timestamp("updated_at"))?,
        })
    }
}

impl Record for KeyCheckRecord {
    const FAMILIES: &'static [Family] = &[Family::KeyCheck];

    fn family(&self) -> Family {
        Family::KeyCheck
    }

    fn id(&self) -> &str {
        Self::ID
    }

    fn fields(&self) -> Fields {
        FieldWriter::default().set("sealed", self.sealed.as_envelope()).set("created_at", self.created_at).0
    }

    fn read(family: Family, row: &Row) -> Result<Self, StoreError> {
        let fields = FieldReader::new(family, row);
        Ok(Self {
            sealed: fields.parsed("sealed", |text| Some(Sealed::from_envelope(text.to_owned())))?,
            created_at: fields.required("created_at", fields.timestamp("created_at"))?,
        })
    }
}
