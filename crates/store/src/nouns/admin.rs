//! Administrators as records, and which content of `data/init.json` was applied.

use super::FieldWriter;
use crate::{
    error::StoreError,
    keyspace::Family,
    records::{FieldReader, Fields, Record, Row},
};
use domain::{Admin, AdminId, Role, Timestamp};

/// The first administrator's credentials as last taken from `data/init.json` (`admin_credentials`); one per store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminCredentials {
    /// Whose they are.
    pub admin: AdminId,
    /// SHA-256, hex, of the file's content that was applied.
    pub file_digest: String,
    /// The `updatedAt` inside that file.
    pub file_updated_at: Timestamp,
    /// When they last changed, by the file or by a change of the password.
    pub updated_at: Timestamp,
}

impl AdminCredentials {
    /// The id of the one record.
    pub const ID: &'static str = "first";
}

impl Record for Admin {
    const FAMILIES: &'static [Family] = &[Family::Admin];

    fn family(&self) -> Family {
        Family::Admin
    }

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn fields(&self) -> Fields {
        FieldWriter::default()
            .set("username", self.username.as_str())
            .set("password_hash", self.password_hash.as_str())
            .set("role", self.role.as_str())
            .set("created_at", self.created_at)
            .set("updated_at", self.updated_at)
            .0
    }

    fn read(family: Family, row: &Row) -> Result<Self, StoreError> {
        let fields = FieldReader::new(family, row);
        Ok(Self {
            id: fields.required("id", AdminId::parse(&row.id).ok())?,
            username: fields.parsed("username", |text| Some(text.to_owned()))?,
            password_hash: fields.parsed("password_hash", |text| Some(text.to_owned()))?,
            role: fields.parsed("role", Role::parse)?,
            created_at: fields.required("created_at", fields.timestamp("created_at"))?,
            updated_at: fields.required("updated_at", fields.timestamp("updated_at"))?,
        })
    }
}

impl Record for AdminCredentials {
    const FAMILIES: &'static [Family] = &[Family::AdminCredentials];

    fn family(&self) -> Family {
        Family::AdminCredentials
    }

    fn id(&self) -> &str {
        Self::ID
    }

    fn fields(&self) -> Fields {
        FieldWriter::default()
            .set("admin_id", self.admin.as_str())
            .set("file_digest", self.file_digest.as_str())
            .set("file_updated_at", self.file_updated_at)
            .set("updated_at", self.updated_at)
            .0
    }

    fn read(family: Family, row: &Row) -> Result<Self, StoreError> {
        let fields = FieldReader::new(family, row);
        Ok(Self {
            admin: fields.parsed("admin_id", |text| AdminId::parse(text).ok())?,
            file_digest: fields.parsed("file_digest", |text| Some(text.to_owned()))?,
            file_updated_at: fields.required("file_updated_at", fields.timestamp("file_updated_at"))?,
            updated_at: fields.required("updated_at", fields.timestamp("updated_at"))?,
        })
    }
}
