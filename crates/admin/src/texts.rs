//! What a text may be: names, notes, labels, models. Each bound is stated here once.

use crate::faults::Reason;
use domain::UserId;
use std::collections::BTreeSet;

/// Longest name, in characters: it must fit a table's column.
pub(crate) const NAME_CHARS_MAX: usize = 100;

/// Longest user name of an administrator, in characters: as in `init.json`.
pub(crate) const USERNAME_CHARS_MAX: usize = 64;

/// Longest e-mail address, in bytes (RFC 5321, 4.5.3.1.3).
pub(crate) const EMAIL_BYTES_MAX: usize = 254;

/// Longest note, in characters: a paragraph, not a document.
pub(crate) const DESCRIPTION_CHARS_MAX: usize = 2000;

/// Labels of one thing at most; they are shown side by side.
pub(crate) const TAGS_MAX: usize = 20;

/// Longest label, in characters.
pub(crate) const TAG_CHARS_MAX: usize = 50;

/// Models in one list at most: twice what the largest provider offers.
pub(crate) const MODELS_MAX: usize = 500;

/// Longest name of a model, in bytes; the longest real ones (ARNs) have 150.
pub(crate) const MODEL_BYTES_MAX: usize = 200;

/// A name: one line, trimmed, not empty.
pub(crate) fn name(text: &str) -> Result<String, Reason> {
    line(text, NAME_CHARS_MAX)
}

/// A user name of an administrator: one line, trimmed, not empty.
pub(crate) fn username(text: &str) -> Result<String, Reason> {
    line(text, USERNAME_CHARS_MAX)
}

/// An e-mail address, trimmed and in small letters. Whether mail arrives there is not asked.
pub(crate) fn email(text: &str) -> Result<String, Reason> {
    let text = text.trim().to_lowercase();
    let halves =
        text.split_once('@').filter(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    if halves.is_none() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("is no e-mail address; write it such as mira@example.com".into());
    }
    if text.len() > EMAIL_BYTES_MAX {
        return Err(format!("is too long; an e-mail address has at most {EMAIL_BYTES_MAX} bytes").into());
    }
    Ok(text)
}

/// A note: may be empty and have several lines.
pub(crate) fn description(text: &str) -> Result<String, Reason> {
    let text = text.trim();
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err("has a control character; take it out".into());
    }
    if text.chars().count() > DESCRIPTION_CHARS_MAX {
        return Err(format!("is too long; shorten it to {DESCRIPTION_CHARS_MAX} characters").into());
    }
    Ok(text.to_owned())
}

/// Labels: each one line; the same label twice counts once.
pub(crate) fn tags(texts: &[String]) -> Result<Vec<String>, Reason> {
    let tags = texts.iter().map(|text| tag(text)).collect::<Result<Vec<_>, _>>()?;
    let mut seen = BTreeSet::new();
    let tags: Vec<_> = tags.into_iter().filter(|tag| seen.insert(tag.clone())).collect();
    if tags.len() > TAGS_MAX {
        return Err(format!("are too many; keep at most {TAGS_MAX}").into());
    }
    Ok(tags)
}

/// One label.
pub(crate) fn tag(text: &str) -> Result<String, Reason> {
    line(text, TAG_CHARS_MAX)
}

/// The id of the user whose something is.
pub(crate) fn owner(text: &str) -> Result<UserId, Reason> {
    UserId::parse(text).map_err(|_| "is no id of a user; take one from the list of users".into())
}

/// Names of models.
pub(crate) fn models(texts: &[String]) -> Result<Vec<String>, Reason> {
    if texts.len() > MODELS_MAX {
        return Err(format!("are too many; keep at most {MODELS_MAX}").into());
    }
    let mut seen = BTreeSet::new();
    let models = texts.iter().map(|text| model(text)).collect::<Result<Vec<_>, _>>()?;
    Ok(models.into_iter().filter(|model| seen.insert(model.clone())).collect())
}

/// The name of a model: without spaces.
pub(crate) fn model(text: &str) -> Result<String, Reason> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("has a model without a name, or with a space in it; write it such as claude-opus-5".into());
    }
    if text.len() > MODEL_BYTES_MAX {
        return Err(format!("has a model's name of more than {MODEL_BYTES_MAX} bytes; shorten it").into());
    }
    Ok(text.to_owned())
}

/// One line of text, trimmed, not empty.
pub(crate) fn line(text: &str, chars_max: usize) -> Result<String, Reason> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty; write a text".into());
    }
    if text.chars().any(char::is_control) {
        return Err("has a control character or a second line; take it out".into());
    }
    if text.chars().count() > chars_max {
        return Err(format!("is too long; shorten it to {chars_max} characters").into());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_trimmed_line() {
        assert_eq!(name("  ci \u{e9} ").as_deref(), Ok("ci é"));
        for wrong in ["", "  ", "a\nb", "a\0b", &"x".repeat(101)] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
        assert!(name(&"é".repeat(100)).is_ok());
    }

    #[test]
    fn an_address_has_two_halves_and_no_capitals() {
        assert_eq!(email(" Mira@Example.com ").as_deref(), Ok("mira@example.com"));
        for wrong in ["", "mira", "@host", "mira@", "a@b@c", "a b@c", "a\0@c", &format!("{}@c", "x".repeat(254))] {
            assert!(email(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_label_given_twice_counts_once() {
        let given = ["a", "b", " a"].map(str::to_owned);
        assert_eq!(tags(&given), Ok(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn a_model_has_no_spaces() {
        assert!(model("claude opus").is_err());
        assert_eq!(model("claude-opus-5[1m]").as_deref(), Ok("claude-opus-5[1m]"));
    }
}
