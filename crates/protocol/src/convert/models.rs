//! What a model's name tells of what it takes. Read where a provider's models differ in how they are asked.

use super::conversation::{Effort, Mode, Thinking};

/// Budgets of thinking, in tokens, from which a model that knows only efforts works harder.
const BUDGET_MEDIUM: u64 = 4_096;
const BUDGET_HIGH: u64 = 16_384;

/// The version in the name of a Claude model, when it has one: `claude-opus-4-6` and `claude-3-7-sonnet-20250219`
/// alike; a platform's decoration around it is passed over.
fn claude_version(model: &str) -> Option<(u32, u32)> {
    let name = &model[model.find("claude-")? + "claude-".len()..];
    let mut numbers = name
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .skip_while(|word| !is_version(word))
        .map_while(|word| is_version(word).then(|| word.parse().ok()).flatten());
    Some((numbers.next()?, numbers.next().unwrap_or(0)))
}

/// One or two digits; a date has eight.
fn is_version(word: &str) -> bool {
    (1..=2).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a Claude model decides itself how much it thinks (`adaptive`, since 4.6); earlier ones need a budget. A
/// name without a version is taken for a new one.
pub(super) fn thinks_adaptively(model: &str) -> bool {
    claude_version(model).is_none_or(|version| version >= (4, 6))
}

/// Whether a Claude model takes at most 4,096 tokens of answer, as the third generation does.
pub(super) fn answers_shortly(model: &str) -> bool {
    claude_version(model).is_some_and(|version| version < (3, 5))
}

/// Whether a Gemini model is of a generation before the third: it thinks within a budget of tokens, not at a level,
/// and takes pictures of tools beside their results, not in them.
pub(super) fn is_early_gemini(model: &str) -> bool {
    ["gemini-1", "gemini-2"].iter().any(|family| model.contains(family))
}

/// Whether a Gemini model is one of the large ones, which always think.
pub(super) fn is_gemini_pro(model: &str) -> bool {
    model.contains("-pro")
}

/// How hard a model of OpenAI, or one that is asked like it, shall think; nothing where that is left to it. It cannot be
/// told not to think: not every model bears the word for it.
pub(super) fn effort_of(thinking: &Thinking, model: &str) -> Option<Effort> {
    let Thinking { mode, effort, display: _ } = thinking;
    let mode = mode.as_ref().map(|mode| mode.value);
    if never_thinks(model) || mode == Some(Mode::Off) {
        return None;
    }
    let told = effort.as_ref().map(|effort| effort.value);
    told.or(match mode {
        Some(Mode::Budget(tokens)) => Some(effort_within(tokens)),
        Some(Mode::Adaptive | Mode::Off) | None => None,
    })
}

/// The effort that a budget of tokens stands for.
pub(super) const fn effort_within(tokens: u64) -> Effort {
    match tokens {
        0..BUDGET_MEDIUM => Effort::Low,
        BUDGET_MEDIUM..BUDGET_HIGH => Effort::Medium,
        _ => Effort::High,
    }
}

/// Whether a model is one of OpenAI's own.
pub(super) fn is_openai(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let is_o = name.strip_prefix('o').is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()));
    is_o || ["gpt-", "chatgpt-", "codex-"].iter().any(|family| name.starts_with(family))
}

/// Whether a model of OpenAI is one of those that do not think and refuse to be told how hard.
pub(super) fn never_thinks(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    ["gpt-3", "gpt-4", "chatgpt-4"].iter().any(|family| name.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_claude_model_is_found_in_every_form_of_its_name() {
        for (model, version) in [
            ("claude-opus-4-6", Some((4, 6))),
            ("claude-haiku-4-5-20251001", Some((4, 5))),
            ("claude-3-7-sonnet-20250219", Some((3, 7))),
            ("claude-3-haiku-20240307", Some((3, 0))),
            ("claude-opus-4-20250514", Some((4, 0))),
            ("us.anthropic.claude-opus-5-5-v1:0", Some((5, 5))),
            ("claude-sonnet-4@20250514", Some((4, 0))),
            ("claude-fable-5", Some((5, 0))),
            ("claude-next", None),
            ("llama-3", None),
        ] {
            assert_eq!(claude_version(model), version, "{model}");
        }
    }

    #[test]
    fn a_new_model_is_asked_in_the_new_way() {
        assert!(thinks_adaptively("claude-opus-5-5") && thinks_adaptively("claude-next"));
        assert!(!thinks_adaptively("claude-haiku-4-5-20251001"));
        assert!(answers_shortly("claude-3-haiku-20240307") && !answers_shortly("claude-3-5-haiku-20241022"));
        assert!(is_early_gemini("gemini-2.5-flash") && !is_early_gemini("gemini-3.8-flash"));
        assert!(never_thinks("gpt-4.1-mini") && !never_thinks("gpt-5.2-codex") && !never_thinks("o4-mini"));
    }
}
