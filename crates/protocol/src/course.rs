//! What the readers of all dialects keep of a stream while it goes by. What its events mean, each dialect's reader knows.

use crate::{
    answer::{Answer, Ending, Meaning, Reading},
    estimate::OutputEstimate,
};
use domain::{TokenUsage, UsageSource};

/// How far a stream has come.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// What the answer says about itself.
    pub(crate) answer: Answer,
    unreported: OutputEstimate,
    content_seen: bool,
    garbled_events: u32,
    ending: Option<Ending>,
}

impl Course {
    /// Content that has `bytes` of generated text, as written in JSON, and that no count covers yet.
    pub(crate) fn content(&mut self, bytes: usize) {
        self.content_seen = true;
        self.unreported.add(bytes);
    }

    /// A block of content begins or ends.
    pub(crate) fn block_edge(&mut self) {
        self.content_seen = true;
        self.unreported.close_block();
    }

    /// The upstream has counted all output so far.
    pub(crate) fn counted(&mut self) {
        self.unreported = OutputEstimate::default();
    }

    /// An event could not be read.
    pub(crate) const fn garble(&mut self) -> Meaning {
        self.garbled_events = self.garbled_events.saturating_add(1);
        Meaning::Garbage
    }

    /// The stream ends in its own words.
    pub(crate) fn end(&mut self, ending: Ending) -> Meaning {
        self.unreported.close_block();
        let meaning = if ending == Ending::Whole { Meaning::End } else { Meaning::Failure };
        self.ending = Some(ending);
        meaning
    }

    /// Usage as far as it is known; `counted` is what the upstream has counted, if it has counted anything.
    pub(crate) fn reading(&self, counted: Option<TokenUsage>) -> Reading {
        let mut usage = counted.unwrap_or(TokenUsage::ZERO);
        let unreported = self.unreported.tokens();
        usage.output = usage.output.saturating_add(unreported);
        let source = match (counted, unreported) {
            (None, 0) => UsageSource::None,
            (Some(_), 0) if self.is_complete() => UsageSource::Reported,
            _ => UsageSource::Estimated,
        };
        Reading { usage, source, answer: self.answer.clone() }
    }

    pub(crate) const fn content_seen(&self) -> bool {
        self.content_seen
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.ending == Some(Ending::Whole)
    }

    pub(crate) const fn is_terminal(&self) -> bool {
        self.ending.is_some()
    }

    pub(crate) const fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    pub(crate) const fn garbled_events(&self) -> u32 {
        self.garbled_events
    }
}

/// The alternatives of one answer (Chat's choices, Gemini's candidates), by their index: an answer has ended when all that
/// have begun have.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Alternatives {
    begun: u128,
    finished: u128,
}

/// Alternatives that are told apart; providers give at most 128, and hardly anybody asks for two.
const ALTERNATIVES_MAX: u64 = 128;

impl Alternatives {
    /// Alternative `index` has said something.
    pub(crate) fn begin(&mut self, index: u64) {
        self.begun |= Self::bit(index);
    }

    /// Alternative `index` has said why it stops. What it may say behind that does not open it again.
    pub(crate) fn finish(&mut self, index: u64) {
        self.begin(index);
        self.finished |= Self::bit(index);
    }

    /// Whether there are any, and all have finished.
    pub(crate) const fn are_finished(&self) -> bool {
        self.begun != 0 && self.begun == self.finished
    }

    fn bit(index: u64) -> u128 {
        1 << index.min(ALTERNATIVES_MAX - 1)
    }
}
