//! The throw-away servers themselves.

use testkit::redis::{RedisCluster, RedisSentinel, RedisServer, ServerOptions};

#[test]
fn a_server_keeps_what_it_has_over_an_orderly_end_and_can_be_copied() {
    let mut server = RedisServer::start();
    assert_eq!(server.command(&["SET", "a", "1"]).unwrap(), "OK");
    server.terminate();
    server.start_again();
    assert_eq!(server.command(&["GET", "a"]).unwrap(), "1");
    assert_eq!(server.command(&["CONFIG", "GET", "appendfsync"]).unwrap(), "appendfsync\neverysec");
    let copy = RedisServer::start_from(server.directory(), ServerOptions::default());
    assert_eq!(copy.command(&["GET", "a"]).unwrap(), "1");
    assert_ne!(copy.port(), server.port());
}

#[test]
fn a_server_with_a_password_asks_for_it() {
    let server = RedisServer::start_with(ServerOptions { password: Some("s3cret".to_owned()), ..Default::default() });
    assert_eq!(server.command(&["PING"]).unwrap(), "PONG");
    assert!(server.url().starts_with("redis://:s3cret@127.0.0.1:"));
}

#[test]
fn a_cluster_serves_all_slots_and_survives_a_failover_and_a_restart() {
    let mut cluster = RedisCluster::start();
    assert_eq!(cluster.masters(), [0, 1, 2]);
    cluster.fail_over(3);
    assert!(cluster.masters().contains(&3));
    cluster.restart();
    assert_eq!(cluster.masters().len(), 3);
}

#[test]
fn sentinels_replace_a_dead_master() {
    let mut stage = RedisSentinel::start();
    stage.fail_over();
    assert!(stage.url().ends_with("/relay"));
}
