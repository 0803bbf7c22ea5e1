//! From the names that clients and clouds use to the names in the books.

use accounting::{Match, ModelPrice, PriceTable, Source};

fn resolved(table: &PriceTable, name: &str) -> (String, Match) {
    let resolved = table.resolve(name);
    (resolved.name.to_string(), resolved.how)
}

fn check(rows: &[(&str, &str, Match)]) {
    let table = PriceTable::embedded();
    for (name, model, how) in rows {
        assert_eq!(resolved(&table, name), ((*model).to_owned(), *how), "{name}");
    }
}

#[test]
fn a_name_of_the_list_is_itself() {
    check(&[
        ("claude-opus-5", "claude-opus-5", Match::Exact),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5-20250929", Match::Exact),
        ("claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929-v1:0", Match::Exact),
        ("gemini-2.5-flash-preview-09-2025", "gemini-2.5-flash-preview-09-2025", Match::Exact),
    ]);
}

#[test]
fn what_surrounds_a_name_does_not_matter() {
    check(&[
        ("Claude-Opus-5", "claude-opus-5", Match::Decorated),
        ("claude-sonnet-4-6[1m]", "claude-sonnet-4-6", Match::Decorated),
        ("models/gemini-2.5-pro", "gemini-2.5-pro", Match::Decorated),
        ("publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro", Match::Decorated),
        ("openrouter,anthropic/claude-sonnet-4.5", "claude-sonnet-4-5", Match::Decorated),
        ("anthropic.claude-opus-4-8", "claude-opus-4-8", Match::Decorated),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929-v1:0", Match::Decorated),
        ("eu.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5-20251001", Match::Decorated),
        ("global.anthropic.claude-opus-4-6-v1", "claude-opus-4-6", Match::Decorated),
        ("anthropic.claude-3-haiku-20240307-v1:0:200k", "claude-3-haiku-20240307", Match::Decorated),
        (
            "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/apac.anthropic.claude-opus-4-5-20251101-v1:0",
            "claude-opus-4-5-20251101",
            Match::Decorated,
        ),
        ("claude-opus-4-1@20250805", "claude-opus-4-1-20250805", Match::Decorated),
        ("claude-opus-5@default", "claude-opus-5", Match::Decorated),
    ]);
}

#[test]
fn a_date_that_the_list_does_not_hold_is_dropped() {
    check(&[
        ("claude-opus-5-20260724", "claude-opus-5", Match::Undated),
        ("claude-opus-5@20260724", "claude-opus-5", Match::Undated),
        ("gpt-6-sol-2026-09-01", "gpt-6-sol", Match::Undated),
        ("us.anthropic.claude-sonnet-5-20260701-v1:0", "claude-sonnet-5", Match::Undated),
    ]);
}

#[test]
fn a_plain_name_means_the_latest_or_else_the_newest_date() {
    check(&[
        ("claude-3-7-sonnet", "claude-3-7-sonnet-latest", Match::Alias),
        ("claude-3-5-sonnet-20990101", "claude-3-5-sonnet-latest", Match::Alias),
        ("claude-opus-4", "claude-opus-4-20250514", Match::Undated),
        ("claude-3-haiku", "claude-3-haiku-20240307", Match::Undated),
        ("o1", "o1-2024-12-17", Match::Undated),
        ("claude-sonnet-4-5-latest", "claude-sonnet-4-5", Match::Alias),
        ("claude-opus-4-0", "claude-opus-4-20250514", Match::Alias),
    ]);
}

#[test]
fn likeness_is_no_rule() {
    for name in [
        "",
        "claude",
        "claude-opus",
        "claude-opus-5-turbo",
        "my-claude-opus-5",
        "claude-opus-5x",
        "gpt-4o-mini-2",
        "claude-opus-5-2026072",
        "-20260724",
        "claude-opus-5-v1:x",
        "é-20260724",
        "unknown-anthropic",
        "UNKNOWN-OpenAI",
        "other",
    ] {
        assert_eq!(resolved(&PriceTable::embedded(), name), ("other".to_owned(), Match::Unknown), "{name:?}");
    }
}

#[test]
fn an_absurdly_long_name_is_unknown() {
    let long = format!("{}claude-opus-5", "models/".repeat(100));
    assert_eq!(resolved(&PriceTable::embedded(), &long).1, Match::Unknown);
}

#[test]
fn the_order_of_a_list_does_not_matter() {
    let model = |name: &str| {
        let json = r#"{"model":"NAME","provider":"other","prices":[{"tiers":[{"input":1,"output":2}]}]}"#;
        ModelPrice::parse_json(&json.replace("NAME", name)).expect("a document")
    };
    let names = ["m-20260101", "m-20260301", "m-20260201", "n-latest", "n-20260101"];
    let forward: Vec<_> = names.iter().map(|name| model(name)).collect();
    let backward: Vec<_> = names.iter().rev().map(|name| model(name)).collect();
    for models in [forward, backward] {
        let table = PriceTable::embedded().with_overrides(Source::File, &models);
        assert_eq!(resolved(&table, "m"), ("m-20260301".to_owned(), Match::Undated));
        assert_eq!(resolved(&table, "n"), ("n-latest".to_owned(), Match::Alias));
    }
}
