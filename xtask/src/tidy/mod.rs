//! `cargo xtask tidy`: the rules of this tree that no other tool knows. It reads and reports; it never mends.

mod decisions;
mod exceptions;
mod functions;
mod graph;
mod links;
mod lints;
mod openings;
mod sizes;
mod traces;
mod tree;
mod twins;
mod unfinished;
mod words;

use std::fmt;

use self::tree::Tree;
use crate::failure::Failure;
use crate::workspace::Workspace;

/// One rule: its name, and what looks for breaches.
type Rule = (&'static str, fn(&Tree<'_>) -> Vec<Finding>);

/// Every rule, each in the file of its name.
const RULES: [Rule; 11] = [
    ("graph", graph::check),
    ("lints", lints::check),
    ("functions", functions::check),
    ("sizes", sizes::check),
    ("words", words::check),
    ("openings", openings::check),
    ("unfinished", unfinished::check),
    ("traces", traces::check),
    ("links", links::check),
    ("twins", twins::check),
    ("decisions", decisions::check),
];

/// One breach of a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Where: a file, with its line where there is one.
    place: String,
    /// What is wrong, and what would be right.
    text: String,
}

impl Finding {
    fn new(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place: place.into(), text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.text)
    }
}

/// Checks every rule and lists every breach. Fails when there is one.
pub(crate) fn tidy(workspace: &Workspace) -> Result<(), Failure> {
    let tree = Tree::read(workspace)?;
    let findings: Vec<(&str, Finding)> =
        RULES.iter().flat_map(|(name, check)| check(&tree).into_iter().map(move |finding| (*name, finding))).collect();
    for (rule, finding) in &findings {
        println!("{finding} [{rule}]");
    }
    if findings.is_empty() {
        println!("tidy: {} rules hold over {} files", RULES.len(), tree.files.len());
        return Ok(());
    }
    Err(Failure::new(format!("tidy: {} findings", findings.len())))
}
