//! Lists of what may break a rule. An entry that nothing needs any more is a breach itself, so no list outlives its cause.

use super::Finding;

/// One thing that may break a rule, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exception {
    /// What the rule calls the thing: a path, a function, a phrase.
    pub(crate) what: &'static str,
    /// Why it may.
    pub(crate) reason: &'static str,
}

/// The exceptions of one rule, and which of them were needed.
pub(crate) struct Exceptions<'a> {
    rule_file: &'static str,
    entries: Vec<(&'a Exception, Need)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Unneeded,
    Needed,
}

impl<'a> Exceptions<'a> {
    /// The exceptions that stand in `rule_file`, none of them needed so far.
    pub(crate) fn new(rule_file: &'static str, list: &'a [Exception]) -> Self {
        Self { rule_file, entries: list.iter().map(|it| (it, Need::Unneeded)).collect() }
    }

    /// Whether an entry matches; the entry counts as needed from now on.
    pub(crate) fn excuse(&mut self, matches: impl Fn(&str) -> bool) -> bool {
        let Some((_, need)) = self.entries.iter_mut().find(|(entry, _)| matches(entry.what)) else { return false };
        *need = Need::Needed;
        true
    }

    /// One finding for each entry that nothing needed.
    pub(crate) fn unneeded(self) -> impl Iterator<Item = Finding> {
        let unneeded = self.entries.into_iter().filter(|(_, need)| *need == Need::Unneeded);
        unneeded.map(move |(Exception { what, reason }, _)| {
            Finding::new(self.rule_file, format!("nothing needs the exception `{what}` ({reason}) any more: delete it"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: [Exception; 1] = [Exception { what: "data_dir", reason: "the name of a setting" }];

    #[test]
    fn an_entry_that_was_needed_is_no_finding() {
        let mut exceptions = Exceptions::new("words.rs", &LIST);

        assert!(exceptions.excuse(|what| what == "data_dir") && exceptions.unneeded().next().is_none());
    }

    #[test]
    fn an_entry_that_nothing_needs_is_a_finding() {
        assert_eq!(Exceptions::new("words.rs", &LIST).unneeded().count(), 1);
    }

    #[test]
    fn what_is_not_listed_is_not_excused() {
        assert!(!Exceptions::new("words.rs", &LIST).excuse(|what| what == "data_plane"));
    }
}
