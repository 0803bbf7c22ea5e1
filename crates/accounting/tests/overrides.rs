//! The operator's own prices: documents, files of both forms, and what they lie over.

use accounting::{Match, ModelPrice, PriceFile, PriceTable, PriceTraits, Priced, Pricing, Provider, Source};
use domain::{Day, Dialect, NanoUsd, PicoUsd, TokenUsage};

fn price(table: &PriceTable, model: &str, day: &str, traits: PriceTraits<'_>) -> Priced {
    let usage = TokenUsage { input: 1000, output: 0, cache_write_5m: 0, cache_write_1h: 0, cache_read: 0 };
    let day = Day::parse(day).expect("a day");
    table.price(&Pricing { model, dialect: Dialect::Anthropic, day, usage: &usage, traits })
}

fn nanos(table: &PriceTable, model: &str, day: &str) -> NanoUsd {
    price(table, model, day, PriceTraits::default()).cost
}

fn document(text: &str) -> ModelPrice {
    ModelPrice::parse_json(text).expect("a document")
}

const GLM: &str = r#"{"model":"glm-5","provider":"other","max_input_tokens":131072,"prices":[
    {"tiers":[{"input":0.6,"output":"2.2","cache_read":0.11},{"prompt_above":32000,"input":1.2,"output":4.4}],
     "priority":[{"input":3,"output":4}],"fast":1.5}]}"#;

#[test]
fn a_model_of_the_operator_is_known_by_its_name() {
    let table = PriceTable::embedded().with_overrides(Source::Api, &[document(GLM)]);
    let priced = price(&table, "glm-5", "2026-11-23", PriceTraits::default());
    assert_eq!((priced.cost, priced.how, &*priced.model_key), (NanoUsd(600_000), Match::Exact, "glm-5"));
    assert!(priced.price.starts_with("api-") && priced.price.ends_with("/glm-5@always>0"), "{}", priced.price);
    assert_eq!(table.entry("glm-5").and_then(accounting::Entry::input_tokens_max), Some(131_072));
}

#[test]
fn an_override_holds_from_its_day_and_leaves_the_days_before() {
    let from = document(
        r#"{"model":"claude-opus-5","provider":"anthropic","prices":[{"from":"2026-12-01","tiers":[{"input":4,"output":20}]}]}"#,
    );
    let always =
        document(r#"{"model":"claude-opus-4-8","provider":"anthropic","prices":[{"tiers":[{"input":1,"output":2}]}]}"#);
    let table = PriceTable::embedded().with_overrides(Source::File, &[from, always]);
    assert_eq!(nanos(&table, "claude-opus-5", "2026-11-30"), NanoUsd(5_000_000));
    assert_eq!(nanos(&table, "claude-opus-5", "2026-12-01"), NanoUsd(4_000_000));
    assert_eq!(nanos(&table, "claude-opus-4-8", "2026-01-01"), NanoUsd(1_000_000));
    let sources = table.entry("claude-opus-5").expect("in the list").periods().iter().map(accounting::Period::source);
    assert_eq!(sources.collect::<Vec<_>>(), [Source::Embedded, Source::File]);
}

#[test]
fn the_price_api_lies_over_the_file() {
    let input = |dollars: &str| {
        let json =
            r#"{"model":"claude-opus-4-8","provider":"anthropic","prices":[{"tiers":[{"input":N,"output":2}]}]}"#;
        document(&json.replace('N', dollars))
    };
    let table =
        PriceTable::embedded().with_overrides(Source::File, &[input("7")]).with_overrides(Source::Api, &[input("8")]);
    assert_eq!(nanos(&table, "claude-opus-4-8", "2026-11-23"), NanoUsd(8_000_000));
}

#[test]
fn the_price_of_unknown_models_can_be_set() {
    let unknown = document(
        r#"{"model":"unknown-anthropic","provider":"anthropic","prices":[{"tiers":[{"input":3,"output":15}]}]}"#,
    );
    let table = PriceTable::embedded().with_overrides(Source::File, &[unknown]);
    let priced = price(&table, "glm-9", "2026-11-23", PriceTraits::default());
    assert_eq!((priced.cost, priced.how, &*priced.model_key), (NanoUsd(3_000_000), Match::Unknown, "other"));
    assert!(priced.price.starts_with("unknown-model:file-"), "{}", priced.price);
}

#[test]
fn a_claude_model_s_unstated_cache_classes_keep_anthropic_s_proportions() {
    let bare =
        document(r#"{"model":"claude-next","provider":"anthropic","prices":[{"tiers":[{"input":4,"output":20}]}]}"#);
    let table = PriceTable::embedded().with_overrides(Source::File, &[bare]);
    let usage = TokenUsage { input: 0, output: 0, cache_write_5m: 1, cache_write_1h: 1, cache_read: 1 };
    let day = Day::parse("2026-11-23").expect("a day");
    let traits = PriceTraits::default();
    let classes =
        table.price(&Pricing { model: "claude-next", dialect: Dialect::Anthropic, day, usage: &usage, traits }).classes;
    // 4,000,000 pico-dollars of input: a tenth for reads, 1.25 and 2 times for writes.
    assert_eq!(classes.cache_read_pico, 400_000);
    assert_eq!(classes.cache_write_5m_pico, 5_000_000);
    assert_eq!(classes.cache_write_1h_pico, 8_000_000);
}

#[test]
fn every_entry_of_the_table_is_a_document() {
    for entry in PriceTable::embedded().entries() {
        let model = entry.to_model_price();
        assert_eq!(document(&model.to_json()), model);
    }
}

#[test]
fn a_table_s_version_changes_with_its_prices_and_only_with_them() {
    let embedded = PriceTable::embedded();
    let (one, other) = (document(GLM), document(&GLM.replace("2.2", "2.3")));
    let version =
        |model: &ModelPrice| embedded.with_overrides(Source::Api, std::slice::from_ref(model)).version().clone();
    assert_eq!(embedded.version(), PriceTable::embedded().version());
    assert_eq!(version(&one), version(&one));
    assert_ne!(&version(&one), embedded.version());
    assert_ne!(version(&one), version(&other));
}

#[test]
fn a_document_reads_as_it_prints() {
    let model = document(GLM);
    let printed = model.to_json();
    assert_eq!(document(&printed), model);
    assert_eq!(document(&printed).to_json(), printed);
    assert_eq!(
        printed,
        concat!(
            r#"{"model":"glm-5","provider":"other","max_input_tokens":131072,"prices":[{"tiers":["#,
            r#"{"prompt_above":0,"input":"0.6","output":"2.2","cache_read":"0.11"},"#,
            r#"{"prompt_above":32000,"input":"1.2","output":"4.4"}],"#,
            r#""priority":[{"prompt_above":0,"input":"3","output":"4"}],"fast":"1.5"}]}"#,
        )
    );
}

#[test]
fn a_wrong_document_is_refused_with_its_model_and_field() {
    let tiers = |tiers: &str| format!(r#"{{"model":"m","provider":"other","prices":[{{"tiers":[{tiers}]}}]}}"#);
    let prices = |prices: &str| format!(r#"{{"model":"m","provider":"other","prices":[{prices}]}}"#);
    let good = r#"{"tiers":[{"input":1,"output":2}]}"#;
    let fast = |factor: &str| prices(&good.replace("]}", &format!(r#"],"fast":{factor}}}"#)));
    for (document, said) in [
        (tiers(r#"{"input":-1,"output":2}"#), "the price of m: tiers.input is below zero"),
        (tiers(r#"{"input":1,"output":1000001}"#), "the price of m: tiers.output is more than one dollar per token"),
        (
            tiers(r#"{"input":1,"output":2,"cache_read":"x"}"#),
            "the price of m: tiers.cache_read is not a decimal number",
        ),
        (tiers(r#"{"input":1,"output":0.0000001}"#), "the price of m: tiers.output is above zero, yet less than"),
        (tiers(r#"{"prompt_above":5,"input":1,"output":2}"#), "the price of m: tiers has no tier for prompts above 0"),
        (
            tiers(
                r#"{"input":1,"output":2},{"prompt_above":9,"input":1,"output":2},{"prompt_above":9,"input":1,"output":2}"#,
            ),
            "the price of m: tiers.prompt_above does not ascend",
        ),
        (tiers(""), "the price of m: tiers is missing"),
        (prices(""), "the price of m: prices is missing"),
        (prices(&format!("{good},{good}")), "the price of m: from stands there twice"),
        (prices(&good.replace("{\"tiers\"", r#"{"from":"2026-1-1","tiers""#)), "the price of m: from is not a day"),
        (fast("0"), "the price of m: fast is not a factor"),
        (fast("100.5"), "the price of m: fast is not a factor"),
        (fast("-2"), "the price of m: fast is not a factor"),
        (prices(good).replace("\"other\"", "\"acme\""), "the price of m: provider is not one of"),
        (prices(good).replace("\"m\"", "\"\""), "the price of : model is no name"),
        (prices(good).replace("\"m\"", "\"a b\""), "the price of ab: model is no name"),
        (prices(good).replace("\"m\"", "\"Other\""), "the price of Other: model is a name that the books use"),
        (prices(good).replace("\"output\"", "\"outptu\""), "the price list cannot be read"),
    ] {
        let error = ModelPrice::parse_json(&document).expect_err(&document).to_string();
        assert!(error.starts_with(said), "{document}\n{error}");
    }
}

#[test]
fn a_file_of_our_own_is_taken_whole_or_not_at_all() {
    let file = PriceFile::parse(&format!(r#"{{"models":[{GLM}]}}"#)).expect("a list");
    assert_eq!(file.models, [document(GLM)]);
    let twice = PriceFile::parse(&format!(r#"{{"models":[{GLM},{GLM}]}}"#)).expect_err("twice").to_string();
    assert_eq!(twice, "the price list names glm-5 twice");
    let wrong = GLM.replace("glm-5", "glm-6").replace("0.6", "-0.6");
    let refused = PriceFile::parse(&format!(r#"{{"models":[{GLM},{wrong}]}}"#)).expect_err("negative").to_string();
    assert_eq!(refused, "the price of glm-6: tiers.input is below zero");
    for empty in ["{}", r#"{"models":[]}"#] {
        assert_eq!(
            PriceFile::parse(empty).expect_err(empty).to_string(),
            "the price list holds no model with a price per token"
        );
    }
    assert_eq!(PriceFile::parse("[").expect_err("not JSON").to_string(), "the price list cannot be read");
}

const LITELLM: &str = r#"{
  "sample_spec": {"input_cost_per_token": "text", "mode": "one of …"},
  "claude-next": {
    "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05, "cache_creation_input_token_cost": 3.75e-06,
    "cache_creation_input_token_cost_above_1hr": 6e-06, "cache_read_input_token_cost": 3e-07,
    "input_cost_per_token_above_200k_tokens": 6e-06, "output_cost_per_token_above_200k_tokens": 2.25e-05,
    "cache_creation_input_token_cost_above_200k_tokens": 7.5e-06, "cache_read_input_token_cost_above_200k_tokens": 6e-07,
    "litellm_provider": "anthropic", "max_input_tokens": 1000000, "max_output_tokens": 64000, "mode": "chat",
    "provider_specific_entry": {"us": 1.1, "fast": 6.0}, "supports_vision": true},
  "gpt-next": {
    "input_cost_per_token": 2e-06, "output_cost_per_token": 0.00001, "cache_read_input_token_cost": null,
    "input_cost_per_token_priority": 3.5e-06, "output_cost_per_token_priority": 1.4e-05,
    "input_cost_per_token_above_272k_tokens": 4e-06, "input_cost_per_token_flex": 1e-06,
    "litellm_provider": "openai", "mode": "responses"},
  "embedder": {"input_cost_per_token": 1e-07, "output_cost_per_token": 0.0, "mode": "embedding"},
  "painter": {"output_cost_per_image": 0.04},
  "absurd": {"input_cost_per_token": 2.5, "output_cost_per_token": 2.5, "mode": "chat"}
}"#;

#[test]
fn the_usual_file_is_read_to_the_last_digit() {
    let file = PriceFile::parse(LITELLM).expect("a list");
    let claude = file.models.iter().find(|model| model.model() == "claude-next").expect("in the file");
    assert_eq!((claude.provider(), claude.output_tokens_max()), (Provider::Anthropic, Some(64_000)));
    let price = &claude.prices()[0];
    let stated: Vec<_> =
        price.tiers.iter().map(|tier| (tier.prompt_above, tier.classes.input, tier.classes.output)).collect();
    assert_eq!(
        stated,
        [(0, PicoUsd(3_000_000), PicoUsd(15_000_000)), (200_000, PicoUsd(6_000_000), PicoUsd(22_500_000))]
    );
    assert_eq!(price.tiers[0].classes.cache_write_1h, Some(PicoUsd(6_000_000)));
    assert_eq!(price.tiers[1].classes.cache_read, Some(PicoUsd(600_000)));
    assert_eq!(price.fast.map(domain::Multiplier::parts), Some((6, 1)));
}

#[test]
fn the_usual_file_s_other_entries_are_counted_and_its_wrong_ones_reported() {
    let file = PriceFile::parse(LITELLM).expect("a list");
    assert_eq!(file.entries_skipped, 3);
    let refused: Vec<_> = file.entries_refused.iter().map(ToString::to_string).collect();
    assert_eq!(refused, ["the price of absurd: input_cost_per_token is more than one dollar per token"]);
}

#[test]
fn the_usual_file_s_tiers_and_service_tiers_are_priced() {
    let file = PriceFile::parse(LITELLM).expect("a list");
    let table = PriceTable::embedded().with_overrides(Source::File, &file.models);
    let at = |model: &str, input: u64, output: u64, tier: Option<&'static str>| {
        let usage = TokenUsage { input, output, ..TokenUsage::ZERO };
        let day = Day::parse("2026-11-23").expect("a day");
        let traits = PriceTraits { service_tier: tier, ..PriceTraits::default() };
        table.price(&Pricing { model, dialect: Dialect::OpenAiChat, day, usage: &usage, traits }).cost
    };
    // 1000 x 2000; the long tier states no output, so it stays: 272001 x 4000 + 1 x 10000.
    assert_eq!(at("gpt-next", 1000, 0, None), NanoUsd(2_000_000));
    assert_eq!(at("gpt-next", 272_001, 1, None), NanoUsd(1_088_014_000));
    // 1 x 3500 + 1 x 14000.
    assert_eq!(at("gpt-next", 1, 1, Some("priority")), NanoUsd(17_500));
    // Half a flex price is none, so the published factor holds: (2000 + 10000) / 2.
    assert_eq!(at("gpt-next", 1, 1, Some("flex")), NanoUsd(6_000));
    // One-hour writes above 200k: unstated, so 6000 x 6000 / 3000; here the input tier, 200001 x 6000.
    assert_eq!(at("claude-next", 200_001, 0, None), NanoUsd(1_200_006_000));
}

#[test]
fn a_file_whose_entries_are_all_wrong_says_why() {
    let error =
        PriceFile::parse(r#"{"m":{"input_cost_per_token":-1,"output_cost_per_token":1}}"#).expect_err("negative");
    assert_eq!(error.to_string(), "the price of m: input_cost_per_token is below zero");
}

#[test]
fn the_manual_s_example_is_a_document() {
    for page in [include_str!("../../../docs/prices.md"), include_str!("../../../docs/zh/prices.md")] {
        let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
        assert_eq!(document(example).model(), "claude-haiku-5-5");
    }
}
