//! The store as operations are given it: whatever they change through it is noted for the audit log. Nothing else is different, so
//! that no operation can forget to say what it changed.

use super::{
    recorder::{begin, current, note},
    shown::{fields, resource},
};
use async_trait::async_trait;
use domain::{AccountId, Cooldown, CooldownScope, SessionId, Timestamp, UsageWindow};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use store::{
    Affinity, AffinityKey, AffinityScope, Bindings, Family, Health, RecordError, Records, Session, Sessions, Store,
    StoreError, Version,
    audit::{Changed, Resource, Shown},
    records::{
        Change, Changes, Condition, Fields, Filter, ItemCount, ItemsQuery, Page, PageQuery, Row, Selection, Synced,
        Value,
    },
    sessions::SessionSubject,
};

/// The same store under watch.
pub(super) fn watched(store: Store) -> Store {
    Store {
        records: Arc::new(WatchedRecords(store.records)),
        sessions: Arc::new(WatchedSessions(store.sessions)),
        health: Arc::new(WatchedHealth(store.health)),
        affinity: Arc::new(WatchedAffinity(store.affinity)),
        ..store
    }
}

struct WatchedRecords(Arc<dyn Records>);

struct WatchedSessions(Arc<dyn Sessions>);

struct WatchedHealth(Arc<dyn Health>);

struct WatchedAffinity(Arc<dyn Affinity>);

impl WatchedRecords {
    /// The record as it is before a change, for the log; nothing where nobody keeps one.
    async fn before(&self, family: Family, id: &str) -> Result<Fields, StoreError> {
        if current().is_none() {
            return Ok(Fields::new());
        }
        begin().await?;
        Ok(self.0.get(family, id).await?.map(|row| row.fields).unwrap_or_default())
    }
}

#[async_trait]
impl Records for WatchedRecords {
    async fn insert(&self, family: Family, id: &str, new: Fields) -> Result<Version, RecordError> {
        begin().await?;
        let after = fields(family, held(&new));
        let version = self.0.insert(family, id, new).await?;
        note(Changed { resource: resource(family, id), before: BTreeMap::new(), after });
        Ok(version)
    }

    async fn get(&self, family: Family, id: &str) -> Result<Option<Row>, StoreError> {
        self.0.get(family, id).await
    }

    async fn find(&self, index: Family, value: &str) -> Result<Option<Row>, StoreError> {
        self.0.find(index, value).await
    }

    async fn update(
        &self,
        family: Family,
        id: &str,
        changes: Changes,
        condition: Condition,
    ) -> Result<Version, RecordError> {
        let old = self.before(family, id).await?;
        let differ = |(name, value): &(&&'static str, &Option<Value>)| old.get(**name) != value.as_ref();
        let differing = changes.iter().filter(differ).collect::<Vec<_>>();
        let before = fields(family, differing.iter().map(|(name, _)| (**name, old.get(**name))));
        let after = fields(family, differing.iter().map(|(name, value)| (**name, value.as_ref())));
        let version = self.0.update(family, id, changes, condition).await?;
        note(Changed { resource: resource(family, id), before, after });
        Ok(version)
    }

    async fn sync(&self, family: Family, id: &str) -> Result<Synced, StoreError> {
        self.0.sync(family, id).await
    }

    async fn remove(&self, family: Family, id: &str, expected: Option<Version>) -> Result<(), RecordError> {
        let old = self.before(family, id).await?;
        self.0.remove(family, id, expected).await?;
        note(Changed { resource: resource(family, id), before: fields(family, held(&old)), after: BTreeMap::new() });
        Ok(())
    }

    async fn page(&self, query: &PageQuery) -> Result<Page, StoreError> {
        self.0.page(query).await
    }

    async fn count(&self, family: Family, filters: &[Filter]) -> Result<u64, StoreError> {
        self.0.count(family, filters).await
    }

    async fn ids(&self, selection: &Selection) -> Result<Vec<Arc<str>>, StoreError> {
        self.0.ids(selection).await
    }

    async fn get_all(&self, family: Family, ids: &[Arc<str>]) -> Result<Vec<Row>, StoreError> {
        self.0.get_all(family, ids).await
    }

    async fn items(&self, query: &ItemsQuery) -> Result<Vec<ItemCount>, StoreError> {
        self.0.items(query).await
    }

    async fn changes_after(&self, sequence: u64, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.0.changes_after(sequence, limit).await
    }
}

#[async_trait]
impl Sessions for WatchedSessions {
    async fn create(&self, session: &Session) -> Result<(), StoreError> {
        begin().await?;
        self.0.create(session).await?;
        let (whose, id) = person(&session.subject);
        let after = [
            (whose, id),
            ("address", session.address.clone()),
            ("user_agent", session.user_agent.clone()),
            ("expires_at", session.expires_at.to_string()),
        ];
        let after = after.map(|(name, text)| (name.to_owned(), Shown::Text(text))).into();
        note(Changed { resource: of_session(&session.id), before: BTreeMap::new(), after });
        Ok(())
    }

    async fn get(&self, id: &SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
        self.0.get(id, now).await
    }

    async fn revoke(&self, id: &SessionId) -> Result<bool, StoreError> {
        begin().await?;
        let was_open = self.0.revoke(id).await?;
        if was_open {
            note(counted(of_session(id), "ended", 1));
        }
        Ok(was_open)
    }

    async fn revoke_all(&self, subject: &SessionSubject, keep: Option<&SessionId>) -> Result<u64, StoreError> {
        begin().await?;
        let ended = self.0.revoke_all(subject, keep).await?;
        if ended > 0 {
            let (kind, id) = person(subject);
            note(counted(Resource { kind: kind.to_owned(), id }, "sessions_ended", ended));
        }
        Ok(ended)
    }

    async fn list(&self, subject: &SessionSubject, now: Timestamp, limit: usize) -> Result<Vec<Session>, StoreError> {
        self.0.list(subject, now, limit).await
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        self.0.sweep(now, limit).await
    }
}

#[async_trait]
impl Health for WatchedHealth {
    async fn begin(&self, account: &AccountId, cooldown: &Cooldown) -> Result<Cooldown, StoreError> {
        self.0.begin(account, cooldown).await
    }

    async fn end(&self, account: &AccountId, scope: Option<&CooldownScope>) -> Result<u64, StoreError> {
        begin().await?;
        let ended = self.0.end(account, scope).await?;
        if ended > 0 {
            let resource = Resource { kind: "account".to_owned(), id: account.to_string() };
            note(counted(resource, "cooldowns_ended", ended));
        }
        Ok(ended)
    }

    async fn of(&self, account: &AccountId, now: Timestamp) -> Result<Vec<Cooldown>, StoreError> {
        self.0.of(account, now).await
    }

    async fn all(&self, now: Timestamp) -> Result<Vec<(AccountId, Cooldown)>, StoreError> {
        self.0.all(now).await
    }

    async fn tell_windows(&self, account: &AccountId, windows: &[UsageWindow]) -> Result<(), StoreError> {
        self.0.tell_windows(account, windows).await
    }

    async fn windows(
        &self,
        accounts: &[AccountId],
        now: Timestamp,
    ) -> Result<Vec<(AccountId, UsageWindow)>, StoreError> {
        self.0.windows(accounts, now).await
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        self.0.sweep(now, limit).await
    }
}

#[async_trait]
impl Affinity for WatchedAffinity {
    async fn get(
        &self,
        key: &AffinityKey,
        renew: Option<Duration>,
        now: Timestamp,
    ) -> Result<Option<AccountId>, StoreError> {
        self.0.get(key, renew, now).await
    }

    async fn bind(
        &self,
        key: &AffinityKey,
        expected: Option<&AccountId>,
        account: &AccountId,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<AccountId, StoreError> {
        self.0.bind(key, expected, account, ttl, now).await
    }

    async fn unbind(&self, key: &AffinityKey) -> Result<bool, StoreError> {
        self.0.unbind(key).await
    }

    async fn flush(&self, which: Bindings<'_>) -> Result<u64, StoreError> {
        begin().await?;
        let ended = self.0.flush(which).await?;
        if ended > 0 {
            note(counted(whose_sessions(which), "sticky_sessions_ended", ended));
        }
        Ok(ended)
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        self.0.sweep(now, limit).await
    }
}

fn whose_sessions(which: Bindings<'_>) -> Resource {
    let (kind, id) = match which {
        Bindings::All => ("sticky_session", "all".to_owned()),
        Bindings::To(account) => ("account", account.to_string()),
        Bindings::In(AffinityScope::Key(key)) => ("api_key", key.to_string()),
        Bindings::In(AffinityScope::Group(group)) => ("account_group", group.to_string()),
    };
    Resource { kind: kind.to_owned(), id }
}

fn held(fields: &Fields) -> impl Iterator<Item = (&'static str, Option<&Value>)> {
    fields.iter().map(|(&name, value)| (name, Some(value)))
}

fn of_session(id: &SessionId) -> Resource {
    Resource { kind: "session".to_owned(), id: id.to_string() }
}

fn person(subject: &SessionSubject) -> (&'static str, String) {
    match subject {
        SessionSubject::Admin(id) => ("admin", id.to_string()),
        SessionSubject::User(id) => ("user", id.to_string()),
    }
}

/// Something that only its number is known of.
fn counted(resource: Resource, name: &str, count: u64) -> Changed {
    let count = Shown::Integer(i64::try_from(count).unwrap_or(i64::MAX));
    Changed { resource, before: BTreeMap::new(), after: [(name.to_owned(), count)].into() }
}
