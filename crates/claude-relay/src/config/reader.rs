//! Values of settings from their texts. A wrong one becomes a problem and its default goes on, so that all are found.

use super::{
    layers::{Given, Layers, Rank},
    setting::{Home, Optional, Parse, Setting, Spec},
};

pub(super) struct Reader<'a> {
    layers: &'a Layers,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(layers: &'a Layers) -> Self {
        Self { layers, problems: Vec::new() }
    }

    /// The setting's value: as given, or its default.
    pub(super) fn get<T>(&mut self, setting: &Setting<T>) -> T {
        let default = || (setting.parse)(setting.default).expect("each default of the table is read by a test");
        self.read(&setting.spec, setting.parse).unwrap_or_else(default)
    }

    /// The setting's value, if it was given and is right.
    pub(super) fn optional<T>(&mut self, setting: &Optional<T>) -> Option<T> {
        self.read(&setting.spec, setting.parse)
    }

    /// How far the place goes that the setting was given in.
    pub(super) fn rank(&self, spec: &Spec) -> Rank {
        self.layers.rank(spec)
    }

    /// The text that the setting was given.
    pub(super) fn given(&self, spec: &Spec) -> Option<&'a Given> {
        self.layers.get(spec)
    }

    pub(super) fn refuse(&mut self, problem: String) {
        self.problems.push(problem);
    }

    pub(super) fn into_problems(self) -> Vec<String> {
        self.problems
    }

    fn read<T>(&mut self, spec: &Spec, parse: Parse<T>) -> Option<T> {
        let given = self.layers.get(spec)?;
        match parse(&given.text) {
            Ok(value) => Some(value),
            Err(must) => {
                self.problems.push(problem(spec, given, &must));
                None
            }
        }
    }
}

fn problem(spec: &Spec, given: &Given, must: &str) -> String {
    let (name, text, source) = (spec.name, &given.text, &given.source);
    match spec.home {
        Home::Anywhere => format!("`{name}` is `{text}` ({source}), but {must}."),
        Home::Secret => format!("`{name}` ({source}) is wrong: {must}."),
    }
}
