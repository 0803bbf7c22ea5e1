//! Which text each setting was given, and where. The later place wins: file, environment, flags. Reads no value.

use super::{
    FILE_NAME, Inputs,
    environment::Environment,
    file,
    setting::{Home, Spec},
    table,
};
use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// Longest configuration file in bytes: a thousand times what all settings take.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// How alike two names must be for one to be the other misspelt (Jaro-Winkler).
const LIKENESS_MIN: f64 = 0.8;

/// A configuration file that was read.
pub(super) struct FoundFile {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// Whether it was found by the data directory rather than named.
    pub(super) in_data_dir: bool,
}

/// A text that a setting was given.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) source: Source,
}

/// Where a text came from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    File { path: PathBuf, line: usize },
    Environment { name: String },
    Flag { flag: &'static str },
}

/// How far a place goes before others: the order of [`Source`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Default,
    File,
    Environment,
    Flag,
}

/// What the settings were given.
pub(super) struct Layers {
    given: BTreeMap<&'static str, Given>,
}

/// The named file, or the data directory's own if it is there.
pub(super) fn find_file(inputs: &Inputs) -> Result<Option<FoundFile>, String> {
    if let Some(path) = &inputs.flags.config {
        let text = read(path).map_err(|why| format!("cannot read the configuration file {}: {why}", path.display()))?;
        return Ok(Some(FoundFile { path: path.clone(), text, in_data_dir: false }));
    }
    let spec = &table::DATA_DIR.spec;
    let named = inputs.flags.get(spec).or_else(|| inputs.environment.get(&spec.environment_name()));
    let path = Path::new(named.unwrap_or(table::DATA_DIR.default)).join(FILE_NAME);
    match read(&path) {
        Ok(text) => Ok(Some(FoundFile { path, text, in_data_dir: true })),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(format!("cannot read the configuration file {}: {why}", path.display())),
    }
}

fn read(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::Error::other("it is larger than 1 MB"));
    }
    fs::read_to_string(path)
}

impl Layers {
    /// Collects every text, and what is wrong with names.
    pub(super) fn collect(found: Option<&FoundFile>, inputs: &Inputs) -> (Self, Vec<String>) {
        let mut layers = Self { given: BTreeMap::new() };
        let mut problems = found.map_or_else(Vec::new, |file| layers.add_file(file));
        problems.extend(layers.add_environment(&inputs.environment));
        for spec in table::ALL {
            if let (Some(text), Some(flag)) = (inputs.flags.get(spec), spec.flag) {
                layers.put(spec, text.to_owned(), Source::Flag { flag });
            }
        }
        (layers, problems)
    }

    pub(super) fn get(&self, spec: &Spec) -> Option<&Given> {
        self.given.get(spec.name)
    }

    pub(super) fn rank(&self, spec: &Spec) -> Rank {
        match self.get(spec).map(|given| &given.source) {
            None => Rank::Default,
            Some(Source::File { .. }) => Rank::File,
            Some(Source::Environment { .. }) => Rank::Environment,
            Some(Source::Flag { .. }) => Rank::Flag,
        }
    }

    fn put(&mut self, spec: &Spec, text: String, source: Source) {
        self.given.insert(spec.name, Given { text, source });
    }

    fn add_file(&mut self, file: &FoundFile) -> Vec<String> {
        match file::entries(&file.text) {
            Ok(entries) => entries.into_iter().filter_map(|entry| self.add_entry(file, entry).err()).collect(),
            Err(broken) => vec![format!("{}, line {}: {}", file.path.display(), broken.line, broken.why)],
        }
    }

    fn add_entry(&mut self, file: &FoundFile, entry: file::Entry) -> Result<(), String> {
        let name = entry.name;
        let source = Source::File { path: file.path.clone(), line: entry.line };
        let Some(spec) = table::ALL.iter().find(|spec| spec.name == name) else {
            let hint = nearest(&name).map(|known| format!(" Did you mean `{known}`?")).unwrap_or_default();
            return Err(format!("there is no setting `{name}` ({source}).{hint}"));
        };
        if spec.home == Home::Secret {
            let variable = spec.environment_name();
            return Err(format!(
                "`{name}` may not stand in a configuration file ({source}): such files are copied and shared. \
                 Set the environment variable {variable} instead."
            ));
        }
        if file.in_data_dir && spec.name == table::DATA_DIR.spec.name {
            return Err(format!(
                "`{name}` may not stand in the file that was found by it ({source}). Name the directory with --data-dir \
                 or DATA_DIR, or this file with --config."
            ));
        }
        let text = entry.text.ok_or_else(|| format!("`{name}` ({source}) must be a text, a number or a switch."))?;
        self.put(spec, text, source);
        Ok(())
    }

    fn add_environment(&mut self, environment: &Environment) -> Vec<String> {
        let mut problems = Vec::new();
        for spec in table::ALL {
            let own = spec.environment_name();
            // An earlier name first, so that ours wins where both are set.
            for earlier in spec.earlier.iter().rev() {
                if let Some(value) = environment.get(earlier.name) {
                    let source = Source::Environment { name: earlier.name.to_owned() };
                    self.put(spec, earlier.translate(value), source);
                }
            }
            if let Some(value) = environment.get(&own) {
                self.put(spec, value.to_owned(), Source::Environment { name: own.clone() });
            }
            let names = spec.earlier.iter().map(|earlier| earlier.name).chain([own.as_str()]);
            let unreadable = names.filter(|name| environment.is_unreadable(name));
            problems.extend(unreadable.map(|name| format!("the environment variable {name} is not UTF-8.")));
        }
        problems
    }
}

/// The known name that `name` looks like: as a whole, or by its last part.
fn nearest(name: &str) -> Option<&'static str> {
    let last = |name: &'static str| name.rsplit('.').next().unwrap_or(name);
    let likeness = |known: &'static str| {
        strsim::jaro_winkler(name, known)
            .max(strsim::jaro_winkler(name.rsplit('.').next().unwrap_or(name), last(known)))
    };
    let known = table::ALL.iter().map(|spec| (likeness(spec.name), spec.name));
    known.filter(|(likeness, _)| *likeness >= LIKENESS_MIN).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}, line {line}", path.display()),
            Self::Environment { name } => write!(f, "environment variable {name}"),
            Self::Flag { flag } => write!(f, "flag {flag}"),
        }
    }
}
