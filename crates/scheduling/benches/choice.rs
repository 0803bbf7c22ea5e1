//! What a choice costs with ten accounts and with a thousand: nanoseconds and their ratio. Asserts nothing.

#![expect(clippy::cast_precision_loss, reason = "figures for people")]
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]

use domain::{
    Account, AccountId, AccountSettings, AuthScheme, Cooldown, CooldownCause, CooldownScope, HttpEndpoint, Platform,
    Sealed, Timestamp,
};
use scheduling::{
    Bound, Demand, Known, Lineup, Look, Member, Turn, TurnClock, eligibility, eligibility::Standing, rests_until,
};
use std::{hint::black_box, time::Instant};

const NOW: Timestamp = Timestamp::from_ms(1_000_000);
const CHOICES: u64 = 200_000;

fn main() {
    for (what, ready_of_ten) in [("all are ready", 10), ("nine of ten cool down", 1)] {
        let [few, many] = [10, 1_000].map(|count| per_choice(count, ready_of_ten));
        println!("{what}: {few:.0} ns among 10 accounts, {many:.0} ns among 1,000: {:.2} times as much", many / few);
    }
}

/// Nanoseconds for a choice among `count` accounts of two platforms.
fn per_choice(count: u64, ready_of_ten: u64) -> f64 {
    let seats: Vec<_> = (0..count).map(|number| seat(number, number % 10 < ready_of_ten)).collect();
    let mut lineup = Lineup::new(seats.iter().map(|(account, _)| Member {
        platform: account.platform(),
        priority: account.priority,
        turn: Turn::default(),
    }));
    let demand = Demand {
        platforms: &[Platform::ClaudeConsole, Platform::Ccr],
        model: Some("claude-opus-5"),
        family: Some("opus"),
        bound: Bound::Free,
        passed_over: &[],
    };
    let (clock, mut turns) = (TurnClock::default(), vec![Turn::default(); seats.len()]);
    let began = Instant::now();
    for _ in 0..CHOICES {
        let chosen = lineup.first(demand.platforms, NOW, |index| {
            let (account, cooldowns) = &seats[index];
            let known = Known { account, cooldowns, windows: &[] };
            match eligibility(known, &demand, NOW) {
                Ok(Standing::Sound) => Look::Fit,
                _ => rests_until(known, NOW).map_or(Look::Unfit, Look::Rests),
            }
        });
        let chosen = black_box(chosen.expect("one is ready"));
        turns[chosen] = clock.chosen(turns[chosen], seats[chosen].0.weight);
        lineup.used(chosen, turns[chosen]);
    }
    began.elapsed().as_nanos() as f64 / CHOICES as f64
}

fn seat(number: u64, is_ready: bool) -> (Account, Vec<Cooldown>) {
    let endpoint = HttpEndpoint {
        base_url: "https://h.example".to_owned(),
        messages_path: None,
        api_key: Sealed::from_envelope(String::new()),
        auth: AuthScheme::Bearer,
    };
    let is_even = number.is_multiple_of(2);
    let account = Account::new(
        AccountId::parse(&format!("account-{number}")).expect("an id"),
        "",
        if is_even { AccountSettings::Ccr(endpoint) } else { AccountSettings::ClaudeConsole(endpoint) },
        NOW,
    );
    let until = Timestamp::from_ms(i64::MAX);
    let cooldown = Cooldown {
        scope: CooldownScope::Account,
        cause: CooldownCause::RateLimit,
        since: NOW,
        until,
        source: "default".into(),
        status: None,
    };
    (account, if is_ready { Vec::new() } else { vec![cooldown] })
}
