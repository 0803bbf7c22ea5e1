//! Permissions of a key as they stand in a document: the word `all`, or a list of services.

use super::{ServiceWord, WORDS_MAX};
use domain::Permissions;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, SeqAccess, Visitor},
};
use std::{collections::BTreeSet, fmt};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema, schema::Type},
};

const ALL: &str = "all";

/// `"all"`, or a list of at least one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PermissionsWord(pub(crate) Permissions);

impl Serialize for PermissionsWord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Permissions::All => serializer.serialize_str(ALL),
            Permissions::Only(services) => serializer.collect_seq(services.iter().map(|service| service.as_str())),
        }
    }
}

impl<'de> Deserialize<'de> for PermissionsWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = PermissionsWord;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`all` or a list of services")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<PermissionsWord, E> {
        if text == ALL {
            Ok(PermissionsWord(Permissions::All))
        } else {
            Err(E::custom("write `all` or a list of services"))
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<PermissionsWord, A::Error> {
        let (mut services, mut count) = (BTreeSet::new(), 0);
        while let Some(service) = list.next_element::<ServiceWord>()? {
            services.insert(service.0);
            count += 1;
            if count > WORDS_MAX {
                return Err(A::Error::custom(format!("write at most {WORDS_MAX}")));
            }
        }
        if services.is_empty() {
            return Err(A::Error::custom("name at least one service, or write `all`"));
        }
        Ok(PermissionsWord(Permissions::Only(services)))
    }
}

impl PartialSchema for PermissionsWord {
    fn schema() -> RefOr<Schema> {
        let all = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([ALL]));
        let some = ArrayBuilder::new().items(Ref::from_schema_name(ServiceWord::name())).min_items(Some(1));
        OneOfBuilder::new()
            .item(all)
            .item(some)
            .description(Some("Services that a key may use: `all`, those that come later included, or a list."))
            .into()
    }
}

impl ToSchema for PermissionsWord {
    fn name() -> std::borrow::Cow<'static, str> {
        "Permissions".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((ServiceWord::name().into_owned(), ServiceWord::schema()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Service;

    #[test]
    fn permissions_read_as_they_are_written() {
        for permissions in [Permissions::All, Permissions::Only([Service::Claude, Service::Gemini].into())] {
            let word = PermissionsWord(permissions);
            let text = serde_json::to_string(&word).expect("serialises");
            assert_eq!(serde_json::from_str::<PermissionsWord>(&text).expect("reads back"), word);
        }
    }

    #[test]
    fn a_key_that_may_use_nothing_is_no_permission() {
        for wrong in ["[]", "\"some\"", "[\"claude\",\"x\"]", "3", "null"] {
            assert!(serde_json::from_str::<PermissionsWord>(wrong).is_err(), "{wrong}");
        }
    }
}
