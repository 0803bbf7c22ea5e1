//! Second factors of administrators as records.

use super::{FieldWriter, list_from_text, list_to_text};
use crate::{
    error::StoreError,
    keyspace::Family,
    records::{FieldReader, Fields, Record, Row},
};
use domain::{AdminId, KeyHash, Sealed, Timestamp};

/// An administrator's second factor (`admin_totp:{ADMIN}`); the record's id is the administrator's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminTotp {
    /// Whose it is.
    pub admin: AdminId,
    /// The secret, encrypted.
    pub secret: Sealed,
    /// Since when sign-ins ask for a code; none: it was not confirmed by one yet.
    pub confirmed_at: Option<Timestamp>,
    /// The step of the last code that was taken: that code and those before it are not taken again.
    pub last_step: Option<i64>,
    /// Hashes of the recovery codes that were not used.
    pub recovery: Vec<KeyHash>,
    /// When the secret was made.
    pub created_at: Timestamp,
}

impl Record for AdminTotp {
    const FAMILIES: &'static [Family] = &[Family::AdminTotp];

    fn family(&self) -> Family {
        Family::AdminTotp
    }

    fn id(&self) -> &str {
        self.admin.as_str()
    }

    fn fields(&self) -> Fields {
        let hashes: Vec<_> = self.recovery.iter().map(KeyHash::to_string).collect();
        FieldWriter::default()
            .set("secret", self.secret.as_envelope())
            .set_some("confirmed_at", self.confirmed_at)
            .set_some("last_step", self.last_step)
            .set("recovery", list_to_text(hashes.iter().map(String::as_str)))
            .set("created_at", self.created_at)
            .0
    }

    fn read(family: Family, row: &Row) -> Result<Self, StoreError> {
        let fields = FieldReader::new(family, row);
        Ok(Self {
            admin: fields.required("id", AdminId::parse(&row.id).ok())?,
            secret: fields.parsed("secret", |text| Some(Sealed::from_envelope(text.to_owned())))?,
            confirmed_at: fields.timestamp("confirmed_at"),
            last_step: fields.integer("last_step"),
            recovery: fields.parsed("recovery", hashes_from_text)?,
            created_at: fields.required("created_at", fields.timestamp("created_at"))?,
        })
    }
}

fn hashes_from_text(text: &str) -> Option<Vec<KeyHash>> {
    list_from_text(text)?.iter().map(|hash| KeyHash::parse(hash)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Version;

    #[test]
    fn a_second_factor_reads_back_as_it_was_written() {
        let pending = AdminTotp {
            admin: AdminId::parse("a1").expect("an id"),
            secret: Sealed::from_envelope("v1:k:n:c".to_owned()),
            confirmed_at: None,
            last_step: None,
            recovery: Vec::new(),
            created_at: Timestamp::from_ms(1),
        };
        let confirmed = AdminTotp {
            confirmed_at: Some(Timestamp::from_ms(2)),
            last_step: Some(3),
            recovery: vec![KeyHash([1; 32]), KeyHash([2; 32])],
            ..pending.clone()
        };
        for totp in [pending, confirmed] {
            let row = Row { id: totp.admin.to_string(), version: Version(1), fields: totp.fields() };
            assert_eq!(AdminTotp::read(Family::AdminTotp, &row).expect("reads back"), totp);
            assert!(totp.fields().keys().all(|name| Family::AdminTotp.column(name).is_some()));
        }
    }
}
