//! Collects what is wrong with a document, field by field, so that one answer names everything. Decides nothing else.

use crate::{
    refusal::{Fault, Refusal},
    wire::Patch,
};
use std::borrow::Cow;

/// Why a value cannot be taken: the end of a sentence that begins with the field's name.
pub(crate) type Reason = Cow<'static, str>;

/// Faults of one document that are noted: more than a person reads, and few enough that 1 MiB of wrong names costs nothing.
const FAULTS_MAX: usize = 100;

/// The faults of one document.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// Notes a fault; of several of one field the first stands. Those beyond the first hundred are dropped.
    pub(crate) fn add(&mut self, field: impl Into<Cow<'static, str>>, reason: impl Into<Reason>) {
        if self.0.len() == FAULTS_MAX {
            return;
        }
        let fault = Fault::new(field, reason);
        if self.0.iter().all(|noted| noted.field != fault.field) {
            self.0.push(fault);
        }
    }

    /// The parsed value; a stand-in that is never used when there was a fault, because then [`settle`](Self::settle) refuses.
    pub(crate) fn check<T: Default>(&mut self, field: &'static str, parsed: Result<T, Reason>) -> T {
        parsed.unwrap_or_else(|reason| {
            self.add(field, reason);
            T::default()
        })
    }

    /// Sets a field as `patch` says; cleared, it is its type's default.
    pub(crate) fn patch<T: Default, P>(
        &mut self,
        field: &mut T,
        name: &'static str,
        patch: &Patch<P>,
        parse: impl FnOnce(&P) -> Result<T, Reason>,
    ) {
        match patch {
            Patch::Keep => (),
            Patch::Clear => *field = T::default(),
            Patch::Set(value) => *field = self.check(name, parse(value)),
        }
    }

    /// Sets a field that cannot be cleared as `patch` says.
    pub(crate) fn patch_required<T: Default, P>(
        &mut self,
        field: &mut T,
        name: &'static str,
        patch: &Patch<P>,
        parse: impl FnOnce(&P) -> Result<T, Reason>,
    ) {
        match patch {
            Patch::Clear => self.add(name, "cannot be empty; write a value, or leave it out to keep the old one"),
            Patch::Keep | Patch::Set(_) => self.patch(field, name, patch, parse),
        }
    }

    /// Refuses if there was a fault.
    pub(crate) fn settle(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::unprocessable(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_beyond_what_anybody_reads_are_dropped() {
        let mut faults = Faults::default();
        for field in 0..2 * FAULTS_MAX {
            faults.add(field.to_string(), "is wrong");
        }
        assert_eq!(faults.0.len(), FAULTS_MAX);
    }
}
