//! The environment as a value, so that tests need none of the process's. The one place that reads the real one.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
};

/// Variables by name. A variable that is set to nothing counts as not set, as in most `.env` files.
#[derive(Clone, Default)]
pub struct Environment {
    values: BTreeMap<String, String>,
    unreadable: BTreeSet<String>,
}

impl Environment {
    /// The environment that this process was started with.
    #[must_use]
    pub fn inherited() -> Self {
        Self::from_variables(std::env::vars_os())
    }

    /// These variables; of two with one name the later.
    pub fn from_variables(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            // A name that is not UTF-8 is none of ours.
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => drop(environment.values.insert(name, value)),
                Err(_) => drop(environment.unreadable.insert(name)),
            }
        }
        environment
    }

    /// The variable's value without spaces at its ends, if it is set to something.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Whether the variable is set to something that is not UTF-8.
    #[must_use]
    pub fn is_unreadable(&self, name: &str) -> bool {
        self.unreadable.contains(name)
    }

    /// Names of the variables that are set to something, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str).filter(|name| self.get(name).is_some())
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self::from_variables(variables.map(|(name, value)| (name.into(), value.into())))
    }
}

impl std::fmt::Debug for Environment {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}
