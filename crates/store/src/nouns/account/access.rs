//! What only accounts of one platform have, field by field.

use super::super::FieldWriter;
use crate::{error::StoreError, keyspace::Family, records::FieldReader};
use domain::{
    Access, AccountSettings, AuthScheme, AwsCredential, AzureEndpoint, BedrockAccess, DroidAccess, GeminiAccess,
    HttpEndpoint, OAuthAccess, OAuthGrant, Sealed,
};

/// Words of the field `access`: which of a platform's ways an account is reached by.
const API_KEY: &str = Access::ApiKey.as_str();
const API_KEYS: &str = Access::ApiKeys.as_str();
const OAUTH: &str = Access::OAuth.as_str();
const ACCESS_KEY: &str = Access::AccessKey.as_str();
const BEARER_TOKEN: &str = Access::BearerToken.as_str();
const ENVIRONMENT: &str = Access::Environment.as_str();

/// Writes `settings` behind what all accounts have.
pub(super) fn write(settings: &AccountSettings, fields: FieldWriter) -> FieldWriter {
    match settings {
        AccountSettings::Claude(access) | AccountSettings::OpenAi(access) => write_oauth(access, fields),
        AccountSettings::ClaudeConsole(endpoint)
        | AccountSettings::Ccr(endpoint)
        | AccountSettings::OpenAiResponses(endpoint) => write_endpoint(endpoint, fields),
        AccountSettings::Gemini(GeminiAccess::ApiKey(endpoint)) => {
            write_endpoint(endpoint, fields).set("access", API_KEY)
        }
        AccountSettings::Gemini(GeminiAccess::OAuth { access, project_id }) => {
            write_oauth(access, fields).set("access", OAUTH).set_some("project_id", project_id.as_deref())
        }
        AccountSettings::Bedrock(access) => write_bedrock(access, fields),
        AccountSettings::AzureOpenAi(endpoint) => fields
            .set("base_url", endpoint.base_url.as_str())
            .set("api_key", endpoint.api_key.as_envelope())
            .set("auth", endpoint.auth.as_str())
            .set_some("deployment", endpoint.deployment.as_deref())
            .set_some("api_version", endpoint.api_version.as_deref()),
        AccountSettings::Droid(DroidAccess::ApiKeys { base_url, api_keys }) => {
            fields.set("access", API_KEYS).set("base_url", base_url.as_str()).set("api_keys", api_keys.as_envelope())
        }
        AccountSettings::Droid(DroidAccess::OAuth(access)) => write_oauth(access, fields).set("access", OAUTH),
    }
}

/// Reads [`write`].
pub(super) fn read(family: Family, fields: &FieldReader<'_>) -> Result<AccountSettings, StoreError> {
    let by_oauth = || fields.text("access") == Some(OAUTH);
    Ok(match family {
        Family::ClaudeAccount => AccountSettings::Claude(oauth(fields)?),
        Family::OpenAiAccount => AccountSettings::OpenAi(oauth(fields)?),
        Family::GeminiAccount if by_oauth() => AccountSettings::Gemini(GeminiAccess::OAuth {
            access: oauth(fields)?,
            project_id: fields.text("project_id").map(str::to_owned),
        }),
        Family::GeminiAccount => AccountSettings::Gemini(GeminiAccess::ApiKey(endpoint(fields)?)),
        Family::OpenAiResponsesAccount => AccountSettings::OpenAiResponses(endpoint(fields)?),
        Family::BedrockAccount => AccountSettings::Bedrock(bedrock(fields)?),
        Family::AzureOpenAiAccount => AccountSettings::AzureOpenAi(AzureEndpoint {
            base_url: owned(fields, "base_url")?,
            api_key: sealed(fields, "api_key")?,
            auth: fields.parsed("auth", AuthScheme::parse)?,
            deployment: fields.text("deployment").map(str::to_owned),
            api_version: fields.text("api_version").map(str::to_owned),
        }),
        Family::DroidAccount if by_oauth() => AccountSettings::Droid(DroidAccess::OAuth(oauth(fields)?)),
        Family::DroidAccount => AccountSettings::Droid(DroidAccess::ApiKeys {
            base_url: owned(fields, "base_url")?,
            api_keys: sealed(fields, "api_keys")?,
        }),
        Family::CcrAccount => AccountSettings::Ccr(endpoint(fields)?),
        _ => AccountSettings::ClaudeConsole(endpoint(fields)?),
    })
}

fn write_endpoint(endpoint: &HttpEndpoint, fields: FieldWriter) -> FieldWriter {
    fields
        .set("base_url", endpoint.base_url.as_str())
        .set_some("messages_path", endpoint.messages_path.as_deref())
        .set("api_key", endpoint.api_key.as_envelope())
        .set("auth", endpoint.auth.as_str())
}

fn endpoint(fields: &FieldReader<'_>) -> Result<HttpEndpoint, StoreError> {
    Ok(HttpEndpoint {
        base_url: owned(fields, "base_url")?,
        messages_path: fields.text("messages_path").map(str::to_owned),
        api_key: sealed(fields, "api_key")?,
        auth: fields.parsed("auth", AuthScheme::parse)?,
    })
}

fn write_oauth(access: &OAuthAccess, fields: FieldWriter) -> FieldWriter {
    let OAuthAccess { base_url, grant } = access;
    fields
        .set("base_url", base_url.as_str())
        .set_some("access_token", grant.access_token.as_ref().map(Sealed::as_envelope))
        .set_some("access_expires_at", grant.access_expires_at)
        .set_some("refresh_token", grant.refresh_token.as_ref().map(Sealed::as_envelope))
        .set("scopes", grant.scopes.as_str())
        .set_some("provider_account_id", grant.provider_account_id.as_deref())
        .set_some("email", grant.email.as_deref())
        .set_some("sign_in_needed", grant.sign_in_needed.as_deref())
        .set_some("refreshed_at", grant.refreshed_at)
        .set_some("refresh_begun_at", grant.refresh_begun_at)
}

fn oauth(fields: &FieldReader<'_>) -> Result<OAuthAccess, StoreError> {
    let text = |name| fields.text(name).map(str::to_owned);
    let sealed = |name| fields.text(name).map(|text| Sealed::from_envelope(text.to_owned()));
    Ok(OAuthAccess {
        base_url: owned(fields, "base_url")?,
        grant: OAuthGrant {
            access_token: sealed("access_token"),
            access_expires_at: fields.timestamp("access_expires_at"),
            refresh_token: sealed("refresh_token"),
            scopes: text("scopes").unwrap_or_default(),
            provider_account_id: text("provider_account_id"),
            email: text("email"),
            sign_in_needed: text("sign_in_needed"),
            refreshed_at: fields.timestamp("refreshed_at"),
            refresh_begun_at: fields.timestamp("refresh_begun_at"),
        },
    })
}

fn write_bedrock(access: &BedrockAccess, fields: FieldWriter) -> FieldWriter {
    let fields = fields.set("region", access.region.as_str()).set_some("base_url", access.base_url.as_deref());
    match &access.credential {
        AwsCredential::AccessKey { access_key_id, secret_access_key, session_token } => fields
            .set("access", ACCESS_KEY)
            .set("access_key_id", access_key_id.as_str())
            .set("secret_access_key", secret_access_key.as_envelope())
            .set_some("session_token", session_token.as_ref().map(Sealed::as_envelope)),
        AwsCredential::BearerToken(token) => {
            fields.set("access", BEARER_TOKEN).set("bearer_token", token.as_envelope())
        }
        AwsCredential::Environment => fields.set("access", ENVIRONMENT),
    }
}

fn bedrock(fields: &FieldReader<'_>) -> Result<BedrockAccess, StoreError> {
    let credential = match fields.text("access") {
        Some(ACCESS_KEY) => AwsCredential::AccessKey {
            access_key_id: owned(fields, "access_key_id")?,
            secret_access_key: sealed(fields, "secret_access_key")?,
            session_token: fields.text("session_token").map(|text| Sealed::from_envelope(text.to_owned())),
        },
        Some(BEARER_TOKEN) => AwsCredential::BearerToken(sealed(fields, "bearer_token")?),
        Some(ENVIRONMENT) => AwsCredential::Environment,
        _ => return Err(fields.damaged("access")),
    };
    let base_url = fields.text("base_url").map(str::to_owned);
    Ok(BedrockAccess { region: owned(fields, "region")?, base_url, credential })
}

fn owned(fields: &FieldReader<'_>, name: &str) -> Result<String, StoreError> {
    fields.parsed(name, |text| Some(text.to_owned()))
}

fn sealed(fields: &FieldReader<'_>, name: &str) -> Result<Sealed, StoreError> {
    fields.parsed(name, |text| Some(Sealed::from_envelope(text.to_owned())))
}
