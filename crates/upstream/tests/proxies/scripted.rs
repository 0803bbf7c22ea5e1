//! Proxies that are refused by, broken off by, and waited for; and what must never happen then.

use crate::servers::{Server, Step, client, get, line_through};
use upstream::{ProxyFault, SendError};

const OPEN: &[u8] = b"HTTP/1.1 200 Connection established\r\nproxy-agent: x\r\n\r\n";

/// What the line says of a proxy that follows `steps`, before a real upstream; nothing may reach that one.
async fn fault(scheme: &str, login: &str, steps: &'static [Step]) -> (ProxyFault, String) {
    let (upstream, proxy) = (Server::upstream().await, Server::scripted(steps).await);
    let line = line_through(&format!("{scheme}://{login}{}", proxy.address));
    let error = get(&line, &format!("http://{}/v1/messages", upstream.address)).await.unwrap_err();
    assert_eq!(upstream.connections(), 0, "a direct connection was made");
    let told = error.to_string();
    assert!(told.contains(&proxy.address.to_string()) && !told.contains("s3cret"), "{told}");
    assert!(!format!("{error:?}").contains("s3cret"));
    match error {
        SendError::Proxy(failure) => (failure.fault().clone(), told),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refusal_is_told_with_its_status() {
    let (fault, told) =
        fault("http", "", &[Step::ReadHead, Step::Say(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")]).await;
    assert!(matches!(fault, ProxyFault::RefusedStatus(403)), "{fault:?}");
    assert!(told.contains("status 403"), "{told}");
}

#[tokio::test]
async fn a_407_says_whether_a_login_is_missing_or_wrong() {
    const STEPS: &[Step] = &[
        Step::ReadHead,
        Step::Say(b"HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n"),
    ];
    assert!(matches!(fault("http", "", STEPS).await.0, ProxyFault::LoginWanted));
    assert!(matches!(fault("http", "team:s3cret@", STEPS).await.0, ProxyFault::LoginRefused));
}

#[tokio::test]
async fn a_socks_refusal_is_told_with_its_reply() {
    let (fault, told) =
        fault("socks5", "", &[Step::Read(3), Step::Say(&[5, 0]), Step::Read(10), Step::Say(&[5, 2, 0, 1])]).await;
    assert!(matches!(fault, ProxyFault::RefusedReply(2)), "{fault:?}");
    assert!(told.contains("reply 2: not allowed by its rules"), "{told}");
    let (fault, _) = self::fault(
        "socks5h",
        "team:s3cret@",
        &[Step::Read(4), Step::Say(&[5, 2]), Step::Read(13), Step::Say(&[1, 1])],
    )
    .await;
    assert!(matches!(fault, ProxyFault::LoginRefused), "{fault:?}");
}

#[tokio::test]
async fn a_proxy_that_closes_before_the_way_is_open_is_no_way() {
    for steps in [
        &[] as &[Step],
        &[Step::ReadHead],
        &[Step::ReadHead, Step::Say(b"HTTP/1.1 200 Connection est")],
        &[Step::ReadHead, Step::Say(b"HTTP/1.1 200 OK\r\nvia: x\r\n")],
    ] {
        assert!(matches!(fault("http", "", steps).await.0, ProxyFault::Closed(_)), "{steps:?}");
    }
    for steps in [
        &[] as &[Step],
        &[Step::Read(3), Step::Say(&[5])],
        &[Step::Read(3), Step::Say(&[5, 0]), Step::Read(10), Step::Say(&[5, 0, 0, 1, 0])],
    ] {
        assert!(matches!(fault("socks5", "", steps).await.0, ProxyFault::Closed(_)), "{steps:?}");
    }
}

#[tokio::test]
async fn a_proxy_of_another_kind_is_told_so() {
    let http: &[Step] = &[Step::Read(3), Step::Say(b"HTTP/1.1 400 Bad Request\r\n\r\n")];
    assert!(matches!(fault("socks5", "", http).await.0, ProxyFault::Garbled));
    let socks: &[Step] = &[Step::ReadHead, Step::Say(&[5, 0xFF])];
    assert!(matches!(fault("http", "", socks).await.0, ProxyFault::Garbled));
    let clear: &[Step] = &[Step::Read(1), Step::Say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Step::Hold];
    assert!(matches!(fault("https", "", clear).await.0, ProxyFault::Unreachable(_)), "TLS with the proxy");
}

#[tokio::test(start_paused = true)]
async fn a_silent_proxy_is_given_up_in_the_time_that_a_connection_has() {
    for (scheme, steps) in [
        ("http", &[Step::Hold] as &[Step]),
        ("http", &[Step::ReadHead, Step::Say(b"HTTP/1.1 200 OK\r\n"), Step::Hold]),
        ("https", &[Step::Hold]),
        ("socks5", &[Step::Hold]),
        ("socks5", &[Step::Read(3), Step::Say(&[5, 0]), Step::Hold]),
    ] {
        let (upstream, proxy) = (Server::upstream().await, Server::scripted(steps).await);
        let line = line_through(&format!("{scheme}://{}", proxy.address));
        let begun = tokio::time::Instant::now();
        let error = get(&line, &format!("http://{}/", upstream.address)).await.unwrap_err();
        assert!(error.is_connect_timeout(), "{scheme}: {error:?}");
        assert_eq!(begun.elapsed().as_secs(), 20, "{scheme}: the connection's time, not the head's");
        assert_eq!(upstream.connections(), 0);
    }
}

#[tokio::test]
async fn a_dead_proxy_is_unreachable_and_no_call_goes_beside_it() {
    let (upstream, proxy) = (Server::upstream().await, Server::scripted(&[]).await);
    let address = proxy.address;
    drop(proxy);
    for scheme in ["http", "https", "socks5"] {
        let line = line_through(&format!("{scheme}://{address}"));
        for _ in 0..3 {
            let error = get(&line, &format!("http://{}/", upstream.address)).await.unwrap_err();
            let SendError::Proxy(failure) = &error else { panic!("{scheme}: {error:?}") };
            assert!(matches!(failure.fault(), ProxyFault::Unreachable(_)), "{scheme}: {error:?}");
            assert!(!error.is_connect_timeout());
        }
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn an_answer_in_single_bytes_opens_the_way() {
    let upstream = Server::upstream().await;
    let http = Server::scripted_as(vec![Step::ReadHead, Step::Trickle(OPEN), Step::Relay(upstream.address)]).await;
    let socks = vec![
        Step::Read(3),
        Step::Trickle(&[5, 0]),
        Step::Read(10),
        Step::Trickle(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        Step::Relay(upstream.address),
    ];
    let socks = Server::scripted_as(socks).await;
    for proxy in [format!("http://{}", http.address), format!("socks5://{}", socks.address)] {
        let answer = get(&line_through(&proxy), &format!("http://{}/x", upstream.address)).await.unwrap();
        assert_eq!(answer, "GET /x HTTP/1.1", "{proxy}: no absolute URL, which is a forward's form");
    }
}

#[tokio::test]
async fn tls_that_fails_behind_the_way_is_the_upstream_s_failure() {
    // What is no TLS comes only when TLS was asked for.
    let proxy =
        Server::scripted(&[Step::ReadHead, Step::Say(OPEN), Step::Read(5), Step::Say(b"HTTP/1.1 400 No\r\n\r\n")]);
    let proxy = proxy.await;
    let line = line_through(&format!("http://{}", proxy.address));
    let error = get(&line, "https://upstream.example/").await.unwrap_err();
    assert!(matches!(error, SendError::Connect(_)), "{error:?}");
}

#[tokio::test]
async fn a_line_keeps_its_way_open_and_shares_it_with_no_other() {
    let upstream = Server::upstream().await;
    let steps = vec![Step::ReadHead, Step::Say(OPEN), Step::Relay(upstream.address)];
    let proxy = Server::scripted_as(steps).await;
    let url = format!("http://{}/", upstream.address);
    let line = line_through(&format!("http://{}", proxy.address));
    for _ in 0..3 {
        get(&line.clone(), &url).await.unwrap();
    }
    assert_eq!(proxy.connections(), 1);
    get(&line_through(&format!("http://{}", proxy.address)), &url).await.unwrap();
    assert_eq!(proxy.connections(), 2);
}

#[tokio::test]
async fn a_line_without_a_proxy_goes_directly() {
    let upstream = Server::tls_upstream().await;
    let (client, url) = (client(), format!("https://localhost:{}/y", upstream.address.port()));
    let line = client.line(None);
    for _ in 0..2 {
        assert_eq!(get(&line, &url).await.unwrap(), "GET /y HTTP/1.1");
    }
    assert_eq!(upstream.connections(), 1);
    assert_eq!(get(&client.line(None), &url).await.unwrap(), "GET /y HTTP/1.1");
    assert_eq!(upstream.connections(), 2);
}
