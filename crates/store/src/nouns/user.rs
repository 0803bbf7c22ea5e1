//! Users as records.

use super::FieldWriter;
use crate::{
    error::StoreError,
    keyspace::Family,
    records::{FieldReader, Fields, Record, Row},
};
use domain::{User, UserId, UserState};

impl Record for User {
    const FAMILIES: &'static [Family] = &[Family::User];

    fn family(&self) -> Family {
        Family::User
    }

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn fields(&self) -> Fields {
        FieldWriter::default()
            .set("email", self.email.as_str())
            .set("name", self.name.as_str())
            .set("password_hash", self.password_hash.as_str())
            .set("state", self.state.as_str())
            .set("keys_max", i64::from(self.keys_max))
            .set("created_at", self.created_at)
            .set("updated_at", self.updated_at)
            .0
    }

    fn read(family: Family, row: &Row) -> Result<Self, StoreError> {
        let fields = FieldReader::new(family, row);
        let keys_max = fields.integer("keys_max").and_then(|number| u32::try_from(number).ok());
        Ok(Self {
            id: fields.required("id", UserId::parse(&row.id).ok())?,
            email: fields.parsed("email", |text| Some(text.to_owned()))?,
            name: fields.parsed("name", |text| Some(text.to_owned()))?,
            password_hash: fields.parsed("password_hash", |text| Some(text.to_owned()))?,
            state: fields.parsed("state", UserState::parse)?,
            keys_max: fields.required("keys_max", keys_max)?,
            created_at: fields.required("created_at", fields.timestamp("created_at"))?,
            updated_at: fields.required("updated_at", fields.timestamp("updated_at"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Version;
    use domain::Timestamp;

    #[test]
    fn a_user_reads_back_as_they_were_written() {
        for state in [UserState::Active, UserState::Disabled] {
            let user = User {
                id: UserId::parse("u1").expect("an id"),
                email: "mira@example.com".to_owned(),
                name: "Mira".to_owned(),
                password_hash: "$argon2id$".to_owned(),
                state,
                keys_max: 3,
                created_at: Timestamp::from_ms(1),
                updated_at: Timestamp::from_ms(2),
            };
            let row = Row { id: user.id.to_string(), version: Version(1), fields: user.fields() };
            assert_eq!(User::read(Family::User, &row).expect("reads back"), user);
            assert!(user.fields().keys().all(|name| Family::User.column(name).is_some()));
        }
    }
}
