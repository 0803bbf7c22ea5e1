//! The files of this tree, read once for all rules: what git tracks and what it would track. It judges nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::program;
use crate::workspace::Workspace;

/// What the rules look at.
pub(crate) struct Tree<'a> {
    /// The workspace, as cargo knows it.
    pub(crate) workspace: &'a Workspace,
    /// Every text file.
    pub(crate) files: Vec<TextFile>,
}

/// One text file.
pub(crate) struct TextFile {
    /// Its path from the root, with `/`.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
    /// What it means, for a Rust file that parses.
    pub(crate) syntax: Option<syn::File>,
}

impl<'a> Tree<'a> {
    /// Reads every file that git tracks, and new ones that it does not ignore. What is not UTF-8 is left out.
    pub(crate) fn read(workspace: &'a Workspace) -> Result<Self, Failure> {
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(&workspace.root);
        let names = program::read(&mut git)?;
        let paths = names.split('\0').filter(|it| !it.is_empty());
        let files = paths.filter_map(|path| {
            // A file that was deleted and not yet committed is still listed.
            let text = fs::read_to_string(workspace.root.join(path)).ok()?;
            Some(TextFile::new(path, text))
        });
        Ok(Self { workspace, files: files.collect() })
    }

    /// The files that have one of these extensions, such as `md`.
    pub(crate) fn with_extension<'t>(&'t self, extensions: &'t [&str]) -> impl Iterator<Item = &'t TextFile> {
        self.files.iter().filter(|file| extensions.iter().any(|it| file.has_extension(it)))
    }

    /// The file at `path`, if there is one.
    pub(crate) fn file(&self, path: &str) -> Option<&TextFile> {
        self.files.iter().find(|file| file.path == path)
    }
}

impl TextFile {
    /// A file of this path and text.
    pub(crate) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let mut file = Self { path, text, syntax: None };
        if file.has_extension("rs") {
            file.syntax = syn::parse_file(&file.text).ok();
        }
        file
    }

    /// Whether the name ends in `.` and this extension.
    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|it| it == extension)
    }

    /// The file and a line in it, as compilers write it.
    pub(crate) fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}
