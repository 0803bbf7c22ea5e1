//! A control plane for one test: a store of this program's engine, a clock that stands still, an administrator of each role.

use crate::{books::TestBooks, engine::TestStore};
use accounting::PriceTable;
use admin::{AdminState, FileSize, SettingInForce, SystemFacts, TrustedHops};
use axum::{
    Router,
    body::{Body, to_bytes},
};
use credentials::Credentials;
use domain::{Admin, AdminId, Calendar, Role, Timestamp};
use http::{HeaderMap, Method, Request, StatusCode};
use parking_lot::Mutex;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{
    num::NonZeroU32,
    sync::{Arc, LazyLock},
    time::Duration,
};
use store::{Clock, Store, records::TypedRecords};
use testkit::ManualClock;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use upstream::{AwsChain, AwsVariables, Client, Timeouts};
use vault::{EncryptionKey, JwtSecret, KeyPrefix, Keyring, Password};

/// The password of every administrator of a test.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// What every node of a test signs with.
const JWT_SECRET: &str = "for tests: every node has the same one";

/// Hashed once: it takes tens of milliseconds.
static PASSWORD_HASH: LazyLock<String> =
    LazyLock::new(|| Password::parse(SecretString::from(PASSWORD)).expect("long enough").hash());

/// A control plane and what is around it.
pub(crate) struct Plane {
    pub(crate) router: Router,
    pub(crate) store: Store,
    /// What the ports of the store live on.
    pub(crate) kept: TestStore,
    pub(crate) clock: ManualClock,
    pub(crate) keyring: Arc<Keyring>,
    /// Administrators whose password was changed, as the hook was told.
    pub(crate) changed: Arc<Mutex<Vec<Admin>>>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

struct TestClock(ManualClock);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

impl Plane {
    /// With the administrators `owner`, `operator` and `viewer`.
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// The same, over a store that was changed before.
    pub(crate) async fn with(change: impl FnOnce(&mut Store)) -> Self {
        let (kept, clock) = (TestStore::fresh().await, ManualClock::default());
        let mut store = kept.ports();
        change(&mut store);
        let keyring = Arc::new(Keyring::new(&EncryptionKey::generate(), &[]));
        let changed = Arc::new(Mutex::new(Vec::new()));
        for &role in Role::ALL {
            let admin = Admin {
                id: AdminId::parse(&format!("id-{role}")).expect("an id"),
                username: role.to_string(),
                password_hash: PASSWORD_HASH.clone(),
                role,
                created_at: clock.now(),
                updated_at: clock.now(),
            };
            store.records.add(&admin).await.expect("added");
        }
        let router = admin::router(state(&store, &clock, &keyring, &changed));
        Self { router, store, kept, clock, keyring, changed }
    }

    /// Another node on the same store, which it is given as `change` leaves it.
    pub(crate) async fn another_node(&self, change: impl FnOnce(&mut Store)) -> Self {
        let kept = self.kept.of_another_node().await;
        let mut store = kept.ports();
        change(&mut store);
        let (clock, keyring, changed) = (self.clock.clone(), Arc::clone(&self.keyring), Arc::clone(&self.changed));
        let router = admin::router(state(&store, &clock, &keyring, &changed));
        Self { router, store, kept, clock, keyring, changed }
    }

    /// The same as the operator on this machine reaches it.
    pub(crate) fn opened_locally(self) -> Self {
        Self { router: admin::for_local_operator(self.router), ..self }
    }

    /// Sends a request; what comes back is JSON, or empty.
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.expect("the router always answers");
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, 16 * 1024 * 1024).await.expect("a whole body");
        let body =
            if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).expect("every body is JSON") };
        Reply { status: head.status, headers: head.headers, body }
    }

    /// Signs in.
    pub(crate) async fn sign_in(&self, username: &str, password: &str) -> Reply {
        let body = json!({"username": username, "password": password});
        self.send(request(Method::POST, "/admin/session", None, Some(&body))).await
    }

    /// Somebody of this role, signed in.
    pub(crate) async fn caller(&self, role: Role) -> Caller<'_> {
        let reply = self.sign_in(role.as_str(), PASSWORD).await;
        let token = reply.body["token"].as_str().unwrap_or_else(|| panic!("{reply:?}")).to_owned();
        Caller { plane: self, token }
    }
}

/// Somebody who is signed in.
pub(crate) struct Caller<'a> {
    plane: &'a Plane,
    pub(crate) token: String,
}

impl Caller<'_> {
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, Some(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, Some(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        self.plane.send(request(method, path, Some(&self.token), body)).await
    }

    /// The same with an `If-Match`.
    pub(crate) async fn send_if(&self, version: &str, method: Method, path: &str, body: Option<&Value>) -> Reply {
        let mut request = request(method, path, Some(&self.token), body);
        request.headers_mut().insert("if-match", version.parse().expect("a header"));
        self.plane.send(request).await
    }
}

impl Reply {
    /// The body of an answer that has to have this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    /// The error's type, and the fields that it names.
    #[track_caller]
    pub(crate) fn refusal(&self) -> (&str, Vec<&str>) {
        let error = &self.body["error"];
        let fields = error["details"].as_array().expect("details").iter();
        (
            error["type"].as_str().expect("a type"),
            fields.map(|fault| fault["field"].as_str().expect("a field")).collect(),
        )
    }
}

/// A request as clients send it.
pub(crate) fn request(method: Method, path: &str, token: Option<&str>, body: Option<&Value>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    match body {
        Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    }
    .expect("a request")
}

fn credentials(store: &Store, clock: &ManualClock, keyring: &Arc<Keyring>) -> Credentials {
    let timeouts = Timeouts { connect: Duration::from_secs(5), head: Duration::from_secs(30) };
    let calls: Arc<dyn upstream::oauth::Calls> = Arc::new(Client::new(timeouts));
    Credentials::new(credentials::Parts {
        store: store.clone(),
        clock: Arc::new(TestClock(clock.clone())),
        keyring: Arc::clone(keyring),
        ways: Arc::new(move |_| Ok(Arc::clone(&calls))),
        node: "test".to_owned(),
    })
}

fn client() -> Client {
    Client::new(Timeouts { connect: Duration::from_secs(5), head: Duration::from_secs(30) })
}

fn state(store: &Store, clock: &ManualClock, keyring: &Arc<Keyring>, changed: &Arc<Mutex<Vec<Admin>>>) -> AdminState {
    let prices = Arc::new(PriceTable::embedded());
    let (started_at, changed) = (clock.now(), Arc::clone(changed));
    AdminState {
        store: store.clone(),
        clock: Arc::new(TestClock(clock.clone())),
        keyring: Arc::clone(keyring),
        jwt_secret: JwtSecret::parse(JWT_SECRET).expect("long enough"),
        session_lifetime: Duration::from_secs(24 * 3600),
        calendar: Arc::new(Calendar::utc),
        retention_days: NonZeroU32::new(30),
        key_prefix: KeyPrefix::default(),
        books: Arc::new(TestBooks::new(Arc::clone(&store.ledger))),
        upstream: client(),
        credentials: credentials(store, clock, keyring),
        aws: Arc::new(AwsChain::new(
            &client(),
            AwsVariables::read(|name| (name == "AWS_EC2_METADATA_DISABLED").then(|| "true".to_owned())),
        )),
        prices: Arc::new(move || Arc::clone(&prices)),
        trusted_hops: TrustedHops(1),
        system: Arc::new(move || SystemFacts {
            version: "0.1.0".to_owned(),
            started_at,
            store_engine: "test".to_owned(),
            schema_version: 1,
            store_id: "test".to_owned(),
            store_warnings: Vec::new(),
            files: vec![FileSize { name: "relay.db".to_owned(), bytes: 4096 }],
        }),
        settings: vec![
            SettingInForce {
                name: "log.level".to_owned(),
                value: Some("debug".to_owned()),
                source: Some("flag --log-level".to_owned()),
                secret: false,
            },
            SettingInForce {
                name: "jwt_secret".to_owned(),
                value: Some("never-to-be-seen".to_owned()),
                source: Some("environment variable JWT_SECRET".to_owned()),
                secret: true,
            },
        ],
        on_password_changed: Arc::new(move |admin| {
            changed.lock().push(admin);
            Box::pin(async { Ok(()) })
        }),
        tasks: TaskTracker::new(),
    }
}
