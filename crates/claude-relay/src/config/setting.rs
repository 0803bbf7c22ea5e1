//! What a setting is: its names, its kind, its default and its sentence in the manual. Holds no value.

/// Reads a text as a value, or says what it must be.
pub(super) type Parse<T> = fn(&str) -> Result<T, String>;

/// A kind of value: how it is read, and how the manual describes it.
pub(super) struct Kind<T: 'static> {
    pub(super) parse: Parse<T>,
    pub(super) describe: &'static str,
}

/// A setting that always has a value.
pub(super) struct Setting<T: 'static> {
    pub(super) spec: Spec,
    pub(super) parse: Parse<T>,
    /// What holds when nobody says anything, as it would be written.
    pub(super) default: &'static str,
}

/// A setting that need not have a value; what holds without one is made elsewhere.
pub(super) struct Optional<T: 'static> {
    pub(super) spec: Spec,
    pub(super) parse: Parse<T>,
}

/// A setting without its type: what file, environment, flags and manual need to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spec {
    /// Its name in the file; a dot parts table and key. In capitals, with `_` for the dot, its name in the environment.
    pub(super) name: &'static str,
    /// What it is for: a sentence or two.
    pub(super) doc: &'static str,
    /// The earlier service's names for it, the preferred one first.
    pub(super) earlier: &'static [Earlier],
    /// Its flag, if it has one.
    pub(super) flag: Option<&'static str>,
    /// Where it may stand.
    pub(super) home: Home,
    /// What values it takes, for the manual.
    pub(super) values: &'static str,
    /// What holds when nobody says anything, for the manual.
    pub(super) default: &'static str,
    /// Whether `default` is a value, or describes where one comes from.
    pub(super) default_kind: DefaultKind,
}

/// What the manual has as a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DefaultKind {
    /// A value, as it would be written.
    Value,
    /// A few words about it.
    Words,
}

/// An earlier name in the environment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Earlier {
    pub(super) name: &'static str,
    /// The unit that the earlier service means where a value is a bare number.
    pub(super) unit: &'static str,
}

/// Where a setting may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// The file, the environment, and its flag if it has one.
    Anywhere,
    /// The environment only: files like the configuration are copied and shared, and flags show in process lists.
    Secret,
}

impl<T> Setting<T> {
    pub(super) const fn new(mut spec: Spec, kind: &Kind<T>, default: &'static str) -> Self {
        spec.values = kind.describe;
        spec.default = default;
        Self { spec, parse: kind.parse, default }
    }
}

impl<T> Optional<T> {
    /// `without` says what holds without a value.
    pub(super) const fn new(mut spec: Spec, kind: &Kind<T>, without: &'static str) -> Self {
        spec.values = kind.describe;
        spec.default = without;
        spec.default_kind = DefaultKind::Words;
        Self { spec, parse: kind.parse }
    }
}

impl Spec {
    pub(super) const fn new(name: &'static str, doc: &'static str) -> Self {
        let (home, default_kind) = (Home::Anywhere, DefaultKind::Value);
        Self { name, doc, earlier: &[], flag: None, home, values: "", default: "", default_kind }
    }

    pub(super) const fn earlier(mut self, names: &'static [Earlier]) -> Self {
        self.earlier = names;
        self
    }

    pub(super) const fn flag(mut self, flag: &'static str) -> Self {
        self.flag = Some(flag);
        self
    }

    pub(super) const fn secret(mut self) -> Self {
        self.home = Home::Secret;
        self
    }

    /// Its name in the environment.
    pub(super) fn environment_name(&self) -> String {
        self.name.replace('.', "_").to_uppercase()
    }
}

impl Earlier {
    pub(super) const fn named(name: &'static str) -> Self {
        Self { name, unit: "" }
    }

    pub(super) const fn in_unit(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit }
    }

    /// The value as this program writes it: a bare number gets the unit that the earlier service means.
    pub(super) fn translate(&self, value: &str) -> String {
        let is_bare = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        if is_bare { format!("{value}{}", self.unit) } else { value.to_owned() }
    }
}
