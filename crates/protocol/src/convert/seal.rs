//! What a provider wants to see again with its model's thoughts, and whose it is.
//!
//! Providers accept only their own. A client's dialect has one place for it (Anthropic's `signature`, the
//! `encrypted_content` of Responses), so what comes from another provider is marked there with its origin.

use domain::Dialect;
use std::borrow::Cow;

/// A provider's proof of its model's thoughts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seal<'a> {
    /// The dialect of the provider that made it.
    pub(super) origin: Dialect,
    /// The proof. With Responses `ID:ENCRYPTED`; with Chat empty, where thoughts go back as they are.
    pub(super) proof: Cow<'a, str>,
}

/// The mark of each origin. No provider's own proof has a `:`: they are base64.
const MARKS: [(Dialect, &str); 4] = [
    (Dialect::Anthropic, "anthropic:"),
    (Dialect::OpenAiChat, "chat:"),
    (Dialect::OpenAiResponses, "responses:"),
    (Dialect::Gemini, "gemini:"),
];

/// What a dialect that has one place for both puts before thoughts that only their provider can read.
const HIDDEN: &str = "redacted:";

impl<'a> Seal<'a> {
    /// A seal of `origin`.
    pub(super) fn new(origin: Dialect, proof: impl Into<Cow<'a, str>>) -> Self {
        Self { origin, proof: proof.into() }
    }

    /// Reads what stands in the place for it in `own`'s requests: without a mark it is `own`'s.
    pub(super) fn parse(own: Dialect, text: &Cow<'a, str>) -> Self {
        let marked =
            MARKS.iter().find_map(|(origin, mark)| text.strip_prefix(mark).map(|proof| (*origin, proof.len())));
        let Some((origin, proof_bytes)) = marked else { return Self { origin: own, proof: text.clone() } };
        let start = text.len() - proof_bytes;
        let proof = match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[start..]),
            Cow::Owned(text) => Cow::Owned(text[start..].to_owned()),
        };
        Self { origin, proof }
    }

    /// As it is written in `own`'s answers: marked, when it is not `own`'s.
    pub(super) fn written(&self, own: Dialect) -> Cow<'_, str> {
        let mark = MARKS.iter().find(|(origin, _)| *origin == self.origin && *origin != own);
        mark.map_or(Cow::Borrowed(&*self.proof), |(_, mark)| Cow::Owned(format!("{mark}{}", self.proof)))
    }

    /// The seal of hidden thoughts, for a place in which other seals stand, too.
    pub(super) fn hide(seal: &Seal<'_>) -> Seal<'static> {
        Seal { origin: seal.origin, proof: Cow::Owned(format!("{HIDDEN}{}", seal.proof)) }
    }

    /// The way back: the seal of hidden thoughts, if it is one.
    pub(super) fn hidden(&self) -> Option<Seal<'static>> {
        let proof = self.proof.strip_prefix(HIDDEN)?;
        Some(Seal { origin: self.origin, proof: Cow::Owned(proof.to_owned()) })
    }

    /// The proof, when `dialect` made it.
    pub(super) fn proof_of(&self, dialect: Dialect) -> Option<&str> {
        (self.origin == dialect).then_some(&*self.proof)
    }

    /// The same, without borrowing.
    pub(super) fn into_owned(self) -> Seal<'static> {
        Seal { origin: self.origin, proof: Cow::Owned(self.proof.into_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_comes_back_to_the_provider_that_made_it_and_to_no_other() {
        for (origin, _) in MARKS {
            let written = Seal::new(origin, "c2lnbmVk").written(Dialect::Anthropic).into_owned();
            let read = Seal::parse(Dialect::Anthropic, &Cow::Owned(written));
            assert_eq!(read, Seal::new(origin, "c2lnbmVk"));
            let taken_by = Dialect::ALL.iter().filter(|dialect| read.proof_of(**dialect).is_some());
            assert_eq!(taken_by.copied().collect::<Vec<_>>(), [origin]);
        }
    }

    #[test]
    fn a_provider_sees_its_own_seal_without_a_mark() {
        assert_eq!(Seal::new(Dialect::Anthropic, "c2lnbmVk").written(Dialect::Anthropic), "c2lnbmVk");
    }
}
