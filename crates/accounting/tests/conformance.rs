//! The rules of `docs/prices.md` as a table: what an attempt costs, worked out by hand beside each row.

use accounting::{Match, PriceTable, PriceTraits, Priced, Pricing};
use domain::{Day, Dialect, NanoUsd, TokenUsage};

/// Tokens: input, output, five-minute cache writes, one-hour cache writes, cache reads.
type Tokens = [u64; 5];

/// Model, day, tokens, nano-dollars, price.
type Row = (&'static str, &'static str, Tokens, i128, &'static str);

/// As [`Row`], with the traits before the expectation.
type TraitRow = (&'static str, Tokens, PriceTraits<'static>, i128, &'static str);

const DAY: &str = "2026-11-23";

const NONE: PriceTraits<'static> = PriceTraits { service_tier: None, speed: None, inference_geo: None };

fn service(tier: &'static str) -> PriceTraits<'static> {
    PriceTraits { service_tier: Some(tier), ..NONE }
}

fn usage(tokens: Tokens) -> TokenUsage {
    TokenUsage {
        input: tokens[0],
        output: tokens[1],
        cache_write_5m: tokens[2],
        cache_write_1h: tokens[3],
        cache_read: tokens[4],
    }
}

fn price(dialect: Dialect, model: &str, day: &str, tokens: Tokens, traits: PriceTraits<'_>) -> Priced {
    let day = Day::parse(day).expect("a day");
    PriceTable::embedded().price(&Pricing { model, dialect, day, usage: &usage(tokens), traits })
}

fn check(rows: &[Row]) {
    for (model, day, tokens, nanos, text) in rows {
        let priced = price(Dialect::Anthropic, model, day, *tokens, NONE);
        assert_eq!((priced.cost, &*priced.price), (NanoUsd(*nanos), *text), "{model} on {day}: {tokens:?}");
    }
}

fn check_traits(rows: &[TraitRow]) {
    for (model, tokens, traits, nanos, text) in rows {
        let priced = price(Dialect::Anthropic, model, DAY, *tokens, *traits);
        assert_eq!((priced.cost, &*priced.price), (NanoUsd(*nanos), *text), "{model}: {tokens:?}, {traits:?}");
    }
}

#[test]
fn each_class_has_its_own_price() {
    let text = "embedded-2026-11/claude-opus-5@2026-07-24>0";
    check(&[
        // 5, 25, 6.25, 10 and 0.50 dollars per million: 5000, 25000, 6250, 10000 and 500 nano-dollars per token.
        ("claude-opus-5", DAY, [1, 0, 0, 0, 0], 5_000, text),
        ("claude-opus-5", DAY, [0, 1, 0, 0, 0], 25_000, text),
        ("claude-opus-5", DAY, [0, 0, 1, 0, 0], 6_250, text),
        ("claude-opus-5", DAY, [0, 0, 0, 1, 0], 10_000, text),
        ("claude-opus-5", DAY, [0, 0, 0, 0, 1], 500, text),
        // 10 x 5000 + 20 x 25000 + 30 x 6250 + 40 x 10000 + 50 x 500 = 50000 + 500000 + 187500 + 400000 + 25000.
        ("claude-opus-5", DAY, [10, 20, 30, 40, 50], 1_162_500, text),
        ("claude-opus-5", DAY, [0, 0, 0, 0, 0], 0, text),
    ]);
}

#[test]
fn a_price_holds_from_its_day_on() {
    check(&[
        // Cache reads of Sonnet 5.5: 200 nano-dollars, cut to 100 on 7 October 2026.
        ("claude-sonnet-5-5", "2026-10-06", [0, 0, 0, 0, 10], 2_000, "embedded-2026-11/claude-sonnet-5-5@always>0"),
        ("claude-sonnet-5-5", "2026-10-07", [0, 0, 0, 0, 10], 1_000, "embedded-2026-11/claude-sonnet-5-5@2026-10-07>0"),
        // Nothing is stated before 24 July 2026: the first price holds, 2 x 5000.
        ("claude-opus-5", "2026-07-23", [2, 0, 0, 0, 0], 10_000, "embedded-2026-11/claude-opus-5@2026-07-24>0"),
    ]);
}

#[test]
fn the_whole_request_is_priced_by_the_tier_of_its_prompt() {
    let (short, long) =
        ("embedded-2026-11/claude-haiku-5-5@2026-10-07>0", "embedded-2026-11/claude-haiku-5-5@2026-10-07>100000");
    check(&[
        // 100,000 is not above 100,000: 100000 x 100 + 10 x 500.
        ("claude-haiku-5-5", DAY, [100_000, 10, 0, 0, 0], 10_005_000, short),
        // One more, and all of it is dear: 100001 x 500 + 10 x 2500.
        ("claude-haiku-5-5", DAY, [100_001, 10, 0, 0, 0], 50_025_500, long),
        // Cache reads and writes count as prompt: 1 x 500 + 40000 x 50 + 30000 x 625 + 30000 x 1000.
        ("claude-haiku-5-5", DAY, [1, 0, 30_000, 30_000, 40_000], 50_750_500, long),
        // Output does not: 1 x 100 + 200000 x 500.
        ("claude-haiku-5-5", DAY, [1, 200_000, 0, 0, 0], 100_000_100, short),
        // 272001 x 4000 + 1 x 15000, and 272000 x 2000 + 1 x 10000.
        ("gpt-6.1-sol", DAY, [272_001, 1, 0, 0, 0], 1_088_019_000, "embedded-2026-11/gpt-6.1-sol@always>272000"),
        ("gpt-6.1-sol", DAY, [272_000, 1, 0, 0, 0], 544_010_000, "embedded-2026-11/gpt-6.1-sol@always>0"),
        // 200001 x 2500 + 10 x 15000 + 0.
        ("gemini-2.5-pro", DAY, [200_001, 10, 0, 0, 0], 500_152_500, "embedded-2026-11/gemini-2.5-pro@always>200000"),
    ]);
}

#[test]
fn a_class_that_a_tier_leaves_out_keeps_its_proportion_to_the_input() {
    check(&[
        // Sonnet 4's tier above 200,000 states no one-hour writes; its input is the same, so they stay at 6000: 300000 x 6000.
        (
            "claude-sonnet-4-20250514",
            DAY,
            [0, 0, 0, 300_000, 0],
            1_800_000_000,
            "embedded-2026-11/claude-sonnet-4-20250514@always>200000",
        ),
    ]);
}

#[test]
fn a_cache_class_without_a_price_costs_as_input_where_the_provider_has_no_rule() {
    check(&[
        // gpt-4 states input 30000 and output 60000 only: 3 + 1 + 1 + 1 tokens at 30000.
        ("gpt-4", DAY, [3, 0, 1, 1, 1], 180_000, "embedded-2026-11/gpt-4@always>0"),
        // gpt-5 states cache reads (125) but no writes (1250): 4 x 125 + 2 x 1250.
        ("gpt-5", DAY, [0, 0, 2, 0, 4], 3_000, "embedded-2026-11/gpt-5@always>0"),
    ]);
}

#[test]
fn halves_of_a_nano_dollar_go_to_the_even_one() {
    check(&[
        // 37.5 nano-dollars per cached token: 1 -> 37.5 -> 38, 3 -> 112.5 -> 112.
        ("gemini-2.0-flash-001", DAY, [0, 0, 0, 0, 1], 38, "embedded-2026-11/gemini-2.0-flash-001@always>0"),
        ("gemini-2.0-flash-001", DAY, [0, 0, 0, 0, 3], 112, "embedded-2026-11/gemini-2.0-flash-001@always>0"),
        // 78.125 x 4 = 312.5 -> 312.
        (
            "gemini-1.5-pro-preview-0514",
            DAY,
            [4, 0, 0, 0, 0],
            312,
            "embedded-2026-11/gemini-1.5-pro-preview-0514@always>0",
        ),
    ]);
}

#[test]
fn a_service_tier_has_its_own_prices_or_a_published_factor() {
    check_traits(&[
        // Own prices: 2 x 2500 + 1 x 20000 + 4 x 250.
        ("gpt-5", [2, 1, 0, 0, 4], service("priority"), 26_000, "embedded-2026-11/gpt-5@always>0+priority"),
        // 2 x 625 + 1 x 5000 + 4 x 62.5.
        ("gpt-5", [2, 1, 0, 0, 4], service("flex"), 6_500, "embedded-2026-11/gpt-5@always>0+flex"),
        // No own ones: (2 x 1250 + 1 x 10000 + 4 x 125) / 2.
        ("gpt-5", [2, 1, 0, 0, 4], service("batch"), 6_500, "embedded-2026-11/gpt-5@always>0*batch=0.5"),
        // gpt-6-sol: (3 x 2000 + 1 x 10000) x 2.
        ("gpt-6-sol", [3, 1, 0, 0, 0], service("priority"), 32_000, "embedded-2026-11/gpt-6-sol@always>0*priority=2"),
        // gpt-4.1 has a priority price and no flex one: 1 x 2000 / 2.
        ("gpt-4.1", [1, 0, 0, 0, 0], service("flex"), 1_000, "embedded-2026-11/gpt-4.1@always>0*flex=0.5"),
        // Half a price is none: gpt-5-nano's priority input stands alone in the sources. 1 x 50 x 2.
        ("gpt-5-nano", [1, 0, 0, 0, 0], service("priority"), 100, "embedded-2026-11/gpt-5-nano@always>0*priority=2"),
        // Anthropic publishes a batch factor, and none for its priority tier.
        (
            "claude-opus-5",
            [1, 1, 0, 0, 0],
            service("batch"),
            15_000,
            "embedded-2026-11/claude-opus-5@2026-07-24>0*batch=0.5",
        ),
        ("claude-opus-5", [1, 1, 0, 0, 0], service("priority"), 30_000, "embedded-2026-11/claude-opus-5@2026-07-24>0"),
        // What no rule names is the standard tier; case does not matter.
        ("gpt-5", [1, 0, 0, 0, 0], service("default"), 1_250, "embedded-2026-11/gpt-5@always>0"),
        ("gpt-5", [1, 0, 0, 0, 0], service("Priority"), 2_500, "embedded-2026-11/gpt-5@always>0+priority"),
    ]);
}

#[test]
fn a_service_tier_rises_with_the_prompt_as_the_standard_one_does() {
    check_traits(&[
        // Standard 2000 -> 4000 above 200,000; priority 3600 -> 7200. Output 12000 -> 18000; 21600 -> 32400.
        // 200001 x 7200 + 1 x 32400.
        (
            "gemini-3-pro-preview",
            [200_001, 1, 0, 0, 0],
            service("priority"),
            1_440_039_600,
            "embedded-2026-11/gemini-3-pro-preview@always>200000+priority",
        ),
        // Reads 200 -> 400; 360 -> 720: 200001 x 720.
        (
            "gemini-3-pro-preview",
            [0, 0, 0, 0, 200_001],
            service("priority"),
            144_000_720,
            "embedded-2026-11/gemini-3-pro-preview@always>200000+priority",
        ),
    ]);
}

#[test]
fn fast_mode_and_region_multiply_every_class() {
    let fast = PriceTraits { speed: Some("fast"), ..NONE };
    let us = PriceTraits { inference_geo: Some("us"), ..NONE };
    check_traits(&[
        // Opus 5.5's fast mode is stated, 8000 / 40000 over 4000 / 20000: 1 x 8000 + 1 x 40000 + 1 x 400.
        ("claude-opus-5-5", [1, 1, 0, 0, 1], fast, 48_400, "embedded-2026-11/claude-opus-5-5@always>0*fast=2"),
        // Another Claude model's is not: 6 x 5000.
        ("claude-opus-4-6", [1, 0, 0, 0, 0], fast, 30_000, "embedded-2026-11/claude-opus-4-6@always>0*fast=6"),
        // Nobody else has one.
        ("gpt-5", [1, 0, 0, 0, 0], fast, 1_250, "embedded-2026-11/gpt-5@always>0"),
        // (5000 + 25000 + 6250 + 10000 + 500) x 1.1.
        ("claude-opus-4-8", [1, 1, 1, 1, 1], us, 51_425, "embedded-2026-11/claude-opus-4-8@always>0*geo-us=1.1"),
        ("gpt-5", [1, 0, 0, 0, 0], us, 1_250, "embedded-2026-11/gpt-5@always>0"),
        (
            "claude-opus-4-8",
            [1, 0, 0, 0, 0],
            PriceTraits { inference_geo: Some("global"), speed: Some("standard"), ..NONE },
            5_000,
            "embedded-2026-11/claude-opus-4-8@always>0",
        ),
        // 1 x 4000 x 0.5 x 2 x 1.1.
        (
            "claude-opus-5-5",
            [1, 0, 0, 0, 0],
            PriceTraits { service_tier: Some("batch"), speed: Some("fast"), inference_geo: Some("us") },
            4_400,
            "embedded-2026-11/claude-opus-5-5@always>0*batch=0.5*fast=2*geo-us=1.1",
        ),
    ]);
}

#[test]
fn an_unknown_model_is_flagged_and_priced_by_its_dialect() {
    for (dialect, nanos, text) in [
        // 10, 50 and 1 dollars per million: 1 x 10000 + 1 x 50000 + 1 x 1000.
        (Dialect::Anthropic, 61_000, "unknown-model:embedded-2026-11/unknown-anthropic@always>0"),
        // 4 and 15, cache reads as input: 4000 + 15000 + 4000.
        (Dialect::OpenAiChat, 23_000, "unknown-model:embedded-2026-11/unknown-openai@always>0"),
        (Dialect::OpenAiResponses, 23_000, "unknown-model:embedded-2026-11/unknown-openai@always>0"),
        // 4 and 18: 4000 + 18000 + 4000.
        (Dialect::Gemini, 26_000, "unknown-model:embedded-2026-11/unknown-google@always>0"),
    ] {
        let priced = price(dialect, "glm-9", DAY, [1, 1, 0, 0, 1], NONE);
        assert_eq!((priced.cost, &*priced.price), (NanoUsd(nanos), text));
        assert_eq!((&*priced.model_key, priced.how), ("other", Match::Unknown));
    }
}

#[test]
fn an_unknown_model_costs_no_less_than_any_of_the_newest_ones() {
    let tokens = [1000, 1000, 1000, 1000, 1000];
    for (dialect, models) in [
        (Dialect::Anthropic, ["claude-fable-5-1", "claude-mythos-5", "claude-opus-5-5", "claude-sonnet-5-5"]),
        (Dialect::OpenAiChat, ["gpt-6.1-sol", "gpt-6-sol", "gpt-6-luna", "gpt-5.3-codex"]),
        (Dialect::Gemini, ["gemini-3.1-pro-preview", "gemini-3-flash", "gemini-2.5-pro", "gemini-flash-latest"]),
    ] {
        let unknown = price(dialect, "never-heard-of", DAY, tokens, NONE).cost;
        for model in models {
            let known = price(dialect, model, DAY, tokens, NONE);
            assert_eq!(known.how, Match::Exact, "{model}");
            assert!(unknown >= known.cost, "{model}");
        }
    }
}

#[test]
fn the_largest_counts_do_not_overflow() {
    let all = [u64::MAX; 5];
    let traits = PriceTraits { service_tier: Some("batch"), speed: Some("fast"), inference_geo: Some("us") };
    let priced = price(Dialect::Anthropic, "claude-opus-5-5", DAY, all, traits);
    // 2^64-1 tokens x (4000 + 20000 + 5000 + 8000 + 200) nano-dollars x 0.5 x 2 x 1.1.
    assert_eq!(priced.cost, NanoUsd(i128::from(u64::MAX) * 40_920));
}

#[test]
fn the_classes_add_up_to_the_cost() {
    let priced = price(Dialect::Anthropic, "gemini-2.0-flash-001", DAY, [1, 1, 0, 0, 1], NONE);
    // 150000 + 600000 + 37500 pico-dollars, rounded to 788 nano-dollars.
    assert_eq!(priced.classes.sum_pico(), 787_500);
    assert_eq!(priced.classes.cache_read_pico, 37_500);
    assert_eq!(priced.cost, NanoUsd(788));
}
