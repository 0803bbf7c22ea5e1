//! An authorisation server that other authors wrote (`oauth2-mock-server`): a sign-in with PKCE, a refresh, a revocation.

use crate::programs;
use credentials::{Credentials, Parts};
use domain::{
    Account, AccountId, AccountSettings, ClientAuth, OAuthAccess, OAuthClient, OAuthGrant, Platform, Timestamp,
    TokenBody,
};
use http::{Request, header::LOCATION};
use secrecy::SecretString;
use std::{collections::BTreeMap, process::Stdio, sync::Arc, time::Duration};
use store::{
    Clock,
    records::{Condition, TypedRecords},
};
use testkit::ManualClock;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Child,
};
use upstream::{
    Client, Timeouts,
    oauth::{Authorization, Calls, OAuthError, OAuthServer, PastedCode, authorize_url},
};
use vault::{EncryptionKey, Keyring};

/// Longest start of the server: twenty times what it takes.
const START_MAX: Duration = Duration::from_secs(30);

/// What the server writes once it listens.
const LISTENING: &str = "listening on ";

/// The server, running. Dropping it kills it.
struct Foreign {
    _child: Child,
    base_url: String,
}

struct Standing(ManualClock);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

impl Foreign {
    async fn start() -> Self {
        let mut command = programs::bare(programs::node());
        command.arg(programs::node_modules().join(".bin/oauth2-mock-server")).args(["-a", "127.0.0.1", "-p", "0"]);
        // Node makes what it inherits non-blocking, for this process too: nothing is inherited.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listening = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("the server ended before it listened");
                if let Some((_, address)) = line.split_once(LISTENING) {
                    return address.trim().to_owned();
                }
            }
        };
        let base_url = tokio::time::timeout(START_MAX, listening).await.expect("the server listens in time");
        Self { _child: child, base_url }
    }

    fn client(&self, client_auth: ClientAuth) -> OAuthClient {
        let at = |path| format!("{}/{path}", self.base_url);
        OAuthClient {
            platform: Platform::Claude,
            authorize_url: Some(at("authorize")),
            token_url: at("token"),
            device_url: None,
            revoke_url: Some(at("revoke")),
            redirect_uri: Some("http://localhost:1/oauth/callback".to_owned()),
            client_id: "relay of a team".to_owned(),
            client_secret: None,
            client_auth,
            scopes: "openid offline_access".to_owned(),
            token_body: TokenBody::Form,
            authorize_parameters: BTreeMap::new(),
            created_at: Timestamp::from_ms(0),
            updated_at: Timestamp::from_ms(0),
        }
    }
}

fn calls() -> Client {
    Client::new(Timeouts { connect: Duration::from_secs(5), head: Duration::from_secs(30) })
}

/// Opens the URL as a browser does; what the server sends it back to.
async fn agree(url: &str) -> String {
    let answer = calls().send(Request::get(url).body(upstream::client::Parts::default()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 302);
    answer.headers()[LOCATION].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_sign_in_is_granted_for_its_own_verifier_alone() {
    let foreign = Foreign::start().await;
    let (calls, secret) = (calls(), SecretString::from("s3 cret:of/ours"));
    for client_auth in [ClientAuth::Body, ClientAuth::Basic] {
        let client = foreign.client(client_auth);
        let server = OAuthServer { client: &client, secret: Some(&secret), calls: &calls };
        let authorization = Authorization::new();
        let brought = agree(&authorize_url(&client, &authorization).unwrap()).await;
        let pasted = PastedCode::parse(&brought).unwrap();
        assert_eq!(pasted.state.as_deref(), Some(authorization.state.as_str()));
        let wrong = server.exchange(&pasted.code, &Authorization::new().verifier, &authorization.state).await;
        // It says so in a form of its own: status 400, and no word of the standard.
        let is_refused = matches!(wrong, Err(OAuthError::Refused { .. } | OAuthError::NotOAuth { .. }));
        assert!(is_refused, "{wrong:?}");
        let authorization = Authorization::new();
        let pasted = PastedCode::parse(&agree(&authorize_url(&client, &authorization).unwrap()).await).unwrap();
        let grant = server.exchange(&pasted.code, &authorization.verifier, &authorization.state).await.unwrap();
        assert!(grant.refresh_token.is_some() && grant.expires_in.is_some());
        server.refresh(&grant.refresh_token.unwrap()).await.unwrap();
        server.revoke(&grant.access_token, "access_token").await.unwrap();
    }
}

#[tokio::test]
async fn an_account_that_was_signed_in_is_refreshed_there() {
    let foreign = Foreign::start().await;
    let (store, clock) = (store::memory::store(), ManualClock::default());
    let keyring = Arc::new(Keyring::new(&EncryptionKey::generate(), &[]));
    let calls: Arc<dyn Calls> = Arc::new(calls());
    let way = Arc::clone(&calls);
    let credentials = Credentials::new(Parts {
        store: store.clone(),
        clock: Arc::new(Standing(clock.clone())),
        keyring,
        ways: Arc::new(move |_| Ok(Arc::clone(&way))),
        node: "node".to_owned(),
    });
    let client = foreign.client(ClientAuth::Body);
    store.records.add(&client).await.unwrap();
    let access = OAuthAccess { base_url: "https://api.example".to_owned(), grant: OAuthGrant::default() };
    let account = Account::new(AccountId::parse("a1").unwrap(), "main", AccountSettings::Claude(access), clock.now());
    store.records.add(&account).await.unwrap();
    let authorization = Authorization::new();
    let pasted = PastedCode::parse(&agree(&authorize_url(&client, &authorization).unwrap()).await).unwrap();
    let opened = credentials.client(Platform::Claude).await.unwrap();
    let exchanged = opened.server(&*calls).exchange(&pasted.code, &authorization.verifier, &authorization.state).await;
    let signed_in = credentials.granted(&account, &exchanged.unwrap(), clock.now());
    store.records.change(&account, &signed_in, Condition::Exists).await.unwrap();
    credentials.settle(&signed_in).await.unwrap();
    let first = credentials.access_token(&signed_in).await.unwrap();
    clock.advance(Duration::from_secs(24 * 3600));
    let second = credentials.access_token(&signed_in).await.unwrap();
    assert!(second.expires_at() > first.expires_at(), "it was refreshed");
    assert_eq!(credentials.access_token(&signed_in).await.unwrap(), second);
}
