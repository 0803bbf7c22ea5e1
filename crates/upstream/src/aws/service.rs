//! Keys from services: STS for a web identity, the container's, the instance's. Each call has its time and its largest answer.

use super::{
    AwsChainError, AwsSource, Grant, read_file,
    variables::{self, AwsVariables},
};
use crate::{client::Parts, line::Line, sigv4::AwsKeys};
use bytes::Bytes;
use domain::Timestamp;
use http::{
    HeaderValue, Method, Request, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE},
    request::Builder,
};
use http_body_util::{BodyExt, Limited};
use secrecy::SecretString;
use serde::Deserialize;
use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};
use url::form_urlencoded;

/// Longest call: the services on a machine answer in milliseconds, STS in less than a second.
const CALL_MAX: Duration = Duration::from_secs(5);

/// Largest answer, in bytes: session tokens have up to some thousand.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Where containers ask on ECS.
const CONTAINER_HOST: &str = "http://169.254.170.2";

/// Addresses that are asked in clear: of this host's own network (ECS, EKS Pod Identity).
const CLEAR_HOSTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

/// Where instances ask.
const INSTANCE_URL: &str = "http://169.254.169.254";

const INSTANCE_ROLES: &str = "/latest/meta-data/iam/security-credentials/";
const INSTANCE_TOKEN: &str = "x-aws-ec2-metadata-token";
const INSTANCE_TOKEN_TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";

/// How long the token for asking an instance is asked for, in seconds: it is used at once.
const INSTANCE_TOKEN_SECS: &str = "60";

/// The session's name in AWS's logs where none is set.
const SESSION_NAME: &str = "claude-relay";

/// A token of another identity provider, which STS exchanges (EKS, GitHub, …).
pub(super) struct WebIdentity {
    url: String,
    token_file: PathBuf,
    role_arn: String,
    session_name: String,
}

/// The service beside a container.
pub(super) struct Container {
    url: String,
    token: Option<SecretString>,
    token_file: Option<PathBuf>,
}

/// The service of an EC2 instance, version 2.
pub(super) struct Instance {
    url: String,
}

/// What the container's and the instance's services answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Granted {
    access_key_id: String,
    secret_access_key: SecretText,
    token: Option<SecretText>,
    expiration: Option<String>,
}

/// A text that goes into a secret at once.
#[derive(Deserialize)]
#[serde(transparent)]
struct SecretText(String);

impl WebIdentity {
    pub(super) fn configured(variables: &AwsVariables) -> Result<Option<Self>, AwsChainError> {
        let Some(token_file) = variables.path(variables::WEB_IDENTITY_FILE) else { return Ok(None) };
        let (present, missing) = (variables::WEB_IDENTITY_FILE, variables::ROLE_ARN);
        let role_arn = variables.get(missing).ok_or(AwsChainError::Incomplete { present, missing })?;
        let region = variables.get(variables::REGION).or_else(|| variables.get(variables::REGION_DEFAULT));
        let url = match (variables.get(variables::STS_URL), region) {
            (Some(url), _) => checked(url, variables::STS_URL)?,
            (None, Some(region)) if region.starts_with("cn-") => format!("https://sts.{region}.amazonaws.com.cn"),
            (None, Some(region)) => format!("https://sts.{region}.amazonaws.com"),
            (None, None) => "https://sts.amazonaws.com".to_owned(),
        };
        let session_name = variables.get(variables::ROLE_SESSION).unwrap_or(SESSION_NAME);
        Ok(Some(Self { url, token_file, role_arn: role_arn.to_owned(), session_name: session_name.to_owned() }))
    }

    pub(super) async fn fetch(self, line: &Line) -> Result<Grant, AwsChainError> {
        let token = read_file(self.token_file).await?;
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", "AssumeRoleWithWebIdentity")
            .append_pair("Version", "2011-06-15")
            .append_pair("RoleArn", &self.role_arn)
            .append_pair("RoleSessionName", &self.session_name)
            .append_pair("WebIdentityToken", token.trim())
            .finish();
        let request = Request::post(join(&self.url, "/"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("accept", "text/xml");
        let from = AwsSource::WebIdentity;
        let answer = ask(line, from, request, Bytes::from(body).into()).await?;
        let answer = std::str::from_utf8(&answer).map_err(|_| AwsChainError::Unreadable(from))?;
        granted_in_xml(answer).and_then(Granted::into_grant).ok_or(AwsChainError::Unreadable(from))
    }
}

impl Container {
    pub(super) fn configured(variables: &AwsVariables) -> Result<Option<Self>, AwsChainError> {
        let url = match (variables.get(variables::CONTAINER_PATH), variables.get(variables::CONTAINER_URL)) {
            (Some(path), _) if path.starts_with('/') => format!("{CONTAINER_HOST}{path}"),
            (Some(_), _) => return Err(AwsChainError::Endpoint(variables::CONTAINER_PATH)),
            (None, Some(url)) => checked(url, variables::CONTAINER_URL)?,
            (None, None) => return Ok(None),
        };
        let token = variables.get(variables::CONTAINER_TOKEN).map(SecretString::from);
        Ok(Some(Self { url, token, token_file: variables.path(variables::CONTAINER_TOKEN_FILE) }))
    }

    pub(super) async fn fetch(self, line: &Line) -> Result<Grant, AwsChainError> {
        let token = match self.token_file {
            Some(file) => Some(SecretString::from(read_file(file).await?.trim())),
            None => self.token,
        };
        let mut request = Request::get(&self.url);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, secret_value(&token, AwsSource::Container)?);
        }
        grant_in_json(line, AwsSource::Container, request).await
    }
}

impl Instance {
    pub(super) fn configured(variables: &AwsVariables) -> Result<Option<Self>, AwsChainError> {
        if variables.get(variables::INSTANCE_DISABLED).is_some_and(|flag| flag.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let url = variables.get(variables::INSTANCE_URL).unwrap_or(INSTANCE_URL);
        let is_url = url.parse::<Uri>().is_ok_and(|url| url.scheme().is_some() && url.host().is_some());
        if is_url {
            Ok(Some(Self { url: url.to_owned() }))
        } else {
            Err(AwsChainError::Endpoint(variables::INSTANCE_URL))
        }
    }

    pub(super) async fn fetch(self, line: &Line) -> Result<Grant, AwsChainError> {
        let from = AwsSource::Instance;
        let request = Request::builder().method(Method::PUT).uri(join(&self.url, "/latest/api/token"));
        let token = ask(line, from, request.header(INSTANCE_TOKEN_TTL, INSTANCE_TOKEN_SECS), Parts::default()).await?;
        let mut token = HeaderValue::from_bytes(token.trim_ascii()).map_err(|_| AwsChainError::Unreadable(from))?;
        token.set_sensitive(true);
        let get = |path: &str| Request::get(join(&self.url, path)).header(INSTANCE_TOKEN, &token);
        let roles = ask(line, from, get(INSTANCE_ROLES), Parts::default()).await?;
        let role = std::str::from_utf8(&roles).ok().and_then(|roles| roles.lines().next()).map(str::trim);
        let role = role.filter(|role| !role.is_empty()).ok_or(AwsChainError::Unreadable(from))?;
        grant_in_json(line, from, get(&format!("{INSTANCE_ROLES}{role}"))).await
    }
}

impl Granted {
    fn into_grant(self) -> Option<Grant> {
        let expires_at = match self.expiration.as_deref() {
            Some(text) => Some(Timestamp::parse_rfc3339(text)?),
            None => None,
        };
        let keys = AwsKeys {
            access_key_id: self.access_key_id,
            secret_access_key: self.secret_access_key.0.into(),
            session_token: self.token.map(|token| token.0.into()),
        };
        Some(Grant { keys, expires_at })
    }
}

/// STS answers in XML of known shape, with texts of base64 in flat elements: no entity, no attribute, no namespace prefix.
fn granted_in_xml(answer: &str) -> Option<Granted> {
    let inner = |text: &str, name: &str| {
        let (_, behind) = text.split_once(&format!("<{name}>"))?;
        Some(behind.split_once(&format!("</{name}>"))?.0.trim().to_owned())
    };
    let credentials = inner(answer, "Credentials")?;
    Some(Granted {
        access_key_id: inner(&credentials, "AccessKeyId")?,
        secret_access_key: SecretText(inner(&credentials, "SecretAccessKey")?),
        token: Some(SecretText(inner(&credentials, "SessionToken")?)),
        expiration: Some(inner(&credentials, "Expiration")?),
    })
}

async fn grant_in_json(line: &Line, from: AwsSource, request: Builder) -> Result<Grant, AwsChainError> {
    let answer = ask(line, from, request, Parts::default()).await?;
    let granted = serde_json::from_slice::<Granted>(&answer).ok().and_then(Granted::into_grant);
    granted.ok_or(AwsChainError::Unreadable(from))
}

async fn ask(line: &Line, from: AwsSource, request: Builder, body: Parts) -> Result<Bytes, AwsChainError> {
    let request = request.body(body).map_err(|_| AwsChainError::Unreadable(from))?;
    let call = async {
        let unreachable = |source| AwsChainError::Unreachable { from, source: Arc::new(source) };
        let (head, body) = line.send(request).await.map_err(unreachable)?.into_parts();
        if !head.status.is_success() {
            return Err(AwsChainError::Refused { from, status: head.status.as_u16() });
        }
        let whole = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        whole.map(http_body_util::Collected::to_bytes).map_err(|_| AwsChainError::Unreadable(from))
    };
    tokio::time::timeout(CALL_MAX, call).await.unwrap_or(Err(AwsChainError::TimedOut(from)))
}

fn secret_value(secret: &SecretString, from: AwsSource) -> Result<HeaderValue, AwsChainError> {
    use secrecy::ExposeSecret;
    let mut value = HeaderValue::from_str(secret.expose_secret()).map_err(|_| AwsChainError::Unreadable(from))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A URL of a variable that keys may be asked of.
fn checked(url: &str, variable: &'static str) -> Result<String, AwsChainError> {
    let uri = url.parse::<Uri>().map_err(|_| AwsChainError::Endpoint(variable))?;
    let host = uri.host().map(|host| host.trim_start_matches('[').trim_end_matches(']')).unwrap_or_default();
    let is_near = host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback() || CLEAR_HOSTS.iter().any(|near| near.parse() == Ok(address)));
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => Ok(url.to_owned()),
        Some("http") if is_near => Ok(url.to_owned()),
        _ => Err(AwsChainError::Endpoint(variable)),
    }
}

fn join(url: &str, path: &str) -> String {
    format!("{}{path}", url.trim_end_matches('/'))
}
