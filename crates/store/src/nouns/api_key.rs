//! API keys as records.

use super::{FieldWriter, list_from_text, list_to_text, rates_from_text, rates_to_text};
use crate::{
    error::StoreError,
    keyspace::Family,
    records::{Comparison, FieldReader, Fields, Filter, Record, Records, Row, Value},
};
use domain::{
    ApiKey, Binding, ClientKind, Expiry, HashScheme, KeyHash, KeyId, KeyState, Permissions, RateMultipliers, Service,
    UserId,
};
use std::{collections::BTreeMap, time::Duration};

const ALL: &str = "all";

/// The column that keeps what a key is bound to for `service`, as [`Binding`] prints itself.
#[must_use]
pub const fn binding_column(service: Service) -> &'static str {
    match service {
        Service::Claude => "binding_claude",
        Service::Gemini => "binding_gemini",
        Service::OpenAi => "binding_openai",
        Service::Droid => "binding_droid",
    }
}

/// The keys that are bound to `binding` for `service`.
#[must_use]
pub fn bound_to(service: Service, binding: &Binding) -> Filter {
    let value = Value::from(binding.to_string());
    Filter { column: binding_column(service), comparison: Comparison::Equal, value }
}

/// How many keys that were not deleted are bound to `binding`, for whichever services.
///
/// # Errors
///
/// When the store fails.
pub async fn count_bound(records: &dyn Records, binding: &Binding) -> Result<u64, StoreError> {
    let not_deleted = Filter { column: "state", comparison: Comparison::NotEqual, value: Value::from("deleted") };
    let mut count = 0;
    for (place, &service) in Service::ALL.iter().enumerate() {
        // A key that is bound to it for several services is counted for the first of them.
        let earlier = Service::ALL[..place].iter();
        let uncounted =
            earlier.map(|&service| Filter { comparison: Comparison::NotEqual, ..bound_to(service, binding) });
        let filters: Vec<_> = uncounted.chain([bound_to(service, binding), not_deleted.clone()]).collect();
        count += records.count(Family::ApiKey, &filters).await?;
    }
    Ok(count)
}

impl Record for ApiKey {
    const FAMILIES: &'static [Family] = &[Family::ApiKey];

    fn family(&self) -> Family {
        Family::ApiKey
    }

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn fields(&self) -> Fields {
        let (expires_at, lifetime, first_used_at) = match self.expiry {
            Expiry::Never => (None, None, None),
            Expiry::At(at) => (Some(at), None, None),
            Expiry::AfterFirstUse { lifetime, first_used_at } => (self.expiry.ends_at(), Some(lifetime), first_used_at),
        };
        let (state, deleted_at) = match self.state {
            KeyState::Active => ("active", None),
            KeyState::Disabled => ("disabled", None),
            KeyState::Deleted { at } => ("deleted", Some(at)),
        };
        let rates = (!self.rate_multipliers.is_empty()).then(|| rates_to_text(&self.rate_multipliers));
        let fields = FieldWriter::default();
        let bound = |fields: FieldWriter, &service| {
            fields.set_some(binding_column(service), self.bindings.get(&service).map(ToString::to_string))
        };
        Service::ALL
            .iter()
            .fold(fields, bound)
            .set("name", self.name.as_str())
            .set("description", self.description.as_str())
            .set("hash", self.hash.to_string())
            .set("hash_scheme", self.hash_scheme.as_str())
            .set("hint", self.hint.as_str())
            .set("permissions", permissions_to_text(&self.permissions))
            .set("allowed_clients", list_to_text(self.allowed_clients.iter().map(|client| client.as_str())))
            .set("restricted_models", list_to_text(self.restricted_models.iter().map(String::as_str)))
            .set("tags", list_to_text(self.tags.iter().map(String::as_str)))
            .set_some("owner", self.owner.as_ref().map(UserId::as_str))
            .set_some("rate_multipliers", rates)
            .set_some("icon", self.icon.as_deref())
            .set_some("expires_at", expires_at)
            .set_some("lifetime_ms", lifetime.map(|span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
            .set_some("first_used_at", first_used_at)
            .set("state", state)
            .set_some("deleted_at", deleted_at)
            .set("created_at", self.created_at)
            .set("created_by", self.created_by.as_str())
            .set("updated_at", self.updated_at)
            .0
    }

    fn read(family: Family, row: &Row) -> Result<Self, StoreError> {
        let fields = FieldReader::new(family, row);
        Ok(Self {
            id: fields.required("id", KeyId::parse(&row.id).ok())?,
            name: fields.parsed("name", |text| Some(text.to_owned()))?,
            description: fields.text("description").unwrap_or_default().to_owned(),
            hash: fields.parsed("hash", KeyHash::parse)?,
            hash_scheme: fields.parsed("hash_scheme", HashScheme::parse)?,
            hint: fields.text("hint").unwrap_or_default().to_owned(),
            permissions: fields.parsed("permissions", permissions_from_text)?,
            allowed_clients: fields.parsed("allowed_clients", clients_from_text)?,
            restricted_models: fields.parsed("restricted_models", list_from_text)?,
            tags: fields.parsed("tags", list_from_text)?,
            owner: match fields.text("owner") {
                None => None,
                Some(owner) => Some(fields.required("owner", UserId::parse(owner).ok())?),
            },
            bindings: bindings(&fields)?,
            rate_multipliers: match fields.text("rate_multipliers") {
                None => RateMultipliers::default(),
                Some(text) => fields.required("rate_multipliers", rates_from_text(text))?,
            },
            icon: fields.text("icon").map(str::to_owned),
            expiry: expiry(&fields)?,
            state: state(&fields)?,
            created_at: fields.required("created_at", fields.timestamp("created_at"))?,
            created_by: fields.text("created_by").unwrap_or_default().to_owned(),
            updated_at: fields.required("updated_at", fields.timestamp("updated_at"))?,
        })
    }
}

fn bindings(fields: &FieldReader<'_>) -> Result<BTreeMap<Service, Binding>, StoreError> {
    let bound = Service::ALL.iter().filter_map(|&service| Some((service, fields.text(binding_column(service))?)));
    bound
        .map(|(service, text)| Ok((service, fields.required(binding_column(service), Binding::parse(text))?)))
        .collect()
}

fn expiry(fields: &FieldReader<'_>) -> Result<Expiry, StoreError> {
    match (fields.integer("lifetime_ms"), fields.timestamp("expires_at")) {
        (None, None) => Ok(Expiry::Never),
        (None, Some(at)) => Ok(Expiry::At(at)),
        (Some(ms), _) => {
            let ms = fields.required("lifetime_ms", u64::try_from(ms).ok())?;
            Ok(Expiry::AfterFirstUse {
                lifetime: Duration::from_millis(ms),
                first_used_at: fields.timestamp("first_used_at"),
            })
        }
    }
}

fn state(fields: &FieldReader<'_>) -> Result<KeyState, StoreError> {
    match fields.text("state") {
        Some("active") => Ok(KeyState::Active),
        Some("disabled") => Ok(KeyState::Disabled),
        Some("deleted") => {
            let at = fields.required("deleted_at", fields.timestamp("deleted_at"))?;
            Ok(KeyState::Deleted { at })
        }
        _ => Err(fields.damaged("state")),
    }
}

fn permissions_to_text(permissions: &Permissions) -> String {
    match permissions {
        Permissions::All => ALL.to_owned(),
        Permissions::Only(services) => list_to_text(services.iter().map(|service| service.as_str())),
    }
}

fn permissions_from_text(text: &str) -> Option<Permissions> {
    if text == ALL {
        return Some(Permissions::All);
    }
    let services = list_from_text(text)?.iter().map(|name| Service::parse(name)).collect::<Option<_>>()?;
    Some(Permissions::Only(services))
}

fn clients_from_text(text: &str) -> Option<Vec<ClientKind>> {
    list_from_text(text)?.iter().map(|name| ClientKind::parse(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Version;
    use domain::{Multiplier, Platform, Timestamp};

    fn key() -> ApiKey {
        ApiKey {
            id: KeyId::parse("k1").expect("an id"),
            name: "ci".to_owned(),
            description: String::new(),
            hash: KeyHash([7; 32]),
            hash_scheme: HashScheme::Plain,
            hint: "cr_0707…07".to_owned(),
            permissions: Permissions::Only([Service::Claude].into()),
            allowed_clients: vec![ClientKind::ClaudeCode],
            restricted_models: vec!["claude-opus-5".to_owned()],
            tags: vec!["a \"quoted\" tag".to_owned()],
            owner: None,
            bindings: BTreeMap::new(),
            rate_multipliers: RateMultipliers::default(),
            icon: None,
            expiry: Expiry::Never,
            state: KeyState::Active,
            created_at: Timestamp::from_ms(1),
            created_by: "admin".to_owned(),
            updated_at: Timestamp::from_ms(2),
        }
    }

    fn through_fields(key: &ApiKey) -> ApiKey {
        let row = Row { id: key.id.to_string(), version: Version(1), fields: key.fields() };
        ApiKey::read(Family::ApiKey, &row).expect("reads back")
    }

    #[test]
    fn a_key_reads_back_as_it_was_written() {
        let lifetime = Duration::from_secs(3600);
        let expiries = [
            Expiry::Never,
            Expiry::At(Timestamp::from_ms(9)),
            Expiry::AfterFirstUse { lifetime, first_used_at: None },
            Expiry::AfterFirstUse { lifetime, first_used_at: Some(Timestamp::from_ms(5)) },
        ];
        for expiry in expiries {
            for state in [KeyState::Active, KeyState::Disabled, KeyState::Deleted { at: Timestamp::from_ms(3) }] {
                let key = ApiKey { expiry, state, ..key() };
                assert_eq!(through_fields(&key), key);
            }
        }
        let all = ApiKey { permissions: Permissions::All, owner: UserId::parse("u").ok(), ..key() };
        assert_eq!(through_fields(&all), all);
        let account = Binding::parse("account:a1").expect("a binding");
        let group = Binding::parse("group:g1").expect("a binding");
        let bound = ApiKey { bindings: [(Service::Claude, account), (Service::Droid, group)].into(), ..key() };
        assert_eq!(through_fields(&bound), bound);
        let rate_multipliers = [(Platform::Ccr, Multiplier::parse("1.5").expect("a decimal"))].into_iter().collect();
        let rated = ApiKey { rate_multipliers, icon: Some("🦀".to_owned()), ..key() };
        assert_eq!(through_fields(&rated), rated);
    }

    #[test]
    fn every_field_is_a_column_of_the_table() {
        let binding = Binding::parse("group:g1").expect("a binding");
        let bindings = Service::ALL.iter().map(|&service| (service, binding.clone())).collect();
        let rate_multipliers = [(Platform::Ccr, Multiplier::ONE)].into_iter().collect();
        let full = ApiKey { bindings, rate_multipliers, icon: Some("🦀".to_owned()), ..key() };
        for name in full.fields().keys() {
            assert!(Family::ApiKey.column(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_damaged_field_is_named() {
        let mut row = Row { id: "k1".to_owned(), version: Version(1), fields: key().fields() };
        row.fields.insert("permissions", "everything".into());
        let error = ApiKey::read(Family::ApiKey, &row).expect_err("damaged");
        assert!(error.to_string().contains("permissions of api_key:{k1}"), "{error}");
    }
}
