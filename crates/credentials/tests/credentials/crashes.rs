//! A process that dies at any step of a refresh: the account works afterwards, or says that it needs a sign-in.

use crate::stage::{ACCOUNT, Stage};
use async_trait::async_trait;
use credentials::CredentialError;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use store::{
    Family, RecordError, Records, Store, StoreError, Version,
    error::StoreFailure,
    records::{
        Change, Changes, Condition, Fields, Filter, ItemCount, ItemsQuery, Page, PageQuery, Row, Selection, Synced,
    },
};
use testkit::{OAuthFault, upstream::Gate};
use tokio::{sync::Notify, task::JoinSet};

/// When a call of the store is the process's last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// It takes effect, and nobody hears of it.
    Done,
    /// It takes no effect.
    Undone,
}

/// Records as a process sees them that dies at a certain call: from then on nothing is answered.
struct Mortal {
    records: Arc<dyn Records>,
    left: AtomicUsize,
    last: Last,
    died: Arc<Notify>,
}

impl Mortal {
    async fn step<T>(&self, call: impl Future<Output = T>) -> T {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        if left == 1 {
            if self.last == Last::Done {
                call.await;
            }
            self.left.store(1, Ordering::SeqCst);
            self.died.notify_one();
            return std::future::pending().await;
        }
        call.await
    }
}

#[async_trait]
impl Records for Mortal {
    async fn insert(&self, family: Family, id: &str, fields: Fields) -> Result<Version, RecordError> {
        self.step(self.records.insert(family, id, fields)).await
    }
    async fn get(&self, family: Family, id: &str) -> Result<Option<Row>, StoreError> {
        self.step(self.records.get(family, id)).await
    }
    async fn find(&self, index: Family, value: &str) -> Result<Option<Row>, StoreError> {
        self.records.find(index, value).await
    }
    async fn update(&self, f: Family, id: &str, changes: Changes, when: Condition) -> Result<Version, RecordError> {
        self.step(self.records.update(f, id, changes, when)).await
    }
    async fn sync(&self, family: Family, id: &str) -> Result<Synced, StoreError> {
        self.step(self.records.sync(family, id)).await
    }
    async fn remove(&self, family: Family, id: &str, expected: Option<Version>) -> Result<(), RecordError> {
        self.records.remove(family, id, expected).await
    }
    async fn page(&self, query: &PageQuery) -> Result<Page, StoreError> {
        self.records.page(query).await
    }
    async fn count(&self, family: Family, filters: &[Filter]) -> Result<u64, StoreError> {
        self.records.count(family, filters).await
    }
    async fn ids(&self, selection: &Selection) -> Result<Vec<Arc<str>>, StoreError> {
        self.records.ids(selection).await
    }
    async fn get_all(&self, family: Family, ids: &[Arc<str>]) -> Result<Vec<Row>, StoreError> {
        self.records.get_all(family, ids).await
    }
    async fn items(&self, query: &ItemsQuery) -> Result<Vec<ItemCount>, StoreError> {
        self.records.items(query).await
    }
    async fn changes_after(&self, sequence: u64, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.records.changes_after(sequence, limit).await
    }
}

/// Refreshes on a process that dies at call `step` of its store, and then on its successor. None: it lived to the end.
async fn die_at(step: usize, last: Last) -> Option<(Stage, Result<String, CredentialError>)> {
    let stage = Stage::new().await;
    let account = stage.account().await;
    stage.end_token();
    let died = Arc::new(Notify::new());
    let mortal = Mortal {
        records: Arc::clone(&stage.store.records),
        left: AtomicUsize::new(step),
        last,
        died: Arc::clone(&died),
    };
    let store = Store { records: Arc::new(mortal), ..stage.store.clone() };
    let first = stage.credentials_on(store, "node-1");
    tokio::select! {
        () = died.notified() => {}
        token = first.access_token(&account) => {
            assert_eq!(token.expect("it lived").expose(), "at-1");
            return None;
        }
    }
    // The next start of the same directory: records are there, locks are not.
    let next = stage.credentials_on(stage.restarted(), "node-2");
    let token = next.access_token(&stage.account().await).await.map(|token| token.expose().to_owned());
    Some((stage, token))
}

#[tokio::test]
async fn a_death_at_each_step_leaves_an_account_that_works_or_says_that_it_needs_a_sign_in() {
    let (mut worked, mut needs_sign_in, mut step) = (0, 0, 0);
    loop {
        step += 1;
        let mut lived = true;
        for last in [Last::Done, Last::Undone] {
            let Some((stage, token)) = die_at(step, last).await else { continue };
            lived = false;
            let grant = stage.grant().await;
            assert_eq!(grant.refresh_begun_at, None, "step {step} {last:?}");
            match token {
                Ok(token) => {
                    worked += 1;
                    assert!(stage.server.knows(&token), "step {step} {last:?}: {token}");
                    assert_eq!(grant.sign_in_needed, None);
                }
                Err(error) => {
                    needs_sign_in += 1;
                    assert!(matches!(error, CredentialError::SignInNeeded { .. }), "step {step} {last:?}: {error:?}");
                    assert!(grant.sign_in_needed.expect("it says so").contains("cut off"), "step {step} {last:?}");
                }
            }
        }
        if lived {
            break;
        }
    }
    // Reads before and after, the intent, the answer, its sync: before the call and after the answer was written it works.
    assert!(step > 7 && worked >= 8 && needs_sign_in >= 1, "{step} steps, {worked} worked, {needs_sign_in} did not");
}

#[tokio::test]
async fn a_death_while_the_server_works_is_followed_by_one_try_with_the_token_from_before() {
    for is_rotated in [true, false] {
        let stage = Stage::new().await;
        if !is_rotated {
            stage.server.keep_refresh_tokens();
        }
        let account = stage.account().await;
        stage.end_token();
        let gate = Gate::new();
        stage.server.fail(OAuthFault::HeldAnswer(gate.clone()));
        let first = stage.credentials();
        let dead = async {
            tokio::select! {
                () = gate.reached_by(1) => {}
                _ = first.access_token(&account) => panic!("its answer is held"),
            }
        };
        dead.await;
        let next = stage.credentials_on(stage.restarted(), "node-2");
        let token = next.access_token(&stage.account().await).await;
        assert_eq!(stage.server.calls().len(), 2, "one try");
        if is_rotated {
            assert!(token.expect_err("spent").to_string().contains("cut off"));
        } else {
            assert_eq!(token.expect("the server still takes it").expose(), "at-2");
        }
        // What the dead process would have been told comes too late, or never.
        let before = stage.grant().await;
        assert_eq!(before.refresh_begun_at, None);
    }
}

#[tokio::test]
async fn a_late_answer_does_not_replace_a_newer_grant() {
    let stage = Stage::new().await;
    stage.server.keep_refresh_tokens();
    let account = stage.account().await;
    stage.end_token();
    let gate = Gate::new();
    stage.server.fail(OAuthFault::HeldAnswer(gate.clone()));
    let late = stage.credentials();
    let mut asking = JoinSet::new();
    asking.spawn({
        let (late, account) = (late.clone(), account.clone());
        async move { late.access_token(&account).await.map(|token| token.expose().to_owned()) }
    });
    gate.reached_by(1).await;
    // Its lock has ended, and another node has refreshed meanwhile.
    let other = stage.credentials_on(stage.restarted(), "node-2");
    assert_eq!(other.access_token(&stage.account().await).await.expect("a token").expose(), "at-2");
    let stored = stage.grant().await;
    gate.open();
    assert_eq!(
        asking.join_next().await.expect("one").expect("no panic").expect("a token"),
        "at-2",
        "it takes over what is stored"
    );
    assert_eq!(stage.grant().await, stored);
}

/// A store that refuses to write from the moment that the server has answered, and to sync for a while.
struct Refusing {
    records: Arc<dyn Records>,
    updates_left: AtomicUsize,
    refusals_left: Arc<AtomicUsize>,
    syncs_refused: AtomicUsize,
}

fn away() -> StoreError {
    StoreError::new("write", StoreFailure::Unavailable)
}

fn take_one(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

#[async_trait]
impl Records for Refusing {
    async fn insert(&self, family: Family, id: &str, fields: Fields) -> Result<Version, RecordError> {
        self.records.insert(family, id, fields).await
    }
    async fn get(&self, family: Family, id: &str) -> Result<Option<Row>, StoreError> {
        self.records.get(family, id).await
    }
    async fn find(&self, index: Family, value: &str) -> Result<Option<Row>, StoreError> {
        self.records.find(index, value).await
    }
    async fn update(&self, f: Family, id: &str, changes: Changes, when: Condition) -> Result<Version, RecordError> {
        if !take_one(&self.updates_left) && take_one(&self.refusals_left) {
            return Err(away().into());
        }
        self.records.update(f, id, changes, when).await
    }
    async fn sync(&self, family: Family, id: &str) -> Result<Synced, StoreError> {
        if take_one(&self.syncs_refused) { Err(away()) } else { self.records.sync(family, id).await }
    }
    async fn remove(&self, family: Family, id: &str, expected: Option<Version>) -> Result<(), RecordError> {
        self.records.remove(family, id, expected).await
    }
    async fn page(&self, query: &PageQuery) -> Result<Page, StoreError> {
        self.records.page(query).await
    }
    async fn count(&self, family: Family, filters: &[Filter]) -> Result<u64, StoreError> {
        self.records.count(family, filters).await
    }
    async fn ids(&self, selection: &Selection) -> Result<Vec<Arc<str>>, StoreError> {
        self.records.ids(selection).await
    }
    async fn get_all(&self, family: Family, ids: &[Arc<str>]) -> Result<Vec<Row>, StoreError> {
        self.records.get_all(family, ids).await
    }
    async fn items(&self, query: &ItemsQuery) -> Result<Vec<ItemCount>, StoreError> {
        self.records.items(query).await
    }
    async fn changes_after(&self, sequence: u64, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.records.changes_after(sequence, limit).await
    }
}

fn refusing(stage: &Stage, refusals: &Arc<AtomicUsize>, syncs_refused: usize) -> Store {
    let records = Refusing {
        records: Arc::clone(&stage.store.records),
        updates_left: AtomicUsize::new(1),
        refusals_left: Arc::clone(refusals),
        syncs_refused: AtomicUsize::new(syncs_refused),
    };
    Store { records: Arc::new(records), ..stage.store.clone() }
}

#[tokio::test]
async fn an_answer_that_the_store_does_not_take_is_tried_again_before_it_is_used() {
    let stage = Stage::new().await;
    let account = stage.account().await;
    stage.end_token();
    let credentials = stage.credentials_on(refusing(&stage, &Arc::new(2.into()), 0), "node-1");
    assert_eq!(credentials.access_token(&account).await.expect("a token").expose(), "at-1");
    assert!(stage.grant().await.refresh_begun_at.is_none());
    assert_eq!(stage.server.granted(), 1);
}

#[tokio::test]
async fn an_answer_that_cannot_be_stored_for_long_waits_in_memory_and_is_not_used() {
    let stage = Stage::new().await;
    let account = stage.account().await;
    stage.end_token();
    let refusals = Arc::new(AtomicUsize::new(usize::MAX));
    let credentials = stage.credentials_on(refusing(&stage, &refusals, 0), "node-1");
    let error = credentials.access_token(&account).await.expect_err("it is not stored");
    assert!(matches!(error, CredentialError::Store(_)), "{error:?}");
    assert_eq!(stage.server.granted(), 1);
    stage.clock.advance(Duration::from_secs(5));
    assert!(matches!(credentials.access_token(&account).await, Err(CredentialError::Store(_))), "it still is not");
    // The store is back: what was granted is stored, and no second call is made.
    refusals.store(0, Ordering::SeqCst);
    stage.clock.advance(Duration::from_secs(10));
    assert_eq!(credentials.access_token(&account).await.expect("a token").expose(), "at-1");
    assert_eq!((stage.server.granted(), stage.server.calls().len()), (1, 1));
    assert_eq!(stage.account().await.id.as_str(), ACCOUNT);
}

#[tokio::test]
async fn an_answer_that_is_not_synced_is_not_used_before_it_is() {
    let stage = Stage::new().await;
    let account = stage.account().await;
    stage.end_token();
    let credentials = stage.credentials_on(refusing(&stage, &Arc::default(), 1), "node-1");
    let error = credentials.access_token(&account).await.expect_err("it is not on disk");
    assert!(matches!(error, CredentialError::Store(_)), "{error:?}");
    // Whoever has the new record already is refused as well.
    let error = credentials.access_token(&stage.account().await).await.expect_err("it is not on disk");
    assert!(matches!(error, CredentialError::Store(_)), "{error:?}");
    stage.clock.advance(Duration::from_secs(5));
    assert_eq!(credentials.access_token(&account).await.expect("a token").expose(), "at-1");
    assert_eq!(stage.server.granted(), 1);
}
