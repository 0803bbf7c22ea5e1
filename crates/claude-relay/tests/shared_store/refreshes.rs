//! Two nodes on one Redis whose account's token has ended: one of them refreshes it.

use credentials::{Credentials, Parts};
use domain::{
    Account, AccountId, AccountSettings, ClientAuth, OAuthAccess, OAuthClient, OAuthGrant, Platform, Timestamp,
    TokenBody,
};
use std::{sync::Arc, time::Duration};
use store::{Clock, Store, records::TypedRecords};
use store_redis::{RedisOptions, RedisStore, Repeat, Topology};
use testkit::{ManualClock, OAuthFault, ScriptedOAuth, redis::RedisServer, upstream::Gate};
use tokio::task::JoinSet;
use upstream::{Client, Timeouts, oauth::Calls};
use vault::{EncryptionKey, Keyring, Place};

struct Standing(ManualClock);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

async fn open(server: &RedisServer) -> RedisStore {
    let options = RedisOptions {
        addresses: vec![("127.0.0.1".to_owned(), server.port())],
        topology: Topology::Single,
        tls: None,
        username: None,
        password: None,
        database: 0,
        key_prefix: String::new(),
        timeout: Duration::from_secs(5),
        repeat: Repeat::Once,
    };
    RedisStore::open(&options, Timestamp::from_ms(0)).await.unwrap()
}

fn node(store: Store, clock: &ManualClock, keyring: &Arc<Keyring>, name: &str) -> Credentials {
    let client = Client::new(Timeouts { connect: Duration::from_secs(5), head: Duration::from_secs(60) });
    let calls: Arc<dyn Calls> = Arc::new(client);
    Credentials::new(Parts {
        store,
        clock: Arc::new(Standing(clock.clone())),
        keyring: Arc::clone(keyring),
        ways: Arc::new(move |_| Ok(Arc::clone(&calls))),
        node: name.to_owned(),
    })
}

fn client(server: &ScriptedOAuth, now: Timestamp) -> OAuthClient {
    OAuthClient {
        platform: Platform::Claude,
        authorize_url: None,
        token_url: format!("{}/token", server.base_url()),
        device_url: None,
        revoke_url: None,
        redirect_uri: None,
        client_id: "client-1".to_owned(),
        client_secret: None,
        client_auth: ClientAuth::Body,
        scopes: String::new(),
        token_body: TokenBody::Form,
        authorize_parameters: std::collections::BTreeMap::new(),
        created_at: now,
        updated_at: now,
    }
}

fn account(keyring: &Keyring, now: Timestamp) -> Account {
    let seal = |field, clear: &str| keyring.seal(Place { family: "claude_account", id: "a1", field }, &clear.into());
    let grant = OAuthGrant {
        access_token: Some(seal("access_token", "at-0")),
        access_expires_at: Some(now),
        refresh_token: Some(seal("refresh_token", "rt-0")),
        refreshed_at: Some(now.minus(Duration::from_secs(3600))),
        ..OAuthGrant::default()
    };
    Account::new(
        AccountId::parse("a1").unwrap(),
        "main",
        AccountSettings::Claude(OAuthAccess { base_url: "https://api.example".to_owned(), grant }),
        now,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_never_refresh_together() {
    let (redis, server) = (RedisServer::start(), ScriptedOAuth::start().await.unwrap());
    let (clock, keyring) = (ManualClock::default(), Arc::new(Keyring::new(&EncryptionKey::generate(), &[])));
    let stores = [open(&redis).await, open(&redis).await];
    let nodes = [("one", 0), ("other", 1)].map(|(name, at)| node(stores[at].store(), &clock, &keyring, name));
    let records = stores[0].store().records;
    records.add(&client(&server, clock.now())).await.unwrap();
    let account = account(&keyring, clock.now());
    records.add(&account).await.unwrap();
    let gate = Gate::new();
    server.fail(OAuthFault::HeldAnswer(gate.clone()));
    let mut requests = JoinSet::new();
    for number in 0..40 {
        let (node, account) = (nodes[number % 2].clone(), account.clone());
        requests.spawn(async move { node.access_token(&account).await.map(|token| token.expose().to_owned()) });
    }
    // While the one's answer is held, the other waits; were it to ask as well, the server would take its token for a stolen one.
    gate.reached_by(1).await;
    gate.open();
    for token in requests.join_all().await {
        assert_eq!(token.unwrap(), "at-1");
    }
    assert_eq!((server.granted(), server.calls().len()), (1, 1));
    for node in &nodes {
        assert_eq!(node.refresh_due().await.unwrap(), 0);
    }
    for store in stores {
        store.shutdown().await;
    }
}
