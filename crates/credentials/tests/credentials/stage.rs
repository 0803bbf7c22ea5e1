//! One account, a store in memory, a clock that stands still, and an authorisation server that follows a script.

use credentials::{Credentials, Parts};
use domain::{
    Account, AccountId, AccountSettings, ClientAuth, OAuthAccess, OAuthClient, OAuthGrant, Platform, Timestamp,
    TokenBody,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use store::{Clock, Fence, Store, local::LocalLocks, records::TypedRecords};
use testkit::{ManualClock, ScriptedOAuth};
use upstream::{Client, Timeouts, oauth::Calls};
use vault::{EncryptionKey, Keyring, Place};

pub(crate) const ACCOUNT: &str = "a1";

pub(crate) struct TestClock(pub(crate) ManualClock);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

pub(crate) struct Stage {
    pub(crate) store: Store,
    pub(crate) clock: ManualClock,
    pub(crate) server: ScriptedOAuth,
    pub(crate) keyring: Arc<Keyring>,
}

impl Stage {
    /// An account with `at-0` for an hour and `rt-0`, had now.
    pub(crate) async fn new() -> Self {
        let stage = Self {
            store: store::memory::store(),
            clock: ManualClock::default(),
            server: ScriptedOAuth::start().await.expect("a port"),
            keyring: Arc::new(Keyring::new(&EncryptionKey::generate(), &[])),
        };
        stage.store.records.add(&stage.client()).await.expect("a client");
        stage.store.records.add(&stage.fresh_account(ACCOUNT)).await.expect("an account");
        stage
    }

    pub(crate) fn client(&self) -> OAuthClient {
        let base = self.server.base_url();
        OAuthClient {
            platform: Platform::Claude,
            authorize_url: Some(format!("{base}/authorize")),
            token_url: format!("{base}/token"),
            device_url: Some(format!("{base}/device")),
            revoke_url: Some(format!("{base}/revoke")),
            redirect_uri: Some("http://localhost/cb".to_owned()),
            client_id: "client-1".to_owned(),
            client_secret: None,
            client_auth: ClientAuth::Body,
            scopes: "a b".to_owned(),
            token_body: TokenBody::Form,
            authorize_parameters: BTreeMap::new(),
            created_at: self.clock.now(),
            updated_at: self.clock.now(),
        }
    }

    pub(crate) fn fresh_account(&self, id: &str) -> Account {
        let seal = |field, clear: &str| self.keyring.seal(Place { family: "claude_account", id, field }, &clear.into());
        let now = self.clock.now();
        let grant = OAuthGrant {
            access_token: Some(seal("access_token", "at-0")),
            access_expires_at: Some(now.plus(Duration::from_secs(3600))),
            refresh_token: Some(seal("refresh_token", "rt-0")),
            refreshed_at: Some(now),
            ..OAuthGrant::default()
        };
        Account::new(
            AccountId::parse(id).expect("an id"),
            "main",
            AccountSettings::Claude(OAuthAccess { base_url: "https://api.example".to_owned(), grant }),
            now,
        )
    }

    /// Credentials of one node on `store`.
    pub(crate) fn credentials_on(&self, store: Store, node: &str) -> Credentials {
        let client = Client::new(Timeouts { connect: Duration::from_secs(5), head: Duration::from_secs(60) });
        let calls: Arc<dyn Calls> = Arc::new(client);
        Credentials::new(Parts {
            store,
            clock: Arc::new(TestClock(self.clock.clone())),
            keyring: Arc::clone(&self.keyring),
            ways: Arc::new(move |_| Ok(Arc::clone(&calls))),
            node: node.to_owned(),
        })
    }

    pub(crate) fn credentials(&self) -> Credentials {
        self.credentials_on(self.store.clone(), "node-1")
    }

    /// The store as the next start of an embedded one finds it: records are there, locks are gone.
    pub(crate) fn restarted(&self) -> Store {
        Store { locks: Arc::new(LocalLocks::after(Fence(1 << 32))), ..self.store.clone() }
    }

    pub(crate) async fn account(&self) -> Account {
        self.store.records.read::<Account>(ACCOUNT).await.expect("a read").expect("the account").record
    }

    pub(crate) async fn grant(&self) -> OAuthGrant {
        self.account().await.settings.oauth().expect("an OAuth account").grant.clone()
    }

    /// Lets the access token end.
    pub(crate) fn end_token(&self) {
        self.clock.advance(Duration::from_secs(3600));
    }

    /// Changes the stored account.
    pub(crate) async fn change(&self, change: impl Fn(&mut Account)) {
        let found = self.store.records.read::<Account>(ACCOUNT).await.expect("a read").expect("the account");
        let mut changed = found.record.clone();
        change(&mut changed);
        changed.updated_at = changed.updated_at.plus(Duration::from_millis(1));
        let condition = store::records::Condition::Version(found.version);
        self.store.records.change(&found.record, &changed, condition).await.expect("changed");
    }
}
