//! Models that an account serves, as they stand in a document: an object from the client's names to the upstream's, or a list.

use crate::{faults::Reason, texts};
use domain::ModelMap;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use std::{collections::BTreeMap, fmt};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, RefOr, Schema, schema::Type},
};

/// Names by names; a list maps each name to itself. Written as an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ModelsWord(BTreeMap<String, String>);

impl ModelsWord {
    /// The map that it means.
    pub(crate) fn parse(self) -> Result<ModelMap, Reason> {
        if self.0.len() > texts::MODELS_MAX {
            return Err(format!("are too many; keep at most {}", texts::MODELS_MAX).into());
        }
        let named = self.0.iter().map(|(from, to)| Ok((texts::model(from)?, texts::model(to)?)));
        named.collect::<Result<_, _>>().map(ModelMap::new)
    }
}

impl From<ModelMap> for ModelsWord {
    fn from(models: ModelMap) -> Self {
        Self(models.entries().clone())
    }
}

impl Serialize for ModelsWord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.0)
    }
}

impl<'de> Deserialize<'de> for ModelsWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of names, or a list of names")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut names = BTreeMap::new();
        while let Some(name) = list.next_element::<String>()? {
            names.insert(name.clone(), name);
        }
        Ok(names)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut names = BTreeMap::new();
        while let Some((from, to)) = map.next_entry()? {
            names.insert(from, to);
        }
        Ok(names)
    }
}

impl PartialSchema for ModelsWord {
    fn schema() -> RefOr<Schema> {
        let name = || {
            let text = ObjectBuilder::new().schema_type(Type::String);
            text.min_length(Some(1)).max_length(Some(texts::MODEL_BYTES_MAX))
        };
        let map = ObjectBuilder::new()
            .additional_properties(Some(name()))
            .max_properties(Some(texts::MODELS_MAX))
            .examples([serde_json::json!({"claude-opus-5": "glm-5"})]);
        OneOfBuilder::new()
            .item(map)
            .item(ArrayBuilder::new().items(name()).max_items(Some(texts::MODELS_MAX)))
            .description(Some(
                "The client's names to the upstream's; a list stands for names that are the same on both sides. \
                 Answers give an object. Empty: every model.",
            ))
            .into()
    }
}

impl ToSchema for ModelsWord {
    fn name() -> std::borrow::Cow<'static, str> {
        "Models".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_names_is_a_map_to_themselves() {
        let list: ModelsWord = serde_json::from_str("[\"a\",\"b\"]").expect("a list");
        let map: ModelsWord = serde_json::from_str("{\"a\":\"a\",\"b\":\"b\"}").expect("a map");
        assert_eq!(list, map);
        assert_eq!(serde_json::to_string(&list).expect("serialises"), "{\"a\":\"a\",\"b\":\"b\"}");
    }

    #[test]
    fn a_model_without_a_name_is_refused() {
        for wrong in ["[\"\"]", "{\"a\":\"\"}", "{\"\":\"a\"}"] {
            assert!(serde_json::from_str::<ModelsWord>(wrong).expect("reads").parse().is_err(), "{wrong}");
        }
    }
}
