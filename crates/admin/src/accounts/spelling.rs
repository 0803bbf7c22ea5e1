//! What the texts of an account's own fields may be. Each bound is stated here once; nothing here knows which platform has which field.

use crate::faults::Reason;
use domain::{AccountSettings, AuthScheme, HttpEndpoint, Sealed};
use secrecy::{ExposeSecret, SecretString};
use std::collections::HashSet;
use upstream::{Destination, DestinationError};

/// Longest base URL, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// Longest path, in bytes.
const PATH_BYTES_MAX: usize = 256;

/// Longest secret, in bytes; what some gateways issue are JWTs of two or three KiB, and session tokens of AWS are as long.
const SECRET_BYTES_MAX: usize = 8192;

/// API keys of one account at most.
const API_KEYS_MAX: usize = 50;

/// Longest of several API keys, in bytes: together they are to stay below what one document takes.
pub(crate) const LISTED_KEY_BYTES_MAX: usize = 1024;

/// Longest name of an AWS region, in bytes; the longest real ones have 15.
const REGION_BYTES_MAX: usize = 32;

/// Longest name of a deployment, in bytes (Azure's own bound).
const DEPLOYMENT_BYTES_MAX: usize = 64;

/// Longest name of a Google Cloud project, in bytes: 30, and a domain in front of it.
const PROJECT_BYTES_MAX: usize = 100;

/// Shortest and longest id of an access key, in bytes (`AccessKeyId` of AWS IAM).
const ACCESS_KEY_ID_BYTES: std::ops::RangeInclusive<usize> = 16..=128;

/// The address of an API, without a slash at its end.
pub(super) fn base_url(text: &str) -> Result<String, Reason> {
    let text = text.trim().trim_end_matches('/');
    if !(1..=URL_BYTES_MAX).contains(&text.len()) {
        return Err(format!("is empty, or longer than {URL_BYTES_MAX} bytes; write the API's address").into());
    }
    check_destination(text, None)?;
    Ok(text.to_owned())
}

/// The path of the Messages call.
pub(super) fn path(text: &str) -> Result<String, Reason> {
    let text = text.trim();
    if !(1..=PATH_BYTES_MAX).contains(&text.len()) {
        let reason = format!("is empty, or longer than {PATH_BYTES_MAX} bytes; write it such as /v1/messages");
        return Err(reason.into());
    }
    check_destination("https://localhost", Some(text))?;
    Ok(text.to_owned())
}

/// Whether calls can be made with these parts, by the code that makes them.
fn check_destination(base_url: &str, messages_path: Option<&str>) -> Result<(), Reason> {
    let settings = AccountSettings::ClaudeConsole(HttpEndpoint {
        base_url: base_url.to_owned(),
        messages_path: messages_path.map(str::to_owned),
        api_key: Sealed::from_envelope(String::new()),
        auth: AuthScheme::Bearer,
    });
    match Destination::new(&settings, &|_, _| Ok(SecretString::default())) {
        // No credential is looked at here.
        Ok(_) | Err(DestinationError::Sealed(_) | DestinationError::Credential) => Ok(()),
        Err(DestinationError::Path) => Err("is no path; write it such as /v1/messages".into()),
        Err(DestinationError::BaseUrl) => Err(
            "is no address of an API; write it such as https://api.anthropic.com, without a user, query or fragment"
                .into(),
        ),
    }
}

/// A secret as it was pasted: trimmed, and fit for a header.
pub(super) fn secret(clear: &SecretString) -> Result<SecretString, Reason> {
    one_secret(clear.expose_secret(), SECRET_BYTES_MAX).map(SecretString::from)
}

/// Several API keys as the JSON array that is sealed; one that stands twice counts once.
pub(super) fn api_keys<'a>(clear: impl ExactSizeIterator<Item = &'a SecretString>) -> Result<SecretString, Reason> {
    if !(1..=API_KEYS_MAX).contains(&clear.len()) {
        return Err(format!("is empty or too long a list; write 1 to {API_KEYS_MAX} API keys").into());
    }
    let keys = clear.map(|key| one_secret(key.expose_secret(), LISTED_KEY_BYTES_MAX));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let mut seen = HashSet::new();
    let keys = keys.into_iter().filter(|key| seen.insert(*key)).collect::<Vec<_>>();
    serde_json::to_string(&keys).map(SecretString::from).map_err(|_| "cannot be kept; write texts".into())
}

/// How many API keys [`api_keys`] has made one text of.
pub(super) fn count_api_keys(sealed: &SecretString) -> Option<usize> {
    serde_json::from_str::<Vec<serde::de::IgnoredAny>>(sealed.expose_secret()).ok().map(|keys| keys.len())
}

fn one_secret(text: &str, bytes_max: usize) -> Result<&str, Reason> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty; paste the secret".into());
    }
    if text.len() > bytes_max {
        return Err(format!("is longer than {bytes_max} bytes; paste the secret only").into());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("has a space or another character that no such secret has; paste it again".into());
    }
    Ok(text)
}

/// A region of AWS: `us-east-1`, `us-gov-west-1`.
pub(super) fn region(text: &str) -> Result<String, Reason> {
    let text = text.trim();
    let words = text.split('-').collect::<Vec<_>>();
    let is_region = match words.as_slice() {
        [country, area @ .., number] if !area.is_empty() => {
            let are_words =
                area.iter().all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()));
            let is_number = (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
            country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_lowercase()) && are_words && is_number
        }
        _ => false,
    };
    if is_region && text.len() <= REGION_BYTES_MAX {
        Ok(text.to_owned())
    } else {
        Err("is no region of AWS; write it such as us-east-1".into())
    }
}

/// The id of an access key of AWS. It is no secret.
pub(super) fn access_key_id(text: &str) -> Result<String, Reason> {
    let text = text.trim();
    let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_word && ACCESS_KEY_ID_BYTES.contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err("is no id of an access key; it begins with AKIA or ASIA and has letters and digits only".into())
    }
}

/// The name of a deployment in Azure.
pub(super) fn deployment(text: &str) -> Result<String, Reason> {
    let text = text.trim();
    if is_name(text, DEPLOYMENT_BYTES_MAX, b"-_.") {
        Ok(text.to_owned())
    } else {
        Err("is no name of a deployment; it has up to 64 letters, digits, `-`, `_` and `.`".into())
    }
}

/// A version of Azure's API: `2024-10-21`, `2025-04-01-preview`, or one without a day, `v1`, `preview` or `latest`.
pub(super) fn api_version(text: &str) -> Result<String, Reason> {
    let text = text.trim();
    let day = text.strip_suffix("-preview").unwrap_or(text);
    if matches!(text, "v1" | "preview" | "latest") || is_day(day) {
        Ok(text.to_owned())
    } else {
        Err("is no version of the API; write it such as 2024-10-21, 2025-04-01-preview, v1, preview or latest".into())
    }
}

/// Whether `text` is written as a day, `2024-10-21`. Whether the calendar has it is for Azure to say.
fn is_day(text: &str) -> bool {
    let digits = |part: Option<&str>, count| part.is_some_and(|part| part.len() == count && is_number(part));
    let mut parts = text.split('-');
    digits(parts.next(), 4) && digits(parts.next(), 2) && digits(parts.next(), 2) && parts.next().is_none()
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A project of Google Cloud: `team-project-123`, or one with a domain in front, `example.com:team`.
pub(super) fn project_id(text: &str) -> Result<String, Reason> {
    let text = text.trim();
    let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    if is_lower && is_name(text, PROJECT_BYTES_MAX, b"-.:") {
        Ok(text.to_owned())
    } else {
        Err("is no id of a Google Cloud project; write it such as team-project-123".into())
    }
}

/// Letters, digits and `marks`, a letter or digit first.
fn is_name(text: &str, bytes_max: usize, marks: &[u8]) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || marks.contains(&byte);
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    begins && text.len() <= bytes_max && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_has_a_country_an_area_and_a_number() {
        for right in ["us-east-1", "ap-southeast-5", "us-gov-west-1", "cn-north-1", "eu-isoe-west-1", " mx-central-1 "]
        {
            assert_eq!(region(right).as_deref(), Ok(right.trim()));
        }
        for wrong in ["", "us", "us-1", "us-east", "US-EAST-1", "usa-east-1", "us-east-123", "us--1", "us-east-1/x"] {
            assert!(region(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_version_of_the_api_is_a_day_or_a_word() {
        for right in ["2024-10-21", "2025-04-01-preview", "v1", "preview", "latest"] {
            assert_eq!(api_version(right).as_deref(), Ok(right));
        }
        for wrong in ["", "v2", "2024-10", "2024-10-21-beta", "24-10-21", "2024-10-21-", "2024-1o-21", "2024-10-21&x=1"]
        {
            assert!(api_version(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn names_have_no_character_that_a_path_would_read_otherwise() {
        for wrong in ["", "a/b", "a b", "..", "ü", &"x".repeat(101)] {
            assert!(deployment(wrong).is_err() && project_id(wrong).is_err(), "{wrong:?}");
        }
        assert!(deployment("GPT_5.mini-1").is_ok() && project_id("example.com:team-1").is_ok());
        assert!(project_id("Team").is_err());
        for (id, fits) in [("AKIAIOSFODNN7EXAMPLE", true), ("AKIA", false), ("AKIAIOSFODNN7EXAMPL/", false)] {
            assert_eq!(access_key_id(id).is_ok(), fits, "{id}");
        }
    }

    #[test]
    fn several_keys_are_kept_once_each_and_counted() {
        let given = [" a ", "b", "a"].map(SecretString::from);
        let kept = api_keys(given.iter()).expect("keys");
        assert_eq!((kept.expose_secret(), count_api_keys(&kept)), (r#"["a","b"]"#, Some(2)));
        assert!(api_keys([].iter()).is_err());
        let many = vec![SecretString::from("k"); API_KEYS_MAX + 1];
        assert!(api_keys(many.iter()).is_err());
        assert!(api_keys([SecretString::from("k"), SecretString::default()].iter()).is_err());
    }
}
