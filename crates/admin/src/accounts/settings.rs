//! The platform's part of a document: read for an account of one kind, on what the account had. A field that the kind does not have
//! is a fault, and so is one that it needs and nobody has given.

use super::{credential, documents::AccountDocument, kinds::Kind, spelling};
use crate::{
    faults::{Faults, Reason},
    refusal::Refusal,
    wire::{ClearText, Patch},
};
use domain::{
    Access, AccountId, AccountSettings, AuthScheme, AwsCredential, AzureEndpoint, BedrockAccess, DroidAccess,
    GeminiAccess, HttpEndpoint, OAuthAccess, OAuthGrant, Platform, Sealed,
};
use secrecy::{ExposeSecret, SecretString};
use vault::Keyring;

/// What Anthropic's own keys begin with.
const ANTHROPIC_PREFIX: &str = "sk-ant-";

/// The account that a document is read for.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    /// Its id.
    pub(super) id: &'a AccountId,
    /// What it has.
    pub(super) kind: &'static Kind,
    /// Seals its secrets.
    pub(super) keyring: &'a Keyring,
}

/// The settings that `document` makes of `old`.
///
/// Another way in starts anew: nothing secret of the former is left.
///
/// # Errors
///
/// When a stored secret that has to be looked at does not open.
pub(super) fn read(
    document: &AccountDocument,
    subject: Subject<'_>,
    old: Option<&AccountSettings>,
    faults: &mut Faults,
) -> Result<AccountSettings, Refusal> {
    let kind = subject.kind;
    for name in document.given() {
        if !kind.has(name) {
            faults.add(name, format!("is no field of {}; it has {}", kind.named(), kind.listed()));
        }
    }
    Form { document, subject, kind, faults }.settings(old)
}

/// A document that is read for one kind of account.
struct Form<'a> {
    document: &'a AccountDocument,
    subject: Subject<'a>,
    kind: &'static Kind,
    faults: &'a mut Faults,
}

impl Form<'_> {
    fn settings(&mut self, old: Option<&AccountSettings>) -> Result<AccountSettings, Refusal> {
        let is_oauth = self.kind.access == Access::OAuth;
        let signed_in = old.and_then(AccountSettings::oauth);
        let endpoint = old.and_then(endpoint_of);
        Ok(match self.kind.platform {
            Platform::Claude => AccountSettings::Claude(self.oauth(signed_in)),
            Platform::OpenAi => AccountSettings::OpenAi(self.oauth(signed_in)),
            Platform::ClaudeConsole => AccountSettings::ClaudeConsole(self.endpoint(endpoint)?),
            Platform::Ccr => AccountSettings::Ccr(self.endpoint(endpoint)?),
            Platform::OpenAiResponses => AccountSettings::OpenAiResponses(self.endpoint(endpoint)?),
            Platform::Gemini if is_oauth => AccountSettings::Gemini(GeminiAccess::OAuth {
                access: self.oauth(signed_in),
                project_id: self.project_id(old),
            }),
            Platform::Gemini => AccountSettings::Gemini(GeminiAccess::ApiKey(self.endpoint(endpoint)?)),
            Platform::Bedrock => AccountSettings::Bedrock(self.bedrock(old)),
            Platform::AzureOpenAi => AccountSettings::AzureOpenAi(self.azure(old)?),
            Platform::Droid if is_oauth => AccountSettings::Droid(DroidAccess::OAuth(self.oauth(signed_in))),
            Platform::Droid => AccountSettings::Droid(self.droid(old)),
        })
    }

    fn endpoint(&mut self, old: Option<&HttpEndpoint>) -> Result<HttpEndpoint, Refusal> {
        let document = self.document;
        let messages_path = old.and_then(|old| old.messages_path.as_ref());
        Ok(HttpEndpoint {
            base_url: self.base_url(old.map(|old| &old.base_url)),
            messages_path: self.optional("messages_path", &document.messages_path, messages_path, spelling::path),
            api_key: self.secret("api_key", &document.api_key, old.map(|old| &old.api_key)),
            auth: self.auth(old.map(|old| (old.auth, &old.api_key)))?,
        })
    }

    fn oauth(&mut self, old: Option<&OAuthAccess>) -> OAuthAccess {
        let grant = old.map_or_else(OAuthGrant::default, |old| old.grant.clone());
        OAuthAccess { base_url: self.base_url(old.map(|old| &old.base_url)), grant }
    }

    fn project_id(&mut self, old: Option<&AccountSettings>) -> Option<String> {
        let old = match old {
            Some(AccountSettings::Gemini(GeminiAccess::OAuth { project_id, .. })) => project_id.as_ref(),
            _ => None,
        };
        self.optional("project_id", &self.document.project_id, old, spelling::project_id)
    }

    fn bedrock(&mut self, old: Option<&AccountSettings>) -> BedrockAccess {
        let document = self.document;
        let old = match old {
            Some(AccountSettings::Bedrock(access)) => Some(access),
            _ => None,
        };
        let region = old.map(|old| &old.region);
        let base_url = old.and_then(|old| old.base_url.as_ref());
        BedrockAccess {
            region: self.required("region", &document.region, region, None, spelling::region),
            base_url: self.optional("base_url", &document.base_url, base_url, spelling::base_url),
            credential: self.aws(old.map(|old| &old.credential)),
        }
    }

    fn aws(&mut self, old: Option<&AwsCredential>) -> AwsCredential {
        let document = self.document;
        match self.kind.access {
            Access::BearerToken => {
                let old = match old {
                    Some(AwsCredential::BearerToken(token)) => Some(token),
                    _ => None,
                };
                AwsCredential::BearerToken(self.secret("bearer_token", &document.bearer_token, old))
            }
            Access::Environment => AwsCredential::Environment,
            Access::AccessKey | Access::ApiKey | Access::ApiKeys | Access::OAuth => {
                let (id, secret, session) = match old {
                    Some(AwsCredential::AccessKey { access_key_id, secret_access_key, session_token }) => {
                        (Some(access_key_id), Some(secret_access_key), session_token.as_ref())
                    }
                    _ => (None, None, None),
                };
                let given = &document.access_key_id;
                AwsCredential::AccessKey {
                    access_key_id: self.required("access_key_id", given, id, None, spelling::access_key_id),
                    secret_access_key: self.secret("secret_access_key", &document.secret_access_key, secret),
                    session_token: self.optional_secret("session_token", &document.session_token, session),
                }
            }
        }
    }

    fn azure(&mut self, old: Option<&AccountSettings>) -> Result<AzureEndpoint, Refusal> {
        let document = self.document;
        let old = match old {
            Some(AccountSettings::AzureOpenAi(endpoint)) => Some(endpoint),
            _ => None,
        };
        let deployment = old.and_then(|old| old.deployment.as_ref());
        let api_version = old.and_then(|old| old.api_version.as_ref());
        Ok(AzureEndpoint {
            base_url: self.base_url(old.map(|old| &old.base_url)),
            api_key: self.secret("api_key", &document.api_key, old.map(|old| &old.api_key)),
            auth: self.auth(old.map(|old| (old.auth, &old.api_key)))?,
            deployment: self.optional("deployment", &document.deployment, deployment, spelling::deployment),
            api_version: self.optional("api_version", &document.api_version, api_version, spelling::api_version),
        })
    }

    fn droid(&mut self, old: Option<&AccountSettings>) -> DroidAccess {
        let (base_url, api_keys) = match old {
            Some(AccountSettings::Droid(DroidAccess::ApiKeys { base_url, api_keys })) => {
                (Some(base_url), Some(api_keys))
            }
            _ => (None, None),
        };
        let given = &self.document.api_keys;
        DroidAccess::ApiKeys {
            base_url: self.base_url(base_url),
            api_keys: self
                .sealed("api_keys", given, api_keys, |keys| spelling::api_keys(keys.0.iter().map(|key| &key.0))),
        }
    }

    fn base_url(&mut self, old: Option<&String>) -> String {
        self.required("base_url", &self.document.base_url, old, self.kind.base_url, spelling::base_url)
    }

    /// How the API key is sent, on how it was sent and the key of then.
    fn auth(&mut self, old: Option<(AuthScheme, &Sealed)>) -> Result<AuthScheme, Refusal> {
        match (self.document.auth, old) {
            (Patch::Set(word), _) => {
                if !self.kind.schemes.contains(&word.0) {
                    let schemes = self.kind.schemes.iter().map(|scheme| scheme.as_str()).collect::<Vec<_>>();
                    let reason =
                        format!("is not how {} takes its key; write {}", self.kind.platform, schemes.join(" or "));
                    self.faults.add("auth", reason);
                }
                Ok(word.0)
            }
            (Patch::Keep, Some((scheme, _))) => Ok(scheme),
            (Patch::Keep | Patch::Clear, _) => self.usual_scheme(old.map(|(_, api_key)| api_key)),
        }
    }

    /// How the API key is sent unless somebody says otherwise: what speaks like Anthropic's API takes Anthropic's keys in one
    /// header, and those of others in another.
    fn usual_scheme(&self, old: Option<&Sealed>) -> Result<AuthScheme, Refusal> {
        let Subject { id, kind, keyring } = self.subject;
        let usual = kind.schemes.first().copied().unwrap_or(AuthScheme::Bearer);
        if !matches!(kind.platform, Platform::ClaudeConsole | Platform::Ccr) {
            return Ok(usual);
        }
        let clear = match (&self.document.api_key, old) {
            (Patch::Set(given), _) => given.0.clone(),
            (_, Some(old)) => {
                credential::open(keyring, kind.platform, id, "api_key", old).map_err(Refusal::internal)?
            }
            (_, None) => SecretString::default(),
        };
        let is_anthropic = clear.expose_secret().trim_start().starts_with(ANTHROPIC_PREFIX);
        Ok(if is_anthropic { usual } else { AuthScheme::Bearer })
    }

    /// A text that has to be there; `null` sets it back to `usual`, if there is one.
    fn required(
        &mut self,
        name: &'static str,
        given: &Patch<String>,
        old: Option<&String>,
        usual: Option<&str>,
        parse: impl FnOnce(&str) -> Result<String, Reason>,
    ) -> String {
        match (given, old, usual) {
            (Patch::Set(text), _, _) => self.faults.check(name, parse(text)),
            (Patch::Keep, Some(old), _) => old.clone(),
            (Patch::Keep | Patch::Clear, _, Some(usual)) => usual.to_owned(),
            (Patch::Keep | Patch::Clear, _, None) => {
                self.lacks(name, old.is_some());
                String::new()
            }
        }
    }

    /// A text that may be left out.
    fn optional(
        &mut self,
        name: &'static str,
        given: &Patch<String>,
        old: Option<&String>,
        parse: impl FnOnce(&str) -> Result<String, Reason>,
    ) -> Option<String> {
        match given {
            Patch::Set(text) => Some(self.faults.check(name, parse(text))),
            Patch::Keep => old.cloned(),
            Patch::Clear => None,
        }
    }

    fn secret(&mut self, name: &'static str, given: &Patch<ClearText>, old: Option<&Sealed>) -> Sealed {
        self.sealed(name, given, old, |text| spelling::secret(&text.0))
    }

    fn optional_secret(
        &mut self,
        name: &'static str,
        given: &Patch<ClearText>,
        old: Option<&Sealed>,
    ) -> Option<Sealed> {
        match given {
            Patch::Set(_) => Some(self.secret(name, given, old)),
            Patch::Keep => old.cloned(),
            Patch::Clear => None,
        }
    }

    /// A secret that has to be there, sealed at its place.
    fn sealed<T>(
        &mut self,
        name: &'static str,
        given: &Patch<T>,
        old: Option<&Sealed>,
        parse: impl FnOnce(&T) -> Result<SecretString, Reason>,
    ) -> Sealed {
        let Subject { id, kind, keyring } = self.subject;
        match (given, old) {
            (Patch::Set(clear), _) => {
                let clear = self.faults.check(name, parse(clear));
                credential::seal(keyring, kind.platform, id, name, &clear)
            }
            (Patch::Keep, Some(old)) => old.clone(),
            (Patch::Keep | Patch::Clear, _) => {
                self.lacks(name, old.is_some());
                Sealed::from_envelope(String::new())
            }
        }
    }

    /// Notes that a field that is needed is not there, or would not be any more.
    fn lacks(&mut self, name: &'static str, was_there: bool) {
        let reason = if was_there {
            "cannot be empty; write a value, or leave it out to keep the old one".to_owned()
        } else {
            format!("is missing; {} needs it", self.kind.named())
        };
        self.faults.add(name, reason);
    }
}

fn endpoint_of(settings: &AccountSettings) -> Option<&HttpEndpoint> {
    match settings {
        AccountSettings::ClaudeConsole(endpoint)
        | AccountSettings::Ccr(endpoint)
        | AccountSettings::OpenAiResponses(endpoint)
        | AccountSettings::Gemini(GeminiAccess::ApiKey(endpoint)) => Some(endpoint),
        AccountSettings::Claude(_)
        | AccountSettings::OpenAi(_)
        | AccountSettings::Gemini(GeminiAccess::OAuth { .. })
        | AccountSettings::Bedrock(_)
        | AccountSettings::AzureOpenAi(_)
        | AccountSettings::Droid(_) => None,
    }
}
