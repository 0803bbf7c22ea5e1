//! What holds for every model of the embedded list and any counts of tokens.

use accounting::{ModelPrice, PriceTable, PriceTraits, Priced, Pricing};
use domain::{Day, Dialect, NanoUsd, TokenUsage};
use proptest::prelude::*;
use std::sync::LazyLock;

static TABLE: LazyLock<PriceTable> = LazyLock::new(PriceTable::embedded);

/// Far above any real request, far below where counts saturate.
const TOKENS_MAX: u64 = 10_000_000_000;

fn priced(model: &str, usage: &TokenUsage) -> Priced {
    let day = Day::parse("2026-11-23").expect("a day");
    TABLE.price(&Pricing { model, dialect: Dialect::Anthropic, day, usage, traits: PriceTraits::default() })
}

fn models() -> Vec<String> {
    TABLE.entries().map(|entry| entry.model().to_string()).collect()
}

fn any_usage() -> impl Strategy<Value = TokenUsage> {
    prop::array::uniform5(0..TOKENS_MAX).prop_map(|tokens| TokenUsage {
        input: tokens[0],
        output: tokens[1],
        cache_write_5m: tokens[2],
        cache_write_1h: tokens[3],
        cache_read: tokens[4],
    })
}

proptest! {
    #[test]
    fn the_cost_is_the_rounded_sum_of_its_classes(model in prop::sample::select(models()), usage in any_usage()) {
        let priced = priced(&model, &usage);
        prop_assert_eq!(priced.cost, NanoUsd::round_pico(priced.classes.sum_pico()));
    }

    #[test]
    fn a_class_costs_its_tokens_whatever_the_others_count(model in prop::sample::select(models()), usage in any_usage()) {
        let whole = priced(&model, &usage);
        let doubled = priced(&model, &TokenUsage { output: usage.output * 2, ..usage });
        prop_assert_eq!(doubled.classes.output_pico, whole.classes.output_pico * 2);
        prop_assert_eq!(doubled.classes.input_pico, whole.classes.input_pico);
    }

    #[test]
    fn more_tokens_within_a_tier_never_cost_less(
        model in prop::sample::select(models()),
        usage in any_usage(),
        more in any_usage(),
    ) {
        let mut sum = usage;
        sum += more;
        let (less, more) = (priced(&model, &usage), priced(&model, &sum));
        prop_assume!(less.price == more.price);
        prop_assert!(more.cost >= less.cost);
    }

    #[test]
    fn no_json_text_panics_the_reader(text in r#"\{("model":"m"|"prices":\[|\{|\}|\]|,|:|[0-9e.-]{0,6}|"[a-z_]{0,9}"){0,12}"#) {
        let _ = ModelPrice::parse_json(&text);
        let _ = accounting::PriceFile::parse(&text);
    }

    #[test]
    fn no_name_panics_the_resolution(name in r"[claude.@:,/\[\]0-9é-]{0,60}") {
        let _ = TABLE.resolve(&name);
    }
}

#[test]
fn a_million_tokens_of_any_class_cost_something_unless_the_price_is_stated_as_nothing() {
    // Models that Google gave away, and one whose cache reads it states as free.
    let free = |model: &str| {
        model.starts_with("gemini-2.0-flash-thinking-exp")
            || model.starts_with("gemini-") && model.ends_with("-experimental")
    };
    for model in models() {
        for class in 0..5 {
            let of = |at: usize| if at == class { 1_000_000 } else { 0 };
            let usage = TokenUsage {
                input: of(0),
                output: of(1),
                cache_write_5m: of(2),
                cache_write_1h: of(3),
                cache_read: of(4),
            };
            let stated_free = free(&model) || (model == "gemini-robotics-er-1.5-preview" && class == 4);
            assert_eq!(priced(&model, &usage).cost == NanoUsd::ZERO, stated_free, "{model}, class {class}");
        }
    }
}
