//! The environment variables that AWS's programs look for keys by.

use super::AwsChainError;
use crate::sigv4::AwsKeys;
use secrecy::{ExposeSecret, SecretString};
use std::{collections::BTreeMap, path::PathBuf};

pub(super) const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
pub(super) const SECRET_KEY: &str = "AWS_SECRET_ACCESS_KEY";
pub(super) const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
pub(super) const PROFILE: &str = "AWS_PROFILE";
pub(super) const CREDENTIALS_FILE: &str = "AWS_SHARED_CREDENTIALS_FILE";
pub(super) const CONFIG_FILE: &str = "AWS_CONFIG_FILE";
pub(super) const HOME: &str = "HOME";
pub(super) const REGION: &str = "AWS_REGION";
pub(super) const REGION_DEFAULT: &str = "AWS_DEFAULT_REGION";
pub(super) const ROLE_ARN: &str = "AWS_ROLE_ARN";
pub(super) const ROLE_SESSION: &str = "AWS_ROLE_SESSION_NAME";
pub(super) const WEB_IDENTITY_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
pub(super) const STS_URL: &str = "AWS_ENDPOINT_URL_STS";
pub(super) const CONTAINER_PATH: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
pub(super) const CONTAINER_URL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
pub(super) const CONTAINER_TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
pub(super) const CONTAINER_TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
pub(super) const INSTANCE_DISABLED: &str = "AWS_EC2_METADATA_DISABLED";
pub(super) const INSTANCE_URL: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";

const NAMES: [&str; 19] = [
    ACCESS_KEY,
    SECRET_KEY,
    SESSION_TOKEN,
    PROFILE,
    CREDENTIALS_FILE,
    CONFIG_FILE,
    HOME,
    REGION,
    REGION_DEFAULT,
    ROLE_ARN,
    ROLE_SESSION,
    WEB_IDENTITY_FILE,
    STS_URL,
    CONTAINER_PATH,
    CONTAINER_URL,
    CONTAINER_TOKEN,
    CONTAINER_TOKEN_FILE,
    INSTANCE_DISABLED,
    INSTANCE_URL,
];

/// What the environment says of AWS. `Debug` shows names alone.
#[derive(Clone)]
pub struct AwsVariables(BTreeMap<&'static str, SecretString>);

impl AwsVariables {
    /// Reads the variables of AWS, and `HOME`, by `lookup`. Empty ones count as not set.
    #[must_use]
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &'static str| Some((name, lookup(name).filter(|value| !value.trim().is_empty())?.into()));
        Self(NAMES.into_iter().filter_map(set).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.expose_secret().trim())
    }

    /// The path in `name`; `~/` at its beginning is the home folder.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        let path = self.get(name)?;
        match (path.strip_prefix("~/"), self.get(HOME)) {
            (Some(below), Some(home)) => Some(PathBuf::from(home).join(below)),
            _ => Some(path.into()),
        }
    }

    /// The keys that stand in the variables themselves.
    pub(super) fn keys(&self) -> Result<Option<AwsKeys>, AwsChainError> {
        match (self.get(ACCESS_KEY), self.get(SECRET_KEY)) {
            (Some(id), Some(secret)) => Ok(Some(AwsKeys {
                access_key_id: id.to_owned(),
                secret_access_key: secret.into(),
                session_token: self.get(SESSION_TOKEN).map(SecretString::from),
            })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(AwsChainError::Incomplete { present: ACCESS_KEY, missing: SECRET_KEY }),
            (None, Some(_)) => Err(AwsChainError::Incomplete { present: SECRET_KEY, missing: ACCESS_KEY }),
        }
    }
}

impl std::fmt::Debug for AwsVariables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
