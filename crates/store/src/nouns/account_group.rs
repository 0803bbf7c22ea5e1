//! Groups of accounts as records.

use super::{FieldWriter, list_from_text, list_to_text};
use crate::{
    error::StoreError,
    keyspace::Family,
    records::{FieldReader, Fields, Record, Row},
};
use domain::{AccountGroup, AccountId, GroupId};
use std::collections::BTreeSet;

/// Groups at most: every node keeps them all in memory, and an account that is removed is looked for in each.
pub const GROUPS_MAX: u64 = 1000;

impl Record for AccountGroup {
    const FAMILIES: &'static [Family] = &[Family::AccountGroup];

    fn family(&self) -> Family {
        Family::AccountGroup
    }

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn fields(&self) -> Fields {
        FieldWriter::default()
            .set("name", self.name.as_str())
            .set("name_folded", self.folded_name())
            .set("description", self.description.as_str())
            .set("members", list_to_text(self.members.iter().map(AccountId::as_str)))
            .set("created_at", self.created_at)
            .set("updated_at", self.updated_at)
            .0
    }

    fn read(family: Family, row: &Row) -> Result<Self, StoreError> {
        let fields = FieldReader::new(family, row);
        Ok(Self {
            id: fields.required("id", GroupId::parse(&row.id).ok())?,
            name: fields.parsed("name", |text| Some(text.to_owned()))?,
            description: fields.text("description").unwrap_or_default().to_owned(),
            members: fields.parsed("members", members_from_text)?,
            created_at: fields.required("created_at", fields.timestamp("created_at"))?,
            updated_at: fields.required("updated_at", fields.timestamp("updated_at"))?,
        })
    }
}

fn members_from_text(text: &str) -> Option<BTreeSet<AccountId>> {
    list_from_text(text)?.iter().map(|id| AccountId::parse(id).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Version;
    use domain::Timestamp;

    #[test]
    fn a_group_reads_back_as_it_was_written() {
        for members in [&[][..], &["a1", "b2"]] {
            let group = AccountGroup {
                id: GroupId::parse("g1").expect("an id"),
                name: "Büro".to_owned(),
                description: "d".to_owned(),
                members: members.iter().map(|id| AccountId::parse(id).expect("an id")).collect(),
                created_at: Timestamp::from_ms(1),
                updated_at: Timestamp::from_ms(2),
            };
            let row = Row { id: group.id.to_string(), version: Version(1), fields: group.fields() };
            assert_eq!(AccountGroup::read(Family::AccountGroup, &row).expect("reads back"), group);
            assert!(group.fields().keys().all(|name| Family::AccountGroup.column(name).is_some()));
        }
    }
}
