//! From the name that someone gave a model to its entry in the price list, by rules in one fixed order; never by likeness.
//!
//! The rules, each also in the manual. A name is tried as it stands; then in lower case; then without what surrounds it (a path,
//! `[1m]`, a region, `anthropic.`); then without Bedrock's version; then with Vertex's `@` as `-`; then without its date; then
//! without `-latest`. The first that the list knows wins. Besides its models the list knows the aliases, the plain name of a model
//! that it holds as `-latest`, and the plain name of one that it holds by dates only, which means the newest.

use crate::{figures, model_price::NAME_BYTES_MAX, published::is_unknown_entry};
use std::{collections::HashMap, sync::Arc};

/// By which kind of rule a name was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Match {
    /// As it stands in the list.
    Exact,
    /// Apart from case, or from what surrounds it.
    Decorated,
    /// The date was dropped or chosen.
    Undated,
    /// By another name of the model.
    Alias,
    /// Not at all.
    Unknown,
}

/// What a name came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The model's name in the books; `other` when it is unknown.
    pub name: Arc<str>,
    /// How it was found.
    pub how: Match,
}

/// The names that the list knows, each with the place of its entry.
#[derive(Debug, Default)]
pub(crate) struct NameIndex {
    exact: HashMap<Arc<str>, usize>,
    folded: HashMap<Box<str>, (usize, Match)>,
}

/// Prefixes of Bedrock's cross-region profiles.
const REGIONS: [&str; 8] = ["us.", "us-gov.", "eu.", "apac.", "jp.", "au.", "ca.", "global."];

impl NameIndex {
    /// Indexes `models`, which are in the order of their entries. Where two lead to one name, the rule that stands first in
    /// this function wins, then the model that stands first in the list.
    pub(crate) fn new(models: &[Arc<str>]) -> Self {
        let named = || models.iter().enumerate().filter(|(_, model)| !is_unknown_entry(model));
        let mut index = Self { exact: named().map(|(at, model)| (Arc::clone(model), at)).collect(), ..Self::default() };
        for (at, model) in named() {
            index.learn(model.to_ascii_lowercase(), at, Match::Decorated);
        }
        for (alias, model) in figures::aliases() {
            if let Some(&at) = index.exact.get(model) {
                index.learn(alias.to_owned(), at, Match::Alias);
            }
        }
        for (at, model) in named() {
            if let Some(plain) = model.strip_suffix("-latest") {
                index.learn(plain.to_ascii_lowercase(), at, Match::Alias);
            }
        }
        for (plain, at) in newest_dated(named()) {
            index.learn(plain, at, Match::Undated);
        }
        index
    }

    fn learn(&mut self, name: String, at: usize, how: Match) {
        self.folded.entry(name.into_boxed_str()).or_insert((at, how));
    }

    /// The entry of a name, and by which rule; none when the list does not know it.
    pub(crate) fn find(&self, name: &str) -> Option<(usize, Match)> {
        if let Some(&at) = self.exact.get(name) {
            return Some((at, Match::Exact));
        }
        if name.len() > NAME_BYTES_MAX {
            return None;
        }
        let lower = name.to_ascii_lowercase();
        let known = |candidate: &str| self.folded.get(candidate).copied();
        known(&lower).or_else(|| {
            let core = undecorated(&lower);
            known(core).or_else(|| known(&dashed(core))).or_else(|| self.find_versioned(core))
        })
    }

    /// Without version, date and `-latest`, one after the other.
    fn find_versioned(&self, core: &str) -> Option<(usize, Match)> {
        let known = |candidate: &str| self.folded.get(candidate).copied();
        let spelled = dashed(without_bedrock_version(core));
        let plain = without_date(&spelled);
        let newest = plain.strip_suffix("-latest").unwrap_or(plain);
        known(&spelled)
            .or_else(|| known(plain).map(|(at, how)| (at, how.or(Match::Undated))))
            .or_else(|| known(newest).map(|(at, how)| (at, how.or(Match::Alias))))
    }
}

impl Match {
    /// This rule, or the `other` where this one says nothing about the name itself.
    const fn or(self, other: Self) -> Self {
        match self {
            Self::Exact | Self::Decorated => other,
            Self::Undated | Self::Alias | Self::Unknown => self,
        }
    }
}

/// Plain names of dated models, each with the newest of its dates.
fn newest_dated<'a>(models: impl Iterator<Item = (usize, &'a Arc<str>)>) -> HashMap<String, usize> {
    let mut newest: HashMap<String, (String, usize)> = HashMap::new();
    for (at, model) in models {
        let model = model.to_ascii_lowercase();
        let plain = without_date(&model);
        if plain.len() == model.len() {
            continue;
        }
        let date: String = model[plain.len()..].chars().filter(char::is_ascii_digit).collect();
        let held = newest.entry(plain.to_owned()).or_insert_with(|| (date.clone(), at));
        if date > held.0 {
            *held = (date, at);
        }
    }
    newest.into_iter().map(|(plain, (_, at))| (plain, at)).collect()
}

/// Without path (`models/`, a router's `provider,`), `[1m]`, region and `anthropic.`.
fn undecorated(name: &str) -> &str {
    let name = name.rsplit(['/', ',']).next().unwrap_or(name);
    let name = name.strip_suffix("[1m]").unwrap_or(name);
    let name = REGIONS.iter().find_map(|region| name.strip_prefix(region)).unwrap_or(name);
    name.strip_prefix("anthropic.").unwrap_or(name)
}

/// Without Bedrock's `-v1`, `-v1:0` or `-v1:0:200k`.
fn without_bedrock_version(name: &str) -> &str {
    let Some((plain, version)) = name.rsplit_once("-v") else { return name };
    let mut parts = version.split(':');
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_version = parts.next().is_some_and(digits)
        && parts.next().is_none_or(digits)
        && parts.next().is_none_or(|window| window.strip_suffix('k').is_some_and(digits))
        && parts.next().is_none();
    if is_version { plain } else { name }
}

/// With `-` for Vertex's `@` and, in names of Claude models, for the `.` of a version (`claude-sonnet-4.5`).
fn dashed(name: &str) -> String {
    let name = name.strip_suffix("@default").unwrap_or(name).replace('@', "-");
    if name.starts_with("claude-") { name.replace('.', "-") } else { name }
}

/// Without a trailing `-YYYYMMDD` or `-YYYY-MM-DD` of this century.
fn without_date(name: &str) -> &str {
    for pattern in ["-20dddddd", "-20dd-dd-dd"] {
        let Some(at) = name.len().checked_sub(pattern.len()).filter(|&at| at > 0) else { continue };
        let fits = name.as_bytes()[at..].iter().zip(pattern.bytes()).all(|(byte, wanted)| match wanted {
            b'd' => byte.is_ascii_digit(),
            other => *byte == other,
        });
        if fits {
            return &name[..at];
        }
    }
    name
}
