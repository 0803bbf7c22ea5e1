//! What a key is bound to and rated by, as flags say it.

use crate::cli::{
    CommandError,
    api::Api,
    find::{ACCOUNT_GROUPS, ACCOUNTS},
};
use serde_json::{Map, Value, json};

/// What takes all of them away.
const NONE: &str = "none";

/// The bindings that `--bind SERVICE=KIND:NAME` say, with names found; none: nothing was said.
pub(super) async fn bindings(api: &Api, given: &[String]) -> Result<Option<Value>, CommandError> {
    let mut bindings = Map::new();
    for text in given {
        let Some((service, kind, wanted)) = parts(text) else {
            if text == NONE && given.len() == 1 {
                return Ok(Some(Value::Null));
            }
            let how = "write SERVICE=account:NAME or SERVICE=group:NAME, such as claude=group:research, or none";
            return Err(format!("`--bind {text}` binds to nothing: {how}").into());
        };
        let collection = if kind == "account" { &ACCOUNTS } else { &ACCOUNT_GROUPS };
        let id = collection.id_of(api, wanted).await?;
        bindings.insert(service.to_owned(), json!({"type": kind, "id": id}));
    }
    Ok((!bindings.is_empty()).then_some(Value::Object(bindings)))
}

fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let (service, target) = text.split_once('=')?;
    let (kind, wanted) = target.split_once(':')?;
    matches!(kind, "account" | "group").then_some((service, kind, wanted))
}

/// The factors that `--rate PLATFORM=FACTOR` say; none: nothing was said.
pub(super) fn rates(given: &[String]) -> Result<Option<Value>, CommandError> {
    if given == [NONE] {
        return Ok(Some(Value::Null));
    }
    let mut rates = Map::new();
    for text in given {
        let (platform, times) = text
            .split_once('=')
            .ok_or_else(|| format!("`--rate {text}` is no factor: write PLATFORM=FACTOR, such as ccr=0.5, or none"))?;
        rates.insert(platform.to_owned(), Value::from(times));
    }
    Ok((!rates.is_empty()).then_some(Value::Object(rates)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_names_a_service_a_kind_and_a_thing() {
        assert_eq!(parts("claude=group:a:b=c"), Some(("claude", "group", "a:b=c")));
        for wrong in ["none", "claude", "claude=x", "claude=pool:x"] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn factors_are_given_as_texts_and_taken_away_by_none() {
        let given = ["ccr=0.5".to_owned(), "claude-console=2".to_owned()];
        assert_eq!(rates(&given).expect("factors"), Some(json!({"ccr": "0.5", "claude-console": "2"})));
        assert_eq!(rates(&["none".to_owned()]).expect("none"), Some(Value::Null));
        assert_eq!(rates(&[]).expect("nothing"), None);
        assert!(rates(&["ccr".to_owned()]).is_err());
    }
}
