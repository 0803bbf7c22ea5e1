//! The servers themselves: passwords, TLS, prefixes, databases, what they keep, and what they must not be.

use crate::fixture::{open, options};
use domain::Timestamp;
use std::{fs, path::Path, time::Duration};
use store::{Family, Records, records::Value};
use store_redis::{OpenError, RedisOptions, RedisStore, SchemaError, ServerWarning, TlsOptions, Topology};
use testkit::redis::{RedisServer, ServerOptions};

fn on(server: &RedisServer) -> RedisOptions {
    RedisOptions { timeout: Duration::from_secs(1), ..options(Topology::Single, [server.port()]) }
}

async fn refused(options: &RedisOptions) -> OpenError {
    match RedisStore::open(options, Timestamp::from_ms(0)).await {
        Err(error) => error,
        Ok(_) => panic!("it was opened"),
    }
}

async fn put(records: &dyn Records, name: &str) {
    let fields = [("value", Value::from("x")), ("updated_at", Value::Integer(1))].into();
    records.insert(Family::Setting, name, fields).await.expect("a record");
}

#[tokio::test]
async fn a_password_is_sent_and_a_wrong_one_is_no_reason_to_wait() {
    let server = RedisServer::start_with(ServerOptions { password: Some("s3cret".to_owned()), ..Default::default() });
    let with = |password: Option<&str>| RedisOptions { password: password.map(Into::into), ..on(&server) };
    put(&*open(&with(Some("s3cret"))).await.store().records, "a").await;
    for wrong in [Some("other"), None] {
        let error = refused(&with(wrong)).await;
        assert!(!error.may_pass(), "{error:?}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
}

#[tokio::test]
async fn a_user_with_rights_on_the_relay_s_keys_and_channel_is_enough() {
    let server = RedisServer::start();
    let rights =
        ["ACL", "SETUSER", "relay", "on", ">s3cret", "~team-a:*", "&team-a:*", "+@all", "-@dangerous", "+info"];
    server.command(&rights).expect("a user");
    let as_user = RedisOptions {
        username: Some("relay".to_owned()),
        password: Some("s3cret".into()),
        key_prefix: "team-a:".to_owned(),
        ..on(&server)
    };
    let store = open(&as_user).await;
    put(&*store.store().records, "a").await;
    assert_eq!(store.warnings(), [ServerWarning::Unreadable], "CONFIG is a dangerous command");
}

#[tokio::test]
async fn prefixes_and_databases_are_stores_of_their_own() {
    let server = RedisServer::start();
    let bare = open(&on(&server)).await;
    let prefixed = open(&RedisOptions { key_prefix: "team-a:".to_owned(), ..on(&server) }).await;
    let other = open(&RedisOptions { database: 3, ..on(&server) }).await;
    assert!(bare.store_id() != prefixed.store_id() && bare.store_id() != other.store_id());
    put(&*prefixed.store().records, "a").await;
    for (store, count) in [(&bare, 0), (&prefixed, 1), (&other, 0)] {
        assert_eq!(store.store().records.count(Family::Setting, &[]).await.expect("a count"), count);
    }
    assert_eq!(server.command(&["EXISTS", "team-a:setting:{a}"]).expect("a reply"), "1");
    let again = open(&RedisOptions { key_prefix: "team-a:".to_owned(), ..on(&server) }).await;
    assert_eq!(again.store_id(), prefixed.store_id());
    assert!(bare.is_empty() && !again.is_empty());
}

#[tokio::test]
async fn tls_is_spoken_with_the_roots_that_are_named_and_with_no_others() {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/redis/tls");
    let (certificate_file, key_file) = (files.join("certificate.pem"), files.join("key.pem"));
    let certificate = fs::read(&certificate_file).expect("the certificate");
    let port = RedisServer::start().port();
    let arguments = [
        ("--tls-port", port.to_string()),
        ("--tls-cert-file", certificate_file.display().to_string()),
        ("--tls-key-file", key_file.display().to_string()),
        ("--tls-auth-clients", "no".to_owned()),
    ];
    let arguments = arguments.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
    let _server = RedisServer::start_with(ServerOptions { arguments, ..Default::default() });
    let with = |roots_pem: Option<Vec<u8>>| RedisOptions {
        addresses: vec![("localhost".to_owned(), port)],
        tls: Some(TlsOptions { roots_pem }),
        timeout: Duration::from_secs(1),
        ..options(Topology::Single, [port])
    };
    put(&*open(&with(Some(certificate))).await.store().records, "a").await;
    refused(&with(None)).await;
}

#[tokio::test]
async fn what_the_servers_do_not_keep_is_said() {
    let with = |arguments: &[&str]| {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        RedisServer::start_with(ServerOptions { arguments, ..Default::default() })
    };
    let forgetful =
        with(&["--appendonly", "no", "--save", "", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let policy = "allkeys-lru".to_owned();
    let expected = [ServerWarning::KeepsNothing, ServerWarning::Evicts { policy }];
    assert_eq!(open(&on(&forgetful)).await.warnings(), expected);
    let specified = RedisServer::start();
    assert_eq!(open(&on(&specified)).await.warnings(), []);
    let closed = with(&["--rename-command", "CONFIG", ""]);
    assert_eq!(open(&on(&closed)).await.warnings(), [ServerWarning::Unreadable]);
}

#[tokio::test]
async fn a_later_release_s_store_and_a_stranger_s_are_refused() {
    let later = RedisServer::start();
    later.command(&["HSET", "schema", "version", "1000", "store_id", "x"]).expect("a reply");
    assert!(matches!(refused(&on(&later)).await, OpenError::Schema(SchemaError::Newer { found: 1000 })));
    let stranger = RedisServer::start();
    stranger.command(&["SET", "schema", "x"]).expect("a reply");
    assert!(matches!(refused(&on(&stranger)).await, OpenError::Schema(SchemaError::Foreign)));
    assert_eq!(stranger.command(&["GET", "schema"]).expect("a reply"), "x", "nothing was changed");
}

#[tokio::test]
async fn servers_that_are_not_there_may_come() {
    let mut server = RedisServer::start();
    server.kill9();
    let error = refused(&on(&server)).await;
    assert!(error.may_pass(), "{error:?}");
}
