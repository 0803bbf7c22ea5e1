//! Documents that make and change keys, and what they come to.

use super::bindings::{self, BindingsWord};
use crate::{
    faults::Faults,
    icons,
    refusal::Refusal,
    texts,
    wire::{ClientWord, Instant, Lifetime, Patch, PermissionsWord, RatesWord, Words},
};
use domain::{
    Admin, ApiKey, Binding, ClientKind, Expiry, HashScheme, KeyId, KeyState, Permissions, Service, Timestamp, UserId,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use vault::IssuedKey;

const ONE_EXPIRY: &str = "stands beside `expires_at`; write only one of the two";

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "build server", "permissions": ["claude"], "tags": ["ci"],
    "expires_after_first_use": {"days": 30}}))]
pub(crate) struct NewApiKey {
    /// What people call it; need not be unique.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// A note.
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// Left out: `all`.
    permissions: Option<PermissionsWord>,
    /// Clients it is restricted to; left out: any.
    #[schema(value_type = Option<Vec<ClientWord>>)]
    allowed_clients: Option<Words<ClientKind>>,
    /// Models it may not use, by the name that the client sends.
    #[schema(max_items = 500)]
    restricted_models: Option<Vec<String>>,
    /// Labels of up to 50 characters.
    #[schema(max_items = 20)]
    tags: Option<Vec<String>>,
    /// The id of the user whose it is; left out: nobody's.
    #[schema(max_length = 64)]
    owner: Option<String>,
    /// Who alone serves it, by service; a service that is left out is served by all accounts.
    bindings: Option<BindingsWord>,
    /// Factors of its rated cost by platform, in the place of the relay's.
    rate_multipliers: Option<RatesWord>,
    /// An emoji or a name of up to 32 characters, or a PNG, JPEG or WebP image of up to 16 KiB as a `data:` URI.
    #[schema(min_length = 1, max_length = 21880, example = "🦀")]
    icon: Option<String>,
    /// When it stops to work. Not beside `expires_after_first_use`.
    expires_at: Option<Instant>,
    /// How long it works once used. Not beside `expires_at`.
    expires_after_first_use: Option<Lifetime>,
    /// Whether it works at once; left out: it does.
    active: Option<bool>,
}

/// What shall be different about a key. What is left out stays; `null` sets a field back to what a new key has.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "build server 2", "active": false, "expires_at": null}))]
pub(crate) struct ApiKeyPatch {
    /// What people call it; cannot be cleared.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    name: Patch<String>,
    /// A note.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Patch<String>,
    /// What it may use.
    #[serde(default)]
    #[schema(value_type = Option<PermissionsWord>)]
    permissions: Patch<PermissionsWord>,
    /// Clients it is restricted to.
    #[serde(default)]
    #[schema(value_type = Option<Vec<ClientWord>>)]
    allowed_clients: Patch<Words<ClientKind>>,
    /// Models it may not use.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 500)]
    restricted_models: Patch<Vec<String>>,
    /// Labels.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 20)]
    tags: Patch<Vec<String>>,
    /// The id of the user whose it is; `null`: nobody's.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 64)]
    owner: Patch<String>,
    /// Who alone serves it, by service, as a whole; `null`: it is bound to nothing.
    #[serde(default)]
    #[schema(value_type = Option<BindingsWord>)]
    bindings: Patch<BindingsWord>,
    /// Factors of its rated cost by platform, as a whole; `null`: those of the relay.
    #[serde(default)]
    #[schema(value_type = Option<RatesWord>)]
    rate_multipliers: Patch<RatesWord>,
    /// What it is recognised by at a glance; `null`: nothing.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 21880)]
    icon: Patch<String>,
    /// When it stops to work; `null`: no fixed end.
    #[serde(default)]
    #[schema(value_type = Option<Instant>)]
    expires_at: Patch<Instant>,
    /// How long it works once used; a first use that was counts on. `null`: not counted from there.
    #[serde(default)]
    #[schema(value_type = Option<Lifetime>)]
    expires_after_first_use: Patch<Lifetime>,
    /// Whether it works; `null`: it does.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    active: Patch<bool>,
}

impl NewApiKey {
    /// The key that this makes of a fresh `issued` one.
    pub(crate) fn into_key(self, id: KeyId, issued: IssuedKey, by: &Admin, now: Timestamp) -> Result<ApiKey, Refusal> {
        let mut faults = Faults::default();
        let expiry = match (self.expires_at, self.expires_after_first_use) {
            (None, None) => Expiry::Never,
            (Some(Instant(at)), None) => Expiry::At(at),
            (None, Some(lifetime)) => counted_expiry(&mut faults, lifetime, None),
            (Some(_), Some(_)) => {
                faults.add("expires_after_first_use", ONE_EXPIRY);
                Expiry::Never
            }
        };
        let key = ApiKey {
            id,
            name: faults.check("name", texts::name(&self.name)),
            description: faults.check("description", texts::description(&self.description.unwrap_or_default())),
            hash: issued.hash,
            hash_scheme: HashScheme::Plain,
            hint: issued.hint,
            permissions: self.permissions.map_or(Permissions::All, |word| word.0),
            allowed_clients: clients(self.allowed_clients.unwrap_or(Words(Vec::new()))),
            restricted_models: faults
                .check("restricted_models", texts::models(&self.restricted_models.unwrap_or_default())),
            tags: faults.check("tags", texts::tags(&self.tags.unwrap_or_default())),
            owner: self.owner.and_then(|id| faults.check("owner", texts::owner(&id).map(Some))),
            bindings: bindings::parse(&self.bindings.unwrap_or_default(), &mut faults),
            rate_multipliers: self.rate_multipliers.unwrap_or_default().parse("rate_multipliers", &mut faults),
            icon: self.icon.and_then(|text| faults.check("icon", icons::parse(&text).map(Some))),
            expiry,
            state: state(self.active.unwrap_or(true)),
            created_at: now,
            created_by: by.username.clone(),
            updated_at: now,
        };
        faults.settle().map(|()| key)
    }
}

impl ApiKeyPatch {
    /// `key` with the changes.
    pub(crate) fn apply(&self, key: &ApiKey, now: Timestamp) -> Result<ApiKey, Refusal> {
        let mut faults = Faults::default();
        let mut key = key.clone();
        faults.patch(&mut key.description, "description", &self.description, |text| texts::description(text));
        faults.patch(&mut key.restricted_models, "restricted_models", &self.restricted_models, |list| {
            texts::models(list)
        });
        faults.patch(&mut key.tags, "tags", &self.tags, |list| texts::tags(list));
        faults.patch(&mut key.owner, "owner", &self.owner, |id| texts::owner(id).map(Some));
        faults.patch_required(&mut key.name, "name", &self.name, |text| texts::name(text));
        if let Some(word) = self.permissions.clone().or_cleared(PermissionsWord(Permissions::All)) {
            key.permissions = word.0;
        }
        if let Some(allowed) = self.allowed_clients.clone().or_cleared(Words(Vec::new())) {
            key.allowed_clients = clients(allowed);
        }
        faults.patch(&mut key.icon, "icon", &self.icon, |text| icons::parse(text).map(Some));
        if let Some(rates) = self.rate_multipliers.clone().or_cleared(RatesWord::default()) {
            key.rate_multipliers = rates.parse("rate_multipliers", &mut faults);
        }
        if let Some(words) = self.bindings.clone().or_cleared(BindingsWord::default()) {
            key.bindings = bindings::parse(&words, &mut faults);
        }
        if let Some(active) = self.active.or_cleared(true) {
            key.state = state(active);
        }
        key.expiry = self.expiry(key.expiry, &mut faults);
        key.updated_at = now;
        faults.settle().map(|()| key)
    }

    /// The owner and the bindings that it names, as far as they are such; what is none is refused when the change is made.
    pub(super) fn references(&self) -> (Option<UserId>, BTreeMap<Service, Binding>) {
        let owner = match &self.owner {
            Patch::Set(id) => texts::owner(id).ok(),
            Patch::Keep | Patch::Clear => None,
        };
        let bindings = match &self.bindings {
            Patch::Set(words) => bindings::parse(words, &mut Faults::default()),
            Patch::Keep | Patch::Clear => BTreeMap::new(),
        };
        (owner, bindings)
    }

    /// A value wins over a `null` beside it: who writes back what was read changes one of the two.
    fn expiry(&self, old: Expiry, faults: &mut Faults) -> Expiry {
        match (self.expires_at, self.expires_after_first_use, old) {
            (Patch::Set(_), Patch::Set(_), _) => {
                faults.add("expires_after_first_use", ONE_EXPIRY);
                old
            }
            (Patch::Set(Instant(at)), _, _) => Expiry::At(at),
            (_, Patch::Set(lifetime), Expiry::AfterFirstUse { first_used_at, .. }) => {
                counted_expiry(faults, lifetime, first_used_at)
            }
            (_, Patch::Set(lifetime), _) => counted_expiry(faults, lifetime, None),
            (Patch::Clear, _, Expiry::At(_)) | (_, Patch::Clear, Expiry::AfterFirstUse { .. }) => Expiry::Never,
            (_, _, old) => old,
        }
    }
}

fn counted_expiry(faults: &mut Faults, lifetime: Lifetime, first_used_at: Option<Timestamp>) -> Expiry {
    let lifetime = faults.check("expires_after_first_use", lifetime.parse());
    Expiry::AfterFirstUse { lifetime, first_used_at }
}

fn clients(Words(mut clients): Words<ClientKind>) -> Vec<ClientKind> {
    clients.sort_unstable();
    clients.dedup();
    clients
}

const fn state(active: bool) -> KeyState {
    if active { KeyState::Active } else { KeyState::Disabled }
}
