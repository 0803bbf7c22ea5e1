//! Asks an HTTP proxy for a way by `CONNECT` (RFC 9110, 9.3.6), for https and http upstreams alike.
//!
//! A proxy could also be handed a plain-http request to forward. It never is: headers with the account's credential would be the
//! proxy's to read, change and log, and a failure of its own would look like the upstream's answer.

use super::Target;
use crate::{failure::ProxyFault, proxy::Login};
use data_encoding::BASE64;
use secrecy::{ExposeSecret, zeroize::Zeroizing};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Largest head of a proxy's answer, in bytes: proxies say a few lines, and few have a page of policy in them.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Most headers of a proxy's answer.
const HEADERS_MAX: usize = 64;

/// Asks, and waits until the way is open.
pub(super) async fn ask<S>(socket: &mut S, target: &Target, login: Option<&Login>) -> Result<(), ProxyFault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    socket.write_all(request(target, login).as_bytes()).await?;
    socket.flush().await?;
    match read_status(socket).await? {
        200..=299 => Ok(()),
        407 if login.is_some() => Err(ProxyFault::LoginRefused),
        407 => Err(ProxyFault::LoginWanted),
        status => Err(ProxyFault::RefusedStatus(status)),
    }
}

fn request(target: &Target, login: Option<&Login>) -> Zeroizing<String> {
    let authority = format!("{}:{}", target.host, target.port);
    let mut request = Zeroizing::new(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n"));
    if let Some(Login { user, password }) = login {
        let pair = Zeroizing::new(format!("{}:{}", user.expose_secret(), password.expose_secret()));
        request.push_str("Proxy-Authorization: Basic ");
        BASE64.encode_append(pair.as_bytes(), &mut request);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    request
}

/// Reads the head of the answer. An answer that opens the way has no body, and the upstream does not speak first: what stands
/// behind a head of 2xx belongs to nobody.
async fn read_status<S: AsyncRead + Unpin>(socket: &mut S) -> Result<u16, ProxyFault> {
    let mut head = Vec::with_capacity(512);
    loop {
        if socket.read_buf(&mut head).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut answer = httparse::Response::new(&mut headers);
        match answer.parse(&head) {
            Ok(httparse::Status::Complete(end)) => {
                let status = answer.code.ok_or(ProxyFault::Garbled)?;
                let is_open = (200..=299).contains(&status);
                return if is_open && end < head.len() { Err(ProxyFault::Garbled) } else { Ok(status) };
            }
            Ok(httparse::Status::Partial) if head.len() < HEAD_BYTES_MAX => {}
            Ok(httparse::Status::Partial) | Err(_) => return Err(ProxyFault::Garbled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::Proxy;

    /// What comes of an `answer`, and what was asked.
    async fn asked(proxy: &str, host: &str, answer: &[u8]) -> (Result<(), ProxyFault>, String) {
        let proxy = proxy.parse::<Proxy>().expect("a proxy");
        let (mut near, mut far) = tokio::io::duplex(64 << 10);
        far.write_all(answer).await.expect("room");
        far.shutdown().await.expect("open");
        let target = Target { host: host.to_owned(), port: 443 };
        let outcome = ask(&mut near, &target, proxy.login()).await;
        drop(near);
        let mut request = String::new();
        far.read_to_string(&mut request).await.expect("text");
        (outcome, request)
    }

    #[tokio::test]
    async fn the_request_names_the_target_and_carries_the_login() {
        let (outcome, request) =
            asked("http://Aladdin:open%20sesame@h", "api.example", b"HTTP/1.1 200 OK\r\n\r\n").await;
        assert!(outcome.is_ok());
        // RFC 7617, 2: the example of the specification.
        let expected = "CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n\
             Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n";
        assert_eq!(request, expected);
        let (_, request) = asked("http://h", "[2001:db8::1]", b"HTTP/1.1 200 OK\r\n\r\n").await;
        assert_eq!(request, "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n");
    }

    #[tokio::test]
    async fn each_answer_has_its_meaning() {
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(65));
        let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(HEAD_BYTES_MAX));
        for (answer, expected) in [
            ("HTTP/1.0 200 Connection established\r\n\r\n", "open"),
            ("HTTP/1.1 204 No Content\r\nvia: x\r\n\r\n", "open"),
            ("HTTP/1.1 407 Who\r\ncontent-length: 3\r\n\r\nwho", "wants a user and a password"),
            ("HTTP/1.1 403 No\r\n\r\n<html>", "refused to connect to the upstream with status 403"),
            ("HTTP/1.1 502 \r\n\r\n", "refused to connect to the upstream with status 502"),
            ("HTTP/1.1 200 OK\r\n\r\nearly", "answered with something"),
            ("\x05\x00", "answered with something"),
            ("SSH-2.0-x\r\n", "answered with something"),
            ("HTTP/1.1 2000 OK\r\n\r\n", "answered with something"),
            (many.as_str(), "answered with something"),
            (long.as_str(), "answered with something"),
        ] {
            let (outcome, _) = asked("http://h", "api.example", answer.as_bytes()).await;
            let told = outcome.map_or_else(|fault| fault.to_string(), |()| "open".to_owned());
            assert!(told.starts_with(expected), "{answer:.40}: {told}");
        }
        let (outcome, _) = asked("http://u:p@h", "api.example", b"HTTP/1.1 407 Who\r\n\r\n").await;
        assert!(matches!(outcome, Err(ProxyFault::LoginRefused)));
    }

    #[tokio::test]
    async fn an_answer_that_is_cut_anywhere_is_a_closed_connection() {
        let whole = b"HTTP/1.1 200 Connection established\r\nvia: x\r\n\r\n";
        for length in 0..whole.len() {
            let (outcome, _) = asked("http://h", "api.example", &whole[..length]).await;
            assert!(matches!(outcome, Err(ProxyFault::Closed(_))), "{length} bytes: {outcome:?}");
        }
    }
}
