//! API tokens as records.

use super::{FieldWriter, list_from_text, list_to_text};
use crate::{
    error::StoreError,
    keyspace::Family,
    records::{FieldReader, Fields, Record, Row},
};
use domain::{AdminId, ApiToken, KeyHash, Role, Scope, TokenId};
use std::collections::BTreeSet;

impl Record for ApiToken {
    const FAMILIES: &'static [Family] = &[Family::ApiToken];

    fn family(&self) -> Family {
        Family::ApiToken
    }

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn fields(&self) -> Fields {
        FieldWriter::default()
            .set("name", self.name.as_str())
            .set("hash", self.hash.to_string())
            .set("hint", self.hint.as_str())
            .set("admin_id", self.maker.as_str())
            .set("role", self.role.as_str())
            .set("scopes", list_to_text(self.scopes.iter().map(|scope| scope.as_str())))
            .set_some("expires_at", self.expires_at)
            .set_some("last_used_at", self.last_used_at)
            .set("created_at", self.created_at)
            .0
    }

    fn read(family: Family, row: &Row) -> Result<Self, StoreError> {
        let fields = FieldReader::new(family, row);
        Ok(Self {
            id: fields.required("id", TokenId::parse(&row.id).ok())?,
            name: fields.parsed("name", |text| Some(text.to_owned()))?,
            hash: fields.parsed("hash", KeyHash::parse)?,
            hint: fields.text("hint").unwrap_or_default().to_owned(),
            maker: fields.parsed("admin_id", |text| AdminId::parse(text).ok())?,
            role: fields.parsed("role", Role::parse)?,
            scopes: fields.parsed("scopes", scopes_from_text)?,
            expires_at: fields.timestamp("expires_at"),
            last_used_at: fields.timestamp("last_used_at"),
            created_at: fields.required("created_at", fields.timestamp("created_at"))?,
        })
    }
}

/// Scopes that this version does not know let into nothing that it has.
fn scopes_from_text(text: &str) -> Option<BTreeSet<Scope>> {
    Some(list_from_text(text)?.iter().filter_map(|name| Scope::parse(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Version;
    use domain::Timestamp;

    #[test]
    fn a_token_reads_back_as_it_was_written() {
        let forever = ApiToken {
            id: TokenId::parse("t1").expect("an id"),
            name: "deploy".to_owned(),
            hash: KeyHash([7; 32]),
            hint: "crt_0707…07".to_owned(),
            maker: AdminId::parse("a1").expect("an id"),
            role: Role::Operator,
            scopes: [Scope::ApiKeysRead, Scope::UsageRead].into(),
            expires_at: None,
            last_used_at: None,
            created_at: Timestamp::from_ms(1),
        };
        let used = ApiToken {
            expires_at: Some(Timestamp::from_ms(9)),
            last_used_at: Some(Timestamp::from_ms(5)),
            ..forever.clone()
        };
        for token in [forever, used] {
            let row = Row { id: token.id.to_string(), version: Version(1), fields: token.fields() };
            assert_eq!(ApiToken::read(Family::ApiToken, &row).expect("reads back"), token);
            assert!(token.fields().keys().all(|name| Family::ApiToken.column(name).is_some()));
        }
    }
}
