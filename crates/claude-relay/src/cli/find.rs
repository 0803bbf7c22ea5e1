//! Things by what a person calls them: an id, or a name that only one has.

use crate::cli::{
    CommandError,
    api::{Api, Query, below},
    refused::Refused,
    table::harmless,
};
use http::StatusCode;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Items on a page: as many as the API gives.
const PAGE: usize = 500;

/// Pages that are looked through for a name.
const PAGES_MAX: usize = 20;

/// Names that are looked up to show them instead of ids.
const NAMES_MAX: usize = 100;

/// Longest id.
const ID_BYTES_MAX: usize = 64;

/// Who administers the relay.
pub(crate) const ADMINS: Collection =
    Collection { path: "/admin/admins", noun: "administrator", name: "username", command: "admin list" };

/// Who has keys of their own.
pub(crate) const USERS: Collection =
    Collection { path: "/admin/users", noun: "user", name: "email", command: "user list" };

/// A kind of thing that the API keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Collection {
    /// Its path, `/admin/api-keys`.
    pub(crate) path: &'static str,
    /// One of it, in words.
    pub(crate) noun: &'static str,
    /// The field that people know it by.
    pub(crate) name: &'static str,
    /// The command that lists it.
    pub(crate) command: &'static str,
}

/// The keys that the relay issued.
pub(crate) const API_KEYS: Collection =
    Collection { path: "/admin/api-keys", noun: "API key", name: "name", command: "api-key list" };

/// The labels of keys.
pub(crate) const TAGS: Collection =
    Collection { path: "/admin/tags", noun: "label", name: "name", command: "tag list" };

/// The accounts at providers.
pub(crate) const ACCOUNTS: Collection =
    Collection { path: "/admin/accounts", noun: "account", name: "name", command: "account list" };

/// The groups of accounts.
pub(crate) const ACCOUNT_GROUPS: Collection = Collection {
    path: "/admin/account-groups",
    noun: "group of accounts",
    name: "name",
    command: "account-group list",
};

impl Collection {
    /// The path of the thing that `wanted` names, and its document.
    pub(crate) async fn find(&self, api: &Api, wanted: &str) -> Result<(String, Value), CommandError> {
        if let Some(document) = self.by_id(api, wanted).await? {
            return Ok((below(self.path, wanted), document));
        }
        let mut found = self.by_name(api, wanted).await?;
        let (noun, command) = (self.noun, self.command);
        match (found.pop(), found.len()) {
            (Some(document), 0) => Ok((below(self.path, id(&document)), document)),
            (None, _) => Err(format!(
                "there is no {noun} with the id or the name `{wanted}`; `claude-relay {command}` shows those there are"
            )
            .into()),
            (Some(last), _) => {
                found.push(last);
                let ids = found.iter().map(id).collect::<Vec<_>>().join(", ");
                Err(format!("{} {noun}s have the name `{wanted}`; say which by its id: {ids}", found.len()).into())
            }
        }
    }

    /// The id of the thing that `wanted` names.
    pub(crate) async fn id_of(&self, api: &Api, wanted: &str) -> Result<String, CommandError> {
        let (_, document) = self.find(api, wanted).await?;
        Ok(id(&document).to_owned())
    }

    /// What a question calls the thing: its name and its id.
    pub(crate) fn call(&self, document: &Value) -> String {
        let name = document[self.name].as_str().unwrap_or_default();
        format!("the {} `{}` ({})", self.noun, harmless(name), id(document))
    }

    /// Names for these ids, as far as they are known.
    pub(crate) async fn names(
        &self,
        api: &Api,
        ids: BTreeSet<String>,
    ) -> Result<BTreeMap<String, String>, CommandError> {
        let mut names = BTreeMap::new();
        for id in ids.into_iter().take(NAMES_MAX) {
            let name = self.by_id(api, &id).await?.and_then(|document| Some(document[self.name].as_str()?.to_owned()));
            names.extend(name.map(|name| (id, name)));
        }
        Ok(names)
    }

    /// Why a call of the collection itself failed: an older relay may not have it.
    pub(crate) fn explain(&self, error: CommandError) -> CommandError {
        match error.downcast_ref::<Refused>() {
            Some(refused) if refused.status == StatusCode::NOT_FOUND => {
                format!("this relay knows no {}s; if an older version of it still runs, restart it", self.noun).into()
            }
            _ => error,
        }
    }

    async fn by_id(&self, api: &Api, wanted: &str) -> Result<Option<Value>, CommandError> {
        let is_plain = wanted.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if !is_plain || !(1..=ID_BYTES_MAX).contains(&wanted.len()) {
            return Ok(None);
        }
        match api.get(below(self.path, wanted)).await {
            Ok(answer) => Ok(Some(answer.document)),
            Err(error) => match error.downcast_ref::<Refused>() {
                Some(refused) if refused.status == StatusCode::NOT_FOUND => Ok(None),
                _ => Err(error),
            },
        }
    }

    async fn by_name(&self, api: &Api, wanted: &str) -> Result<Vec<Value>, CommandError> {
        let mut found = Vec::new();
        let mut cursor = None;
        for _ in 0..PAGES_MAX {
            let query = Query::of(self.path).with("q", Some(wanted)).with("limit", Some(PAGE));
            let page = api.get(query.with("cursor", cursor.take()).into_path()).await;
            let page = page.map_err(|error| self.explain(error))?.document;
            let items = page["items"].as_array().cloned().unwrap_or_default();
            found.extend(items.into_iter().filter(|item| item[self.name] == wanted));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        Ok(found)
    }
}

fn id(document: &Value) -> &str {
    document["id"].as_str().unwrap_or_default()
}
