//! Names say what a thing is: words that fit everything are not used for items, nor as names of modules.
//!
//! Looked at are the names that this tree gives: functions, types, traits, modules, constants, macros. Not looked at are tests
//! (their names are sentences), and what a foreign trait or a wire format dictates (methods of a trait, fields).

use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItemFn, Item, ItemFn, ItemImpl, TraitItemFn};

use super::Finding;
use super::exceptions::{Exception, Exceptions};
use super::tree::{TextFile, Tree};

/// Words that fit everything.
const WORDS: [&str; 12] = [
    "manager",
    "managers",
    "helper",
    "helpers",
    "util",
    "utils",
    "common",
    "data",
    "info",
    "process",
    "processes",
    "misc",
];

/// A verb that says nothing about what is done; as a noun (what one holds) it is a good word.
const VERB: &str = "handle";

/// Phrases that the product's specification or the field fixes. One of a single word excuses that name alone.
const EXCEPTIONS: [Exception; 4] = [
    Exception { what: "data_dir", reason: "the name of a setting, `DATA_DIR`" },
    Exception { what: "data_key", reason: "cryptography's word for a key that encrypts records, not other keys" },
    Exception { what: "process", reason: "the module of the operating system's process that tests start and kill" },
    Exception { what: "relay_process", reason: "the operating system's process that tests start and kill" },
];

/// Reports every name that contains such a word.
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
    let mut names = Names::default();
    if let Some(syntax) = &file.syntax {
        names.visit_file(syntax);
    }
    let breaches = names.0.iter().filter_map(|name| {
        let word = breach(name, exceptions)?;
        let text = format!("`{}` says `{word}`, which fits everything: what is it?", name.text);
        Some(Finding::new(file.place(name.line), text))
    });
    breaches.collect()
}

/// The first word of a name that is not used here, unless a listed phrase holds it.
fn breach(name: &Name, exceptions: &mut Exceptions<'_>) -> Option<String> {
    let words = words_of(&name.text);
    let says_nothing =
        |at: usize| WORDS.contains(&words[at].as_str()) || (at == 0 && name.is_verb() && words[0] == VERB);
    let at = (0..words.len()).find(|at| says_nothing(*at))?;
    let joined = words.join("_");
    let excused = exceptions.excuse(|phrase| phrase.contains(&words[at]) && is_excused_by(&joined, phrase));
    (!excused).then(|| words[at].clone())
}

/// Whether `phrase` is `name`, or several words that stand in it; both in `snake_case`.
fn is_excused_by(name: &str, phrase: &str) -> bool {
    name == phrase || (phrase.contains('_') && format!("_{name}_").contains(&format!("_{phrase}_")))
}

/// The words of `snake_case`, `SCREAMING_CASE` or `CamelCase`, in lower case.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = '_';
    for letter in name.chars() {
        let starts = letter == '_' || (letter.is_uppercase() && before.is_lowercase());
        if starts {
            words.push(String::new());
        }
        if let (Some(word), true) = (words.last_mut(), letter != '_') {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A name that this tree gives to something.
struct Name {
    text: String,
    line: usize,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Function,
    Other,
}

impl Name {
    fn is_verb(&self) -> bool {
        self.kind == Kind::Function
    }
}

/// Collects the names of a file.
#[derive(Default)]
struct Names(Vec<Name>);

impl Names {
    fn add(&mut self, ident: &Ident, kind: Kind) {
        self.0.push(Name { text: ident.to_string(), line: ident.span().start().line, kind });
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        if let Some(ident) = ident_of(item) {
            self.add(ident, Kind::Other);
        }
        visit::visit_item(self, item);
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if !is_test(&function.attrs) {
            self.add(&function.sig.ident, Kind::Function);
        }
        visit::visit_item_fn(self, function);
    }

    fn visit_item_impl(&mut self, block: &'ast ItemImpl) {
        if block.trait_.is_none() {
            visit::visit_item_impl(self, block);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.add(&function.sig.ident, Kind::Function);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        self.add(&function.sig.ident, Kind::Function);
        visit::visit_trait_item_fn(self, function);
    }
}

/// The name of an item other than a function.
fn ident_of(item: &Item) -> Option<&Ident> {
    match item {
        Item::Const(it) => Some(&it.ident),
        Item::Enum(it) => Some(&it.ident),
        Item::Macro(it) => it.ident.as_ref(),
        Item::Mod(it) => Some(&it.ident),
        Item::Static(it) => Some(&it.ident),
        Item::Struct(it) => Some(&it.ident),
        Item::Trait(it) => Some(&it.ident),
        Item::Type(it) => Some(&it.ident),
        Item::Union(it) => Some(&it.ident),
        _ => None,
    }
}

/// `#[test]`, `#[tokio::test]` and their like.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|it| it.path().segments.last().is_some_and(|segment| segment.ident == "test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(code: &str, list: &[Exception]) -> usize {
        let mut exceptions = Exceptions::new("words.rs", list);
        let findings = judge(&TextFile::new("a.rs", code), &mut exceptions);
        findings.len() + exceptions.unneeded().count()
    }

    #[test]
    fn a_type_named_manager_is_reported() {
        assert_eq!(findings("struct AccountManager;", &[]), 1);
    }

    #[test]
    fn a_module_named_utils_is_reported() {
        assert_eq!(findings("mod utils;", &[]), 1);
    }

    #[test]
    fn a_method_that_handles_is_reported() {
        assert_eq!(findings("impl A { fn handle_request(&self) {} }", &[]), 1);
    }

    #[test]
    fn a_handle_that_one_holds_is_not() {
        assert_eq!(findings("struct LeaseHandle; fn with_handle() {}", &[]), 0);
    }

    #[test]
    fn a_longer_word_that_begins_alike_is_not() {
        assert_eq!(findings("fn database_path() {} struct Metadata; fn processed() {}", &[]), 0);
    }

    #[test]
    fn the_sentence_that_names_a_test_is_not() {
        assert_eq!(findings("#[tokio::test] async fn the_process_loses_no_data() {}", &[]), 0);
    }

    #[test]
    fn a_name_that_a_foreign_trait_dictates_is_not() {
        assert_eq!(findings("impl Body for A { fn poll_data(&self) {} }", &[]), 0);
    }

    #[test]
    fn a_listed_phrase_may_be_said_in_any_case() {
        let list = [Exception { what: "data_dir", reason: "the name of a setting" }];

        assert_eq!(findings("const DATA_DIR_MODE: u32 = 0; struct DataDir;", &list), 0);
    }

    #[test]
    fn a_listed_word_excuses_that_name_alone() {
        let list = [Exception { what: "process", reason: "one of the operating system" }];

        assert_eq!(findings("mod process; fn process_request() {}", &list), 1);
    }

    #[test]
    fn a_listed_phrase_excuses_no_other_use_of_its_word() {
        let list = [Exception { what: "data_dir", reason: "the name of a setting" }];

        assert_eq!(findings("struct DataDir; struct AccountData;", &list), 1);
    }
}
