//! Sign-ins of accounts that were begun and not finished: one per account.

use super::FieldWriter;
use crate::{
    error::StoreError,
    keyspace::Family,
    records::{FieldReader, Fields, Record, Row},
};
use domain::{AccountId, Sealed, Timestamp};

/// A sign-in that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthSignIn {
    /// The account that signs in.
    pub account: AccountId,
    /// What finishes it (verifier and state, or device code), encrypted.
    pub pending: Sealed,
    /// Until when it can be finished.
    pub expires_at: Timestamp,
    /// When it was begun.
    pub created_at: Timestamp,
}

impl Record for OAuthSignIn {
    const FAMILIES: &'static [Family] = &[Family::OAuthSignIn];

    fn family(&self) -> Family {
        Family::OAuthSignIn
    }

    fn id(&self) -> &str {
        self.account.as_str()
    }

    fn fields(&self) -> Fields {
        FieldWriter::default()
            .set("pending", self.pending.as_envelope())
            .set("expires_at", self.expires_at)
            .set("created_at", self.created_at)
            .0
    }

    fn read(family: Family, row: &Row) -> Result<Self, StoreError> {
        let fields = FieldReader::new(family, row);
        Ok(Self {
            account: fields.required("id", AccountId::parse(&row.id).ok())?,
            pending: fields.parsed("pending", |text| Some(Sealed::from_envelope(text.to_owned())))?,
            expires_at: fields.required("expires_at", fields.timestamp("expires_at"))?,
            created_at: fields.required("created_at", fields.timestamp("created_at"))?,
        })
    }
}
