//! AWS keys from the relay's own environment, for Bedrock accounts that store none: found where AWS's own programs find them, kept until
//! shortly before they expire. Nothing is read from the process here: variables are given, and so is `now`.
//!
//! In order: variables, a web identity (`AWS_WEB_IDENTITY_TOKEN_FILE`), the profile in the shared files, the container's service (ECS,
//! EKS Pod Identity), the instance's (EC2, version 2). The first that is configured counts: where it fails, the next is not asked.
//! Source: "Standardized credential providers" in AWS's reference of SDKs and tools. Why not `aws-config`: ADR 0011.

mod profile;
mod service;
mod variables;

pub use variables::AwsVariables;

use crate::{client::Client, failure::SendError, line::Line, sigv4::AwsKeys};
use domain::Timestamp;
use std::{fmt, io, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// How long before they expire keys are asked for anew: AWS hands out new ones at least five minutes before.
const RENEWED_BEFORE: Duration = Duration::from_secs(5 * 60);

/// How long keys that do not expire are kept: files may be edited.
const KEPT: Duration = Duration::from_secs(5 * 60);

/// Between two tries to renew keys that are still good, and at least between two that succeed.
const TRIED_AGAIN: Duration = Duration::from_secs(60);

/// How long a failure is remembered, so that not each request waits for a service that is not there.
const FAILURE_KEPT: Duration = Duration::from_secs(5);

/// The keys of the relay's environment, fetched once for all who ask at the same time.
#[derive(Debug)]
pub struct AwsChain {
    line: Line,
    variables: AwsVariables,
    cache: Mutex<Cache>,
}

/// Where keys come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwsSource {
    /// The web identity, exchanged at STS.
    WebIdentity,
    /// The container's service.
    Container,
    /// The instance's metadata service.
    Instance,
}

/// Why the environment gives no keys. The texts are for the operator; no secret is in them.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AwsChainError {
    /// A variable is set, and another that it needs is not.
    #[error("{present} is set, but {missing} is not")]
    Incomplete {
        /// The one that is set.
        present: &'static str,
        /// The other.
        missing: &'static str,
    },
    /// A file that a variable or AWS's convention names cannot be read, or is larger than [`FILE_BYTES_MAX`].
    #[error("{} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// `AWS_PROFILE` names a profile that is in no file.
    #[error("there is no AWS profile `{0}`")]
    ProfileMissing(String),
    /// The profile says to get keys in a way that is not supported here.
    #[error(
        "the AWS profile `{profile}` has `{setting}`, which the relay does not follow: give it keys, or another source"
    )]
    ProfileUnsupported {
        /// Its name.
        profile: String,
        /// The setting.
        setting: &'static str,
    },
    /// The profile has one half of a key.
    #[error("the AWS profile `{0}` has only one of aws_access_key_id and aws_secret_access_key")]
    ProfileIncomplete(String),
    /// A URL in a variable is none, or one that credentials must not be asked of in clear.
    #[error(
        "{0} is not a URL that AWS keys may be asked of: https, or http on this machine and at AWS's own addresses"
    )]
    Endpoint(&'static str),
    /// The source cannot be reached, or broke off. For the instance's: nothing else is configured.
    #[error("{source_name} gave no AWS keys", source_name = .from)]
    Unreachable {
        /// Which.
        from: AwsSource,
        /// Why.
        source: Arc<SendError>,
    },
    /// The source did not answer in time. For the instance's: nothing else is configured.
    #[error("{0} did not answer in time")]
    TimedOut(AwsSource),
    /// The source refused.
    #[error("{from} refused to give AWS keys with status {status}")]
    Refused {
        /// Which.
        from: AwsSource,
        /// Its status.
        status: u16,
    },
    /// What the source said cannot be read as keys.
    #[error("{0} answered with something that is no AWS key")]
    Unreadable(AwsSource),
    /// Nothing is configured, and the instance's service is switched off.
    #[error("there are no AWS keys in the relay's environment")]
    Nowhere,
}

/// Largest file that is read for keys, in bytes: shared files of large companies have thousands of lines.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// Keys, and until when they are good.
#[derive(Debug, Clone)]
struct Grant {
    keys: AwsKeys,
    expires_at: Option<Timestamp>,
}

/// What was found last, and until when it is not asked for again.
#[derive(Debug, Default)]
struct Cache {
    found: Option<Result<Grant, AwsChainError>>,
    asked_again_at: Timestamp,
}

impl AwsChain {
    /// A chain that has asked nobody yet. Its calls go directly, on a line of their own made by `client`, whatever proxy an account
    /// has: the services are this machine's.
    #[must_use]
    pub fn new(client: &Client, variables: AwsVariables) -> Self {
        Self { line: client.line(None), variables, cache: Mutex::default() }
    }

    /// The keys at `now`: from memory until five minutes before they expire, else fetched, in some seconds at most. While they can be
    /// fetched no more but are good, they are given.
    ///
    /// Cancel-safe: who asks next fetches.
    ///
    /// # Errors
    ///
    /// When no source has keys, or the one that is configured fails; the same is said for five seconds.
    pub async fn keys(&self, now: Timestamp) -> Result<AwsKeys, AwsChainError> {
        let mut cache = self.cache.lock().await;
        if let Some(found) = cache.found(now) {
            return found;
        }
        let fetched = self.fetch().await;
        cache.keep(fetched, now)
    }

    async fn fetch(&self) -> Result<Grant, AwsChainError> {
        if let Some(keys) = self.variables.keys()? {
            return Ok(Grant { keys, expires_at: None });
        }
        if let Some(identity) = service::WebIdentity::configured(&self.variables)? {
            return identity.fetch(&self.line).await;
        }
        if let Some(keys) = profile::read(&self.variables).await? {
            return Ok(Grant { keys, expires_at: None });
        }
        if let Some(container) = service::Container::configured(&self.variables)? {
            return container.fetch(&self.line).await;
        }
        match service::Instance::configured(&self.variables)? {
            Some(instance) => instance.fetch(&self.line).await,
            None => Err(AwsChainError::Nowhere),
        }
    }
}

impl Cache {
    /// What need not be asked for at `now`.
    fn found(&self, now: Timestamp) -> Option<Result<AwsKeys, AwsChainError>> {
        let found = self.found.as_ref().filter(|_| now < self.asked_again_at)?;
        Some(found.as_ref().map(|grant| grant.keys.clone()).map_err(Clone::clone))
    }

    /// Remembers what was fetched at `now`, and says what it means for who asked.
    fn keep(&mut self, fetched: Result<Grant, AwsChainError>, now: Timestamp) -> Result<AwsKeys, AwsChainError> {
        let fetched = match (fetched, self.found.take()) {
            (Err(_), Some(Ok(held))) if held.expires_at.is_some_and(|end| end > now) => Ok(held),
            (fetched, _) => fetched,
        };
        self.asked_again_at = match &fetched {
            Ok(Grant { expires_at: Some(end), .. }) => end.minus(RENEWED_BEFORE).max(now.plus(TRIED_AGAIN).min(*end)),
            Ok(Grant { expires_at: None, .. }) => now.plus(KEPT),
            Err(_) => now.plus(FAILURE_KEPT),
        };
        let fetched = self.found.insert(fetched);
        fetched.as_ref().map(|grant| grant.keys.clone()).map_err(Clone::clone)
    }
}

impl fmt::Display for AwsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WebIdentity => "AWS's security token service",
            Self::Container => "the container's credential service",
            Self::Instance => "the instance's metadata service",
        })
    }
}

/// A small text file.
async fn read_file(path: PathBuf) -> Result<String, AwsChainError> {
    use tokio::io::AsyncReadExt;
    let read = async {
        let mut text = String::new();
        tokio::fs::File::open(&path).await?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).await?;
        let fits = u64::try_from(text.len()).is_ok_and(|length| length <= FILE_BYTES_MAX);
        if fits { Ok(text) } else { Err(io::Error::from(io::ErrorKind::FileTooLarge)) }
    };
    read.await.map_err(|source| AwsChainError::File { path, source: Arc::new(source) })
}

#[cfg(test)]
mod tests;
