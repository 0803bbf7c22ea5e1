//! What a key is bound to, as it stands in documents: read, checked against what there is, shown with names.

use crate::{
    at_once::each,
    editing,
    faults::Faults,
    refusal::{Refusal, RefusalType},
    state::Plane,
    wire::ServiceWord,
};
use domain::{Account, AccountGroup, AccountId, Binding, GroupId, Service};
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};
use store::{
    nouns::api_key::{bound_to, count_bound},
    records::Filter,
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, Ref, RefOr, Schema, schema::Type},
};

/// What a key may be bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BindingType)]
pub(crate) enum TypeWord {
    /// One account.
    Account,
    /// The members of one group of accounts.
    Group,
}

/// An account or a group that alone serves a key.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(as = NewBinding, example = json!({"type": "group", "id": "0198c0de-0000-7000-8000-000000000002"}))]
pub(crate) struct BindingWord {
    r#type: TypeWord,
    /// Its id.
    #[schema(min_length = 1, max_length = 64)]
    id: String,
}

/// Who alone serves a key, by service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct BindingsWord(BTreeMap<ServiceWord, BindingWord>);

/// An account or a group that alone serves a key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Binding)]
pub(crate) struct BindingView {
    r#type: TypeWord,
    id: String,
    /// What people call it; null where it is gone, and for users, who know no accounts.
    name: Option<String>,
}

/// Who alone serves a key, by service.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct BindingsView(BTreeMap<ServiceWord, BindingView>);

/// What the accounts and groups are called that keys are bound to.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<Binding, String>);

/// The bindings that `words` mean.
pub(super) fn parse(words: &BindingsWord, faults: &mut Faults) -> BTreeMap<Service, Binding> {
    let mut bindings = BTreeMap::new();
    for (service, word) in &words.0 {
        let binding = match word.r#type {
            TypeWord::Account => AccountId::parse(&word.id).map(Binding::Account),
            TypeWord::Group => GroupId::parse(&word.id).map(Binding::Group),
        };
        match binding {
            Ok(binding) => drop(bindings.insert(service.0, binding)),
            Err(_) => faults.add(format!("bindings.{}.id", service.0), "is no id; take one from the list"),
        }
    }
    bindings
}

/// Notes what keys cannot be bound to: what does not exist, and accounts that do not serve the service.
pub(super) async fn check(
    plane: &Plane,
    bindings: &BTreeMap<Service, Binding>,
    faults: &mut Faults,
) -> Result<(), Refusal> {
    for (&service, binding) in bindings {
        let field = format!("bindings.{service}.id");
        match binding {
            Binding::Account(id) => match editing::find::<Account>(plane.store(), id.as_str()).await? {
                None => faults.add(field, "is no account's id; take one from the list of accounts"),
                Some(account) => {
                    let platform = account.record.platform();
                    if platform.service() != service {
                        faults.add(field, format!("is an account of {platform}, which does not serve {service}"));
                    }
                }
            },
            Binding::Group(id) => {
                if editing::find::<AccountGroup>(plane.store(), id.as_str()).await?.is_none() {
                    faults.add(field, "is no group's id; take one from the list of groups");
                }
            }
        }
    }
    Ok(())
}

/// Refuses while keys are bound to what is to be deleted. A key that is bound to it in the same moment is served by nobody until
/// it is bound anew: never by accounts that it was not meant for.
pub(crate) async fn refuse_bound(plane: &Plane, binding: &Binding) -> Result<(), Refusal> {
    let (count, what) = (
        count_bound(&*plane.store().records, binding).await?,
        match binding {
            Binding::Account(_) => "account",
            Binding::Group(_) => "group",
        },
    );
    if count == 0 {
        return Ok(());
    }
    let keys = if count == 1 { "1 key is".to_owned() } else { format!("{count} keys are") };
    let message = format!(
        "{keys} bound to this {what}: bind or delete them first. `GET /admin/api-keys?binding=claude:{binding}` lists those that are bound to it for claude."
    );
    Err(Refusal::new(RefusalType::Conflict, message))
}

/// The filter of a list of keys that `text` means: `claude:account:ID` or `claude:group:ID`.
pub(super) fn filter(text: &str) -> Result<Filter, Refusal> {
    let parts = text.split_once(':');
    let parsed = parts.and_then(|(service, binding)| Some((Service::parse(service)?, Binding::parse(binding)?)));
    let (service, binding) = parsed.ok_or_else(|| {
        Refusal::parameter("binding", "write a service and what keys are bound to, such as claude:group:ID")
    })?;
    Ok(bound_to(service, &binding))
}

impl Names {
    /// The names of what `bindings` are, each asked for once.
    pub(crate) async fn of<'a>(plane: &Plane, bindings: impl Iterator<Item = &'a Binding>) -> Result<Self, Refusal> {
        let bindings: BTreeSet<_> = bindings.cloned().collect();
        let named = each(bindings.into_iter().collect(), async |binding| Ok((name(plane, &binding).await?, binding)));
        let named = named.await.into_iter().collect::<Result<Vec<_>, Refusal>>()?;
        Ok(Self(named.into_iter().filter_map(|(name, binding)| Some((binding, name?))).collect()))
    }

    /// A key's bindings as they are shown.
    pub(super) fn show(&self, bindings: BTreeMap<Service, Binding>) -> BindingsView {
        let view = |(service, binding): (Service, Binding)| {
            let r#type = match &binding {
                Binding::Account(_) => TypeWord::Account,
                Binding::Group(_) => TypeWord::Group,
            };
            let name = self.0.get(&binding).cloned();
            (ServiceWord::from(service), BindingView { r#type, id: binding.id().to_owned(), name })
        };
        BindingsView(bindings.into_iter().map(view).collect())
    }
}

/// An object with a member for each service, each of which may be left out.
fn by_service<T: ToSchema>(description: &str) -> RefOr<Schema> {
    let member = || Ref::from_schema_name(T::name());
    let object = ObjectBuilder::new().schema_type(Type::Object).description(Some(description));
    Service::ALL.iter().fold(object, |object, service| object.property(service.as_str(), member())).into()
}

impl PartialSchema for BindingsWord {
    fn schema() -> RefOr<Schema> {
        by_service::<BindingWord>(
            "Who alone serves a key, by service; a service that is left out is served by all accounts.",
        )
    }
}

impl ToSchema for BindingsWord {
    fn name() -> Cow<'static, str> {
        "NewBindings".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((BindingWord::name().into_owned(), BindingWord::schema()));
        BindingWord::schemas(schemas);
    }
}

impl PartialSchema for BindingsView {
    fn schema() -> RefOr<Schema> {
        by_service::<BindingView>(
            "Who alone serves a key, by service; a service that is not here is served by all accounts.",
        )
    }
}

impl ToSchema for BindingsView {
    fn name() -> Cow<'static, str> {
        "Bindings".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((BindingView::name().into_owned(), BindingView::schema()));
        BindingView::schemas(schemas);
    }
}

async fn name(plane: &Plane, binding: &Binding) -> Result<Option<String>, Refusal> {
    Ok(match binding {
        Binding::Account(id) => {
            editing::find::<Account>(plane.store(), id.as_str()).await?.map(|found| found.record.name)
        }
        Binding::Group(id) => {
            editing::find::<AccountGroup>(plane.store(), id.as_str()).await?.map(|found| found.record.name)
        }
    })
}
