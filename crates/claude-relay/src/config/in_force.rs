//! What holds, and where it was said: for whoever asks why the relay does what it does. Shows no secret.

use super::{
    layers::Layers,
    setting::{DefaultKind, Home, Spec},
    table,
};

/// A setting as it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// Its name in the file.
    pub name: &'static str,
    /// Its value as it would be written; none: it has none, its default is made elsewhere, or it is a secret.
    pub value: Option<String>,
    /// Where it was said; none: nowhere.
    pub source: Option<String>,
    /// Whether it is a secret.
    pub is_secret: bool,
}

/// Every setting of the table.
pub(super) fn all(layers: &Layers) -> Vec<InForce> {
    table::ALL.iter().map(|spec| one(spec, layers)).collect()
}

fn one(spec: &Spec, layers: &Layers) -> InForce {
    let given = layers.get(spec);
    let is_secret = spec.home == Home::Secret;
    let default = || (spec.default_kind == DefaultKind::Value).then(|| spec.default.to_owned());
    let value = match given {
        _ if is_secret => None,
        Some(given) => Some(given.text.clone()),
        None => default(),
    };
    InForce { name: spec.name, value, source: given.map(|given| given.source.to_string()), is_secret }
}

#[cfg(test)]
mod tests {
    use crate::config::{Environment, Flags, Inputs, load};

    fn shown(name: &str) -> (Option<String>, Option<String>) {
        let variables = [("LOG_LEVEL", "debug"), ("METRICS_TOKEN", "a-token-that-nobody-is-to-see")];
        let flags = Flags { log_format: Some("json".to_owned()), ..Flags::default() };
        let inputs = Inputs { flags, environment: Environment::from(variables), memory_bytes: None };
        let loaded = load(&inputs).expect("settings");
        let found = loaded.in_force.into_iter().find(|setting| setting.name == name).expect("a setting");
        (found.value, found.source)
    }

    fn texts(value: &str, source: &str) -> (Option<String>, Option<String>) {
        (Some(value.to_owned()), Some(source.to_owned()))
    }

    #[test]
    fn a_value_is_shown_with_the_place_where_it_was_said() {
        assert_eq!(shown("log.level"), texts("debug", "environment variable LOG_LEVEL"));
        assert_eq!(shown("log.format"), texts("json", "flag --log-format"));
    }

    #[test]
    fn a_default_has_no_place() {
        assert_eq!(shown("port"), (Some("3000".to_owned()), None));
    }

    #[test]
    fn a_secret_is_known_to_be_set_and_not_shown() {
        assert_eq!(shown("metrics.token"), (None, Some("environment variable METRICS_TOKEN".to_owned())));
    }
}
