//! Families of models: what providers limit together.

/// Families that Anthropic limits apart from each other.
const FAMILIES: [&str; 5] = ["opus", "sonnet", "haiku", "fable", "mythos"];

/// The family of a model by its name, `claude-opus-5-5` → `opus`; none when it has none that is known.
#[must_use]
pub fn model_family(model: &str) -> Option<&'static str> {
    let is_part =
        |family: &&str| model.split(['-', '.', '/', ':', '[', '@']).any(|part| part.eq_ignore_ascii_case(family));
    FAMILIES.into_iter().find(|family| is_part(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_a_part_of_the_name() {
        assert_eq!(model_family("claude-opus-5-5"), Some("opus"));
        assert_eq!(model_family("us.anthropic.claude-3-5-Haiku-20241022-v1:0"), Some("haiku"));
        assert_eq!(model_family("sonnet[1m]"), Some("sonnet"));
        assert_eq!(model_family("octopus-7b"), None);
    }
}
