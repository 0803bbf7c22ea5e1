//! No function is longer than a screen: 70 lines at most with its signature, 40 as an aim. Tests count like the rest.

use proc_macro2::{Ident, Span};
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn};

use super::Finding;
use super::exceptions::{Exception, Exceptions};
use super::tree::{TextFile, Tree};

/// The most lines from `fn` to the closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// What may be longer, as `path::name`, and why.
const EXCEPTIONS: [Exception; 0] = [];

/// Reports every longer function that is not listed.
pub(crate) fn check(tree: &Tree<'_>) -> Vec<Finding> {
    let mut exceptions = Exceptions::new(file!(), &EXCEPTIONS);
    let mut findings = Vec::new();
    for file in &tree.files {
        findings.extend(judge(file, &mut exceptions));
    }
    findings.extend(exceptions.unneeded());
    findings
}

fn judge(file: &TextFile, exceptions: &mut Exceptions<'_>) -> Vec<Finding> {
    let Some(syntax) = &file.syntax else { return unread(file).into_iter().collect() };
    let mut lengths = Lengths::default();
    lengths.visit_file(syntax);
    let long = lengths.0.into_iter().filter(|it| it.lines > FUNCTION_LINES_MAX);
    long.filter(|it| !exceptions.excuse(|what| what == format!("{}::{}", file.path, it.name)))
        .map(|it| {
            let text = format!("`{}` has {} lines, more than {FUNCTION_LINES_MAX}", it.name, it.lines);
            Finding::new(file.place(it.starts_at), text)
        })
        .collect()
}

/// A Rust file that could not be read as Rust would otherwise pass every rule about its items.
fn unread(file: &TextFile) -> Option<Finding> {
    file.has_extension("rs")
        .then(|| Finding::new(&*file.path, "does not parse as Rust, so its items were not looked at"))
}

/// How long one function is.
struct Length {
    name: String,
    starts_at: usize,
    lines: usize,
}

/// Collects the functions of a file, those inside of others too.
#[derive(Default)]
struct Lengths(Vec<Length>);

impl Lengths {
    fn add(&mut self, signature: &Signature, block: &Block) {
        let (start, end) = (line(signature.fn_token.span), block.brace_token.span.close().end().line);
        self.0.push(Length { name: Ident::to_string(&signature.ident), starts_at: start, lines: end - start + 1 });
    }
}

impl<'ast> Visit<'ast> for Lengths {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

fn line(span: Span) -> usize {
    span.start().line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A method of `lines` lines, from its `fn` to its brace.
    fn method(lines: usize) -> TextFile {
        let body = "        let _ = 1;\n".repeat(lines - 2);
        TextFile::new("a.rs", format!("//! A.\nimpl A {{\n    fn long() {{\n{body}    }}\n}}\n"))
    }

    fn findings(file: &TextFile, list: &[Exception]) -> Vec<Finding> {
        let mut exceptions = Exceptions::new("functions.rs", list);
        let mut findings = judge(file, &mut exceptions);
        findings.extend(exceptions.unneeded());
        findings
    }

    #[test]
    fn a_function_of_71_lines_is_too_long() {
        assert_eq!(findings(&method(71), &[])[0].to_string(), "a.rs:3: `long` has 71 lines, more than 70");
    }

    #[test]
    fn a_function_of_70_lines_is_not() {
        assert_eq!(findings(&method(70), &[]), []);
    }

    #[test]
    fn a_rust_file_that_does_not_parse_is_reported() {
        assert_eq!(findings(&TextFile::new("a.rs", "fn {"), &[]).len(), 1);
    }

    #[test]
    fn a_listed_function_may_be_longer() {
        assert_eq!(findings(&method(71), &[Exception { what: "a.rs::long", reason: "one table" }]), []);
    }

    #[test]
    fn a_listed_function_that_became_short_is_reported() {
        assert_eq!(findings(&method(9), &[Exception { what: "a.rs::long", reason: "one table" }]).len(), 1);
    }
}
