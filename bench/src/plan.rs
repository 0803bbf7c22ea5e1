//! What is measured, how often and how long. Numbers only; nothing runs here.

use crate::{
    affinity::Placement,
    answers::{AnswerKind, PACE, PAUSES},
};
use std::time::Duration;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// A small request, a small document.
    SmallJson,
    /// A request body of 200 KB, a small document.
    LargeBody,
    /// A small request, a stream of fifty events at once.
    Stream,
    /// A small request, a stream of fifty events over two and a half seconds.
    PacedStream,
}

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Placements, in order.
    pub placements: Vec<Placement>,
    /// Scenarios, in order.
    pub scenarios: Vec<Scenario>,
    /// Connections at once, for what is not paced.
    pub connections: Vec<usize>,
    /// Connections at once, for paced streams.
    pub paced_connections: Vec<usize>,
    /// Rounds of each target in each cell.
    pub rounds: usize,
    /// How long a round lasts. A paced round lasts one stream.
    pub round: Duration,
    /// How long each target is warmed up in each cell, unmeasured.
    pub warm_up: Duration,
}

/// Characters of the large request's text: with the rest of the body, 200 KB.
const LARGE_TEXT_CHARACTERS: usize = 200 * 1000 - 200;

/// A line of prose with what JSON must escape, as prompts have it.
const FILLER: &str = "fn main() {\\n    println!(\\\"measured\\\");\\n} // and then some prose. ";

impl Scenario {
    /// Every scenario.
    pub const ALL: [Self; 4] = [Self::SmallJson, Self::LargeBody, Self::Stream, Self::PacedStream];

    /// Its name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SmallJson => "small JSON",
            Self::LargeBody => "200 KB request bodies",
            Self::Stream => "streams of 50 events",
            Self::PacedStream => "paced streams (2.5 s)",
        }
    }

    /// What it asks of the upstream.
    #[must_use]
    pub const fn answer(self) -> AnswerKind {
        match self {
            Self::SmallJson | Self::LargeBody => AnswerKind::Document,
            Self::Stream => AnswerKind::Stream,
            Self::PacedStream => AnswerKind::PacedStream,
        }
    }

    /// Whether its speed is set by the upstream's pace: then throughput says nothing.
    #[must_use]
    pub const fn is_paced(self) -> bool {
        matches!(self, Self::PacedStream)
    }

    /// What the upstream's pace alone takes, from the first event to the last.
    #[must_use]
    pub fn pace_total(self) -> Duration {
        match self {
            Self::PacedStream => PACE * PAUSES,
            Self::SmallJson | Self::LargeBody | Self::Stream => Duration::ZERO,
        }
    }

    /// The request's body.
    #[must_use]
    pub fn body(self) -> String {
        let text = match self {
            Self::LargeBody => FILLER.repeat(LARGE_TEXT_CHARACTERS / FILLER.len()),
            Self::SmallJson | Self::Stream | Self::PacedStream => "How fast is it?".to_owned(),
        };
        let stream = !matches!(self.answer(), AnswerKind::Document);
        format!(
            r#"{{"model":"claude-haiku-5-5","max_tokens":1024,"stream":{stream},"messages":[{{"role":"user","content":"{text}"}}]}}"#
        )
    }
}

impl Plan {
    /// All of it: under ten minutes.
    #[must_use]
    pub fn full() -> Self {
        Self {
            placements: vec![Placement::Shared, Placement::Pinned],
            scenarios: Scenario::ALL.to_vec(),
            connections: vec![1, 16, 64, 256],
            paced_connections: vec![1, 16, 64, 256],
            rounds: 5,
            round: Duration::from_millis(900),
            warm_up: Duration::from_millis(300),
        }
    }

    /// Enough to see a regression: under a minute.
    #[must_use]
    pub fn quick() -> Self {
        Self {
            connections: vec![1, 64],
            paced_connections: vec![64],
            rounds: 3,
            round: Duration::from_millis(200),
            warm_up: Duration::from_millis(100),
            ..Self::full()
        }
    }

    /// Connections at once, for `scenario`.
    #[must_use]
    pub fn connections_of(&self, scenario: Scenario) -> &[usize] {
        if scenario.is_paced() { &self.paced_connections } else { &self.connections }
    }

    /// How often and how long `scenario` runs: a paced stream takes its time, once.
    #[must_use]
    pub fn rounds_of(&self, scenario: Scenario) -> (usize, Duration, Duration) {
        if scenario.is_paced() { (1, Duration::ZERO, Duration::ZERO) } else { (self.rounds, self.round, self.warm_up) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_is_json_and_the_large_one_has_200_kilobytes() {
        for scenario in Scenario::ALL {
            let body = scenario.body();
            assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{scenario:?}");
        }
        assert!((199_000..=201_000).contains(&Scenario::LargeBody.body().len()));
    }
}
